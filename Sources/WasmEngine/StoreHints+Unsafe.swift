// Where the memory is that a poll of a waiting call reads: for who wants it in the cache before.

internal import CWasmtime

extension Store {
    /// A range of addresses; empty is none.
    package struct HotRange {
        package var start: UInt = 0
        package var bytes: UInt = 0

        package init() {}
    }

    /// Changes when `hotRanges` does.
    @inline(__always)
    package var hotKey: UInt {
        unsafe state.pointee.stackPointer ^ UInt(bitPattern: state.pointee.future)
    }

    /// What the next poll will read, as far as it is known: the state, the library's store and future, the fiber's stack, and
    /// what is known of the memory. For hints only: where the library keeps what is measured, not promised.
    package var hotRanges: InlineArray<7, HotRange> {
        var ranges = InlineArray<7, HotRange>(repeating: HotRange())
        func set(_ index: Int, _ start: UInt, _ bytes: UInt) {
            ranges[index].start = start
            ranges[index].bytes = bytes
        }
        // SAFETY: addresses only; nothing is read but the state.
        unsafe set(0, UInt(bitPattern: state), UInt(MemoryLayout<StoreState>.size))
        let context = unsafe UInt(bitPattern: state.pointee.context)
        set(1, context + 0x1c0, 64)
        set(2, context + 0x380, 128)
        // With what the library allocates right after the store.
        set(3, context + 0x840, 650)
        guard let future = unsafe state.pointee.future else { return ranges }
        // A box between what it leads to and the fiber, which the C library put next to it when the heap was fresh.
        set(4, UInt(bitPattern: future) - 560, 960)
        // The library's frames lie below: those of the host call, and what put the fiber aside.
        let below: UInt = 1280
        let stackPointer = unsafe state.pointee.stackPointer
        if stackPointer > below {
            let page = UInt(HostPage.size)
            let end = min(stackPointer + 512, (stackPointer + page) & ~(page - 1))
            set(5, stackPointer - below, end - (stackPointer - below))
        }
        if let record = unsafe state.pointee.exportedMemory {
            unsafe set(6, UInt(bitPattern: record), UInt(MemoryLayout<LinearMemoryRecord>.size))
        }
        return ranges
    }
}
