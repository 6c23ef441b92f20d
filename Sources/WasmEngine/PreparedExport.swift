// An exported function that is called often: checked once, and looked up once in each store.

internal import Synchronization

/// A class, so that a call hands on one reference and not the parts of its name and type.
package final class PreparedExport: Sendable {
    package let name: String
    package let type: FunctionType
    /// Never 0, and never twice in this OS process.
    let identity: UInt64
    /// Takes and returns at most one i32, as a direct call can.
    let isDirect: Bool
    let hasParameter: Bool
    let hasResult: Bool

    /// Throws `noSuchExport`, `notAFunction` or `unsupportedSignature`.
    package init(_ name: String, of module: Module) throws(EngineError) {
        guard let type = module.exports[name] else { throw .noSuchExport(name) }
        guard case .function(let signature) = type else { throw .notAFunction(name, type: type.description) }
        guard signature.isScalar else { throw .unsupportedSignature(name, type: type.description) }
        self.name = name
        self.type = signature
        isDirect =
            (signature.parameters.isEmpty || signature.parameters == [.i32])
            && (signature.results.isEmpty || signature.results == [.i32])
        hasParameter = !signature.parameters.isEmpty
        hasResult = !signature.results.isEmpty
        identity = Self.last.add(1, ordering: .relaxed).newValue
    }

    private static let last = Atomic<UInt64>(0)
}
