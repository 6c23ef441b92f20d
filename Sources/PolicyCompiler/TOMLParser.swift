// Reads TOML 1.0: tables, keys and what may be defined twice. Values are in TOMLParser+Values.swift.

internal import CapabilityModel

/// A parser that keeps positions and goes on after a mistake, so that one run shows all of them.
package struct TOMLParser {
    struct Mistake: Hashable, Error {
        var message: String
        var position: TextPosition
        var advice: String?
        /// The first of two definitions.
        var first: TextPosition?
        /// The path of the key that is defined twice.
        var key: String?
    }

    private(set) var mistakes: [Mistake] = []
    package let root = TOMLTable(origin: .header, path: "", position: TextPosition(line: 1, column: 1))
    /// The line after the last one that holds text.
    package private(set) var endLine = 1

    let bytes: [UInt8]
    var at = 0
    private var line = 1
    private var lineStart = 0

    /// More than any document needs, and few enough for recursion.
    static let maximumDepth = 16
    static let maximumMistakes = 50

    package init(_ text: String) {
        bytes = Array(text.utf8)
        // A byte order mark is no text (TOML 1.0, "Preliminaries").
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { at = 3 }
        parse()
        endLine = bytes.reduce(1) { $1 == UInt8(ascii: "\n") ? $0 + 1 : $0 }
        if let last = bytes.last, last != UInt8(ascii: "\n") { endLine += 1 }
    }

    var position: TextPosition { TextPosition(line: line, column: at - lineStart + 1) }
    var current: UInt8? { at < bytes.count ? bytes[at] : nil }

    func peek(_ offset: Int) -> UInt8? { at + offset < bytes.count ? bytes[at + offset] : nil }

    mutating func advance() {
        if current == UInt8(ascii: "\n") {
            line += 1
            lineStart = at + 1
        }
        at += 1
    }

    mutating func advance(_ count: Int) {
        for _ in 0..<count { advance() }
    }

    mutating func take(_ byte: UInt8) -> Bool {
        guard current == byte else { return false }
        advance()
        return true
    }

    func mistake(_ message: String, advice: String? = nil) -> Mistake {
        Mistake(message: message, position: position, advice: advice)
    }

    private mutating func parse() {
        var table = root
        while at < bytes.count, mistakes.count < TOMLParser.maximumMistakes {
            do throws(Mistake) {
                try skipBlank(newlines: true)
                guard let byte = current else { return }
                if byte == UInt8(ascii: "[") {
                    table = try parseHeader()
                } else {
                    try parsePair(into: table, depth: 0)
                }
                try endOfLine()
            } catch {
                mistakes.append(error)
                while let byte = current, byte != UInt8(ascii: "\n") {
                    _ = byte
                    advance()
                }
            }
        }
    }

    /// Spaces, comments and, where asked, line ends.
    mutating func skipBlank(newlines: Bool) throws(Mistake) {
        while let byte = current {
            switch byte {
            case UInt8(ascii: " "), UInt8(ascii: "\t"): advance()
            case UInt8(ascii: "\r") where newlines && peek(1) == UInt8(ascii: "\n"): advance()
            case UInt8(ascii: "\n") where newlines: advance()
            case UInt8(ascii: "#"): try skipComment()
            default: return
            }
        }
    }

    private mutating func skipComment() throws(Mistake) {
        while let byte = current, byte != UInt8(ascii: "\n") {
            if byte < 0x20 && byte != UInt8(ascii: "\t") && !(byte == 0x0D && peek(1) == 0x0A) || byte == 0x7F {
                throw mistake("a control character in a comment")
            }
            advance()
        }
    }

    private mutating func endOfLine() throws(Mistake) {
        try skipBlank(newlines: false)
        if current == nil || take(UInt8(ascii: "\n")) { return }
        if current == UInt8(ascii: "\r"), peek(1) == UInt8(ascii: "\n") { return advance(2) }
        throw mistake("expected the end of the line", advice: "write one key and value a line")
    }

    // MARK: Headers

    /// `[a.b]` or `[[a.b]]`; the table that the following pairs go into.
    private mutating func parseHeader() throws(Mistake) -> TOMLTable {
        let start = position
        advance()
        let isArray = take(UInt8(ascii: "["))
        let keys = try parseKeys()
        guard take(UInt8(ascii: "]")), !isArray || take(UInt8(ascii: "]")) else {
            throw mistake("expected `\(isArray ? "]]" : "]")`", advice: "close the table's name")
        }
        var table = root
        for key in keys.dropLast() { table = try descend(from: table, to: key) }
        guard let last = keys.last else { throw mistake("a table needs a name") }
        return isArray ? try appendElement(last, to: table, at: start) : try define(last, in: table, at: start)
    }

    private func descend(from table: TOMLTable, to key: FoundKey) throws(Mistake) -> TOMLTable {
        guard let entry = table[key.name] else {
            let next = TOMLTable(origin: .implicit, path: table.path(of: key.name), position: key.position)
            table.add(key.name, at: key.position, TOMLNode(value: .table(next), position: key.position))
            return next
        }
        switch entry.node.value {
        case .table(let next) where next.origin != .inline: return next
        case .array(let elements) where table.growing.contains(key.name):
            if case .table(let next)? = elements.last?.value { return next }
        default: break
        }
        throw duplicate(key, in: table, entry, "it is \(entry.node.kind) already and cannot be extended")
    }

    private func define(_ key: FoundKey, in table: TOMLTable, at start: TextPosition) throws(Mistake) -> TOMLTable {
        guard let entry = table[key.name] else {
            let next = TOMLTable(origin: .header, path: table.path(of: key.name), position: start)
            table.add(key.name, at: key.position, TOMLNode(value: .table(next), position: start))
            return next
        }
        if case .table(let next) = entry.node.value, next.origin == .implicit {
            next.origin = .header
            next.position = start
            return next
        }
        throw duplicate(key, in: table, entry, "this table is defined twice")
    }

    private func appendElement(
        _ key: FoundKey, to table: TOMLTable, at start: TextPosition
    ) throws(Mistake) -> TOMLTable {
        var index = 0
        if case .array(let elements)? = table[key.name]?.node.value { index = elements.count }
        let element = TOMLTable(origin: .header, path: "\(table.path(of: key.name))[\(index)]", position: start)
        if let entry = table[key.name] {
            guard table.growing.contains(key.name) else {
                throw duplicate(key, in: table, entry, "it is \(entry.node.kind) already and cannot be extended")
            }
        } else {
            table.add(key.name, at: key.position, TOMLNode(value: .array([]), position: start))
            table.growing.insert(key.name)
        }
        table.grow(key.name, by: element)
        return element
    }

    private func duplicate(
        _ key: FoundKey, in table: TOMLTable, _ entry: TOMLTable.Entry, _ message: String
    ) -> Mistake {
        Mistake(message: message, position: key.position, first: entry.position, key: table.path(of: key.name))
    }

    // MARK: Pairs

    /// `a.b = value`
    mutating func parsePair(into base: TOMLTable, depth: Int) throws(Mistake) {
        let keys = try parseKeys()
        guard take(UInt8(ascii: "=")) else {
            throw mistake("expected `=` after a key", advice: "write `key = value`")
        }
        skipSpaces()
        let node = try parseValue(
            path: keys.reduce(base.path) {
                $0.isEmpty ? TableReader.quoted($1.name) : "\($0).\(TableReader.quoted($1.name))"
            },
            depth: depth)
        var table = base
        for key in keys.dropLast() {
            if let entry = table[key.name] {
                guard case .table(let next) = entry.node.value, next.origin == .dotted else {
                    throw duplicate(key, in: table, entry, "it is \(entry.node.kind) already and cannot be extended")
                }
                table = next
            } else {
                let next = TOMLTable(origin: .dotted, path: table.path(of: key.name), position: key.position)
                table.add(key.name, at: key.position, TOMLNode(value: .table(next), position: key.position))
                table = next
            }
        }
        guard let last = keys.last else { return }
        if let entry = table[last.name] {
            // The text goes on behind the value, so the mistake does not stop the line.
            return mistakes.append(duplicate(last, in: table, entry, "this key stands twice"))
        }
        table.add(last.name, at: last.position, node)
    }

    struct FoundKey {
        var name: String
        var position: TextPosition
    }

    /// A dotted key and the spaces behind it.
    private mutating func parseKeys() throws(Mistake) -> [FoundKey] {
        var keys: [FoundKey] = []
        repeat {
            skipSpaces()
            let start = position
            if current == UInt8(ascii: "\"") || current == UInt8(ascii: "'") {
                if peek(1) == current && peek(2) == current {
                    throw mistake("a key cannot be a multi-line string")
                }
                keys.append(FoundKey(name: try parseString(), position: start))
            } else {
                let begin = at
                while let byte = current, TOMLParser.isBare(byte) { advance() }
                guard at > begin else { throw mistake("expected a key", advice: "write `key = value`") }
                keys.append(FoundKey(name: String(decoding: bytes[begin..<at], as: UTF8.self), position: start))
            }
            if keys.count > TOMLParser.maximumDepth {
                throw mistake("more than \(TOMLParser.maximumDepth) levels of keys")
            }
            skipSpaces()
        } while take(UInt8(ascii: "."))
        return keys
    }

    mutating func skipSpaces() {
        while current == UInt8(ascii: " ") || current == UInt8(ascii: "\t") { advance() }
    }

    private static func isBare(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}

extension TOMLParser {
    /// After a duplicate the rest can be read; after anything else it would only confuse.
    package var isReadable: Bool { mistakes.allSatisfy { $0.first != nil } }

    /// What is wrong with the text as such, where it is called `file`.
    package func errors(file: String) -> [PolicyError] {
        func origin(_ position: TextPosition, _ keyPath: String = "") -> PolicyOrigin {
            PolicyOrigin(file: file, line: position.line, column: position.column, keyPath: keyPath, isPresent: true)
        }
        return mistakes.map { mistake in
            PolicyError(
                at: origin(mistake.position, mistake.key ?? ""), mistake.message,
                advice: mistake.first == nil ? mistake.advice : "remove or rename one of them",
                related: mistake.first.map {
                    [PolicyError.Related(origin: origin($0), note: "the first stands here")]
                } ?? [])
        }
    }
}
