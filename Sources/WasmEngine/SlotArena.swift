// One mapping cut into slots of equal stride, with a stack of free ones.

/// Not safe for threads by itself: its owner holds a lock.
struct SlotArena {
    struct Slot {
        var base: UInt
        /// Where the slot's guard starts, relative to `base`; -1 when none has been placed.
        var guardOffset: Int
    }

    private var base: UInt = 0
    private let stride: Int
    private var slotCount: Int
    private var nextUnused = 0
    private var free: [Slot] = []

    /// `reservation` bytes of address space, taken at the first use; less when the system refuses so much.
    init(stride: Int, reservation: Int) {
        self.stride = stride
        slotCount = max(reservation / stride, 1)
    }

    /// The last freed slot, or a fresh one; nil when there is none.
    mutating func take() -> Slot? {
        if let slot = free.popLast() { return slot }
        if base == 0 {
            while slotCount > 0 {
                base = HostPage.reserve(slotCount * stride, accessible: true)
                if base != 0 { break }
                slotCount /= 2
            }
        }
        guard base != 0, nextUnused < slotCount else { return nil }
        defer { nextUnused += 1 }
        return Slot(base: base + UInt(nextUnused * stride), guardOffset: -1)
    }

    /// `slot` came from `take`; its pages are zero and its guard is where it says.
    mutating func give(_ slot: Slot) {
        free.append(slot)
    }

    var freeCount: Int { free.count }

    /// Unmaps everything; no slot may be in use.
    mutating func destroy() {
        if base != 0 { HostPage.release(base, slotCount * stride) }
        base = 0
        nextUnused = 0
        free = []
    }
}
