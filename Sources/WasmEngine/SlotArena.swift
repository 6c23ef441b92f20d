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

    /// Gives the page tables of free slots back, which discarding their pages leaves: what no slot in use reaches into is mapped
    /// anew, in whole ranges that a page of page tables covers. Takes as long as there are slots, used ones included.
    /// - Parameters:
    ///   - guardBytes: the length of each slot's guard.
    ///   - markers: whether guards are markers (`HostPage.hasGuardMarkers`).
    /// - Returns: bytes of address space that were mapped anew.
    mutating func renewFree(guardBytes: Int, markers: Bool) -> Int {
        let unit = UInt(HostPage.tableBytes)
        let first = (base + unit - 1) / unit
        let end = (base + UInt(nextUnused * stride)) / unit
        guard base != 0, end > first else { return 0 }
        var freeBytes = [UInt](repeating: 0, count: Int(end - first))
        for slot in free {
            var start = slot.base
            let slotEnd = slot.base + UInt(stride)
            while start < slotEnd {
                let next = min((start / unit + 1) * unit, slotEnd)
                if first <= start / unit, start / unit < end { freeBytes[Int(start / unit - first)] += next - start }
                start = next
            }
        }
        var isRenewed = freeBytes.map { _ in false }
        var index = 0
        while index < freeBytes.count {
            var last = index
            while last < freeBytes.count, freeBytes[last] == unit { last += 1 }
            if last > index, HostPage.renew((first + UInt(index)) * unit, (last - index) * Int(unit)) {
                for each in index..<last { isRenewed[each] = true }
            }
            index = last + 1
        }
        forgetGuards(guardBytes: guardBytes, markers: markers) { address in
            first <= address / unit && address / unit < end && isRenewed[Int(address / unit - first)]
        }
        return isRenewed.count(where: { $0 }) * Int(unit)
    }

    /// Guards of free slots that are gone, or half gone, are to be placed again.
    private mutating func forgetGuards(guardBytes: Int, markers: Bool, where isRenewed: (UInt) -> Bool) {
        var kept = 0
        for index in free.indices {
            var slot = free[index]
            if slot.guardOffset >= 0 {
                let start = slot.base + UInt(slot.guardOffset)
                let isGone = (isRenewed(start), isRenewed(start + UInt(guardBytes) - 1))
                if isGone.0 || isGone.1 {
                    // One that cannot be used any more is never taken again.
                    if isGone != (true, true), !HostPage.unprotect(start, guardBytes, markers: markers) { continue }
                    slot.guardOffset = -1
                }
            }
            free[kept] = slot
            kept += 1
        }
        free.removeSubrange(kept...)
    }

    /// Unmaps everything; no slot may be in use.
    mutating func destroy() {
        if base != 0 { HostPage.release(base, slotCount * stride) }
        base = 0
        nextUnused = 0
        free = []
    }
}
