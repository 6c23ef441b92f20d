// A small binary encoding for the values that cross between Bulkhead's processes: little-endian, lengths first.
// The reader trusts nothing: a supervisor reads with it what a hostile cell wrote.

package enum WireError: Error, Hashable, Sendable {
    /// The bytes end before the value does.
    case truncated
    /// A length or count is over its bound.
    case tooLong
    /// A tag, flag or text is none that this version knows.
    case invalid(String)
    /// Bytes are left after the value.
    case trailing
}

package protocol WireCodable {
    func encode(into writer: inout WireWriter)
    init(from reader: inout WireReader) throws(WireError)
}

extension WireCodable {
    package func encoded() -> [UInt8] {
        var writer = WireWriter()
        encode(into: &writer)
        return writer.bytes
    }

    /// Decodes the whole of `bytes`; anything left over is an error.
    package init(decoding bytes: [UInt8]) throws(WireError) {
        var reader = WireReader(bytes[...])
        try self.init(from: &reader)
        guard reader.isAtEnd else { throw .trailing }
    }
}

package struct WireWriter {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    package mutating func write(_ value: some FixedWidthInteger & UnsignedInteger) {
        var rest = value
        for _ in 0..<(value.bitWidth / 8) {
            bytes.append(UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
    }

    package mutating func write(_ value: Bool) {
        bytes.append(value ? 1 : 0)
    }

    package mutating func write(_ value: [UInt8]) {
        write(UInt32(clamping: value.count))
        bytes.append(contentsOf: value)
    }

    package mutating func write(_ value: String) {
        write(Array(value.utf8))
    }

    package mutating func write(_ value: some WireCodable) {
        value.encode(into: &self)
    }

    package mutating func write<Element>(list: [Element], _ element: (inout WireWriter, Element) -> Void) {
        write(UInt32(clamping: list.count))
        for item in list {
            element(&self, item)
        }
    }

    package mutating func write<Value>(optional value: Value?, _ body: (inout WireWriter, Value) -> Void) {
        write(value != nil)
        if let value {
            body(&self, value)
        }
    }
}

package struct WireReader {
    /// The longest text or byte string, and the most elements of a list, that a reader accepts.
    package static let lengthLimit = 16 << 20

    private let bytes: ArraySlice<UInt8>
    private var position: Int

    package init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        position = bytes.startIndex
    }

    package var isAtEnd: Bool { position == bytes.endIndex }

    package mutating func read<Value: FixedWidthInteger & UnsignedInteger>(
        _ type: Value.Type = Value.self
    ) throws(WireError) -> Value {
        let size = Value.bitWidth / 8
        guard bytes.endIndex - position >= size else { throw .truncated }
        var value: Value = 0
        for index in (0..<size).reversed() {
            value = value << 8 | Value(truncatingIfNeeded: bytes[position + index])
        }
        position += size
        return value
    }

    package mutating func readBool() throws(WireError) -> Bool {
        switch try read(UInt8.self) {
        case 0: return false
        case 1: return true
        default: throw .invalid("flag")
        }
    }

    package mutating func readBytes(upTo limit: Int = lengthLimit) throws(WireError) -> [UInt8] {
        let count = Int(try read(UInt32.self))
        guard count <= min(limit, WireReader.lengthLimit) else { throw .tooLong }
        guard bytes.endIndex - position >= count else { throw .truncated }
        defer { position += count }
        return Array(bytes[position..<(position + count)])
    }

    /// Text; bytes that are not UTF-8 become replacement characters.
    package mutating func readString() throws(WireError) -> String {
        String(decoding: try readBytes(), as: UTF8.self)
    }

    package mutating func readValue<Value: WireCodable>(_ type: Value.Type = Value.self) throws(WireError) -> Value {
        try Value(from: &self)
    }

    package mutating func readList<Element>(
        _ element: (inout WireReader) throws(WireError) -> Element
    ) throws(WireError) -> [Element] {
        let count = Int(try read(UInt32.self))
        guard count <= WireReader.lengthLimit else { throw .tooLong }
        // Each element takes a byte at least, so a false count cannot reserve more than was sent.
        guard count <= bytes.endIndex - position else { throw .truncated }
        var list: [Element] = []
        list.reserveCapacity(count)
        for _ in 0..<count {
            list.append(try element(&self))
        }
        return list
    }

    package mutating func readOptional<Value>(
        _ body: (inout WireReader) throws(WireError) -> Value
    ) throws(WireError) -> Value? {
        try readBool() ? try body(&self) : nil
    }
}
