// A worker's run queue: one thread puts in and takes out, others steal halves.

internal import Synchronization

/// FIFO of at most 256 processes. The owner pushes and pops; anyone steals.
// SAFETY: `slots` has `capacity` elements, allocated in init and freed in deinit, every access of which is atomic and masked.
@safe struct RunRing: ~Copyable {
    static let capacity: UInt32 = 256

    /// Where the next is taken: moved by whoever takes, with a compare-and-exchange.
    private let head = Atomic<UInt32>(0)
    /// Where the next is put: moved by the owner.
    private let tail = Atomic<UInt32>(0)
    private let slots: UnsafeMutablePointer<Atomic<UInt>>
    /// Whether anybody but the owner takes.
    private let isShared: Bool

    init(isShared: Bool) {
        self.isShared = isShared
        unsafe slots = .allocate(capacity: Int(RunRing.capacity))
        for index in 0..<Int(RunRing.capacity) { unsafe (slots + index).initialize(to: Atomic<UInt>(0)) }
    }

    deinit {
        unsafe slots.deinitialize(count: Int(RunRing.capacity))
        unsafe slots.deallocate()
    }

    /// For anyone, and stale at once.
    @inline(__always)
    var isEmpty: Bool { head.load(ordering: .relaxed) == tail.load(ordering: .relaxed) }

    @inline(__always)
    private func slot(_ index: UInt32) -> UnsafeMutablePointer<Atomic<UInt>> {
        unsafe slots + Int(index & (RunRing.capacity - 1))
    }

    /// By the owner.
    /// - Returns: false when it is full.
    @inline(__always)
    func push(_ block: BlockRef) -> Bool {
        let tail = tail.load(ordering: .relaxed)
        if tail &- head.load(ordering: .acquiring) == RunRing.capacity { return false }
        unsafe slot(tail).pointee.store(block.address, ordering: .relaxed)
        self.tail.store(tail &+ 1, ordering: .releasing)
        return true
    }

    /// By the owner.
    @inline(__always)
    func pop() -> BlockRef? {
        var head = head.load(ordering: .acquiring)
        while true {
            if head == tail.load(ordering: .relaxed) { return nil }
            let address = unsafe slot(head).pointee.load(ordering: .relaxed)
            if !isShared {
                self.head.store(head &+ 1, ordering: .relaxed)
                return BlockRef(address: address)
            }
            let (exchanged, original) = self.head.compareExchange(
                expected: head, desired: head &+ 1, ordering: .acquiringAndReleasing)
            if exchanged { return BlockRef(address: address) }
            head = original
        }
    }

    /// By the owner: what is taken next if nobody takes it before; its block may be another process's by now.
    @inline(__always)
    var nextOne: BlockRef? {
        let head = head.load(ordering: .relaxed)
        if head == tail.load(ordering: .relaxed) { return nil }
        return unsafe BlockRef(address: slot(head).pointee.load(ordering: .relaxed))
    }

    /// Moves half of what is here, one at least, to the end of `thief`, which is empty and the caller's.
    /// - Returns: how many.
    func steal(into thief: borrowing RunRing) -> UInt32 {
        var head = head.load(ordering: .acquiring)
        while true {
            let count = tail.load(ordering: .acquiring) &- head
            let half = count - count / 2
            if half == 0 { return 0 }
            let end = thief.tail.load(ordering: .relaxed)
            // The owner may have gone round between the two loads.
            if half <= RunRing.capacity / 2 {
                for index in 0..<half {
                    let address = unsafe slot(head &+ index).pointee.load(ordering: .relaxed)
                    unsafe thief.slot(end &+ index).pointee.store(address, ordering: .relaxed)
                }
            } else {
                head = self.head.load(ordering: .acquiring)
                continue
            }
            let (exchanged, original) = self.head.compareExchange(
                expected: head, desired: head &+ half, ordering: .acquiringAndReleasing)
            if exchanged {
                thief.tail.store(end &+ half, ordering: .releasing)
                return half
            }
            head = original
        }
    }
}
