// A counting semaphore between threads of this OS process (sem_overview(7)): a futex, and no system call when nobody waits.

internal import Glibc

// SAFETY: the semaphore is allocated and initialised in init, destroyed in deinit when nobody can wait for it any more, and
// made for use by several threads.
@safe package final class Semaphore: @unchecked Sendable {
    private let storage: UnsafeMutablePointer<sem_t>

    /// - Parameter value: how many waits pass at once, at most SEM_VALUE_MAX (2^31 - 1).
    package init(value: UInt32 = 0) {
        unsafe storage = .allocate(capacity: 1)
        unsafe storage.initialize(to: sem_t())
        unsafe sem_init(storage, 0, value)
    }

    deinit {
        unsafe sem_destroy(storage)
        unsafe storage.deallocate()
    }

    /// Lets one waiter pass, now or later.
    package func signal() {
        unsafe sem_post(storage)
    }

    /// Waits its turn; EINTR retried.
    package func wait() {
        while unsafe sem_wait(storage) != 0 {}
    }
}
