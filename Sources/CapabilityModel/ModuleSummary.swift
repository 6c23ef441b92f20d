// What the compiler process reports of a module, so that the supervisor never parses Wasm itself.

package struct ModuleSummary: Hashable, Sendable {
    package struct Import: Hashable, Sendable {
        package var name: ImportName
        /// `func (i32, i32) -> i32`, `memory`, `table`, `global`, `tag`
        package var type: String

        package init(name: ImportName, type: String) {
            self.name = name
            self.type = type
        }
    }

    package struct Export: Hashable, Sendable {
        package var name: String
        package var type: String

        package init(name: String, type: String) {
            self.name = name
            self.type = type
        }
    }

    package var imports: [Import]
    package var exports: [Export]
    /// Declared minimum and maximum of all memories together, in bytes; nil where one has no maximum.
    package var memoryMinimum: UInt64
    package var memoryMaximum: UInt64?
    /// The profile the module was compiled for.
    package var profile: ExecutionProfile
    /// Why no instance is ever put back to its beginnings or parked, in words; nil when one can be.
    package var unrestorable: String?

    package init(
        imports: [Import], exports: [Export], memoryMinimum: UInt64, memoryMaximum: UInt64?, profile: ExecutionProfile,
        unrestorable: String? = nil
    ) {
        self.imports = imports
        self.exports = exports
        self.memoryMinimum = memoryMinimum
        self.memoryMaximum = memoryMaximum
        self.profile = profile
        self.unrestorable = unrestorable
    }
}
