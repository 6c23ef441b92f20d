// A process's one place in the timer wheel, embedded in its block.

internal import Synchronization

/// At most one deadline of one process. Its memory is type-stable: a node that still stands in a wheel when its process
/// ends stays linked, fires into nothing, or serves the next process in the same block.
// SAFETY: `next` and `previous` are read and written under the wheel's lock only, and lead to nodes that stand in the same
// wheel, whose memory is never unmapped.
@safe package struct TimerNode: ~Copyable, @unchecked Sendable {
    /// The deadline that the process wants, CLOCK_MONOTONIC in nanoseconds; 0 when it wants none.
    let wanted = Atomic<UInt64>(0)
    /// The tick at which it stands in a wheel; 0 when it stands in none. Written under the wheel's lock.
    let standing = Atomic<UInt64>(0)
    /// Whom to wake.
    let process = Atomic<UInt64>(0)
    /// Lock: the wheel's.
    var next: UnsafeMutablePointer<TimerNode>?
    /// Lock: the wheel's. nil for the first of its list.
    var previous: UnsafeMutablePointer<TimerNode>?
    /// Lock: the wheel's. The list it stands in.
    var list: UInt16 = 0
    /// Which of several wheels it stands in, where there are several: for whoever arms it, who may change it while
    /// `isStanding` is false.
    package var wheel: UInt16 = 0

    /// Whether a wheel holds it. Only a wheel ends that, and only `arm` begins it.
    package var isStanding: Bool { standing.load(ordering: .acquiring) != 0 }

    package init() {
        unsafe next = nil
        unsafe previous = nil
    }
}
