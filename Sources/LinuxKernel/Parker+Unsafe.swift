// A bed for one thread (futex(2)): it sleeps here until another one wakes it.

internal import CLinux
internal import Synchronization

/// One thread parks, any thread unparks; a wake-up that comes first is kept, and several are one.
// SAFETY: the word is allocated in init and freed in deinit, and is only ever accessed as an atomic and by the kernel.
@safe package final class Parker: @unchecked Sendable {
    private static let none: UInt32 = 0
    private static let woken: UInt32 = 1
    private static let asleep: UInt32 = 2

    private let word: UnsafeMutablePointer<Atomic<UInt32>>

    package init() {
        unsafe word = .allocate(capacity: 1)
        unsafe word.initialize(to: Atomic(Parker.none))
    }

    deinit {
        unsafe word.deinitialize(count: 1)
        unsafe word.deallocate()
    }

    /// Sleeps until `unpark`, or the deadline: CLOCK_MONOTONIC, in nanoseconds; nil is without end.
    /// - Returns: whether it was woken.
    @discardableResult
    package func park(deadline: UInt64? = nil) -> Bool {
        let (sleeps, _) = unsafe word.pointee.compareExchange(
            expected: Parker.none, desired: Parker.asleep, ordering: .acquiringAndReleasing)
        while unsafe sleeps && word.pointee.load(ordering: .acquiring) == Parker.asleep {
            let timeout = Poll.remaining(until: deadline)
            if timeout == 0 { break }
            // SAFETY: an atomic of 32 bits is laid out as one, and lives as long as `self`.
            unsafe bulkhead_futex_wait(UnsafeMutableRawPointer(word), Parker.asleep, timeout)
        }
        return unsafe word.pointee.exchange(Parker.none, ordering: .acquiringAndReleasing) == Parker.woken
    }

    package func unpark() {
        if unsafe word.pointee.exchange(Parker.woken, ordering: .acquiringAndReleasing) == Parker.asleep {
            unsafe bulkhead_futex_wake(UnsafeMutableRawPointer(word))
        }
    }
}
