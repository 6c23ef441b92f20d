// How a call ended, read from what libwasmtime left in the state; and scalar values as the library has them.

internal import CapabilityModel
internal import CWasmtime

extension Store {
    /// How the call that has just ended did so; frees what the library left.
    func takeProgress() -> CallProgress {
        // SAFETY: trap and error are ours once the future is ready; each is read, then freed, once.
        if let trap = unsafe state.pointee.trap {
            unsafe state.pointee.trap = nil
            defer { unsafe wasm_trap_delete(trap) }
            var code: UInt8 = 0
            var kind = unsafe wasmtime_trap_code(trap, &code) ? TrapKind(code: code) : .other
            if kind == .other, unsafe wasmtime_context_has_exception(state.pointee.context) {
                kind = .uncaughtException
            }
            return .trapped(
                WasmTrap(
                    kind: kind, message: kind.rawValue,
                    backtrace: unsafe LibraryText.backtrace(ofTrap: trap, codeShift: codeShift)))
        }
        if let error = unsafe state.pointee.error {
            unsafe state.pointee.error = nil
            return unsafe progress(takingError: error)
        }
        guard unsafe !state.pointee.isInstantiating, unsafe !state.pointee.resultTypes.isEmpty,
            let values = unsafe state.pointee.values
        else { return .finished([]) }
        let first = unsafe values.advanced(by: state.pointee.argumentCount)
        return unsafe .finished(
            state.pointee.resultTypes.enumerated().map { index, type in
                unsafe WasmValue(first[index], as: type)
            })
    }

    private var codeShift: Int {
        unsafe state.pointee.linked._withUnsafeGuaranteedRef { $0.module.facts?.codeShift ?? 0 }
    }

    private func progress(takingError error: OpaquePointer) -> CallProgress {
        // SAFETY: as in `takeProgress`.
        if let ending = unsafe state.pointee.ending {
            let backtrace = unsafe LibraryText.backtrace(ofError: error, codeShift: codeShift)
            unsafe wasmtime_error_delete(error)
            switch ending {
            case .exit(let code): return .exited(code)
            case .end: return .ended
            case .trap(let message):
                return .trapped(WasmTrap(kind: .host, message: message, backtrace: backtrace))
            case .done, .wait: return .failed("a host function ended without a reason")
            }
        }
        if unsafe wasmtime_context_has_exception(state.pointee.context) {
            let backtrace = unsafe LibraryText.backtrace(ofError: error, codeShift: codeShift)
            unsafe wasmtime_error_delete(error)
            let kind = TrapKind.uncaughtException
            return .trapped(WasmTrap(kind: kind, message: kind.rawValue, backtrace: backtrace))
        }
        // An error with frames struck the guest while it ran: its collected heap is full, for one.
        let backtrace = unsafe LibraryText.backtrace(ofError: error, codeShift: codeShift)
        let message = unsafe LibraryText.takeMessage(error)
        guard !backtrace.isEmpty else { return .failed(message) }
        return .trapped(WasmTrap(kind: .other, message: message, backtrace: backtrace))
    }
}

extension WasmValue {
    var encoded: wasmtime_val_t {
        // SAFETY: the kind and the member of the union agree.
        var result = unsafe wasmtime_val_t()
        unsafe result.kind = type.rawValue
        switch self {
        case .i32(let bits): unsafe result.of.i32 = Int32(bitPattern: bits)
        case .i64(let bits): unsafe result.of.i64 = Int64(bitPattern: bits)
        case .f32(let number): unsafe result.of.f32 = number
        case .f64(let number): unsafe result.of.f64 = number
        }
        return unsafe result
    }

    init(_ value: wasmtime_val_t, as type: ValueType) {
        // SAFETY: the function's type says which member was written.
        switch type {
        case .i64: self = unsafe .i64(UInt64(bitPattern: value.of.i64))
        case .f32: self = unsafe .f32(value.of.f32)
        case .f64: self = unsafe .f64(value.of.f64)
        default: self = unsafe .i32(UInt32(bitPattern: value.of.i32))
        }
    }
}
