// Operating-system threads with a stack size of our choice (pthread_create(3)).

internal import CLinux
internal import Glibc

/// A running thread. It must be joined or detached; dropping the handle detaches.
package struct ThreadHandle: ~Copyable, Sendable {
    private let thread: pthread_t

    fileprivate init(_ thread: pthread_t) {
        self.thread = thread
    }

    deinit {
        pthread_detach(thread)
    }

    /// Waits for its end.
    package consuming func join() {
        // Once only, for `self` is consumed, and never after a detach.
        pthread_join(thread, nil)
        discard self
    }
}

/// Starts a thread that runs `body` once. The kernel shows the name, cut to 15 bytes; the stack's size is in bytes,
/// rounded up to pages, and at least 64 KiB.
package func spawnThread(
    name: String, stackSize: Int = 1 << 20, _ body: @escaping @Sendable () -> Void
) throws(SystemError) -> ThreadHandle {
    var attributes = pthread_attr_t()
    // SAFETY: initialised here, destroyed when this function returns.
    unsafe pthread_attr_init(&attributes)
    defer { unsafe pthread_attr_destroy(&attributes) }
    let size = (max(stackSize, 64 << 10) + 4095) & ~4095
    // SAFETY: the attributes are initialised above.
    try requireZero(unsafe pthread_attr_setstacksize(&attributes, size), "pthread_attr_setstacksize")
    let box = ThreadBody(name: name, body: body)
    // SAFETY: the retain is balanced by the thread's takeRetainedValue, or below when no thread was made.
    let context = unsafe Unmanaged.passRetained(box)
    var thread: pthread_t = 0
    // SAFETY: the entry function takes over the retained box exactly once.
    let error = unsafe pthread_create(&thread, &attributes, { unsafe threadEntry($0) }, context.toOpaque())
    if error != 0 {
        unsafe context.release()
        throw SystemError("pthread_create", errno: error)
    }
    return ThreadHandle(thread)
}

/// Does once what the C library does when the first thread is made and when it gives memory back: calls that a system call
/// filter has no reason to allow. Waits for that thread's end.
/// - Throws: what pthread_create(3) says.
package func warmUpThreads() throws(SystemError) {
    try spawnThread(name: "warm-up", stackSize: 64 << 10) { bulkhead_warm_up_allocator() }.join()
}

/// Gives the kernel the pages back that the C library keeps for blocks to come (malloc_trim(3)), of all threads. Milliseconds
/// for hundreds of megabytes, in which threads wait that want to allocate.
package func trimAllocator() { bulkhead_trim_allocator() }

private final class ThreadBody: Sendable {
    let name: String
    let body: @Sendable () -> Void

    init(name: String, body: @escaping @Sendable () -> Void) {
        self.name = String(name.prefix(15))
        self.body = body
    }
}

private func threadEntry(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context = unsafe context else { return nil }
    // SAFETY: `context` is the retained box that spawnThread passed, taken once.
    let box = unsafe Unmanaged<ThreadBody>.fromOpaque(context).takeRetainedValue()
    // SAFETY: names the calling thread with a string of at most 15 bytes that lives for the call.
    unsafe bulkhead_name_thread(box.name)
    box.body()
    return nil
}
