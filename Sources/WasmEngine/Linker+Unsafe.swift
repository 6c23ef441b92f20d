// The linker: host functions by name and type, and modules linked against them.

package import CapabilityModel
internal import CWasmtime
internal import Synchronization

/// Collects definitions on one thread; `link` makes what stores are instantiated from.
@safe package final class Linker {
    private let engine: Engine
    private let raw: OpaquePointer
    private var types: [ImportName: FunctionType] = [:]
    /// What modules that are linked from now on do in direct calls.
    package var hooks = DirectHooks()

    package init(engine: Engine) {
        self.engine = engine
        // SAFETY: never nil; this object owns it.
        unsafe raw = unsafe wasmtime_linker_new(engine.raw)
    }

    deinit {
        // SAFETY: linked modules hold what they need by themselves.
        unsafe wasmtime_linker_delete(raw)
    }

    /// Defines a function that answers at once (a few nanoseconds a call). `.wait` from it traps the guest.
    package func define(_ name: ImportName, _ type: FunctionType, body: @escaping HostBody) throws(EngineError) {
        try define(name, type, waits: false, body)
    }

    /// Defines a function that may answer `.wait`: on a fiber, that is put aside, and each poll calls the body again with the
    /// same arguments; in a direct call, `onDirectWait` is asked between attempts. As fast as any when it answers at once.
    package func defineWaiting(_ name: ImportName, _ type: FunctionType, body: @escaping HostBody) throws(EngineError) {
        try define(name, type, waits: true, body)
    }

    private func define(
        _ name: ImportName, _ type: FunctionType, waits: Bool, _ body: @escaping HostBody
    ) throws(EngineError) {
        let function = try admit(name, type, body)
        let module = Array(name.module.utf8)
        let field = Array(name.name.utf8)
        let signature = unsafe Self.signature(type)
        // SAFETY: names and signature live through the call; the library releases `function` through the finalizer, also
        // when the definition fails.
        defer { unsafe wasm_functype_delete(signature) }
        let error = unsafe Self.withCharacters(module, field) { module, moduleLength, field, fieldLength in
            let context = unsafe Unmanaged.passRetained(function).toOpaque()
            return unsafe wasmtime_linker_define_func_unchecked(
                raw, module, moduleLength, field, fieldLength, signature,
                waits ? bulkhead_call_waiting : HostFunction.callNow, context, HostFunction.release)
        }
        if let error = unsafe error { throw .definition(unsafe LibraryText.takeMessage(error)) }
        types[name] = type
    }

    /// Whether `name` is defined; a module may import a function twice.
    package func defines(_ name: ImportName) -> Bool { types[name] != nil }

    /// What the module imports and this linker lacks, or has with another type, in the module's order.
    package func unresolvedImports(of module: Module) -> [UnresolvedImport] {
        module.imports.compactMap { entry in
            let found = types[entry.name]
            if case .function(let wanted) = entry.type, wanted == found { return nil }
            return UnresolvedImport(
                name: entry.name, type: entry.type.description, found: found?.description)
        }
    }

    /// Throws `EngineError.unresolvedImports` before anything runs.
    package func link(_ module: Module) throws(EngineError) -> LinkedModule {
        precondition(module.engine === engine, "a module is linked in the engine that loaded it")
        let unresolved = unresolvedImports(of: module)
        guard unresolved.isEmpty else { throw .unresolvedImports(unresolved) }
        var instance: OpaquePointer?
        // SAFETY: linker and module are live; the result is owned by what is returned.
        if let error = unsafe wasmtime_linker_instantiate_pre(raw, module.raw, &instance) {
            throw .definition(unsafe LibraryText.takeMessage(error))
        }
        guard let instance = unsafe instance else { throw .definition("not linked") }
        return unsafe LinkedModule(module: module, hooks: hooks, adopting: instance)
    }

    private func admit(
        _ name: ImportName, _ type: FunctionType, _ body: @escaping HostBody
    ) throws(EngineError) -> HostFunction {
        guard type.isScalar else { throw .definition("\(name) has a type that is no number: \(type)") }
        guard types[name] == nil else { throw .definition("\(name) is defined already") }
        return HostFunction(name: name, type: type, body: body)
    }

    private static func signature(_ type: FunctionType) -> OpaquePointer? {
        // SAFETY: the function type takes both vectors, which take their elements.
        var parameters = unsafe vector(type.parameters)
        var results = unsafe vector(type.results)
        return unsafe wasm_functype_new(&parameters, &results)
    }

    private static func vector(_ types: [ValueType]) -> wasm_valtype_vec_t {
        // SAFETY: scalar kinds are numbered as ValueType is; the array lives through the call, which copies it.
        let elements = unsafe types.map { unsafe wasm_valtype_new($0.rawValue) }
        var vector = unsafe wasm_valtype_vec_t(size: 0, data: nil)
        unsafe elements.withUnsafeBufferPointer { unsafe wasm_valtype_vec_new(&vector, $0.count, $0.baseAddress) }
        return unsafe vector
    }

    static func withCharacters<Result>(
        _ first: [UInt8], _ second: [UInt8],
        _ body: (UnsafePointer<CChar>?, Int, UnsafePointer<CChar>?, Int) -> Result
    ) -> Result {
        // SAFETY: bytes seen as characters for the time of the call.
        unsafe first.withUnsafeBytes { first in
            unsafe second.withUnsafeBytes { second in
                unsafe body(
                    first.baseAddress?.assumingMemoryBound(to: CChar.self), first.count,
                    second.baseAddress?.assumingMemoryBound(to: CChar.self), second.count)
            }
        }
    }
}

/// What happens in a direct call where a fiber would be put aside. Both get the store's context, on the thread of the call,
/// and answer whether the guest may go on; else its call ends as `.ended`.
package struct DirectHooks: Sendable {
    /// A host function answered `.wait`: returns when it is worth to try again. By default nothing waits directly.
    package var onDirectWait: @Sendable (_ context: AnyObject) -> Bool
    /// A slice is over.
    package var onDirectSlice: @Sendable (_ context: AnyObject) -> Bool

    package init(
        onDirectWait: @escaping @Sendable (_ context: AnyObject) -> Bool = { _ in false },
        onDirectSlice: @escaping @Sendable (_ context: AnyObject) -> Bool = { _ in true }
    ) {
        self.onDirectWait = onDirectWait
        self.onDirectSlice = onDirectSlice
    }
}

/// A module whose imports are resolved; any number of stores are instantiated from it, on any thread.
@safe package final class LinkedModule: @unchecked Sendable {
    package let module: Module
    let hooks: DirectHooks
    let raw: OpaquePointer

    /// Of the first instance that a pool made; the outer nil is before, the inner one says that there is none.
    private let firstImage = Mutex<InstanceImage??>(nil)
    /// What the rewriter's function is exported as.
    private let yieldName: [UInt8]?

    fileprivate init(module: Module, hooks: DirectHooks, adopting raw: OpaquePointer) {
        self.module = module
        yieldName = module.facts.map { Array($0.yieldName.utf8) }
        self.hooks = hooks
        unsafe self.raw = unsafe raw
    }

    deinit {
        // SAFETY: stores hold a reference while they use it.
        unsafe wasmtime_instance_pre_delete(raw)
    }

    /// What its instances are when they are new; nil when they cannot be put back, or none was made yet.
    var image: InstanceImage? { firstImage.withLock { $0 ?? nil } }

    /// `state` has just been instantiated.
    func takeImage(_ state: UnsafeMutablePointer<StoreState>) {
        firstImage.withLock { image in
            if image == nil { image = .some(unsafe InstanceImage(of: self, state)) }
        }
    }

    /// The rewriter's function in the instance of `state`; nil in a module that was not rewritten.
    func yieldFunction(of state: UnsafeMutablePointer<StoreState>) -> wasmtime_func_t? {
        guard let yieldName else { return nil }
        return unsafe export(yieldName, of: state, kind: ExternKind.function)?.func
    }

    /// An export by name; its handle is valid as long as the store.
    func export(
        _ name: [UInt8], of state: UnsafeMutablePointer<StoreState>, kind: UInt8
    ) -> wasmtime_extern_union_t? {
        // SAFETY: the instance exists; the name lives through the call.
        var found = unsafe wasmtime_extern_t()
        let isThere = unsafe name.withUnsafeBytes { bytes in
            unsafe wasmtime_instance_export_get(
                state.pointee.context, state.address(of: \.instance),
                bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count, &found)
        }
        return unsafe isThere && found.kind == kind ? found.of : nil
    }
}
