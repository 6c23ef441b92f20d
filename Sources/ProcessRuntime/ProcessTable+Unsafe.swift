// Every block of a runtime, by slot: one reservation of address space, filled as slots are used.

internal import Glibc
internal import LinuxKernel
internal import Synchronization

/// Lock rule: `freeSlots` under its mutex. Blocks have rules of their own.
// SAFETY: both reservations stay mapped until deinit, which runs when no thread of the runtime does. Fresh memory is zero,
// which is a free block of generation 0, the generation of no process.
@safe struct ProcessTable: ~Copyable, @unchecked Sendable {
    /// A thread takes so many slots at once, and gives back so many.
    static let batch = 64

    private let blocks: UnsafeMutableRawPointer
    private let timers: UnsafeMutablePointer<TimerNode>
    private let hints: UnsafeMutablePointer<Atomic<UInt>>
    private let size: Int
    private let timerSize: Int
    private let hintSize: Int
    private let maximum: UInt32
    private let free = Lock(FreeSlots())

    private struct FreeSlots {
        var first: BlockRef?
        /// Slots from here on were never used.
        var fresh: UInt32 = 0
    }

    /// For each slot a line of the processor's.
    private static let hintCount = 8

    private static let stride = (MemoryLayout<ProcessBlock>.size + 63) & ~63

    /// - Parameter maximum: how many processes at once; at most 2^24 - 1.
    /// - Throws: `.noMemory` when the address space cannot be had.
    init(maximum: Int) throws(RuntimeError) {
        self.maximum = UInt32(clamping: min(max(maximum, 1), 1 << 24 - 1))
        size = Int(self.maximum) * ProcessTable.stride
        timerSize = Int(self.maximum) * MemoryLayout<TimerNode>.stride
        hintSize = Int(self.maximum) * ProcessTable.hintCount * MemoryLayout<UInt>.stride
        guard let blocks = unsafe ProcessTable.reserve(size) else { throw .noMemory }
        guard let timers = unsafe ProcessTable.reserve(timerSize) else {
            unsafe munmap(blocks, size)
            throw .noMemory
        }
        guard let hints = unsafe ProcessTable.reserve(hintSize) else {
            unsafe munmap(blocks, size)
            unsafe munmap(timers, timerSize)
            throw .noMemory
        }
        unsafe self.blocks = blocks
        unsafe self.hints = hints.bindMemory(
            to: Atomic<UInt>.self, capacity: Int(self.maximum) * ProcessTable.hintCount)
        unsafe self.timers = timers.bindMemory(to: TimerNode.self, capacity: Int(self.maximum))
    }

    deinit {
        unsafe munmap(blocks, size)
        unsafe munmap(timers, timerSize)
        unsafe munmap(hints, hintSize)
    }

    private static func reserve(_ size: Int) -> UnsafeMutableRawPointer? {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        let memory = unsafe mmap(nil, size, PROT_READ | PROT_WRITE, flags, -1, 0)
        return unsafe memory == MAP_FAILED ? nil : memory
    }

    /// Whether threads may keep free slots to themselves: not in a table so small that others would find none.
    var hasRoomForCaches: Bool { maximum >= 1 << 16 }

    var maximumCount: Int { Int(maximum) }

    /// The block of a slot; nil for a slot that no process can have. It may belong to any process by now, or to none.
    @inline(__always)
    func block(_ slot: UInt32) -> BlockRef? {
        guard slot < maximum else { return nil }
        // SAFETY: within the reservation.
        return unsafe BlockRef(
            blocks.advanced(by: Int(slot) * ProcessTable.stride).assumingMemoryBound(to: ProcessBlock.self))
    }

    /// The timer node of a slot that a process has.
    @inline(__always)
    func timer(_ slot: UInt32) -> UnsafeMutablePointer<TimerNode> {
        // SAFETY: only slots below `maximum` have processes; it is initialised with its block.
        unsafe timers + Int(slot)
    }

    // MARK: What a process will need

    /// Notes what a process reads first when it runs on; the first eight hints count.
    func setHints(_ slot: UInt32, _ hints: Span<MemoryHint>) {
        // SAFETY: only slots below `maximum` have processes; fresh memory is zero, which is an atomic's.
        let words = unsafe self.hints + Int(slot) * ProcessTable.hintCount
        for index in 0..<ProcessTable.hintCount {
            unsafe words[index].store(index < hints.count ? hints[index].word : 0, ordering: .relaxed)
        }
    }

    /// Before a process is made runnable: what doing that reads, and what `prefetchHints` does.
    @inline(__always)
    func prefetchBlock(_ slot: UInt32) {
        guard slot < maximum else { return }
        let block = unsafe UInt(bitPattern: blocks + Int(slot) * ProcessTable.stride)
        let hints = unsafe UInt(bitPattern: self.hints + Int(slot) * ProcessTable.hintCount)
        let words = InlineArray<2, Atomic<UInt>> { index in
            Atomic(
                (index == 0
                    ? MemoryHint(block, bytes: UInt(ProcessTable.stride)) : MemoryHint(hints, bytes: 64)).word)
        }
        unsafe words.span.withUnsafeBufferPointer { words in
            if let first = words.baseAddress { unsafe MemoryHint.prefetch(first, count: 2) }
        }
    }

    /// Before a process runs. The block is not looked into: it may be another thread's by now.
    @inline(__always)
    func prefetchHints(of block: BlockRef) {
        let slot = unsafe (block.address &- UInt(bitPattern: blocks)) / UInt(ProcessTable.stride)
        guard slot < maximum else { return }
        unsafe MemoryHint.prefetch(hints + Int(slot) * ProcessTable.hintCount, count: Int32(ProcessTable.hintCount))
    }

    /// Puts up to `count` free blocks before `list`.
    /// - Returns: how many it found.
    func take(_ count: Int, into list: inout BlockRef?) -> Int {
        var head = list
        let taken = free.withLock { free in
            var taken = 0
            while taken < count {
                guard let block = free.first ?? fresh(&free) else { break }
                if free.first == block { free.first = block.it.queueNext }
                block.it.queueNext = head
                head = block
                taken += 1
            }
            return taken
        }
        list = head
        return taken
    }

    /// Takes a row of free blocks back; `last` is its last.
    func give(_ first: BlockRef, last: BlockRef) {
        free.withLock { free in
            last.it.queueNext = free.first
            free.first = first
        }
    }

    /// How many slots were ever used; all blocks that may hold a process are below.
    var usedCount: UInt32 { free.withLock { $0.fresh } }

    private func fresh(_ free: inout FreeSlots) -> BlockRef? {
        guard let block = block(free.fresh) else { return nil }
        // SAFETY: the memory is fresh and nobody's. A number that somebody made up may read its atomics at the same time, and
        // finds zeroes: a free block.
        unsafe block.raw.initialize(to: ProcessBlock(slot: free.fresh))
        unsafe (timers + Int(free.fresh)).initialize(to: TimerNode())
        free.fresh += 1
        return block
    }
}
