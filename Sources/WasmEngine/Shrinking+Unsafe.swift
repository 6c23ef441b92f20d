// Processes that wait for long on a fiber, without the pages of their memory: what differs from a new instance is kept in a
// few bytes, and written back before they run on. The fiber and the instance stay, so that this works for every process whose
// memory is of the dense profile, whatever else its state.

internal import CWasmtime

extension Store {
    /// Gives the pages of a waiting process's memory back, until it is polled, and those of its stack that it does not need
    /// now; some microseconds here, and as many at the poll. Who calls this knows that it will wait for long.
    /// - Returns: bytes of memory that were given back, less what is kept instead; 0 when there was nothing to gain, or no
    ///   call waits.
    @discardableResult
    package mutating func shrink() -> Int {
        // SAFETY: nothing runs in the store; the record is current, and the memory private and anonymous.
        guard unsafe state.pointee.future != nil, unsafe state.pointee.isWaiting,
            unsafe state.pointee.shelved == nil, unsafe state.pointee.hasSlices
        else { return 0 }
        let stackBytes = unsafe state.pointee.linked._withUnsafeGuaranteedRef {
            $0.module.engine.configuration.fiberStackBytes
        }
        unsafe StackSlab.trim(
            base: state.pointee.stackBase, stackBytes: stackBytes, inUseFrom: state.pointee.stackPointer)
        guard let record = unsafe state.pointee.firstMemory, unsafe record.pointee.next == nil else { return 0 }
        let memory = unsafe record.pointee.memory
        guard memory.classIndex != nil, memory.size <= InstanceImage.maximumMemoryBytes,
            let touched = PageMap.touchedPages(memory.slot.base, memory.size)
        else { return 0 }
        let image = unsafe state.pointee.linked._withUnsafeGuaranteedRef { $0.image }
        var writer = ParkedBytes()
        for page in touched {
            writer.write(page, of: memory, image)
            guard writer.bytes.count <= touched.count * HostPage.size / 2 else { return 0 }
        }
        // Exactly as large as it must be.
        let kept = Array(writer.bytes[...])
        guard HostPage.discard(memory.slot.base, memory.size) else { return 0 }
        unsafe state.pointee.shelved = Shelved(bytes: kept, image: image)
        return touched.count * HostPage.size - kept.count
    }
}

/// What stands for the pages of a memory.
struct Shelved {
    var bytes: [UInt8]
    /// What it was compared with.
    var image: InstanceImage?

    /// Before the process runs on.
    static func restore(_ state: UnsafeMutablePointer<StoreState>) {
        // SAFETY: the memory is as it was when it was shelved, but for its content: only the guest could have changed it.
        guard let shelved = unsafe state.pointee.shelved,
            let memory = unsafe state.pointee.firstMemory?.pointee.memory
        else { return }
        unsafe state.pointee.shelved = nil
        shelved.image?.restore(to: memory)
        var reader = ParkedReader(bytes: shelved.bytes)
        let isComplete = ParkedBytes.apply(pages: &reader, to: memory)
        precondition(isComplete, "what was shelved fits its memory")
    }
}
