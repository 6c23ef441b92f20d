// Small byte strings that are kept for long, close together. The C library would put each where something else was freed, and
// each would hold a page of its own for good.

internal import Glibc
internal import Synchronization

/// Bytes that never change, at no cost beyond rounding up to 16.
@safe struct CompactBytes: ~Copyable, @unchecked Sendable {
    private let start: UnsafeMutableRawPointer
    private let length: UInt32

    /// At most 4 GiB.
    init(_ bytes: [UInt8]) {
        length = UInt32(bytes.count)
        unsafe start = CompactHeap.shared.take(bytes.count)
        // SAFETY: the block has room for as many bytes and is nobody else's.
        unsafe bytes.withUnsafeBytes { source in
            if let first = source.baseAddress { unsafe memcpy(start, first, source.count) }
        }
    }

    deinit {
        unsafe CompactHeap.shared.give(start, Int(length))
    }

    var count: Int { Int(length) }

    var array: [UInt8] {
        // SAFETY: the block holds `length` bytes until `self` is gone.
        unsafe Array(UnsafeRawBufferPointer(start: start, count: Int(length)))
    }
}

/// Blocks of equal size in runs of pages, which stay for blocks to come; what is large is the C library's.
///
/// Lock rule: `state` guards the lists and what the free blocks hold.
// SAFETY: a free block's first word is the next one's address; a block is taken once before it is given.
@safe private final class CompactHeap: @unchecked Sendable {
    static let shared = CompactHeap()

    private static let step = 16
    private static let largest = 1024
    private static let runBytes = 64 << 10
    private static let reservation = 64 << 30

    private struct State {
        /// Addresses of the first free block of each size; 0 is none.
        var free = [UInt](repeating: 0, count: largest / step)
        var unused: UInt
    }

    private let state: Mutex<State>
    private let base: UInt

    init() {
        base = HostPage.reserve(Self.reservation, accessible: true)
        state = Mutex(State(unused: base))
    }

    /// Which list blocks for so many bytes are in; nil for large ones.
    private static func list(_ count: Int) -> Int? {
        count <= largest ? max(count - 1, 0) / step : nil
    }

    func take(_ count: Int) -> UnsafeMutableRawPointer {
        guard let list = Self.list(count) else { return .allocate(byteCount: count, alignment: Self.step) }
        let found = state.withLock { state in
            if state.free[list] == 0 { cut(&state, list) }
            let block = state.free[list]
            if let pointer = unsafe UnsafeMutablePointer<UInt>(bitPattern: block) {
                state.free[list] = unsafe pointer.pointee
            }
            return block
        }
        return unsafe UnsafeMutableRawPointer(bitPattern: found) ?? .allocate(byteCount: count, alignment: Self.step)
    }

    func give(_ block: UnsafeMutableRawPointer, _ count: Int) {
        let address = UInt(bitPattern: block)
        guard let list = Self.list(count), base != 0, address >= base, address < base + UInt(Self.reservation) else {
            return unsafe block.deallocate()
        }
        state.withLock { state in
            if let pointer = unsafe UnsafeMutablePointer<UInt>(bitPattern: address) {
                unsafe pointer.pointee = state.free[list]
            }
            state.free[list] = address
        }
    }

    /// Makes a run of pages into blocks of one size; does nothing when there is none left.
    private func cut(_ state: inout State, _ list: Int) {
        let end = base + UInt(Self.reservation)
        guard base != 0, end - state.unused >= UInt(Self.runBytes) else { return }
        let size = UInt((list + 1) * Self.step)
        var block = state.unused + UInt(Self.runBytes) / size * size
        while block > state.unused {
            block -= size
            if let pointer = unsafe UnsafeMutablePointer<UInt>(bitPattern: block) {
                unsafe pointer.pointee = state.free[list]
            }
            state.free[list] = block
        }
        state.unused += UInt(Self.runBytes)
    }
}
