// What a store keeps at a fixed address: libwasmtime and its callbacks point into it.

internal import CWasmtime

/// Belongs to the thread that polls the store; freed after the library's store.
@unsafe struct StoreState {
    var account: MemoryAccount
    let context: Unmanaged<AnyObject>
    /// How a host function ended the process, if one did.
    var ending: HostOutcome?
    /// A host function answered `.wait` in this poll.
    var isWaiting = false
    /// The host call that waits.
    var attempt: HostAttempt?
    /// This store's memories, exported or not.
    var firstMemory: UnsafeMutablePointer<LinearMemoryRecord>?
    /// The one that is exported as `memory`, once the instance exists.
    var exportedMemory: UnsafeMutablePointer<LinearMemoryRecord>?

    // Written by the library through pointers that `address(of:)` gives.
    var trap: OpaquePointer?
    var error: OpaquePointer?
    var instance = wasmtime_instance_t()
    var function = unsafe wasmtime_func_t()

    init(memoryLimit: UInt64, context: Unmanaged<AnyObject>) {
        unsafe account = MemoryAccount(allowed: memoryLimit)
        unsafe self.context = unsafe context
    }

    /// The store that is being polled on this thread: its account pays for memories.
    static var payer: UnsafeMutablePointer<StoreState>? {
        // SAFETY: only `Store.poll` sets it, for the time of the poll.
        unsafe bulkhead_account_get()?.assumingMemoryBound(to: StoreState.self)
    }

    /// The state of the store that `caller` runs in.
    static func of(_ caller: OpaquePointer) -> UnsafeMutablePointer<StoreState> {
        // SAFETY: every store is made by `Store`, with its state as data.
        unsafe wasmtime_context_get_data(wasmtime_caller_context(caller)).assumingMemoryBound(to: StoreState.self)
    }

    /// The caller's memory, now. Takes a pointer because a method of the value would copy it.
    static func memory(
        _ state: UnsafeMutablePointer<StoreState>, caller: OpaquePointer
    ) -> UnsafeMutableRawBufferPointer? {
        // SAFETY: a record is current and lives as long as its memory, which lives as long as the store.
        if let record = unsafe state.pointee.exportedMemory {
            return unsafe UnsafeMutableRawBufferPointer(
                start: UnsafeMutableRawPointer(bitPattern: record.pointee.memory.slot.base),
                count: record.pointee.memory.size)
        }
        guard var memory = unsafe Self.startingMemory(caller) else { return nil }
        let context = unsafe wasmtime_caller_context(caller)
        return unsafe UnsafeMutableRawBufferPointer(
            start: wasmtime_memory_data(context, &memory), count: wasmtime_memory_data_size(context, &memory))
    }

    /// Remembers which of the store's memories is the exported one.
    mutating func export(_ memory: wasmtime_memory_t, context: OpaquePointer) {
        // SAFETY: context and memory belong to this live store; no two of its memories have one base.
        var memory = memory
        let base = unsafe UInt(bitPattern: wasmtime_memory_data(context, &memory))
        var record = unsafe firstMemory
        while let candidate = unsafe record, unsafe candidate.pointee.memory.slot.base != base {
            unsafe record = unsafe candidate.pointee.next
        }
        unsafe exportedMemory = unsafe record
    }

    /// Takes a record, which is about to be freed, out of the list.
    mutating func forget(_ record: UnsafeMutablePointer<LinearMemoryRecord>) {
        // SAFETY: every record in the list is live.
        if unsafe exportedMemory == record { unsafe exportedMemory = nil }
        if unsafe firstMemory == record {
            unsafe firstMemory = unsafe record.pointee.next
            return
        }
        var previous = unsafe firstMemory
        while let candidate = unsafe previous {
            if unsafe candidate.pointee.next == record {
                unsafe candidate.pointee.next = unsafe record.pointee.next
                return
            }
            unsafe previous = unsafe candidate.pointee.next
        }
    }

    /// While the start function runs there is no instance to ask yet, but the caller knows its exports.
    private static func startingMemory(_ caller: OpaquePointer) -> wasmtime_memory_t? {
        // SAFETY: the name is static; a memory handle owns nothing.
        var found = unsafe wasmtime_extern_t()
        let name: StaticString = "memory"
        let isThere = name.withUTF8Buffer {
            unsafe UnsafeRawPointer($0.baseAddress).map {
                unsafe wasmtime_caller_export_get(caller, $0.assumingMemoryBound(to: CChar.self), 6, &found)
            } ?? false
        }
        guard isThere, unsafe found.kind == ExternKind.memory else { return nil }
        return unsafe found.of.memory
    }
}

enum ExternKind {
    static let function: UInt8 = 0
    static let memory: UInt8 = 3
}
