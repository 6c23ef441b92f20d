// Which functions of a module end without waiting, so that a process that starts with one needs no fiber.
//
// A process is called directly, on its worker's own stack, where all of the last ones of the same function came to their end
// in one go. One that waits after all keeps a thread until it ends, and its function is called so no more; after a few of
// these, none of the module is. A handler's start is not counted here: that is called directly in any case.

import Synchronization

/// Any thread may use it; threads that write at once may lose what one of them wrote, which only delays a decision.
final class StartHistory: Sendable {
    /// So many in a row must have ended without waiting.
    private static let enough: UInt64 = 64
    private static let never: UInt64 = 1 << 31
    /// So many may wait that should not have: each keeps one of the runtime's few spare threads.
    private static let mostDisappointments = 2

    private static let placeCount = 64
    /// Functions by their low bits: the number above, below how many in a row, or `never`.
    private let places = InlineArray<64, Atomic<UInt64>> { _ in Atomic(0) }
    private let disappointments = Atomic<Int>(0)

    @inline(__always)
    private static func place(of entry: UInt32) -> Int { Int(entry) & (placeCount - 1) }

    /// Whether the next process of that function is to be called directly.
    func mayStartDirectly(_ entry: UInt32) -> Bool {
        let word = places[StartHistory.place(of: entry)].load(ordering: .relaxed)
        return word == UInt64(entry) << 32 | StartHistory.enough
            && disappointments.load(ordering: .relaxed) < StartHistory.mostDisappointments
    }

    /// A process ran its function to the end, on a fiber; or directly, and took longer than a slice.
    func ended(_ entry: UInt32, hasWaited: Bool) {
        let index = StartHistory.place(of: entry)
        let word = places[index].load(ordering: .relaxed)
        let first = UInt64(entry) << 32
        guard word >> 32 == UInt64(entry) else {
            places[index].store(first | (hasWaited ? 0 : 1), ordering: .relaxed)
            return
        }
        let count = word & 0xffff_ffff
        if count == StartHistory.never { return }
        let next = hasWaited ? 0 : min(count + 1, StartHistory.enough)
        if next != count { places[index].store(first | next, ordering: .relaxed) }
    }

    /// One that was called directly has to wait.
    func disappointed(_ entry: UInt32) {
        places[StartHistory.place(of: entry)].store(UInt64(entry) << 32 | StartHistory.never, ordering: .relaxed)
        disappointments.add(1, ordering: .relaxed)
    }
}
