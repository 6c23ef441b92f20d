// A cursor over an untrusted WebAssembly binary; every read may fail, and none goes past the end.

struct BinaryReader {
    let bytes: [UInt8]
    private(set) var position: Int
    let end: Int

    init(_ bytes: [UInt8], in range: Range<Int>) {
        self.bytes = bytes
        position = range.lowerBound
        end = range.upperBound
    }

    var isAtEnd: Bool { position == end }

    mutating func byte() -> UInt8? {
        guard position < end else { return nil }
        defer { position += 1 }
        return bytes[position]
    }

    /// LEB128, at most 64 bits.
    mutating func unsigned() -> UInt64? {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard let next = byte() else { return nil }
            let bits = UInt64(next & 0x7f)
            guard shift < 63 || bits <= 1 else { return nil }
            value |= bits << shift
            if next < 0x80 { return value }
        }
        return nil
    }

    /// An index or a count: at most 32 bits.
    mutating func index() -> Int? {
        guard let value = unsigned(), value <= UInt32.max else { return nil }
        return Int(value)
    }

    /// Signed LEB128 of at most 33 bits, as block and heap types have.
    mutating func signed33() -> Int64? {
        var value: Int64 = 0
        for shift in stride(from: Int64(0), to: 35, by: 7) {
            guard let next = byte() else { return nil }
            value |= Int64(next & 0x7f) << shift
            if next < 0x80 {
                return next & 0x40 == 0 ? value : value - (1 << (shift + 7))
            }
        }
        return nil
    }

    /// Skips a LEB128 number of at most `limit` bytes, whatever its sign.
    mutating func skipNumber(limit: Int) -> Bool {
        for _ in 0..<limit {
            guard let next = byte() else { return false }
            if next < 0x80 { return true }
        }
        return false
    }

    mutating func skip(_ count: Int) -> Bool {
        guard count >= 0, count <= end - position else { return false }
        position += count
        return true
    }

    /// The next `length` bytes, which are skipped.
    mutating func range(_ length: UInt64) -> Range<Int>? {
        guard length <= UInt64(end - position) else { return nil }
        let start = position
        position += Int(length)
        return start..<position
    }

    /// A name's bytes, which are skipped.
    mutating func name() -> Range<Int>? {
        unsigned().flatMap { range($0) }
    }

    /// Limits of a memory or table type; false for what is neither.
    mutating func limits() -> (flags: UInt8, minimum: UInt64, maximum: UInt64?, pageShift: UInt64)? {
        guard let flags = byte(), flags < 16, let minimum = unsigned() else { return nil }
        var maximum: UInt64?
        if flags & 1 != 0 {
            guard let value = unsigned() else { return nil }
            maximum = value
        }
        var pageShift: UInt64 = 16
        if flags & 8 != 0 {
            guard let value = unsigned(), value <= 16 else { return nil }
            pageShift = value
        }
        return (flags, minimum, maximum, pageShift)
    }

    /// The first byte of a value type, whose heap type, if it has one, is skipped.
    mutating func valueType() -> UInt8? {
        guard let first = byte() else { return nil }
        switch first {
        case 0x63, 0x64: return signed33() == nil ? nil : first
        case 0x69...0x7f: return first
        default: return nil
        }
    }
}
