// A module: native code, and the types of what it imports and exports.

package import CapabilityModel
internal import CWasmtime

/// Safe to share: libwasmtime's module is, and all else is immutable.
@safe package final class Module: @unchecked Sendable {
    let engine: Engine
    let raw: OpaquePointer
    /// In the module's order.
    package let imports: [(name: ImportName, type: ExternType)]
    /// Without those that the rewriter added.
    package let exports: [String: ExternType]
    private let exportOrder: [String]
    /// What the rewriter found out; nil for a module that it did not understand.
    let facts: ModuleFacts?

    /// Compiles a binary, with what the rewriter adds to it. Throws `EngineError.invalidModule` with the library's words, which
    /// give the byte offset.
    package convenience init(compiling wasm: [UInt8], engine: Engine) throws(EngineError) {
        // First as it is: what is added could make an index valid that was not, and messages are about the original.
        if let complaint = Self.complaint(about: wasm, engine) { throw .invalidModule(complaint) }
        let rewritten = try ModuleRewriter.rewrite(wasm)
        unsafe self.init(adopting: try Self.compile(rewritten?.binary ?? wasm, engine), engine: engine)
        // What was not understood cannot have been added.
        if rewritten == nil, facts != nil { throw .invalidModule("the module exports a name that is reserved") }
    }

    /// What is wrong with a binary, without compiling it; nil for a valid one.
    static func complaint(about wasm: [UInt8], _ engine: Engine) -> String? {
        // SAFETY: as for `compile`.
        let error = unsafe wasm.withUnsafeBufferPointer {
            unsafe wasmtime_module_validate(engine.raw, $0.baseAddress, $0.count)
        }
        return unsafe error.map { unsafe LibraryText.takeMessage($0) }
    }

    private static func compile(_ wasm: [UInt8], _ engine: Engine) throws(EngineError) -> OpaquePointer {
        var raw: OpaquePointer?
        // SAFETY: the bytes live through the call.
        let error = unsafe wasm.withUnsafeBufferPointer {
            unsafe wasmtime_module_new(engine.raw, $0.baseAddress, $0.count, &raw)
        }
        if let error = unsafe error { throw .invalidModule(unsafe LibraryText.takeMessage(error)) }
        guard let raw = unsafe raw else { throw .invalidModule("no module") }
        return unsafe raw
    }

    /// Maps native code from a file, which must not be written to while the module lives. The content is trusted: it runs.
    /// Throws `EngineError.unloadable` when another engine made it.
    package convenience init(deserializingFile path: String, engine: Engine) throws(EngineError) {
        var raw: OpaquePointer?
        // SAFETY: a C string that lives through the call.
        let error = unsafe path.withCString { unsafe wasmtime_module_deserialize_file(engine.raw, $0, &raw) }
        if let error = unsafe error { throw .unloadable(unsafe LibraryText.takeMessage(error)) }
        guard let raw = unsafe raw else { throw .unloadable("no module") }
        unsafe self.init(adopting: raw, engine: engine)
    }

    private init(adopting raw: OpaquePointer, engine: Engine) {
        self.engine = engine
        unsafe self.raw = unsafe raw
        imports = unsafe ExternType.imports(of: raw)
        let all = unsafe ExternType.exports(of: raw)
        facts = all.lazy.compactMap { ModuleFacts(yieldName: $0.name) }.first
        let exports = all.filter { !$0.name.hasPrefix(ModuleFacts.prefix) }
        exportOrder = exports.map(\.name)
        self.exports = Dictionary(exports.map { ($0.name, $0.type) }, uniquingKeysWith: { first, _ in first })
    }

    deinit {
        // SAFETY: stores that run it hold references of their own.
        unsafe wasmtime_module_delete(raw)
    }

    /// What its tables may come to hold when each may have `limit` elements, in bytes; a module that was not understood counts
    /// with all that a store may have.
    func tableBytes(limit: UInt64) -> UInt64 {
        let elementBytes: UInt64 = 8
        let elements =
            facts?.chargedElements(limit: limit)
            ?? limit.multipliedReportingOverflow(by: UInt64(StoreLimits.maximumTables)).partialValue
        let (bytes, overflow) = elements.multipliedReportingOverflow(by: elementBytes)
        return overflow ? .max : bytes
    }

    /// Why an instance of this module is never put back to its beginnings or parked; nil when it can be.
    package var obstacle: StateObstacle? {
        guard let facts else { return .unknownCode }
        return facts.obstacle
    }

    /// Native code, to be given to `init(deserializingFile:)` of an engine with the same profile.
    package func serialized() throws(EngineError) -> [UInt8] {
        // SAFETY: the vector is copied, then freed.
        var vector = unsafe wasm_byte_vec_t(size: 0, data: nil)
        if let error = unsafe wasmtime_module_serialize(raw, &vector) {
            throw .invalidModule(unsafe LibraryText.takeMessage(error))
        }
        defer { unsafe wasm_byte_vec_delete(&vector) }
        return unsafe Array(UnsafeBufferPointer(start: vector.data, count: vector.size))
    }

    /// What the supervisor learns of the module; `memory` is what `DeclaredMemory` read from the binary.
    package func summary(memory: DeclaredMemory) -> ModuleSummary {
        ModuleSummary(
            imports: imports.map { ModuleSummary.Import(name: $0.name, type: $0.type.description) },
            exports: exportOrder.map { ModuleSummary.Export(name: $0, type: exports[$0]?.description ?? "") },
            memoryMinimum: memory.minimum, memoryMaximum: memory.maximum, profile: engine.configuration.profile,
            unrestorable: obstacle?.rawValue)
    }

    /// Text format to binary. Throws `EngineError.invalidModule` with line and column.
    package static func binary(fromText text: [UInt8]) throws(EngineError) -> [UInt8] {
        // SAFETY: the text lives through the call; the vector is copied, then freed.
        var vector = unsafe wasm_byte_vec_t(size: 0, data: nil)
        let error = unsafe text.withUnsafeBytes {
            unsafe wasmtime_wat2wasm($0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count, &vector)
        }
        if let error = unsafe error { throw .invalidModule(unsafe LibraryText.takeMessage(error)) }
        defer { unsafe wasm_byte_vec_delete(&vector) }
        return unsafe Array(UnsafeBufferPointer(start: vector.data, count: vector.size))
    }
}

/// The type of an import or export.
package enum ExternType: Hashable, Sendable, CustomStringConvertible {
    case function(FunctionType)
    case global, table, memory, tag

    package var description: String {
        switch self {
        case .function(let type): type.description
        case .global: "global"
        case .table: "table"
        case .memory: "memory"
        case .tag: "tag"
        }
    }

    fileprivate static func imports(of module: OpaquePointer) -> [(name: ImportName, type: ExternType)] {
        // SAFETY: the vector is ours; names and types point into it and are copied before it is freed.
        var vector = unsafe wasm_importtype_vec_t(size: 0, data: nil)
        unsafe wasmtime_module_imports(module, &vector)
        defer { unsafe wasm_importtype_vec_delete(&vector) }
        return unsafe (0..<vector.size).map { index in
            let entry = unsafe vector.data[index]
            let name = unsafe ImportName(
                LibraryText.string(wasm_importtype_module(entry)), LibraryText.string(wasm_importtype_name(entry)))
            return (name, unsafe ExternType(wasm_importtype_type(entry)))
        }
    }

    fileprivate static func exports(of module: OpaquePointer) -> [(name: String, type: ExternType)] {
        // SAFETY: as above.
        var vector = unsafe wasm_exporttype_vec_t(size: 0, data: nil)
        unsafe wasmtime_module_exports(module, &vector)
        defer { unsafe wasm_exporttype_vec_delete(&vector) }
        return unsafe (0..<vector.size).map { index in
            let entry = unsafe vector.data[index]
            return unsafe (
                LibraryText.string(wasm_exporttype_name(entry)), ExternType(wasm_exporttype_type(entry))
            )
        }
    }

    private init(_ type: OpaquePointer?) {
        // SAFETY: a live type, or nil, which the accessors are not asked about.
        guard let type = unsafe type else {
            self = .global
            return
        }
        switch unsafe wasm_externtype_kind(type) {
        case 0:
            let function = unsafe wasm_externtype_as_functype_const(type)
            self = unsafe .function(
                FunctionType(
                    Self.values(wasm_functype_params(function)), Self.values(wasm_functype_results(function))))
        case 1: self = .global
        case 2: self = .table
        case 3: self = .memory
        default: self = .tag
        }
    }

    private static func values(_ vector: UnsafePointer<wasm_valtype_vec_t>?) -> [ValueType] {
        // SAFETY: `size` live value types at `data`.
        guard let vector = unsafe vector else { return [] }
        return unsafe (0..<vector.pointee.size).map { index in
            var type = unsafe wasmtime_valtype_t()
            unsafe wasmtime_valtype_new(vector.pointee.data[index], &type)
            defer { unsafe wasmtime_valtype_delete(&type) }
            if unsafe type.kind < 5 { return unsafe ValueType(rawValue: type.kind) ?? .ref }
            guard unsafe type.reftype.nullable else { return .ref }
            switch unsafe type.reftype.heaptype.kind {
            case 0: return .externref
            case 2: return .funcref
            default: return .ref
            }
        }
    }
}
