// Host functions: what a guest's import calls, and how it answers.
//
// A host function runs on the guest's fiber with the host's reserve of stack. It must return before the fiber may be
// suspended: a function that must wait answers `.wait`, the library suspends the fiber, and each poll calls it again.

internal import CapabilityModel
internal import CWasmtime

/// What a host function answers.
package enum HostOutcome: Hashable, Sendable {
    /// Results are set; the guest goes on.
    case done
    /// Call again at the next poll. Only for functions defined as waiting ones.
    case wait
    /// The guest traps with this message, kind `.host`.
    case trap(String)
    /// The process ends with this code.
    case exit(UInt32)
}

/// The body of a host function. `context` is what the store was made with. The same body runs for every store of a linker,
/// on any worker thread, so it captures nothing that changes; without captures it costs no reference counting.
package typealias HostBody = @Sendable (_ context: AnyObject, _ call: borrowing HostCall) -> HostOutcome

/// One call under way: its arguments, its results, and the caller's memory. Lives only as long as the body runs.
@safe package struct HostCall: ~Copyable {
    fileprivate let values: UnsafeMutablePointer<wasmtime_val_raw_t>
    fileprivate let valueCount: Int
    fileprivate let state: UnsafeMutablePointer<StoreState>
    fileprivate let caller: OpaquePointer

    /// Argument `index` as the function's type says: an i32. Reading it as another type gives its low bits.
    package func i32(_ index: Int) -> UInt32 {
        precondition(index >= 0 && index < valueCount)
        // SAFETY: `valueCount` values, any of whose bits may be read (a union of plain numbers).
        return unsafe UInt32(bitPattern: values[index].i32)
    }

    package func i64(_ index: Int) -> UInt64 {
        precondition(index >= 0 && index < valueCount)
        // SAFETY: as above.
        return unsafe UInt64(bitPattern: values[index].i64)
    }

    package func f32(_ index: Int) -> Float {
        precondition(index >= 0 && index < valueCount)
        // SAFETY: as above.
        return unsafe values[index].f32
    }

    package func f64(_ index: Int) -> Double {
        precondition(index >= 0 && index < valueCount)
        // SAFETY: as above.
        return unsafe values[index].f64
    }

    /// The first of the call's slots, for who reads arguments by type from a table; `rawStride` apart.
    @unsafe package var rawValues: UnsafeRawPointer { unsafe UnsafeRawPointer(values) }

    /// Bytes from one slot to the next.
    package static var rawStride: Int { unsafe MemoryLayout<wasmtime_val_raw_t>.stride }

    /// Sets result `index`. Results share storage with the arguments: read those first.
    package func setResult(_ index: Int = 0, i32 value: UInt32) {
        precondition(index >= 0 && index < valueCount)
        // SAFETY: as above; the whole slot is written, as the library wants for the narrower types.
        unsafe values[index].i64 = Int64(value)
    }

    package func setResult(_ index: Int = 0, i64 value: UInt64) {
        precondition(index >= 0 && index < valueCount)
        // SAFETY: as above.
        unsafe values[index].i64 = Int64(bitPattern: value)
    }

    package func setResult(_ index: Int = 0, f32 value: Float) {
        precondition(index >= 0 && index < valueCount)
        // SAFETY: as above.
        unsafe values[index].i64 = Int64(value.bitPattern)
    }

    package func setResult(_ index: Int = 0, f64 value: Double) {
        precondition(index >= 0 && index < valueCount)
        // SAFETY: as above.
        unsafe values[index].f64 = value
    }

    /// The memory the caller exports as `memory`; nil when it has none. Valid until the body returns: a guest that runs
    /// again may grow, and a memory that grows may move.
    @unsafe package var memory: UnsafeMutableRawBufferPointer? {
        // SAFETY: `state` and `caller` are live while the body runs.
        unsafe StoreState.memory(state, caller: caller)
    }
}

/// What the linker keeps of a function for as long as any module linked with it lives.
final class HostFunction: Sendable {
    let name: ImportName
    let type: FunctionType
    let body: HostBody

    init(name: ImportName, type: FunctionType, body: @escaping HostBody) {
        self.name = name
        self.type = type
        self.body = body
    }

    static let release: @convention(c) (UnsafeMutableRawPointer?) -> Void = { function in
        // SAFETY: gives back the reference that `Linker.define` took.
        if let function = unsafe function { unsafe Unmanaged<HostFunction>.fromOpaque(function).release() }
    }

    // SAFETY (both callbacks): `env` is a live HostFunction, the store's data a live StoreState, and `values` has room for
    // the larger of parameters and results.
    static let callNow: wasmtime_func_unchecked_callback_t = { env, caller, values, count in
        guard let env = unsafe env, let caller = unsafe caller, let values = unsafe values else { return nil }
        let state = unsafe StoreState.of(caller)
        let outcome = unsafe Unmanaged<HostFunction>.fromOpaque(env)._withUnsafeGuaranteedRef { function in
            unsafe state.pointee.context._withUnsafeGuaranteedRef { context in
                unsafe function.body(
                    context, HostCall(values: values, valueCount: count, state: state, caller: caller))
            }
        }
        if case .done = outcome { return nil }
        return unsafe end(outcome, state: state)
    }

    static let callOrWait: wasmtime_func_async_callback_t = {
        env, caller, arguments, argumentCount, results, resultCount, trap, continuation in
        guard let env = unsafe env, let caller = unsafe caller, let trap = unsafe trap,
            let continuation = unsafe continuation
        else { return }
        let attempt = unsafe HostAttempt(
            function: Unmanaged.fromOpaque(env), caller: caller, arguments: arguments, argumentCount: argumentCount,
            results: results, resultCount: resultCount, trap: trap)
        let state = unsafe StoreState.of(caller)
        if unsafe attempt.run(state) {
            unsafe continuation.pointee = unsafe wasmtime_async_continuation_t(
                callback: { _ in true }, env: nil, finalizer: nil)
            return
        }
        unsafe state.pointee.attempt = unsafe attempt
        unsafe continuation.pointee = unsafe wasmtime_async_continuation_t(
            callback: { env in
                guard let state = unsafe env?.assumingMemoryBound(to: StoreState.self),
                    let attempt = unsafe state.pointee.attempt
                else { return true }
                // The library asks once right after the first attempt, within the same poll.
                guard unsafe !state.pointee.isWaiting else { return false }
                guard unsafe attempt.run(state) else { return false }
                unsafe state.pointee.attempt = nil
                return true
            }, env: UnsafeMutableRawPointer(state), finalizer: nil)
    }

    /// Notes how the process ends and makes the trap that unwinds the guest.
    fileprivate static func end(_ outcome: HostOutcome, state: UnsafeMutablePointer<StoreState>) -> OpaquePointer? {
        // SAFETY: `state` is live; the trap is the caller's to hand to the library.
        var ending = outcome
        if case .wait = outcome { ending = .trap("a host function that must not wait wanted to") }
        unsafe state.pointee.ending = ending
        return unsafe wasmtime_trap_new(nil, 0)
    }
}

/// A call that may have to be tried again: the library keeps what these point to until the continuation says true.
@unsafe struct HostAttempt {
    let function: Unmanaged<HostFunction>
    let caller: OpaquePointer
    let arguments: UnsafePointer<wasmtime_val_t>?
    let argumentCount: Int
    let results: UnsafeMutablePointer<wasmtime_val_t>?
    let resultCount: Int
    let trap: UnsafeMutablePointer<OpaquePointer?>

    /// True when the call is over, false when it waits.
    func run(_ state: UnsafeMutablePointer<StoreState>) -> Bool {
        // SAFETY: the pointers are valid (above); the temporary array is used within the closure only.
        unsafe withUnsafeTemporaryAllocation(
            of: wasmtime_val_raw_t.self, capacity: max(argumentCount, resultCount, 1)
        ) { values in
            guard let base = values.baseAddress else { return true }
            for index in unsafe 0..<argumentCount {
                guard let argument = unsafe arguments?[index] else { continue }
                var raw = unsafe wasmtime_val_raw_t()
                unsafe raw.i64 = unsafe argument.of.i64
                unsafe base[index] = unsafe raw
            }
            for index in unsafe argumentCount..<max(argumentCount, resultCount) {
                unsafe base[index] = wasmtime_val_raw_t()
            }
            let outcome = unsafe function._withUnsafeGuaranteedRef { function in
                unsafe state.pointee.context._withUnsafeGuaranteedRef { context in
                    unsafe function.body(
                        context, HostCall(values: base, valueCount: values.count, state: state, caller: caller))
                }
            }
            switch outcome {
            case .done:
                for index in unsafe 0..<resultCount {
                    let type = unsafe function._withUnsafeGuaranteedRef { $0.type.results[index] }
                    unsafe results?[index].kind = type.rawValue
                    unsafe results?[index].of.i64 = unsafe base[index].i64
                }
                return true
            case .wait:
                unsafe state.pointee.isWaiting = true
                return false
            case .trap, .exit:
                unsafe trap.pointee = unsafe HostFunction.end(outcome, state: state)
                return true
            }
        }
    }
}
