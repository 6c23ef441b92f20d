// Reads TOML values: strings, numbers, dates, arrays and inline tables.

extension TOMLParser {
    mutating func parseValue(path: String, depth: Int) throws(Mistake) -> TOMLNode {
        let start = position
        guard depth < TOMLParser.maximumDepth else {
            throw mistake("more than \(TOMLParser.maximumDepth) levels of values")
        }
        switch current {
        case UInt8(ascii: "\""), UInt8(ascii: "'"):
            return TOMLNode(value: .string(try parseString()), position: start)
        case UInt8(ascii: "["):
            return TOMLNode(value: .array(try parseArray(path: path, depth: depth)), position: start)
        case UInt8(ascii: "{"):
            return TOMLNode(value: .table(try parseInlineTable(path: path, depth: depth)), position: start)
        case nil, UInt8(ascii: "\n"), UInt8(ascii: "#"), UInt8(ascii: "\r"):
            throw mistake("a value is missing", advice: "write `key = value`")
        default: return TOMLNode(value: try parseBareValue(), position: start)
        }
    }

    private mutating func parseArray(path: String, depth: Int) throws(Mistake) -> [TOMLNode] {
        let start = position
        advance()
        var elements: [TOMLNode] = []
        while true {
            try skipBlank(newlines: true)
            if take(UInt8(ascii: "]")) { return elements }
            guard current != nil else {
                throw Mistake(
                    message: "the array is not closed", position: start, advice: "write `]` after the last value")
            }
            elements.append(try parseValue(path: "\(path)[\(elements.count)]", depth: depth + 1))
            try skipBlank(newlines: true)
            if !take(UInt8(ascii: ",")) && current != UInt8(ascii: "]") {
                throw mistake("expected `,` or `]`", advice: "separate the values of an array by commas")
            }
        }
    }

    private mutating func parseInlineTable(path: String, depth: Int) throws(Mistake) -> TOMLTable {
        let table = TOMLTable(origin: .inline, path: path, position: position)
        advance()
        skipSpaces()
        if take(UInt8(ascii: "}")) { return table }
        while true {
            try parsePair(into: table, depth: depth + 1)
            skipSpaces()
            if take(UInt8(ascii: "}")) { break }
            guard take(UInt8(ascii: ",")) else {
                throw mistake("expected `,` or `}`", advice: "an inline table stands on one line: { a = 1, b = 2 }")
            }
            skipSpaces()
        }
        TOMLParser.close(table)
        return table
    }

    /// Nothing may be added to an inline table, nor to what dotted keys made inside.
    private static func close(_ table: TOMLTable) {
        table.origin = .inline
        for entry in table.entries {
            if case .table(let inner) = entry.node.value, inner.origin == .dotted { close(inner) }
        }
    }

    // MARK: Strings

    /// Any of the four kinds of string; the current byte is its quote.
    mutating func parseString() throws(Mistake) -> String {
        let start = position
        guard let quote = current else { throw mistake("expected a string") }
        let isMultiline = peek(1) == quote && peek(2) == quote
        advance(isMultiline ? 3 : 1)
        if isMultiline {
            if current == 0x0D && peek(1) == 0x0A { advance() }
            _ = take(UInt8(ascii: "\n"))
        }
        var content: [UInt8] = []
        while let byte = current {
            if byte == quote {
                if !isMultiline {
                    advance()
                    return String(decoding: content, as: UTF8.self)
                }
                if peek(1) == quote && peek(2) == quote {
                    advance(3)
                    // Up to two quotes may stand right before the closing three.
                    for _ in 0..<2 where take(quote) { content.append(quote) }
                    return String(decoding: content, as: UTF8.self)
                }
            } else if byte == UInt8(ascii: "\n") || byte == 0x0D && peek(1) == 0x0A {
                if !isMultiline { break }
                // A line ends alike whatever editor wrote it: CR LF becomes LF.
                if byte == 0x0D { advance() }
                content.append(UInt8(ascii: "\n"))
                advance()
                continue
            } else if byte == UInt8(ascii: "\\") && quote == UInt8(ascii: "\"") {
                try parseEscape(into: &content, isMultiline: isMultiline)
                continue
            } else if byte < 0x20 && byte != UInt8(ascii: "\t") || byte == 0x7F {
                throw mistake("a control character in a string", advice: "write it as an escape, such as \\u001B")
            }
            content.append(byte)
            advance()
        }
        throw Mistake(message: "the string is not closed", position: start, advice: "write the closing quote")
    }

    private mutating func parseEscape(into content: inout [UInt8], isMultiline: Bool) throws(Mistake) {
        let start = position
        advance()
        guard let kind = current else { return }
        switch kind {
        case UInt8(ascii: "b"): content.append(0x08)
        case UInt8(ascii: "t"): content.append(0x09)
        case UInt8(ascii: "n"): content.append(0x0A)
        case UInt8(ascii: "f"): content.append(0x0C)
        case UInt8(ascii: "r"): content.append(0x0D)
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): content.append(kind)
        case UInt8(ascii: "u"), UInt8(ascii: "U"):
            advance()
            return try parseScalar(digits: kind == UInt8(ascii: "u") ? 4 : 8, from: start, into: &content)
        case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"), UInt8(ascii: "\n"):
            guard isMultiline, try skipLineEnd() else { throw unknownEscape(start) }
            return
        default: throw unknownEscape(start)
        }
        advance()
    }

    private func unknownEscape(_ start: TextPosition) -> Mistake {
        Mistake(
            message: "an unknown escape in a string", position: start,
            advice: "write a backslash as \\\\, or the whole string in single quotes")
    }

    /// A backslash at the end of a line swallows the white space up to the next text.
    private mutating func skipLineEnd() throws(Mistake) -> Bool {
        skipSpaces()
        guard current == UInt8(ascii: "\n") || current == 0x0D && peek(1) == 0x0A else { return false }
        while let byte = current, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D && peek(1) == 0x0A {
            advance()
        }
        return true
    }

    private mutating func parseScalar(
        digits: Int, from start: TextPosition, into content: inout [UInt8]
    ) throws(Mistake) {
        var value: UInt32 = 0
        for _ in 0..<digits {
            guard let byte = current, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw unknownEscape(start)
            }
            value = value << 4 | UInt32(digit)
            advance()
        }
        guard value != 0 else {
            throw Mistake(message: "a NUL character cannot stand in a string", position: start)
        }
        guard let scalar = Unicode.Scalar(value) else { throw unknownEscape(start) }
        content.append(contentsOf: String(Character(scalar)).utf8)
    }

    // MARK: Numbers, booleans, dates

    private mutating func parseBareValue() throws(Mistake) -> TOMLNode.Value {
        let start = position
        let begin = at
        while let byte = current, !TOMLParser.endsBareValue(byte) { advance() }
        var text = String(decoding: bytes[begin..<at], as: UTF8.self)
        while text.utf8.last == 0x20 || text.utf8.last == 0x09 { text.removeLast() }
        switch text {
        case "true": return .boolean(true)
        case "false": return .boolean(false)
        case "inf", "+inf": return .float(.infinity)
        case "-inf": return .float(-.infinity)
        case "nan", "+nan", "-nan": return .float(.nan)
        default: break
        }
        if let number = TOMLParser.integer(text) { return .integer(number) }
        if TOMLParser.isDate(text) { return .date(text) }
        if let number = TOMLParser.float(text) { return .float(number) }
        throw Mistake(
            message: "`\(TOMLParser.shown(text))` is not a value", position: start,
            advice: "write text in double quotes")
    }

    /// What a document quotes, without control characters and cut to 60.
    package static func shown(_ text: String) -> String {
        let clean = text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? "�" : String($0) }.joined()
        return clean.count <= 60 ? clean : clean.prefix(60) + "…"
    }

    private static func endsBareValue(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: ","), UInt8(ascii: "]"), UInt8(ascii: "}"),
            UInt8(ascii: "#"):
            true
        default: false
        }
    }

    /// Decimal with sign, or 0x, 0o, 0b; underscores stand between digits only.
    private static func integer(_ text: String) -> Int64? {
        for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] where text.hasPrefix(prefix) {
            let digits = text.utf8.dropFirst(2)
            guard digits.first != UInt8(ascii: "+"), digits.first != UInt8(ascii: "-") else { return nil }
            return withoutUnderscores(text.dropFirst(2), radix: radix).flatMap { Int64($0, radix: radix) }
        }
        guard let digits = withoutUnderscores(text[...]), !hasLeadingZero(digits) else { return nil }
        return Int64(digits)
    }

    /// nil unless each underscore has a digit of the radix on both sides.
    private static func withoutUnderscores(_ text: Substring, radix: Int = 10) -> String? {
        let bytes = Array(text.utf8)
        let isDigit = { (byte: UInt8) in Character(Unicode.Scalar(byte)).hexDigitValue.map { $0 < radix } ?? false }
        for index in bytes.indices where bytes[index] == UInt8(ascii: "_") {
            guard index > 0, index + 1 < bytes.count, isDigit(bytes[index - 1]), isDigit(bytes[index + 1]) else {
                return nil
            }
        }
        return bytes.isEmpty ? nil : text.filter { $0 != "_" }
    }

    private static func hasLeadingZero(_ digits: String) -> Bool {
        let bare = digits.utf8.drop { $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "-") }
        return bare.count > 1 && bare.first == UInt8(ascii: "0")
            && bare.dropFirst().first.map { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } == true
    }

    /// A point with digits on both sides, an exponent, or both.
    private static func float(_ text: String) -> Double? {
        guard let digits = withoutUnderscores(text[...]), !hasLeadingZero(digits) else { return nil }
        // A whole number that is too large is no float.
        guard digits.utf8.contains(where: { $0 == UInt8(ascii: ".") || $0 | 0x20 == UInt8(ascii: "e") }) else {
            return nil
        }
        var previous: UInt8 = 0
        for byte in digits.utf8 {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                break
            case UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"):
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(previous) else { return nil }
            case UInt8(ascii: "+"), UInt8(ascii: "-"):
                guard previous == 0 || previous == UInt8(ascii: "e") || previous == UInt8(ascii: "E") else {
                    return nil
                }
            default: return nil
            }
            if (byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E")) && previous == UInt8(ascii: ".") { return nil }
            previous = byte
        }
        guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(previous) else { return nil }
        // What is too large for a double is refused, not read as infinity.
        return Double(digits).flatMap { $0.isFinite ? $0 : nil }
    }

    /// `1979-05-27…` or `07:32:00…`; close enough, since every key refuses it.
    private static func isDate(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        let isDigit = { (index: Int) in (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[index]) }
        if bytes.count >= 10, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-") {
            return [0, 1, 2, 3, 5, 6, 8, 9].allSatisfy(isDigit)
        }
        return bytes.count >= 8 && bytes[2] == UInt8(ascii: ":") && bytes[5] == UInt8(ascii: ":")
            && [0, 1, 3, 4, 6, 7].allSatisfy(isDigit)
    }
}
