// A reactor and a pool for guests of tests, and the environment of the test run.

import Glibc
import LinuxKernel
import ProcessRuntime

@testable import WASIPreview1

struct HostParts: Sendable {
    let reactor: Reactor
    let pool: BlockingPool

    init(threads: Int = 2, queued: Int = 64) throws {
        reactor = try Reactor()
        pool = BlockingPool(maximumThreads: threads, maximumQueued: queued)
    }

    func host(wake: @escaping @Sendable (ProcessID) -> Void) -> WASIHost {
        WASIHost(reactor: reactor, pool: pool, mayBlock: { false }, wake: wake)
    }
}

/// A thread that is joined once.
final class ThreadOnce: Sendable {
    private let handle: Lock<ThreadHandle?>

    init(_ handle: consuming sending ThreadHandle) {
        self.handle = Lock(consume handle)
    }

    func join() {
        let taken = handle.withLock { $0.take() }
        taken?.join()
    }
}

enum TestEnvironment {
    static func value(_ name: String) -> String? {
        // SAFETY: the value is copied at once; nobody here changes the environment.
        unsafe getenv(name).map { unsafe String(cString: $0) }
    }
}

enum Host {
    /// An O_PATH handle on a directory.
    static func directory(_ path: String) throws -> OpenFile {
        OpenFile(try OwnedFileDescriptor(directory: path), reactor: nil)
    }

    /// Descriptors of this OS process.
    static func openDescriptors() throws -> Int {
        let directory = try OwnedFileDescriptor(opening: "/proc/self/fd", flags: O_RDONLY | O_DIRECTORY)
        var total = 0
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 8)
        defer { unsafe buffer.deallocate() }
        while true {
            // SAFETY: the kernel fills at most the buffer.
            let count = try unsafe FileDescriptorCalls.entries(directory.rawValue, into: buffer)
            if count == 0 { return total }
            var start = 0
            while start < count {
                total += 1
                start += Int(unsafe buffer.loadUnaligned(fromByteOffset: start + 16, as: UInt16.self))
            }
        }
    }

    /// Memory of this OS process in bytes, from /proc/self/statm.
    static func residentBytes() throws -> Int {
        let file = try OwnedFileDescriptor(opening: "/proc/self/statm", flags: O_RDONLY)
        let text = String(decoding: try file.readToEnd(limit: 4096) ?? [], as: UTF8.self)
        return text.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 4096 } ?? 0
    }
}
