// Turns one TOML value into what its key means, or says what to write.

package import CapabilityModel

package enum ValueReaders {
    package static func text(_ node: TOMLNode) throws(SyntaxFault) -> String {
        guard case .string(let text) = node.value else {
            throw SyntaxFault(message: "\(node.kind) is not a string", advice: "write it in double quotes")
        }
        return text
    }

    package static func boolean(_ node: TOMLNode) throws(SyntaxFault) -> Bool {
        guard case .boolean(let value) = node.value else {
            throw SyntaxFault(message: "\(node.kind) is not a boolean", advice: "write true or false")
        }
        return value
    }

    package static func integer(_ range: ClosedRange<UInt64>, _ node: TOMLNode) throws(SyntaxFault) -> UInt64 {
        guard case .integer(let value) = node.value else {
            throw SyntaxFault(
                message: "\(node.kind) is not an integer",
                advice: "write a number from \(range.lowerBound) to \(range.upperBound), without quotes")
        }
        guard value >= 0, range.contains(UInt64(value)) else {
            throw SyntaxFault(
                message: "\(value) is out of range",
                advice: "write a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return UInt64(value)
    }

    package static func size(_ range: ClosedRange<UInt64>, _ node: TOMLNode) throws(SyntaxFault) -> UInt64 {
        let bytes: UInt64
        switch node.value {
        case .integer(let value) where value >= 0: bytes = UInt64(value)
        case .string(let text):
            guard let value = Units.bytes(text) else {
                throw SyntaxFault(
                    message: "`\(TOMLParser.shown(text))` is not a size",
                    advice: "write a whole number of B, KiB, MiB, GiB or TiB, such as \"64 MiB\"")
            }
            bytes = value
        default:
            throw SyntaxFault(message: "\(node.kind) is not a size", advice: "write a size such as \"64 MiB\"")
        }
        guard range.contains(bytes) else {
            throw SyntaxFault(
                message: "\(Units.sizeText(bytes)) is out of range",
                advice: "write a size from \(Units.sizeText(range.lowerBound)) to \(Units.sizeText(range.upperBound))")
        }
        return bytes
    }

    /// nil is `unlimited`.
    package static func duration(allowsUnlimited: Bool, _ node: TOMLNode) throws(SyntaxFault) -> UInt64? {
        let examples = "write a whole number of ns, us, ms, s, m, h or d, such as \"10s\""
        guard case .string(let text) = node.value else {
            throw SyntaxFault(message: "\(node.kind) is not a duration", advice: examples)
        }
        if allowsUnlimited && text == "unlimited" { return nil }
        guard let value = Units.nanoseconds(text), value > 0 else {
            throw SyntaxFault(
                message: "`\(TOMLParser.shown(text))` is not a duration",
                advice: allowsUnlimited ? "\(examples), or \"unlimited\"" : examples)
        }
        return value
    }

    package static func percent(_ range: ClosedRange<UInt64>, _ node: TOMLNode) throws(SyntaxFault) -> UInt64 {
        let advice = "write \(range.lowerBound)% to \(range.upperBound)%, in double quotes, such as \"20%\""
        guard case .string(let text) = node.value, let value = Units.percent(text) else {
            let shown = if case .string(let text) = node.value { "`\(TOMLParser.shown(text))`" } else { node.kind }
            throw SyntaxFault(message: "\(shown) is not a percentage", advice: advice)
        }
        guard range.contains(value) else {
            throw SyntaxFault(message: "\(value)% is out of range", advice: advice)
        }
        return value
    }

    /// nil is no access.
    package static func clock(_ node: TOMLNode) throws(SyntaxFault) -> UInt64? {
        if case .boolean(let value) = node.value { return value ? 1 : nil }
        guard case .string(let text) = node.value, let step = Units.nanoseconds(text), step > 0,
            step <= 3_600_000_000_000
        else {
            throw SyntaxFault(
                message: "\(node.kind) is not a clock's resolution",
                advice: "write true, false, or the finest step, such as \"1ms\", up to 1h")
        }
        return step
    }

    package static func choice(_ names: [String], _ node: TOMLNode) throws(SyntaxFault) -> String {
        guard case .string(let text) = node.value else {
            throw SyntaxFault(message: "\(node.kind) is not a string", advice: "write one of: \(quotedList(names))")
        }
        guard names.contains(text) else {
            throw SyntaxFault(
                message: "`\(TOMLParser.shown(text))` is not a choice here",
                suggestion: PolicySchema.nearest(to: text, among: names), advice: "write one of: \(quotedList(names))")
        }
        return text
    }

    package static func access(_ node: TOMLNode) throws(SyntaxFault) -> FileRights {
        if case .array(let elements) = node.value {
            var rights: FileRights = []
            for element in elements {
                let name = try choice(PolicySchema.rights, element)
                for (right, known) in zip(FileRights.all, PolicySchema.rights) where name == known {
                    rights.insert(right)
                }
            }
            guard !rights.isEmpty else {
                throw SyntaxFault(message: "no right is named", advice: "write, for example, [\"read\"]")
            }
            return rights
        }
        let name = try choice(PolicySchema.accessNames, node)
        return name == "read-only" ? .readOnly : .readWrite
    }

    package static func guestPath(_ node: TOMLNode) throws(SyntaxFault) -> String {
        let path = try text(node)
        try checkPath(path)
        guard path.utf8.first == UInt8(ascii: "/") else {
            throw SyntaxFault(
                message: "`\(TOMLParser.shown(path))` is not absolute",
                advice: "write a path from the root, such as \"/data\"")
        }
        guard path.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw SyntaxFault(message: "a control character in a guest path", advice: "write printable characters")
        }
        let normal = Paths.normalised(path)
        guard normal == path else {
            throw SyntaxFault(
                message: "`\(TOMLParser.shown(path))` is not in its simplest form",
                advice: "write \"\(TOMLParser.shown(normal))\"")
        }
        return path
    }

    package static func hostPath(_ node: TOMLNode, beneath base: String) throws(SyntaxFault) -> String {
        let path = try text(node)
        try checkPath(path)
        guard path.utf8.first != UInt8(ascii: "~") else {
            throw SyntaxFault(
                message: "`~` is not expanded", advice: "write an absolute path, or one relative to this file")
        }
        return Paths.resolve(path, beneath: base)
    }

    private static func checkPath(_ path: String) throws(SyntaxFault) {
        guard !path.isEmpty, path.utf8.count < 4096, !path.utf8.contains(0) else {
            throw SyntaxFault(message: "this is not a path", advice: "write a path of 1 to 4095 bytes")
        }
    }

    package static func stream(_ name: String, _ node: TOMLNode, beneath base: String) throws(SyntaxFault)
        -> StreamGrant
    {
        let names = name == "stdin" ? PolicySchema.streamNames.filter { $0 != "log" } : PolicySchema.streamNames
        if case .table(let table) = node.value {
            guard table.entries.count == 1, let entry = table["file"] else {
                throw SyntaxFault(message: "this is not a stream", advice: "write { file = \"PATH\" }")
            }
            return .file(try hostPath(entry.node, beneath: base))
        }
        switch try choice(names, node) {
        case "inherit": return .inherit
        case "null": return .null
        case "log": return .log
        default: return .closed
        }
    }

    package static func secret(_ node: TOMLNode, beneath base: String) throws(SyntaxFault) -> ValueSource {
        let advice = "write { file = \"PATH\" } or { fd = NUMBER }"
        guard case .table(let table) = node.value, table.entries.count == 1, let entry = table.entries.first else {
            throw SyntaxFault(message: "a secret's value does not stand in a policy", advice: advice)
        }
        switch entry.name {
        case "file": return .secretFile(try hostPath(entry.node, beneath: base))
        case "fd": return .secretDescriptor(Int32(clamping: try integer(3...65_535, entry.node)))
        default:
            throw SyntaxFault(message: "`\(TOMLParser.shown(entry.name))` is not a secret's source", advice: advice)
        }
    }

    package static func endpoint(_ node: TOMLNode) throws(SyntaxFault) -> NetworkGrant {
        try Endpoints.parse(try text(node))
    }

    package static func hostName(_ node: TOMLNode) throws(SyntaxFault) -> HostPattern {
        try Endpoints.parseHost(try text(node), allowsAddresses: false)
    }

    /// A name of printable ASCII, with `*` nowhere but at its end.
    package static func namePattern(_ node: TOMLNode) throws(SyntaxFault) -> String {
        let name = try text(node)
        guard !name.isEmpty, name.utf8.count <= 255, !name.utf8.dropLast().contains(UInt8(ascii: "*")),
            name.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "=") })
        else {
            throw SyntaxFault(
                message: "`\(TOMLParser.shown(name))` is not a name",
                advice: "write a name without spaces; * stands at its end only, for any ending")
        }
        return name
    }

    /// A path, or a shipped policy's name or a pattern of such.
    package static func policyReference(_ node: TOMLNode) throws(SyntaxFault) -> String {
        let reference = try text(node)
        guard PolicyLoader.isPath(reference) else { return try namePattern(node) }
        let name = PolicyLoader.name(of: reference)
        guard !name.isEmpty, name.utf8.count <= 255, !reference.utf8.contains(0),
            reference.utf8.first != UInt8(ascii: "~"),
            name.utf8.allSatisfy({ (0x21...0x7E).contains($0) && !"*=\"\\[]".utf8.contains($0) })
        else {
            throw SyntaxFault(
                message: "`\(TOMLParser.shown(reference))` is not a policy's file",
                advice: "write a path such as ./worker.toml; its name is what a guest asks for, in printable ASCII")
        }
        return reference
    }

    /// nil is `never`.
    package static func durationOrNever(_ node: TOMLNode) throws(SyntaxFault) -> UInt64? {
        if case .string("never") = node.value { return nil }
        do throws(SyntaxFault) {
            return try duration(allowsUnlimited: false, node)
        } catch {
            throw SyntaxFault(message: error.message, advice: error.advice + ", or \"never\"")
        }
    }

    package static func digest(_ node: TOMLNode) throws(SyntaxFault) -> String {
        let lower = try text(node).lowercased()
        guard lower.utf8.count == 64,
            lower.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
        else {
            throw SyntaxFault(
                message: "this is not a SHA-256 digest", advice: "write the 64 hexadecimal digits that sha256sum prints"
            )
        }
        return lower
    }

    private static func quotedList(_ names: [String]) -> String {
        names.map { "\"\($0)\"" }.joined(separator: ", ")
    }
}

/// Lexical operations on paths; nothing is looked up.
package enum Paths {
    /// Without `.`, empty components and a trailing slash; `..` takes its parent away.
    package static func normalised(_ path: String) -> String {
        var parts: [Substring.UTF8View.SubSequence] = []
        for part in path.utf8.split(separator: UInt8(ascii: "/")) {
            if part.elementsEqual(".".utf8) { continue }
            if part.elementsEqual("..".utf8) {
                _ = parts.popLast()
            } else {
                parts.append(part)
            }
        }
        return "/" + parts.map { String(Substring($0)) }.joined(separator: "/")
    }

    package static func resolve(_ path: String, beneath base: String) -> String {
        normalised(path.utf8.first == UInt8(ascii: "/") ? path : base + "/" + path)
    }
}
