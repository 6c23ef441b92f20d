// A TOML text as a tree in which every key and value knows where it stands.

/// 1-based line and column; columns count UTF-8 bytes.
package struct TextPosition: Hashable, Sendable, Comparable {
    package var line: Int
    package var column: Int

    package static func < (left: TextPosition, right: TextPosition) -> Bool {
        (left.line, left.column) < (right.line, right.column)
    }
}

/// A value and where it begins.
package struct TOMLNode {
    package enum Value {
        case string(String)
        case integer(Int64)
        case float(Double)
        case boolean(Bool)
        /// A date or time; no key takes one.
        case date(String)
        case array([TOMLNode])
        case table(TOMLTable)
    }

    package var value: Value
    package var position: TextPosition

    /// The kind in words: `a string`.
    package var kind: String {
        switch value {
        case .string: "a string"
        case .integer: "an integer"
        case .float: "a float"
        case .boolean: "a boolean"
        case .date: "a date"
        case .array: "an array"
        case .table: "a table"
        }
    }
}

/// A table while it is read: headers and dotted keys may add to it.
package final class TOMLTable {
    /// How the table came to be, which decides what may add to it (TOML 1.0, "Table" and "Inline Table").
    enum Origin {
        /// The way to a deeper header: `a` in `[a.b]`.
        case implicit
        case header
        case dotted
        case inline
    }

    package struct Entry {
        package var name: String
        package var position: TextPosition
        package var node: TOMLNode
    }

    var origin: Origin
    /// As it would be written: `limits`, `fs[0]`; empty for the root.
    let path: String
    /// Where the header, the brace or the first dotted key stands.
    package internal(set) var position: TextPosition
    /// In the order of the text.
    package private(set) var entries: [Entry] = []
    private var indices: [String: Int] = [:]
    /// Names of entries that are arrays of tables, which more headers may extend.
    var growing: Set<String> = []

    init(origin: Origin, path: String, position: TextPosition) {
        self.origin = origin
        self.path = path
        self.position = position
    }

    func path(of name: String) -> String {
        path.isEmpty ? TableReader.quoted(name) : "\(path).\(TableReader.quoted(name))"
    }

    package subscript(name: String) -> Entry? { indices[name].map { entries[$0] } }

    func add(_ name: String, at position: TextPosition, _ node: TOMLNode) {
        indices[name] = entries.count
        entries.append(Entry(name: name, position: position, node: node))
    }

    /// Appends a table to the array of tables `name`, which must exist.
    func grow(_ name: String, by table: TOMLTable) {
        guard let index = indices[name], case .array(var elements) = entries[index].node.value else { return }
        // Held here alone, the array grows in place.
        entries[index].node.value = .boolean(false)
        elements.append(TOMLNode(value: .table(table), position: table.position))
        entries[index].node.value = .array(elements)
    }
}
