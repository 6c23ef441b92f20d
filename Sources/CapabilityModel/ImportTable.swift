// Which host functions a process is linked to: the Wasm half of a policy.

package struct ImportName: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let module: String
    package let name: String

    package init(_ module: String, _ name: String) {
        self.module = module
        self.name = name
    }

    package var description: String { "\(module).\(name)" }

    package static func < (left: ImportName, right: ImportName) -> Bool {
        (left.module, left.name) < (right.module, right.name)
    }
}

/// Every function that Bulkhead knows, each either linked to the real one or to a denial that points at a key.
package struct ImportTable: Hashable, Sendable {
    package enum Disposition: Hashable, Sendable {
        case granted
        case denied(PolicyKey)
    }

    package var entries: [ImportName: Disposition]

    package init(entries: [ImportName: Disposition]) {
        self.entries = entries
    }

    /// nil when Bulkhead has no such function at all.
    package subscript(name: ImportName) -> Disposition? { entries[name] }
}
