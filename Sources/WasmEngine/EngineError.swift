// What can go wrong before a guest runs. What goes wrong while it runs is a `CallProgress`.

package import CapabilityModel

package enum EngineError: Error, Hashable, Sendable {
    /// The engine could not be made: an address space that is too small, an unsupported processor.
    case configuration(String)
    /// Not a module, or one that uses what the profile refuses. The engine's own words, with the byte offset, or line and
    /// column for text.
    case invalidModule(String)
    /// Native code that this engine does not accept: another version, profile, processor, or not native code at all.
    case unloadable(String)
    /// A host function was defined twice or with a bad name or signature.
    case definition(String)
    /// What the linker lacks, or has with another type, in the module's order.
    case unresolvedImports([UnresolvedImport])
    case noSuchExport(String)
    /// The export exists but is no function; the second is its type.
    case notAFunction(String, type: String)
    /// The function takes or returns something other than i32, i64, f32 and f64; the second is its type.
    case unsupportedSignature(String, type: String)
    /// The arguments' number or types do not fit; the second is the function's type.
    case argumentMismatch(String, type: String)
    /// A call is under way, or the instance does not exist yet.
    case notReady
}

extension EngineError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .configuration(let text), .invalidModule(let text), .unloadable(let text), .definition(let text): text
        case .unresolvedImports(let imports):
            "nothing provides " + imports.map { "\($0.name): \($0.type)" }.joined(separator: ", ")
        case .noSuchExport(let name): "the module exports no function `\(name)`"
        case .notAFunction(let name, let type): "`\(name)` is no function but \(type)"
        case .unsupportedSignature(let name, let type):
            "`\(name)` is \(type); only i32, i64, f32 and f64 can be passed and returned"
        case .argumentMismatch(let name, let type): "the arguments do not fit `\(name)`, which is \(type)"
        case .notReady: "a call is under way already"
        }
    }
}

package struct UnresolvedImport: Hashable, Sendable {
    package var name: ImportName
    /// What the module wants.
    package var type: String
    /// What the linker has under that name; nil when it has nothing.
    package var found: String?

    package init(name: ImportName, type: String, found: String?) {
        self.name = name
        self.type = type
        self.found = found
    }
}
