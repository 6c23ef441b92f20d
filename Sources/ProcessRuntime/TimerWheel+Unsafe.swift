// A hierarchical timer wheel (Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", 1987): insert and cancel in
// constant time, over nodes that their owners embed.

internal import LinuxKernel
internal import Synchronization

/// Eight levels of 64 lists each; a list of level n spans 64^n ticks. A node stands at the level of the highest digit in
/// which its tick differs from the wheel's, so that no list ever wraps.
///
/// Arming is lazy: a node that stands at or before the new deadline stays where it is and moves when its list is due; a
/// cancel only forgets the deadline. A receive with a timeout in a loop touches the wheel once a timeout, not once a call.
///
/// Lock rule: `lock` guards all but `earliest`, which is written under it and read by anyone.
// SAFETY: `heads` is allocated in init and freed in deinit; it and the nodes' links are touched under `lock` only. Nodes are
// in type-stable memory, see `TimerNode`.
@safe package final class TimerWheel: @unchecked Sendable {
    /// A tick in nanoseconds is 2 to this power: 524 µs. Coarser coalesces wake-ups, finer wakes sooner.
    package static let tickShift: UInt64 = 19

    private static let levels = 8
    private static let listCount = levels * 64
    /// The list of nodes that were taken out of a due list and not looked at yet.
    private static let dueList = UInt16(listCount)

    private let lock = Lock(())
    private let heads: UnsafeMutablePointer<UnsafeMutablePointer<TimerNode>?>
    /// Bit n of word l: list n of level l is not known to be empty.
    private var occupied: InlineArray<8, UInt64> = .init(repeating: 0)
    /// The tick up to which everything has fired.
    private var current: UInt64
    /// The tick at which the wheel must be looked at next; `.max` when it is empty. It may be too early, never too late.
    private let earliest = Atomic<UInt64>(.max)

    /// - Parameter now: CLOCK_MONOTONIC, in nanoseconds.
    package init(now: UInt64) {
        unsafe heads = .allocate(capacity: TimerWheel.listCount + 1)
        unsafe heads.initialize(repeating: nil, count: TimerWheel.listCount + 1)
        current = now >> TimerWheel.tickShift
    }

    deinit {
        unsafe heads.deallocate()
    }

    /// Whether something may be due at `now`: one load.
    @inline(__always)
    package func isDue(at now: UInt64) -> Bool {
        earliest.load(ordering: .relaxed) <= now >> TimerWheel.tickShift
    }

    /// When to look at the wheel again: CLOCK_MONOTONIC in nanoseconds, possibly in the past; nil when it is empty.
    package var nextDeadline: UInt64? {
        let tick = earliest.load(ordering: .sequentiallyConsistent)
        return tick == .max ? nil : tick << TimerWheel.tickShift
    }

    /// Makes the wheel name `process` once `deadline` has passed, instead of what the node was armed for before.
    /// To be called by the node's owner only, one call at a time.
    /// - Parameters:
    ///   - node: in type-stable memory; if it stands in a wheel, then in this one.
    ///   - process: whom `collect` names.
    ///   - deadline: CLOCK_MONOTONIC, in nanoseconds; 292 years at most.
    /// - Returns: whether `nextDeadline` is earlier now: who sleeps until it must be woken.
    @inline(__always)
    package func arm(_ node: UnsafeMutablePointer<TimerNode>, process: ProcessID, deadline: UInt64) -> Bool {
        // SAFETY: the caller keeps the node's memory; only its atomics are touched without the lock.
        unsafe node.pointee.process.store(process.rawValue, ordering: .relaxed)
        let deadline = min(max(deadline, 1), .max >> 1)
        // Both stores and loads are sequentially consistent: `take` clears `standing` and then reads `wanted`, so one of the
        // two sees the other's.
        unsafe node.pointee.wanted.store(deadline, ordering: .sequentiallyConsistent)
        let standing = unsafe node.pointee.standing.load(ordering: .sequentiallyConsistent)
        if standing != 0 && standing <= TimerWheel.tick(notBefore: deadline) { return false }
        return unsafe stand(node, TimerWheel.tick(notBefore: deadline))
    }

    /// Forgets the deadline. The process may be named once more if the wheel is just looking at the node.
    @inline(__always)
    package static func cancel(_ node: UnsafeMutablePointer<TimerNode>) {
        // SAFETY: the caller keeps the node's memory, and this is an atomic.
        unsafe node.pointee.wanted.store(0, ordering: .relaxed)
    }

    /// Takes processes whose deadlines have passed.
    /// - Parameters:
    ///   - now: CLOCK_MONOTONIC, in nanoseconds.
    ///   - buffer: gets them; not empty.
    /// - Returns: how many; as many as fit means that there may be more, so call again.
    package func collect(now: UInt64, into buffer: inout MutableSpan<ProcessID>) -> Int {
        lock.withLock { _ in
            let nowTick = now >> TimerWheel.tickShift
            var count = 0
            while count < buffer.count {
                // SAFETY: under the lock.
                if let node = unsafe heads[Int(TimerWheel.dueList)] {
                    if let process = unsafe take(node, now) {
                        buffer[count] = process
                        count += 1
                    }
                } else if !advance(to: nowTick) {
                    break
                }
            }
            // SAFETY: under the lock.
            let isDone = unsafe heads[Int(TimerWheel.dueList)] == nil
            earliest.store(isDone ? nextTick() : current, ordering: .sequentiallyConsistent)
            return count
        }
    }

    // MARK: Under the lock

    /// The first tick that does not begin before `deadline`.
    private static func tick(notBefore deadline: UInt64) -> UInt64 {
        (deadline >> tickShift) + (deadline & ((1 << tickShift) - 1) == 0 ? 0 : 1)
    }

    private func stand(_ node: UnsafeMutablePointer<TimerNode>, _ tick: UInt64) -> Bool {
        lock.withLock { _ in
            // SAFETY: under the lock.
            let standing = unsafe node.pointee.standing.load(ordering: .relaxed)
            if standing != 0 {
                if standing <= tick { return false }
                unsafe unlink(node)
            }
            let tick = max(tick, current + 1)
            unsafe link(node, tick)
            if tick >= earliest.load(ordering: .relaxed) { return false }
            earliest.store(tick, ordering: .sequentiallyConsistent)
            return true
        }
    }

    /// Takes a node of the due list out, and stands it where its deadline wants it now.
    /// - Returns: whom to wake, when the deadline has passed.
    private func take(_ node: UnsafeMutablePointer<TimerNode>, _ now: UInt64) -> ProcessID? {
        // SAFETY: under the lock.
        unsafe unlink(node)
        unsafe node.pointee.standing.store(0, ordering: .sequentiallyConsistent)
        let wanted = unsafe node.pointee.wanted.load(ordering: .sequentiallyConsistent)
        if wanted == 0 { return nil }
        if wanted > now {
            unsafe link(node, max(TimerWheel.tick(notBefore: wanted), current + 1))
            return nil
        }
        return ProcessID(rawValue: unsafe node.pointee.process.load(ordering: .relaxed))
    }

    /// Moves the next list that has come due to the due list.
    /// - Returns: false when there is none; the wheel's tick is then `nowTick`.
    private func advance(to nowTick: UInt64) -> Bool {
        while true {
            guard let (level, slot, start) = nextList(), start <= nowTick else {
                current = max(current, nowTick)
                return false
            }
            current = max(current, start)
            occupied[level] &= ~(1 << UInt64(slot))
            let index = level * 64 + slot
            // SAFETY: under the lock; the due list is empty.
            guard let first = unsafe heads[index] else { continue }
            unsafe heads[index] = nil
            unsafe heads[Int(TimerWheel.dueList)] = first
            var node: UnsafeMutablePointer<TimerNode>? = unsafe first
            while let each = unsafe node {
                unsafe each.pointee.list = TimerWheel.dueList
                unsafe node = each.pointee.next
            }
            return true
        }
    }

    /// The first list in time, and the tick at which it begins. Lists of a lower level come before those of a higher one.
    private func nextList() -> (level: Int, slot: Int, start: UInt64)? {
        for level in 0..<TimerWheel.levels where occupied[level] != 0 {
            let slot = occupied[level].trailingZeroBitCount
            let shift = UInt64(6 * level)
            let start = (current >> (shift + 6)) << (shift + 6) | UInt64(slot) << shift
            return (level, slot, start)
        }
        return nil
    }

    private func nextTick() -> UInt64 { nextList()?.start ?? .max }

    /// `tick` is after `current`.
    private func link(_ node: UnsafeMutablePointer<TimerNode>, _ tick: UInt64) {
        let level = (63 - (tick ^ current).leadingZeroBitCount) / 6
        let slot = Int(tick >> UInt64(6 * level) & 63)
        let index = level * 64 + slot
        occupied[level] |= 1 << UInt64(slot)
        // SAFETY: under the lock; the level is below 8, for ticks have 45 bits.
        unsafe node.pointee.list = UInt16(index)
        unsafe node.pointee.previous = nil
        unsafe node.pointee.next = heads[index]
        if let first = unsafe heads[index] { unsafe first.pointee.previous = node }
        unsafe heads[index] = node
        unsafe node.pointee.standing.store(tick, ordering: .sequentiallyConsistent)
    }

    private func unlink(_ node: UnsafeMutablePointer<TimerNode>) {
        // SAFETY: under the lock; a node without a previous one is its list's first.
        if let previous = unsafe node.pointee.previous {
            unsafe previous.pointee.next = node.pointee.next
        } else {
            unsafe heads[Int(node.pointee.list)] = node.pointee.next
        }
        if let next = unsafe node.pointee.next { unsafe next.pointee.previous = node.pointee.previous }
    }
}
