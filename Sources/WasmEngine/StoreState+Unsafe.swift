// What a store keeps at a fixed address: libwasmtime and its callbacks point into it.

internal import CapabilityModel
internal import CWasmtime

/// Belongs to the thread that uses the store; freed after the library's store.
@unsafe struct StoreState {
    var account: MemoryAccount
    /// The context of host functions; retained, while there is one.
    var owner: Unmanaged<AnyObject>
    /// False while the store is nobody's, and nothing runs in it.
    var hasOwner = true
    /// Retained.
    let linked: Unmanaged<LinkedModule>
    let raw: OpaquePointer
    let context: OpaquePointer
    /// Whether there are epochs, and so an end to a direct call that spins.
    let hasSlices: Bool
    let sliceTicks: UInt64
    let directStackBytes: Int
    var future: OpaquePointer?
    /// How a host function ended the process, if one did.
    var ending: HostOutcome?
    /// A host function answered `.wait` in this poll.
    var isWaiting = false
    /// The guest runs on the stack of who called, not on a fiber.
    var isDirect = false
    var isInstantiating = true
    /// False once a call ended in another way than by returning.
    var isLive = true
    /// This store's memories, exported or not.
    var firstMemory: UnsafeMutablePointer<LinearMemoryRecord>?
    /// The one that is exported as `memory`, once the instance exists.
    var exportedMemory: UnsafeMutablePointer<LinearMemoryRecord>?
    /// What has been called last, by its identity; 0 is none.
    var cached: (UInt64, UInt64) = (0, 0)
    var cachedFunctions = unsafe (wasmtime_func_t(), wasmtime_func_t())
    /// The last export that was called directly, and whether it returns something.
    var direct: (export: UInt64, hasResult: Bool) = (0, false)
    /// Arguments, then results, of the call under way; on the heap unless there are few.
    var values: UnsafeMutablePointer<wasmtime_val_t>?
    var fewValues = unsafe (wasmtime_val_t(), wasmtime_val_t())
    var argumentCount = 0
    var resultTypes: [ValueType] = []
    /// Its `store_id` is 0 until it is looked up.
    var suspend = unsafe wasmtime_func_t()
    /// It does so because no slice is left when it is called.
    var suspendsBySlice = false

    /// Of the fiber: the slot it was made on last, guard included, and an address within it that is in use while a call waits.
    var stackBase: UInt = 0
    var stackPointer: UInt = 0
    /// What stands for the memory's pages while a call waits.
    var shelved: Shelved?
    /// How instantiating ended, if that went wrong before anyone polled.
    var failure: CallProgress?
    var tableLimit: UInt64 = 0
    var reuse = StoreReuse()

    // Written by the library through pointers that `address(of:)` gives.
    var trap: OpaquePointer?
    var error: OpaquePointer?
    var instance = wasmtime_instance_t()

    init(
        account: MemoryAccount, owner: Unmanaged<AnyObject>, linked: Unmanaged<LinkedModule>, raw: OpaquePointer,
        context: OpaquePointer, configuration: EngineConfiguration
    ) {
        unsafe self.account = account
        unsafe self.owner = unsafe owner
        unsafe self.linked = unsafe linked
        unsafe self.raw = unsafe raw
        unsafe self.context = unsafe context
        unsafe hasSlices = configuration.profile == .dense
        unsafe sliceTicks = configuration.sliceTicks
        unsafe directStackBytes = configuration.directStackBytes
    }

    /// The store that runs on this thread: its account pays for memories.
    static var payer: UnsafeMutablePointer<StoreState>? {
        // SAFETY: only `Store` sets it, for the time that the guest runs.
        unsafe bulkhead_account_get()?.assumingMemoryBound(to: StoreState.self)
    }

    /// The state of the store that `caller` runs in.
    @inline(__always)
    static func of(_ caller: OpaquePointer) -> UnsafeMutablePointer<StoreState> {
        // SAFETY: every store is made by `Store`, with its state as data.
        unsafe wasmtime_context_get_data(wasmtime_caller_context(caller)).assumingMemoryBound(to: StoreState.self)
    }

    /// What puts the fiber aside when it is called, looked up at the first wait: many processes never wait. The module's own
    /// function, where the slice's end does it; the engine's, where there are no slices, and for start functions, which run
    /// before there are exports. nil only when the library is out of step with us.
    static func suspendFunction(_ state: UnsafeMutablePointer<StoreState>) -> UnsafeMutablePointer<wasmtime_func_t>? {
        // SAFETY: the state is live; `suspend` stays at its address.
        let address = unsafe state.address(of: \.suspend)
        if unsafe address.pointee.store_id == 0 {
            let found: wasmtime_func_t? = unsafe state.pointee.linked._withUnsafeGuaranteedRef { linked in
                if unsafe state.pointee.hasSlices, unsafe !state.pointee.isInstantiating,
                    let own = unsafe linked.yieldFunction(of: state)
                {
                    unsafe state.pointee.suspendsBySlice = true
                    return unsafe own
                }
                return unsafe linked.module.engine.suspendFunction(in: state.pointee.context)
            }
            guard let found = unsafe found else { return nil }
            unsafe address.pointee = unsafe found
        }
        if unsafe state.pointee.suspendsBySlice {
            unsafe wasmtime_context_set_epoch_deadline(state.pointee.context, 0)
        }
        return unsafe address
    }

    /// Blocks the thread in the linker's hook; false when the process must end.
    static func waitDirectly(_ state: UnsafeMutablePointer<StoreState>) -> Bool {
        // SAFETY: the state, and with it module and owner, is live while its guest runs.
        unsafe state.pointee.linked._withUnsafeGuaranteedRef { linked in
            unsafe state.pointee.owner._withUnsafeGuaranteedRef { linked.hooks.onDirectWait($0) }
        }
    }

    /// Called by native code when the slice is over: a fiber yields; a direct call goes on unless the hook forbids it.
    static let sliceEnd:
        @convention(c) (
            OpaquePointer?, UnsafeMutableRawPointer?, UnsafeMutablePointer<UInt64>?, UnsafeMutablePointer<UInt8>?
        ) -> OpaquePointer? = { _, state, ticks, kind in
            // SAFETY: `state` is what the store gave the library with this callback; the others are its variables.
            guard let state = unsafe state?.assumingMemoryBound(to: StoreState.self) else { return nil }
            return unsafe state.pointee.linked._withUnsafeGuaranteedRef { linked in
                unsafe ticks?.pointee = unsafe state.pointee.sliceTicks
                guard unsafe state.pointee.isDirect else {
                    unsafe kind?.pointee = DeadlineUpdate.yield
                    return nil
                }
                unsafe kind?.pointee = DeadlineUpdate.proceed
                let goesOn = unsafe state.pointee.owner._withUnsafeGuaranteedRef { linked.hooks.onDirectSlice($0) }
                if goesOn { return nil }
                unsafe state.pointee.ending = .end
                return unsafe wasmtime_error_new("ended")
            }
        }

    /// The process has ended: lets go of its context, and gives back what was charged.
    static func abandon(_ state: UnsafeMutablePointer<StoreState>) {
        // SAFETY: nothing runs in the store, so that nobody looks at the owner meanwhile.
        unsafe state.pointee.account.leave()
        unsafe releaseOwner(state)
    }

    /// Lets go of the context, if there is one.
    static func releaseOwner(_ state: UnsafeMutablePointer<StoreState>) {
        // SAFETY: retained once for as long as `hasOwner` says so.
        guard unsafe state.pointee.hasOwner else { return }
        unsafe state.pointee.hasOwner = false
        unsafe state.pointee.owner.release()
    }

    /// Makes an abandoned store that of a new process; false, and it stays abandoned, when memory cannot be charged.
    static func adopt(
        _ state: UnsafeMutablePointer<StoreState>, limits: StoreLimits, owner: AnyObject, charge: (any MemoryCharge)?
    ) -> Bool {
        // SAFETY: as for `abandon`.
        let tables = unsafe state.pointee.linked._withUnsafeGuaranteedRef {
            $0.module.tableBytes(limit: limits.tableElements)
        }
        guard
            unsafe state.pointee.account.takeOver(tables: tables, allowed: limits.memoryBytes, other: charge)
        else { return false }
        unsafe state.pointee.owner = Unmanaged.passRetained(owner)
        unsafe state.pointee.hasOwner = true
        unsafe setLimits(state, limits)
        return true
    }

    /// Tells the library what the store may hold, unless it knows.
    static func setLimits(_ state: UnsafeMutablePointer<StoreState>, _ limits: StoreLimits) {
        // SAFETY: a live store.
        guard unsafe state.pointee.tableLimit != limits.tableElements else { return }
        unsafe state.pointee.tableLimit = limits.tableElements
        unsafe wasmtime_store_limiter(
            state.pointee.raw, -1, Int64(clamping: limits.tableElements), 1, StoreLimits.maximumTables,
            StoreLimits.maximumMemories)
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

extension UnsafeMutablePointer where Pointee == StoreState {
    /// The fixed address of a stored property.
    func address<Value>(of property: WritableKeyPath<StoreState, Value>) -> UnsafeMutablePointer<Value> {
        // SAFETY: stored properties of a struct at a fixed address have fixed addresses.
        guard let address = unsafe pointer(to: property) else {
            preconditionFailure("a stored property has an address")
        }
        return unsafe address
    }
}

enum DeadlineUpdate {
    static let proceed: UInt8 = 0
    static let yield: UInt8 = 1
}

enum ExternKind {
    static let function: UInt8 = 0
    static let global: UInt8 = 1
    static let memory: UInt8 = 3
}
