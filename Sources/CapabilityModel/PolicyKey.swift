// The name of one decision of a policy: what a denial points at, and what provenance maps back to a file and line.

/// A key path in the canonical policy, such as `fs`, `fs["/data"].access`, `limits.memory` or `clocks.realtime`.
///
/// A cell knows only these; the supervisor resolves one to files and lines through `CompiledPolicy.provenance`.
package struct PolicyKey: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let path: String

    package init(_ path: String) {
        self.path = path
    }

    package var description: String { path }

    /// The same decision in a named policy that a process was narrowed to (`process.policies`).
    package func `in`(policy name: String) -> PolicyKey {
        PolicyKey("process.policies[\"\(name)\"].\(path)")
    }

    package static func < (left: PolicyKey, right: PolicyKey) -> Bool {
        left.path < right.path
    }
}

/// Where in a policy document something stands, or would have to stand.
package struct PolicyOrigin: Hashable, Sendable {
    /// The file's path as the user wrote it, `builtin:NAME` for a shipped policy, or `command line`.
    package var file: String
    /// 1-based; 0 when the place is not known.
    package var line: Int
    /// 1-based, in UTF-8 bytes; 0 when the place is not known.
    package var column: Int
    /// The key path as written in that document.
    package var keyPath: String
    /// False when the document lacks the key, and the place is where it would stand.
    package var isPresent: Bool

    package init(file: String, line: Int, column: Int, keyPath: String, isPresent: Bool) {
        self.file = file
        self.line = line
        self.column = column
        self.keyPath = keyPath
        self.isPresent = isPresent
    }
}

/// Who enforces a grant's boundary (DESIGN.md, invariant 1).
package enum Enforcer: String, Sendable, CaseIterable {
    case kernel
    case broker
    case wasmOnly = "wasm-only"
}
