// Host functions: what a guest's import calls, and how it answers.
//
// A host function runs on the guest's fiber with the host's reserve of stack, or on the caller's stack in a direct call. It
// must return before the fiber may be put aside: a function that must wait answers `.wait`, and each poll calls it again.
//
// No import is an asynchronous one of libwasmtime's: those cost 80 ns even when they need not wait, and abort the whole
// process when a direct call reaches them. All are unchecked synchronous ones (6 ns). One that must wait calls, from C, a
// single asynchronous function that does nothing but put the fiber aside; in a direct call it asks the linker's hook.

internal import CapabilityModel
internal import CWasmtime

/// What a host function answers.
@usableFromInline
package enum HostOutcome: Hashable, Sendable {
    /// Results are set; the guest goes on.
    case done
    /// Call again at the next poll, or after the linker's `onDirectWait`, with the same arguments; results must not be set.
    /// Only for functions defined as waiting ones.
    case wait
    /// The guest traps with this message, kind `.host`.
    case trap(String)
    /// The process ends with this code.
    case exit(UInt32)
    /// The process ends; the context knows why.
    case end
}

/// The body of a host function. `context` is what the store was made with. The same body runs for every store of a linker,
/// on any worker thread, so it captures nothing that changes; without captures it costs no reference counting.
package typealias HostBody = @Sendable (_ context: AnyObject, _ call: borrowing HostCall) -> HostOutcome

/// One call under way: its arguments, its results, and the caller's memory. Lives only as long as the body runs.
///
/// Type and members are `@usableFromInline`: package members are inlined across modules only so. For the same reason the
/// library's types stand behind untyped pointers here.
@safe @usableFromInline
package struct HostCall: ~Copyable {
    /// `wasmtime_val_raw_t`, `rawStride` apart, each of them little-endian.
    @usableFromInline let values: UnsafeMutableRawPointer
    @usableFromInline let valueCount: Int
    /// The memory that the caller exports, where the store knows it already.
    @usableFromInline let knownMemory: UnsafeMutableRawPointer?
    @usableFromInline let knownMemoryCount: Int
    let state: UnsafeMutablePointer<StoreState>
    let caller: OpaquePointer

    @inline(__always)
    fileprivate init(
        values: UnsafeMutablePointer<wasmtime_val_raw_t>, valueCount: Int, state: UnsafeMutablePointer<StoreState>,
        caller: OpaquePointer
    ) {
        unsafe self.values = UnsafeMutableRawPointer(values)
        self.valueCount = valueCount
        unsafe self.state = unsafe state
        unsafe self.caller = caller
        // SAFETY: a record is current and lives as long as its memory, which lives as long as the store.
        if let record = unsafe state.pointee.exportedMemory {
            unsafe knownMemory = unsafe UnsafeMutableRawPointer(bitPattern: record.pointee.memory.slot.base)
            knownMemoryCount = unsafe record.pointee.memory.size
        } else {
            unsafe knownMemory = nil
            knownMemoryCount = 0
        }
    }

    /// Bytes from one slot to the next; CWasmtime.c holds the library's type against it.
    @inlinable
    package static var rawStride: Int { 16 }

    /// The first of the call's slots, for who reads arguments by type from a table; `rawStride` apart.
    @unsafe @inlinable
    package var rawValues: UnsafeRawPointer { unsafe UnsafeRawPointer(values) }

    @inlinable @inline(__always)
    func offset(_ index: Int) -> Int {
        precondition(index >= 0 && index < valueCount)
        return index * HostCall.rawStride
    }

    /// Argument `index` as the function's type says: an i32. Reading it as another type gives its low bits.
    @inlinable @inline(__always)
    package func i32(_ index: Int) -> UInt32 {
        // SAFETY: `valueCount` values, any of whose bits may be read (a union of plain numbers).
        unsafe values.load(fromByteOffset: offset(index), as: UInt32.self)
    }

    @inlinable @inline(__always)
    package func i64(_ index: Int) -> UInt64 {
        // SAFETY: as above.
        unsafe values.load(fromByteOffset: offset(index), as: UInt64.self)
    }

    @inlinable @inline(__always)
    package func f32(_ index: Int) -> Float {
        // SAFETY: as above.
        unsafe values.load(fromByteOffset: offset(index), as: Float.self)
    }

    @inlinable @inline(__always)
    package func f64(_ index: Int) -> Double {
        // SAFETY: as above.
        unsafe values.load(fromByteOffset: offset(index), as: Double.self)
    }

    /// Sets result `index`. Results share storage with the arguments: read those first.
    @inlinable @inline(__always)
    package func setResult(_ index: Int = 0, i32 value: UInt32) {
        // SAFETY: as above; the whole slot is written, as the library wants for the narrower types.
        unsafe values.storeBytes(of: UInt64(value), toByteOffset: offset(index), as: UInt64.self)
    }

    @inlinable @inline(__always)
    package func setResult(_ index: Int = 0, i64 value: UInt64) {
        // SAFETY: as above.
        unsafe values.storeBytes(of: value, toByteOffset: offset(index), as: UInt64.self)
    }

    @inlinable @inline(__always)
    package func setResult(_ index: Int = 0, f32 value: Float) {
        // SAFETY: as above.
        unsafe values.storeBytes(of: UInt64(value.bitPattern), toByteOffset: offset(index), as: UInt64.self)
    }

    @inlinable @inline(__always)
    package func setResult(_ index: Int = 0, f64 value: Double) {
        // SAFETY: as above.
        unsafe values.storeBytes(of: value, toByteOffset: offset(index), as: Double.self)
    }

    /// Whether this is a call on the worker's own stack, where waiting blocks the thread.
    package var isDirect: Bool {
        // SAFETY: `state` is live while the body runs.
        unsafe state.pointee.isDirect
    }

    /// The memory the caller exports as `memory`; nil when it has none. Valid until the body returns: a guest that runs
    /// again may grow, and a memory that grows may move.
    @unsafe @inlinable @inline(__always)
    package var memory: UnsafeMutableRawBufferPointer? {
        if let start = unsafe knownMemory {
            return unsafe UnsafeMutableRawBufferPointer(start: start, count: knownMemoryCount)
        }
        return unsafe findMemory()
    }

    @usableFromInline
    func findMemory() -> UnsafeMutableRawBufferPointer? {
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

    // SAFETY (all callbacks): `env` is a live HostFunction, the store's data a live StoreState, and `values` has room for the
    // larger of parameters and results.
    static let callNow: wasmtime_func_unchecked_callback_t = { env, caller, values, count in
        guard let env = unsafe env, let caller = unsafe caller, let values = unsafe values else { return nil }
        let state = unsafe StoreState.of(caller)
        let outcome = unsafe call(env, caller, values, count, state)
        if case .done = outcome { return nil }
        return unsafe end(outcome, state: state)
    }

    @inline(__always)
    fileprivate static func call(
        _ env: UnsafeMutableRawPointer, _ caller: OpaquePointer, _ values: UnsafeMutablePointer<wasmtime_val_raw_t>,
        _ count: Int, _ state: UnsafeMutablePointer<StoreState>
    ) -> HostOutcome {
        unsafe Unmanaged<HostFunction>.fromOpaque(env)._withUnsafeGuaranteedRef { function in
            unsafe state.pointee.owner._withUnsafeGuaranteedRef { context in
                unsafe function.body(
                    context, HostCall(values: values, valueCount: count, state: state, caller: caller))
            }
        }
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

/// One attempt at a host call that may wait; HostCalls.h says what it answers.
@_cdecl("bulkhead_attempt")
func attempt(
    _ env: UnsafeMutableRawPointer?, _ caller: OpaquePointer?, _ values: UnsafeMutablePointer<wasmtime_val_raw_t>?,
    _ count: Int, _ trap: UnsafeMutablePointer<OpaquePointer?>?,
    _ suspend: UnsafeMutablePointer<UnsafePointer<wasmtime_func_t>?>?
) -> Bool {
    // SAFETY: as for the callbacks above; C passes pointers to variables of its own.
    guard let env = unsafe env, let caller = unsafe caller, let values = unsafe values else { return true }
    let state = unsafe StoreState.of(caller)
    while true {
        let outcome = unsafe HostFunction.call(env, caller, values, count, state)
        switch outcome {
        case .done:
            return true
        case .wait where unsafe state.pointee.isDirect:
            guard unsafe StoreState.waitDirectly(state) else {
                unsafe trap?.pointee = unsafe HostFunction.end(.end, state: state)
                return true
            }
        case .wait:
            guard let function = unsafe StoreState.suspendFunction(state) else {
                unsafe trap?.pointee = unsafe HostFunction.end(.trap("no way to wait"), state: state)
                return true
            }
            unsafe state.pointee.isWaiting = true
            // A variable of the caller's frame, which stays on the fiber.
            unsafe state.pointee.stackPointer = UInt(bitPattern: trap)
            unsafe suspend?.pointee = unsafe UnsafePointer(function)
            return false
        case .trap, .exit, .end:
            unsafe trap?.pointee = unsafe HostFunction.end(outcome, state: state)
            return true
        }
    }
}

/// The one asynchronous function: a fiber that calls it is put aside until its next poll.
enum SuspendFunction {
    static let module = "\u{0}bulkhead"
    static let name = "suspend"

    // SAFETY: the continuation is asked while the fiber, and with it the store and its state, exists.
    static let callback: wasmtime_func_async_callback_t = { _, caller, _, _, _, _, _, continuation in
        guard let caller = unsafe caller else { return }
        unsafe continuation?.pointee = unsafe wasmtime_async_continuation_t(
            callback: { state in
                guard let state = unsafe state?.assumingMemoryBound(to: StoreState.self) else { return true }
                // The library asks once right away, within the poll that has just set this.
                return unsafe !state.pointee.isWaiting
            }, env: UnsafeMutableRawPointer(StoreState.of(caller)), finalizer: nil)
    }
}
