// Text that a guest may have written, made harmless for a terminal and for a log.

package enum EscapedText {
    /// Whether a scalar may stand as it is: no control, format (bidirectional overrides, zero-width and tag characters),
    /// surrogate, private-use or unassigned code point, and no line or paragraph separator.
    package static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.value < 0x7f { return scalar.value >= 0x20 }
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: return false
        default: return true
        }
    }

    /// Whether bytes are UTF-8 and every scalar is plain.
    package static func isPlain(utf8 bytes: ArraySlice<UInt8>) -> Bool {
        if bytes.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) { return true }
        return String(validating: bytes, as: UTF8.self)?.unicodeScalars.allSatisfy(isPlain) ?? false
    }

    /// For people: whatever `isPlain` refuses appears as `\n`, `\t`, `\r` or `\u{1b}`, and a backslash as two.
    package static func forTerminal(_ text: String) -> String {
        // Most text needs no change, and looking is cheaper than copying.
        if text.unicodeScalars.allSatisfy({ isPlain($0) && $0 != "\\" }) { return text }
        var escaped = ""
        for scalar in text.unicodeScalars { append(scalar, to: &escaped) }
        return escaped
    }

    /// As `forTerminal`, but a backslash stays one: for text that was escaped where it came from.
    package static func escapedAgain(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            if scalar == "\\" { escaped += "\\" } else { append(scalar, to: &escaped) }
        }
        return escaped
    }

    /// As `escapedAgain`, but lines stay lines, those after the first with an indentation: none passes for a message of ours.
    package static func lines(_ text: String, indentation: String = "  ") -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false)
            .map { escapedAgain(String($0)) }.joined(separator: "\n" + indentation)
    }

    /// Bytes that claim to be UTF-8: as `forTerminal`, and each byte that is no UTF-8 appears as `\xNN`.
    package static func forTerminal(bytes: some Sequence<UInt8>) -> String {
        pieces(of: Array(bytes)).joined()
    }

    /// What `forTerminal(bytes:)` puts for each scalar and each byte that is none.
    static func pieces(of bytes: [UInt8]) -> [String] {
        var pieces: [String] = []
        var decoder = bytes[...]
        while let first = decoder.first {
            let length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
            let candidate = decoder.prefix(length)
            if let text = String(validating: candidate, as: UTF8.self), let scalar = text.unicodeScalars.first,
                text.unicodeScalars.count == 1
            {
                var escaped = ""
                append(scalar, to: &escaped)
                pieces.append(escaped)
                decoder = decoder.dropFirst(candidate.count)
            } else {
                let digits = String(first, radix: 16)
                pieces.append(digits.count == 1 ? "\\x0\(digits)" : "\\x\(digits)")
                decoder = decoder.dropFirst()
            }
        }
        return pieces
    }

    private static func append(_ scalar: Unicode.Scalar, to text: inout String) {
        switch scalar {
        case "\\": text += "\\\\"
        case "\n": text += "\\n"
        case "\t": text += "\\t"
        case "\r": text += "\\r"
        default:
            if isPlain(scalar) {
                text.unicodeScalars.append(scalar)
            } else {
                text += "\\u{\(String(scalar.value, radix: 16))}"
            }
        }
    }
}
