// `name="value"` in the text of a denial's arguments: one way to write a value that a guest chose, and one to read it back.

package enum DenialArgument {
    /// Room for a value with its escapes, in bytes: one fits a denial beside short words.
    package static let limit = 440
    /// The same where there are two.
    package static let limitOfTwo = 220

    /// `name="value"`, as a log and a terminal take it: what EscapedText escapes is escaped, and so are quotation marks.
    /// What does not fit is left out, and an ellipsis stands after the closing mark.
    package static func quoted(_ name: String, _ value: String, limit: Int = limit) -> String {
        quoted(name, bytes: value.utf8, limit: limit)
    }

    /// The same of bytes that claim to be UTF-8; each byte that is no UTF-8 stands as `\xNN`.
    package static func quoted(_ name: String, bytes: some Sequence<UInt8>, limit: Int = limit) -> String {
        // One byte of the value is one of the text at least.
        let head = Array(bytes.prefix(limit + 1))
        // Most values need no change, and floods of denials come this way.
        if head.count <= limit, head.allSatisfy({ (0x20..<0x7f).contains($0) && $0 != mark && $0 != backslash }) {
            return "\(name)=\"\(String(decoding: head, as: UTF8.self))\""
        }
        var body = ""
        var isCut = false
        for piece in EscapedText.pieces(of: head) {
            let escaped = piece == "\"" ? "\\\"" : piece
            guard body.utf8.count + escaped.utf8.count <= limit else {
                isCut = true
                break
            }
            body += escaped
        }
        return "\(name)=\"\(body)\"" + (isCut ? "…" : "")
    }

    private static let mark = UInt8(ascii: "\"")
    private static let backslash = UInt8(ascii: "\\")

    /// The value of `name="…"` as it was before quoting; nil where there is none, where it was cut, or where its text is
    /// not what `quoted` writes. What stands within another value's marks is not looked at.
    package static func value(of name: String, in arguments: String) -> String? {
        var rest = Array(arguments.unicodeScalars)[...]
        let wanted = Array("\(name)=".unicodeScalars)[...]
        while !rest.isEmpty {
            let word = rest.prefix { $0 != " " && $0 != "\"" }
            rest = rest.dropFirst(word.count)
            guard let mark = rest.first else { return nil }
            rest = rest.dropFirst()
            // A space ends a word without marks.
            guard mark == "\"" else { continue }
            guard let value = unquoted(&rest) else { return nil }
            let isWhole = rest.first.map { $0 == " " } ?? true
            if word == wanted { return isWhole ? value : nil }
        }
        return nil
    }

    /// Up to the closing mark and past it; nil where there is none or an escape is none of ours.
    private static func unquoted(_ rest: inout ArraySlice<Unicode.Scalar>) -> String? {
        var value = String.UnicodeScalarView()
        while let scalar = rest.popFirst() {
            switch scalar {
            case "\"": return String(value)
            case "\\":
                guard let meant = unescaped(&rest) else { return nil }
                value.append(meant)
            default: value.append(scalar)
            }
        }
        return nil
    }

    private static func unescaped(_ rest: inout ArraySlice<Unicode.Scalar>) -> Unicode.Scalar? {
        switch rest.popFirst() {
        case "\\": return "\\"
        case "\"": return "\""
        case "n": return "\n"
        case "t": return "\t"
        case "r": return "\r"
        case "u":
            guard rest.popFirst() == "{" else { return nil }
            let digits = rest.prefix { $0 != "}" }
            rest = rest.dropFirst(digits.count + 1)
            return UInt32(String(String.UnicodeScalarView(digits)), radix: 16).flatMap(Unicode.Scalar.init)
        // A byte that is no UTF-8 has no place in a String.
        default: return nil
        }
    }
}
