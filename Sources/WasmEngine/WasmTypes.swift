// Value and function types, their spelling, and scalar values.

package enum ValueType: UInt8, Hashable, Sendable, CustomStringConvertible {
    case i32 = 0
    case i64 = 1
    case f32 = 2
    case f64 = 3
    case v128 = 4
    case funcref = 5
    case externref = 6
    /// Any other reference.
    case ref = 7

    package var description: String {
        switch self {
        case .i32: "i32"
        case .i64: "i64"
        case .f32: "f32"
        case .f64: "f64"
        case .v128: "v128"
        case .funcref: "funcref"
        case .externref: "externref"
        case .ref: "ref"
        }
    }

    package var isScalar: Bool { rawValue <= Self.f64.rawValue }
}

/// Spelled `func (i32, i64) -> i32`; without results `func (i32)`, with several `func () -> (i32, i32)`.
package struct FunctionType: Hashable, Sendable, CustomStringConvertible {
    package var parameters: [ValueType]
    package var results: [ValueType]

    package init(_ parameters: [ValueType], _ results: [ValueType] = []) {
        self.parameters = parameters
        self.results = results
    }

    package var description: String {
        var text = "func (" + parameters.map(\.description).joined(separator: ", ") + ")"
        if results.count == 1 {
            text += " -> \(results[0])"
        } else if results.count > 1 {
            text += " -> (" + results.map(\.description).joined(separator: ", ") + ")"
        }
        return text
    }

    var isScalar: Bool {
        parameters.allSatisfy(\.isScalar) && results.allSatisfy(\.isScalar)
    }
}

/// A scalar argument or result. Signedness is the reader's choice, so integers are given as bits.
package enum WasmValue: Hashable, Sendable, CustomStringConvertible {
    case i32(UInt32)
    case i64(UInt64)
    case f32(Float)
    case f64(Double)

    package var type: ValueType {
        switch self {
        case .i32: .i32
        case .i64: .i64
        case .f32: .f32
        case .f64: .f64
        }
    }

    /// Integers are shown signed.
    package var description: String {
        switch self {
        case .i32(let bits): "\(Int32(bitPattern: bits))"
        case .i64(let bits): "\(Int64(bitPattern: bits))"
        case .f32(let value): "\(value)"
        case .f64(let value): "\(value)"
        }
    }

    /// Reads a value of `type` from text: integers signed or unsigned, decimal or `0x`; nil when it does not fit.
    package init?(_ text: String, as type: ValueType) {
        switch type {
        case .i32:
            guard let bits = Self.integer(text, bits: 32) else { return nil }
            self = .i32(UInt32(truncatingIfNeeded: bits))
        case .i64:
            guard let bits = Self.integer(text, bits: 64) else { return nil }
            self = .i64(bits)
        case .f32:
            guard let value = Float(text) else { return nil }
            self = .f32(value)
        case .f64:
            guard let value = Double(text) else { return nil }
            self = .f64(value)
        case .v128, .funcref, .externref, .ref:
            return nil
        }
    }

    private static func integer(_ text: String, bits: UInt64) -> UInt64? {
        let isNegative = text.hasPrefix("-")
        var digits = isNegative ? text.dropFirst() : text[...]
        var radix = 10
        if digits.hasPrefix("0x") || digits.hasPrefix("0X") {
            digits = digits.dropFirst(2)
            radix = 16
        }
        guard let first = digits.first, first != "+", first != "-" else { return nil }
        guard let magnitude = UInt64(digits, radix: radix) else { return nil }
        let signBit: UInt64 = 1 << (bits - 1)
        if isNegative {
            return magnitude <= signBit ? 0 &- magnitude : nil
        }
        return bits == 64 || magnitude < signBit << 1 ? magnitude : nil
    }
}
