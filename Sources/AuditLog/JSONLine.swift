// One line of JSON, built byte by byte: no Foundation, no intermediate tree, every string escaped and bounded.

internal import CapabilityModel

/// Builds an object's fields. Text comes out in ASCII where it could steer a terminal (EscapedText.isPlain).
struct JSONLine {
    private(set) var bytes: [UInt8] = []
    private var needsComma = false

    /// Continues an object whose first fields are written elsewhere.
    init(continuing: Bool) {
        bytes.reserveCapacity(512)
        needsComma = continuing
    }

    mutating func name(_ name: String) {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        bytes.append(UInt8(ascii: "\""))
        append(ascii: name)
        append(ascii: "\":")
        needsComma = true
    }

    /// Text of at most `limit` encoded bytes; what is longer ends in `…`.
    mutating func field(_ name: String, _ text: String, limit: Int = 512) {
        self.name(name)
        append(quoted: text, limit: limit)
    }

    mutating func field(_ name: String, _ number: UInt64) {
        self.name(name)
        bytes.append(contentsOf: String(number).utf8)
    }

    mutating func field(_ name: String, _ truth: Bool) {
        self.name(name)
        append(ascii: truth ? "true" : "false")
    }

    mutating func null(_ name: String) {
        self.name(name)
        append(ascii: "null")
    }

    /// An array of strings, at most `limit` encoded bytes together; `…` stands for the rest.
    mutating func field(_ name: String, _ texts: [String], limit: Int = 4096) {
        self.name(name)
        bytes.append(UInt8(ascii: "["))
        let start = bytes.count
        for (index, text) in texts.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            let left = limit - (bytes.count - start)
            guard left > 16 else {
                append(quoted: "…", limit: 16)
                break
            }
            append(quoted: text, limit: min(left, 1024))
        }
        bytes.append(UInt8(ascii: "]"))
    }

    /// An array of objects, at most `limit` of them.
    mutating func field<Element>(
        _ name: String, _ elements: [Element], limit: Int, _ body: (inout JSONLine, Element) -> Void
    ) {
        self.name(name)
        bytes.append(UInt8(ascii: "["))
        for (index, element) in elements.prefix(limit).enumerated() {
            append(ascii: index > 0 ? ",{" : "{")
            needsComma = false
            body(&self, element)
            bytes.append(UInt8(ascii: "}"))
        }
        bytes.append(UInt8(ascii: "]"))
        needsComma = true
    }

    private mutating func append(ascii text: String) {
        bytes.append(contentsOf: text.utf8)
    }

    private mutating func append(quoted text: String, limit: Int) {
        bytes.append(UInt8(ascii: "\""))
        let end = bytes.count + limit
        for scalar in text.unicodeScalars {
            guard bytes.count < end - 3 else {
                bytes.append(contentsOf: "…".utf8)
                break
            }
            switch scalar {
            case "\"": append(ascii: "\\\"")
            case "\\": append(ascii: "\\\\")
            case "\n": append(ascii: "\\n")
            case "\t": append(ascii: "\\t")
            default:
                if EscapedText.isPlain(scalar) {
                    for unit in UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter { bytes.append(unit) }
                } else {
                    for unit in UTF16.encode(scalar) ?? UTF16.encodedReplacementCharacter { append(escape: unit) }
                }
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func append(escape unit: UInt16) {
        append(ascii: "\\u")
        for shift in [12, 8, 4, 0] as [UInt16] {
            let digit = UInt8(unit >> shift & 15)
            bytes.append(digit < 10 ? 0x30 + digit : 0x61 + digit - 10)
        }
    }
}
