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
