// A store: one process's instance, its limits, and the call that is under way in it.

internal import CapabilityModel
internal import CWasmtime

/// What a store may hold.
package struct StoreLimits: Hashable, Sendable {
    /// All linear memories together, in bytes.
    package var memoryBytes: UInt64
    /// Elements of each table; a store has at most `maximumTables`. The library does not tell when it refuses such growth.
    package var tableElements: UInt64

    package static let maximumTables: Int64 = 16
    package static let maximumMemories: Int64 = 16

    package init(memoryBytes: UInt64, tableElements: UInt64) {
        self.memoryBytes = memoryBytes
        self.tableElements = tableElements
    }
}

/// One thread uses a store at a time, any thread (`mutating` and `~Copyable` see to the first). Dropping it while a call is
/// under way unwinds the guest's fiber and ends the process. A pointer wide.
@safe package struct Store: ~Copyable, @unchecked Sendable {
    let state: UnsafeMutablePointer<StoreState>

    /// Begins to instantiate `linked`: poll until it has finished, then call. `context` is handed to every host function and
    /// lives as long as the store, and so does `charge`, which pays for memory as well.
    package init(
        _ linked: LinkedModule, limits: StoreLimits, context owner: AnyObject, charge: (any MemoryCharge)? = nil
    ) {
        // SAFETY: the state is at a fixed address and is freed after the store that points to it; every pointer handed to
        // the future is into the state or a live object that this store holds.
        unsafe state = .allocate(capacity: 1)
        let raw = unsafe wasmtime_store_new(linked.module.engine.raw, state, nil)
        let context = unsafe wasmtime_store_context(raw)
        guard let raw = unsafe raw, let context = unsafe context else { preconditionFailure("a store is made") }
        unsafe state.initialize(
            to: StoreState(
                account: MemoryAccount(allowed: limits.memoryBytes, other: charge),
                owner: Unmanaged.passRetained(owner), linked: Unmanaged.passRetained(linked), raw: raw,
                context: context, configuration: linked.module.engine.configuration))
        // Never equal to what is asked for, so that it is set.
        unsafe state.pointee.tableLimit = ~limits.tableElements
        unsafe StoreState.setLimits(state, limits)
        guard unsafe state.pointee.account.charge(tables: linked.module.tableBytes(limit: limits.tableElements)) else {
            unsafe state.pointee.failure = .failed("the tables are over the limit")
            unsafe state.pointee.isLive = false
            return
        }
        if unsafe state.pointee.hasSlices {
            unsafe wasmtime_store_epoch_deadline_callback(raw, StoreState.sliceEnd, state, nil)
        }
        // Code of the guest may run for long, on a fiber; without, there is none to be made.
        guard linked.module.facts?.hasStart ?? true else { return }
        unsafe state.pointee.future = unsafe wasmtime_instance_pre_instantiate_async(
            linked.raw, context, state.address(of: \.instance), state.address(of: \.trap), state.address(of: \.error))
    }

    deinit {
        // SAFETY: the future before the store, the store before the state; no frame of the guest is left after the first.
        if let future = unsafe state.pointee.future {
            unsafe bulkhead_account_set(state)
            unsafe wasmtime_call_future_delete(future)
            bulkhead_account_set(nil)
        }
        releaseValues()
        unsafe wasmtime_store_delete(state.pointee.raw)
        unsafe state.pointee.account.refundTables()
        unsafe StoreState.releaseOwner(state)
        unsafe state.pointee.linked.release()
        unsafe state.deinitialize(count: 1)
        unsafe state.deallocate()
    }

    /// The store of a state that nobody else has.
    init(adopting state: UnsafeMutablePointer<StoreState>) {
        unsafe self.state = unsafe state
    }

    /// The state, which is the caller's from now on.
    consuming func release() -> UnsafeMutablePointer<StoreState> {
        let state = unsafe state
        discard self
        return unsafe state
    }

    consuming func end() {}

    /// Begins to call an exported function; poll it. Throws and begins nothing when it cannot be called so.
    package mutating func call(_ name: String, _ arguments: [WasmValue] = []) throws(EngineError) {
        guard isReady else { throw .notReady }
        let export = unsafe try PreparedExport(name, of: state.pointee.linked.takeUnretainedValue().module)
        try call(export, arguments)
    }

    /// An export of this store's module, checked once for many calls. Throws when it is no function of numbers.
    package func prepare(_ name: String) throws(EngineError) -> PreparedExport {
        try unsafe PreparedExport(name, of: state.pointee.linked.takeUnretainedValue().module)
    }

    /// As `call`, without looking at the name again. `export` is of this store's module.
    package mutating func call(_ export: PreparedExport, _ arguments: [WasmValue] = []) throws(EngineError) {
        // SAFETY: the instance exists when no future does; arguments and results stay until the future goes.
        guard isReady else { throw .notReady }
        guard arguments.count == export.type.parameters.count,
            zip(arguments, export.type.parameters).allSatisfy({ $0.type == $1 })
        else { throw .argumentMismatch(export.name, type: "\(export.type)") }
        guard let function = unsafe function(export) else { throw .noSuchExport(export.name) }
        let resultCount = export.type.results.count
        let values = unsafe makeValues(arguments.count + resultCount)
        for (index, argument) in arguments.enumerated() { unsafe values[index] = unsafe argument.encoded }
        unsafe state.pointee.argumentCount = arguments.count
        if unsafe state.pointee.resultTypes != export.type.results {
            unsafe state.pointee.resultTypes = export.type.results
        }
        unsafe state.pointee.ending = nil
        unsafe state.pointee.future = unsafe wasmtime_func_call_async(
            state.pointee.context, function, values, arguments.count, values.advanced(by: arguments.count), resultCount,
            state.address(of: \.trap), state.address(of: \.error))
    }

    /// As `call`, of a function that takes and returns at most one i32; it takes `argument` if it takes anything.
    package mutating func call(_ export: PreparedExport, argument: UInt32) throws(EngineError) {
        // SAFETY: as above; the state has room for the one argument and the one result.
        guard isReady else { throw .notReady }
        guard export.isDirect else { throw .unsupportedSignature(export.name, type: "\(export.type)") }
        guard let function = unsafe function(export) else { throw .noSuchExport(export.name) }
        releaseValues()
        let values = unsafe state.address(of: \.fewValues.0)
        let argumentCount = export.hasParameter ? 1 : 0
        unsafe values[0] = WasmValue.i32(argument).encoded
        unsafe state.pointee.values = unsafe values
        unsafe state.pointee.argumentCount = argumentCount
        if unsafe state.pointee.resultTypes != export.type.results {
            unsafe state.pointee.resultTypes = export.type.results
        }
        if unsafe state.pointee.ending != nil { unsafe state.pointee.ending = nil }
        unsafe state.pointee.future = unsafe wasmtime_func_call_async(
            state.pointee.context, function, values, argumentCount, values.advanced(by: argumentCount),
            export.hasResult ? 1 : 0, state.address(of: \.trap), state.address(of: \.error))
    }

    /// Runs until the slice is over, a host function waits, or the call ends. After any ending but `.finished` the instance
    /// cannot be called again. Precondition: a call, or the instantiation, is under way.
    package mutating func poll() -> CallProgress {
        guard let future = unsafe state.pointee.future else { return instantiateNow() }
        // SAFETY: the future is live; the account is the state of this store, for the time of the poll.
        if unsafe state.pointee.shelved != nil { unsafe Shelved.restore(state) }
        unsafe state.pointee.isWaiting = false
        beginTurn()
        unsafe bulkhead_account_set(state)
        let isReady = unsafe wasmtime_call_future_poll(future)
        bulkhead_account_set(nil)
        guard isReady else { return unsafe state.pointee.isWaiting ? .waiting : .yielded }
        unsafe wasmtime_call_future_delete(future)
        unsafe state.pointee.future = nil
        let progress = takeProgress()
        guard case .finished = progress else {
            unsafe state.pointee.isLive = false
            return progress
        }
        if unsafe state.pointee.isInstantiating { finishInstantiation() }
        return progress
    }

    private func instantiateNow() -> CallProgress {
        // SAFETY: the account is the state of this store; the library writes instance and trap.
        if let failure = unsafe state.pointee.failure { return failure }
        guard unsafe state.pointee.isInstantiating, unsafe state.pointee.isLive else {
            preconditionFailure("no call is under way")
        }
        // Segments and globals are set by native code, which looks for the end of the slice as all does. It has no loop of the
        // guest's, so that it needs no end.
        let ample: UInt64 = 1 << 40
        unsafe wasmtime_context_set_epoch_deadline(state.pointee.context, ample)
        unsafe bulkhead_account_set(state)
        let error = unsafe state.pointee.linked._withUnsafeGuaranteedRef {
            unsafe wasmtime_instance_pre_instantiate(
                $0.raw, state.pointee.context, state.address(of: \.instance), state.address(of: \.trap))
        }
        bulkhead_account_set(nil)
        unsafe state.pointee.error = unsafe error
        let progress = takeProgress()
        if case .finished = progress {
            finishInstantiation()
        } else {
            unsafe state.pointee.isLive = false
        }
        return progress
    }

    /// Calls an exported function on the caller's own stack, to its end; it takes `argument` if it takes anything. What would
    /// put a fiber aside asks the linker's hooks. Of the dense profile only, and for functions that take and return at most
    /// one i32. Throws and runs nothing when it cannot be called so; `mayCallDirectly` says whether the thread allows it. Only
    /// where it `mayRepeat` it is what `callDirectAgain` makes.
    package mutating func callDirect(
        _ export: PreparedExport, _ argument: UInt32 = 0, mayRepeat: Bool = true
    ) throws(EngineError) -> DirectProgress {
        // SAFETY: the instance exists when no future does; the one slot is enough for such a function, and outlives the call.
        guard isReady else { throw .notReady }
        guard export.isDirect, unsafe state.pointee.hasSlices else {
            throw .unsupportedSignature(export.name, type: "\(export.type)")
        }
        guard mayCallDirectly else { throw .notReady }
        guard let function = unsafe function(export) else { throw .noSuchExport(export.name) }
        unsafe state.pointee.direct = (mayRepeat ? export.identity : 0, export.hasResult)
        return unsafe callOnStack(function, argument, hasResult: export.hasResult)
    }

    /// Makes the last direct call again, with 0 for an argument: for who calls one export for each of many messages.
    /// - Returns: nil when that cannot be done, and then nothing was run.
    @inline(__always)
    package mutating func callDirectAgain() -> DirectProgress? {
        // SAFETY: as for `callDirect`, which has checked the export; another store's has another identity.
        guard isReady, unsafe state.pointee.direct.export != 0,
            unsafe state.pointee.direct.export == state.pointee.cached.0, mayCallDirectly
        else { return nil }
        return unsafe callOnStack(
            state.address(of: \.cachedFunctions.0), 0, hasResult: state.pointee.direct.hasResult)
    }

    @inline(__always)
    private mutating func callOnStack(
        _ function: UnsafeMutablePointer<wasmtime_func_t>, _ argument: UInt32, hasResult: Bool
    ) -> DirectProgress {
        // SAFETY: the store is ready and the function its own; the one slot outlives the call.
        if unsafe state.pointee.ending != nil { unsafe state.pointee.ending = nil }
        beginTurn()
        var value = unsafe wasmtime_val_raw_t()
        unsafe value.i64 = Int64(argument)
        unsafe state.pointee.isDirect = true
        unsafe bulkhead_account_set(state)
        let error = unsafe wasmtime_func_call_unchecked(
            state.pointee.context, function, &value, 1, state.address(of: \.trap))
        bulkhead_account_set(nil)
        unsafe state.pointee.isDirect = false
        if unsafe error == nil, unsafe state.pointee.trap == nil {
            return unsafe .returned(hasResult ? UInt32(bitPattern: value.i32) : 0)
        }
        unsafe state.pointee.error = unsafe error
        unsafe state.pointee.isLive = false
        return .ended(takeProgress())
    }

    /// Whether direct calls are possible here: in the dense profile, and on a thread with as much stack left as a fiber has
    /// (`EngineConfiguration.directStackBytes`), for a guest may use all of it.
    package var mayCallDirectly: Bool {
        unsafe state.pointee.hasSlices && bulkhead_has_stack(state.pointee.directStackBytes)
    }

    /// Whether a call, or the instantiation, is under way.
    package var isBusy: Bool {
        unsafe state.pointee.future != nil || (state.pointee.isInstantiating && state.pointee.isLive)
            || state.pointee.failure != nil
    }

    /// Bytes of all linear memories together, now.
    package var memoryBytes: UInt64 { unsafe state.pointee.account.used }

    /// The last growth that the memory limit refused.
    package var memoryDenial: GrowthDenial? { unsafe state.pointee.account.denial }

    /// Whether an export may be called now.
    var isReady: Bool {
        unsafe state.pointee.future == nil && state.pointee.isLive && !state.pointee.isInstantiating
    }

    /// A whole slice from now: the time that it waited does not count. Notes whether it ever ran on another thread.
    @inline(__always)
    private func beginTurn() {
        // SAFETY: a live store; where there are no epochs the deadline is never looked at.
        unsafe wasmtime_context_set_epoch_deadline(state.pointee.context, state.pointee.sliceTicks)
        if unsafe state.pointee.reuse.thread != bulkhead_thread_number() { unsafe state.pointee.reuse.thread = 0 }
    }

    /// The handle of an exported function, from the state if it was called lately.
    @inline(__always)
    private func function(_ export: PreparedExport) -> UnsafeMutablePointer<wasmtime_func_t>? {
        // SAFETY: a function of an instance is valid as long as its store.
        if unsafe state.pointee.cached.0 == export.identity {
            return unsafe state.address(of: \.cachedFunctions.0)
        }
        return unsafe find(export)
    }

    private func find(_ export: PreparedExport) -> UnsafeMutablePointer<wasmtime_func_t>? {
        // SAFETY: the instance exists, the name lives through the call.
        unsafe swap(&state.pointee.cached.0, &state.pointee.cached.1)
        unsafe swap(&state.pointee.cachedFunctions.0, &state.pointee.cachedFunctions.1)
        let address = unsafe state.address(of: \.cachedFunctions.0)
        if unsafe state.pointee.cached.0 == export.identity { return unsafe address }
        var found = unsafe wasmtime_extern_t()
        var name = export.name
        let isThere = name.withUTF8 { bytes in
            unsafe bytes.withMemoryRebound(to: CChar.self) {
                unsafe wasmtime_instance_export_get(
                    state.pointee.context, state.address(of: \.instance), $0.baseAddress, $0.count, &found)
            }
        }
        guard isThere, unsafe found.kind == ExternKind.function else { return nil }
        unsafe address.pointee = unsafe found.of.func
        unsafe state.pointee.cached.0 = export.identity
        return unsafe address
    }

    private func makeValues(_ count: Int) -> UnsafeMutablePointer<wasmtime_val_t> {
        // SAFETY: no call is under way, so that nothing points to the last one's.
        releaseValues()
        let few = 2
        let values =
            unsafe count <= few
            ? state.address(of: \.fewValues.0) : UnsafeMutablePointer<wasmtime_val_t>.allocate(capacity: count)
        unsafe values.initialize(repeating: wasmtime_val_t(), count: max(count, few))
        unsafe state.pointee.values = unsafe values
        return unsafe values
    }

    private func releaseValues() {
        // SAFETY: either in the state or allocated by `makeValues`.
        if let values = unsafe state.pointee.values, unsafe values != state.address(of: \.fewValues.0) {
            unsafe values.deallocate()
        }
        unsafe state.pointee.values = nil
    }

    private func finishInstantiation() {
        // SAFETY: the instance exists; a memory handle owns nothing.
        unsafe state.pointee.isInstantiating = false
        var found = unsafe wasmtime_extern_t()
        let isThere = unsafe "memory".withCString {
            unsafe wasmtime_instance_export_get(
                state.pointee.context, state.address(of: \.instance), $0, 6, &found)
        }
        if isThere, unsafe found.kind == ExternKind.memory {
            unsafe state.pointee.export(found.of.memory, context: state.pointee.context)
        }
    }
}
