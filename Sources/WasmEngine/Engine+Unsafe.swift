// The engine: one configuration, its slabs, and the epoch.

internal import CapabilityModel
internal import CWasmtime

/// Safe to share: libwasmtime's engine is, and the slabs lock.
@safe package final class Engine: @unchecked Sendable {
    package let configuration: EngineConfiguration
    let raw: OpaquePointer
    /// Defines `SuspendFunction` and nothing else; never changed, so that all threads may look into it.
    private let suspendLinker: OpaquePointer
    private let memories = MemorySlab()
    private let stacks: StackSlab

    /// Throws `EngineError.configuration` when the library refuses the configuration.
    package init(_ configuration: EngineConfiguration) throws(EngineError) {
        self.configuration = configuration
        // SAFETY: the engine takes the configuration, whether or not it can be made.
        guard let settings = unsafe wasm_config_new() else { throw .configuration("no configuration") }
        unsafe Self.apply(configuration, to: settings)
        unsafe memories.install(in: settings)
        stacks = StackSlab(stackBytes: configuration.fiberStackBytes)
        unsafe stacks.install(in: settings)
        guard let raw = unsafe wasm_engine_new_with_config(settings) else { throw .configuration("no engine") }
        unsafe self.raw = unsafe raw
        guard let linker = unsafe Self.makeSuspendLinker(raw) else {
            unsafe wasm_engine_delete(raw)
            throw .configuration("no function to wait with")
        }
        unsafe suspendLinker = unsafe linker
    }

    private static func makeSuspendLinker(_ engine: OpaquePointer) -> OpaquePointer? {
        // SAFETY: the linker is ours until it is returned; the type takes both vectors and is freed here.
        guard let linker = unsafe wasmtime_linker_new(engine) else { return nil }
        var parameters = unsafe wasm_valtype_vec_t(size: 0, data: nil)
        var results = unsafe wasm_valtype_vec_t(size: 0, data: nil)
        let type = unsafe wasm_functype_new(&parameters, &results)
        defer { unsafe wasm_functype_delete(type) }
        let error = unsafe Linker.withCharacters(Array(SuspendFunction.module.utf8), Array(SuspendFunction.name.utf8)) {
            unsafe wasmtime_linker_define_async_func(linker, $0, $1, $2, $3, type, SuspendFunction.callback, nil, nil)
        }
        guard let error = unsafe error else { return unsafe linker }
        unsafe wasmtime_error_delete(error)
        unsafe wasmtime_linker_delete(linker)
        return nil
    }

    /// `SuspendFunction` for the store of `context`.
    func suspendFunction(in context: OpaquePointer) -> wasmtime_func_t? {
        // SAFETY: the linker is never changed; the function belongs to the store and needs no release.
        var found = unsafe wasmtime_extern_t()
        let isThere = unsafe Linker.withCharacters(
            Array(SuspendFunction.module.utf8), Array(SuspendFunction.name.utf8)
        ) { unsafe wasmtime_linker_get(suspendLinker, context, $0, $1, $2, $3, &found) }
        return unsafe isThere && found.kind == ExternKind.function ? found.of.func : nil
    }

    deinit {
        // SAFETY: modules, linkers and stores hold the engine alive, so that this is the last reference.
        unsafe wasmtime_linker_delete(suspendLinker)
        unsafe wasm_engine_delete(raw)
    }

    /// Ends slices: what runs in this engine yields once its deadline has passed. From any thread, also while guests run.
    package func incrementEpoch() {
        // SAFETY: an atomic increment within the engine.
        unsafe wasmtime_engine_increment_epoch(raw)
    }

    /// Gives the kernel back what memories and stacks that nobody has still take in page tables: worth it once many instances
    /// have gone. Some milliseconds for a hundred thousand, in which no instance can be made.
    /// - Returns: bytes of address space that take nothing any more.
    @discardableResult
    package func giveBack() -> Int { memories.renewFree() + stacks.renewFree() }

    private static func apply(_ configuration: EngineConfiguration, to settings: OpaquePointer) {
        let isHeavy = configuration.profile == .heavy
        // SAFETY: setters of a live configuration; sizes are ones that the library accepts (EngineConfiguration clamps).
        unsafe wasmtime_config_epoch_interruption_set(settings, !isHeavy)
        unsafe wasmtime_config_consume_fuel_set(settings, false)
        unsafe wasmtime_config_async_stack_size_set(settings, configuration.fiberStackBytes)
        unsafe wasmtime_config_max_wasm_stack_set(settings, configuration.stackBytes)

        unsafe wasmtime_config_wasm_threads_set(settings, false)
        unsafe wasmtime_config_shared_memory_set(settings, false)
        unsafe wasmtime_config_wasm_stack_switching_set(settings, false)
        unsafe wasmtime_config_wasm_gc_set(settings, isHeavy)
        // Exceptions are objects, so they need collection even where guests have no types for it.
        unsafe wasmtime_config_gc_support_set(settings, true)
        unsafe wasmtime_config_wasm_exceptions_set(settings, true)
        unsafe wasmtime_config_wasm_tail_call_set(settings, true)
        unsafe wasmtime_config_wasm_reference_types_set(settings, true)
        unsafe wasmtime_config_wasm_function_references_set(settings, true)
        unsafe wasmtime_config_wasm_simd_set(settings, true)
        unsafe wasmtime_config_wasm_relaxed_simd_set(settings, true)
        unsafe wasmtime_config_wasm_bulk_memory_set(settings, true)
        unsafe wasmtime_config_wasm_multi_value_set(settings, true)
        unsafe wasmtime_config_wasm_multi_memory_set(settings, true)
        unsafe wasmtime_config_wasm_memory64_set(settings, true)

        unsafe wasmtime_config_parallel_compilation_set(settings, configuration.parallelCompilation)
        unsafe wasmtime_config_concurrency_support_set(settings, false)
        // A host memory cannot be a copy-on-write image; the library aborts otherwise.
        unsafe wasmtime_config_memory_init_cow_set(settings, false)
        unsafe wasmtime_config_memory_may_move_set(settings, !isHeavy)
        unsafe wasmtime_config_memory_reservation_for_growth_set(settings, 0)
        unsafe wasmtime_config_memory_reservation_set(
            settings, isHeavy ? UInt64(EngineConfiguration.heavyReservationBytes) : 0)
        unsafe wasmtime_config_memory_guard_size_set(
            settings,
            UInt64(isHeavy ? EngineConfiguration.heavyGuardBytes : EngineConfiguration.denseGuardBytes))
    }
}
