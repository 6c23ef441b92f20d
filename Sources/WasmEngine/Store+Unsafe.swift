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
/// under way unwinds the guest's fiber and ends the process.
@safe package struct Store: ~Copyable, @unchecked Sendable {
    private let engine: Engine
    private let linked: LinkedModule
    private let raw: OpaquePointer
    private let context: OpaquePointer
    private let state: UnsafeMutablePointer<StoreState>
    private var future: OpaquePointer?
    private var isInstantiating = true
    private var isLive = true
    /// Arguments, then results; valid while `future` lives.
    private var values: UnsafeMutablePointer<wasmtime_val_t>?
    private var argumentCount = 0
    private var resultTypes: [ValueType] = []

    /// Begins to instantiate `linked`: poll until it has finished, then call. `context` is handed to every host function and
    /// lives as long as the store.
    package init(_ linked: LinkedModule, limits: StoreLimits, context owner: AnyObject) {
        engine = linked.module.engine
        self.linked = linked
        // SAFETY: the state is at a fixed address and is freed after the store that points to it; every pointer handed to
        // the future is into the state or a live object that this store holds.
        unsafe state = .allocate(capacity: 1)
        unsafe state.initialize(
            to: StoreState(memoryLimit: limits.memoryBytes, context: Unmanaged.passRetained(owner)))
        unsafe raw = unsafe wasmtime_store_new(engine.raw, state, nil)
        unsafe context = unsafe wasmtime_store_context(raw)
        unsafe wasmtime_store_limiter(
            raw, -1, Int64(clamping: limits.tableElements), 1, StoreLimits.maximumTables, StoreLimits.maximumMemories)
        unsafe Self.setSlice(context, engine.configuration)
        unsafe future = unsafe wasmtime_instance_pre_instantiate_async(
            linked.raw, context, state.address(of: \.instance), state.address(of: \.trap), state.address(of: \.error))
    }

    deinit {
        // SAFETY: the future before the store, the store before the state; no frame of the guest is left after the first.
        if let future = unsafe future {
            unsafe bulkhead_account_set(state)
            unsafe wasmtime_call_future_delete(future)
            bulkhead_account_set(nil)
        }
        unsafe values?.deallocate()
        unsafe wasmtime_store_delete(raw)
        unsafe state.pointee.context.release()
        unsafe state.deinitialize(count: 1)
        unsafe state.deallocate()
    }

    /// Begins to call an exported function; poll it. Throws and begins nothing when it cannot be called so.
    package mutating func call(_ name: String, _ arguments: [WasmValue] = []) throws(EngineError) {
        guard unsafe future == nil, isLive else { throw .notReady }
        guard let type = linked.module.exports[name] else { throw .noSuchExport(name) }
        guard case .function(let signature) = type else { throw .notAFunction(name, type: type.description) }
        guard signature.isScalar else { throw .unsupportedSignature(name, type: type.description) }
        guard arguments.map(\.type) == signature.parameters else {
            throw .argumentMismatch(name, type: type.description)
        }
        // SAFETY: the instance exists, the name lives through the call; arguments and results stay until the future goes.
        var found = unsafe wasmtime_extern_t()
        let isThere = unsafe name.withCString {
            unsafe wasmtime_instance_export_get(context, state.address(of: \.instance), $0, name.utf8.count, &found)
        }
        guard isThere, unsafe found.kind == ExternKind.function else { throw .noSuchExport(name) }
        unsafe state.pointee.function = unsafe found.of.func
        unsafe values?.deallocate()
        let count = arguments.count + signature.results.count
        unsafe values = UnsafeMutablePointer<wasmtime_val_t>.allocate(capacity: max(count, 1))
        unsafe values?.initialize(repeating: wasmtime_val_t(), count: max(count, 1))
        for (index, argument) in arguments.enumerated() { unsafe values?[index] = unsafe Self.encode(argument) }
        argumentCount = arguments.count
        resultTypes = signature.results
        unsafe state.pointee.ending = nil
        unsafe Self.setSlice(context, engine.configuration)
        unsafe future = unsafe wasmtime_func_call_async(
            context, state.address(of: \.function), values, arguments.count, values?.advanced(by: arguments.count),
            signature.results.count, state.address(of: \.trap), state.address(of: \.error))
    }

    /// Runs until the slice is over, a host function waits, or the call ends. After any ending but `.finished` the instance
    /// cannot be called again. Precondition: a call, or the instantiation, is under way.
    package mutating func poll() -> CallProgress {
        guard let future = unsafe future else { preconditionFailure("no call is under way") }
        // SAFETY: the future is live; the account is the state of this store, for the time of the poll.
        unsafe state.pointee.isWaiting = false
        unsafe bulkhead_account_set(state)
        let isReady = unsafe wasmtime_call_future_poll(future)
        bulkhead_account_set(nil)
        guard isReady else { return unsafe state.pointee.isWaiting ? .waiting : .yielded }
        unsafe wasmtime_call_future_delete(future)
        unsafe self.future = nil
        let progress = takeProgress()
        guard case .finished = progress else {
            isLive = false
            return progress
        }
        if isInstantiating { finishInstantiation() }
        return progress
    }

    /// Whether a call, or the instantiation, is under way.
    package var isBusy: Bool { unsafe future != nil }

    /// Bytes of all linear memories together, now.
    package var memoryBytes: UInt64 { unsafe state.pointee.account.used }

    /// The last growth that the memory limit refused.
    package var memoryDenial: GrowthDenial? { unsafe state.pointee.account.denial }

    private mutating func finishInstantiation() {
        isInstantiating = false
        // SAFETY: as in `call`; a memory handle owns nothing.
        var found = unsafe wasmtime_extern_t()
        let isThere = unsafe "memory".withCString {
            unsafe wasmtime_instance_export_get(context, state.address(of: \.instance), $0, 6, &found)
        }
        if isThere, unsafe found.kind == ExternKind.memory {
            unsafe state.pointee.export(found.of.memory, context: context)
        }
    }

    /// How the call that has just ended did so; frees what the library left.
    private func takeProgress() -> CallProgress {
        // SAFETY: trap and error are ours once the future is ready; each is read, then freed, once.
        if let trap = unsafe state.pointee.trap {
            unsafe state.pointee.trap = nil
            defer { unsafe wasm_trap_delete(trap) }
            var code: UInt8 = 0
            let kind = unsafe wasmtime_trap_code(trap, &code) ? TrapKind(code: code) : .other
            return .trapped(
                WasmTrap(kind: kind, message: kind.rawValue, backtrace: unsafe LibraryText.backtrace(ofTrap: trap)))
        }
        if let error = unsafe state.pointee.error {
            unsafe state.pointee.error = nil
            return unsafe progress(takingError: error)
        }
        let results = resultTypes.enumerated().map { index, type in
            unsafe values.map { unsafe Self.decode($0[argumentCount + index], as: type) } ?? .i32(0)
        }
        return .finished(isInstantiating ? [] : results)
    }

    private func progress(takingError error: OpaquePointer) -> CallProgress {
        // SAFETY: as in `takeProgress`.
        if let ending = unsafe state.pointee.ending {
            let backtrace = unsafe LibraryText.backtrace(ofError: error)
            unsafe wasmtime_error_delete(error)
            switch ending {
            case .exit(let code): return .exited(code)
            case .trap(let message):
                return .trapped(WasmTrap(kind: .host, message: message, backtrace: backtrace))
            case .done, .wait: return .failed("a host function ended without a reason")
            }
        }
        if unsafe wasmtime_context_has_exception(context) {
            let backtrace = unsafe LibraryText.backtrace(ofError: error)
            unsafe wasmtime_error_delete(error)
            let kind = TrapKind.uncaughtException
            return .trapped(WasmTrap(kind: kind, message: kind.rawValue, backtrace: backtrace))
        }
        // An error with frames struck the guest while it ran: its collected heap is full, for one.
        let backtrace = unsafe LibraryText.backtrace(ofError: error)
        let message = unsafe LibraryText.takeMessage(error)
        guard !backtrace.isEmpty else { return .failed(message) }
        return .trapped(WasmTrap(kind: .other, message: message, backtrace: backtrace))
    }

    private static func setSlice(_ context: OpaquePointer, _ configuration: EngineConfiguration) {
        guard configuration.profile == .dense else { return }
        // SAFETY: a live store of an engine with epochs on. The result is not read: it is declared, but the library returns
        // nothing and leaves the register as it was.
        unsafe wasmtime_context_set_epoch_deadline(context, configuration.sliceTicks)
        _ = unsafe wasmtime_context_epoch_deadline_async_yield_and_update(context, configuration.sliceTicks)
    }

    private static func encode(_ value: WasmValue) -> wasmtime_val_t {
        // SAFETY: the kind and the member of the union agree.
        var result = unsafe wasmtime_val_t()
        unsafe result.kind = value.type.rawValue
        switch value {
        case .i32(let bits): unsafe result.of.i32 = Int32(bitPattern: bits)
        case .i64(let bits): unsafe result.of.i64 = Int64(bitPattern: bits)
        case .f32(let number): unsafe result.of.f32 = number
        case .f64(let number): unsafe result.of.f64 = number
        }
        return unsafe result
    }

    private static func decode(_ value: wasmtime_val_t, as type: ValueType) -> WasmValue {
        // SAFETY: the function's type says which member was written.
        switch type {
        case .i64: unsafe .i64(UInt64(bitPattern: value.of.i64))
        case .f32: unsafe .f32(value.of.f32)
        case .f64: unsafe .f64(value.of.f64)
        default: unsafe .i32(UInt32(bitPattern: value.of.i32))
        }
    }
}

extension UnsafeMutablePointer where Pointee == StoreState {
    /// The fixed address of a stored property.
    fileprivate func address<Value>(of property: WritableKeyPath<StoreState, Value>) -> UnsafeMutablePointer<Value> {
        // SAFETY: stored properties of a struct at a fixed address have fixed addresses.
        guard let address = unsafe pointer(to: property) else {
            preconditionFailure("a stored property has an address")
        }
        return unsafe address
    }
}
