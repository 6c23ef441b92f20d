// How values travel: little-endian numbers, lengths before what varies, handles beside the bytes. The same in all SDKs.

import CBulkhead

/// A value that can be sent: as bytes, with the handles that are in it. Encoding consumes: a stream that is sent has
/// moved.
///
///     struct Join: Wire {
///         let name: String
///         let member: Process<Line>
///         func encode(to encoder: inout Encoder) { name.encode(to: &encoder); member.encode(to: &encoder) }
///         static func decode(from decoder: inout Decoder) throws(HostError) -> Join {
///             Join(name: try .decode(from: &decoder), member: try .decode(from: &decoder))
///         }
///     }
public protocol Wire: ~Copyable {
    /// Appends this value.
    consuming func encode(to encoder: inout Encoder)
    /// Takes one value off the front. Errors: `malformed`.
    static func decode(from decoder: inout Decoder) throws(HostError) -> Self
}

/// A handle of the calling process's, closed with the last value that refers to it.
public final class Handle {
    let value: UInt32

    init(_ value: UInt32) { self.value = value }

    deinit {
        if value != 0 { _ = bulkhead_host_handle_close(value) }
    }
}

/// Collects what is sent.
public struct Encoder {
    public internal(set) var bytes: [UInt8] = []
    var handles: [bulkhead_handle] = []
    // What is only duplicated must live until it was sent.
    var kept: [Handle] = []

    public init() {}

    /// Appends a number's bytes, the lowest first.
    public mutating func put<Number: FixedWidthInteger>(_ number: Number) {
        var rest = number.littleEndian
        Swift.withUnsafeBytes(of: &rest) { bytes.append(contentsOf: $0) }
    }

    /// Appends bytes as they are.
    public mutating func put(_ more: UnsafeRawBufferPointer) {
        bytes.append(contentsOf: more)
    }

    mutating func put(descriptor: UInt32, moved: Bool) {
        put(UInt32(handles.count))
        let flags = UInt16(moved ? BULKHEAD_MOVE : 0)
        handles.append(bulkhead_handle(kind: UInt16(BULKHEAD_DESCRIPTOR), flags: flags, value: descriptor))
    }

    mutating func put(process: Handle) {
        put(UInt32(handles.count))
        handles.append(bulkhead_handle(kind: UInt16(BULKHEAD_PROCESS), flags: 0, value: process.value))
        kept.append(process)
    }

    /// Closes what was to move and did not.
    func abandon() {
        for handle in handles where handle.flags != 0 { close(handle) }
    }
}

func close(_ handle: bulkhead_handle) {
    if handle.value == UInt32.max { return }
    _ =
        Int(handle.kind) == BULKHEAD_PROCESS
        ? bulkhead_host_handle_close(handle.value) : bulkhead_close(Int32(bitPattern: handle.value))
}

/// Takes values off what arrived. What nobody took is closed by whoever made the decoder.
public struct Decoder {
    var bytes: UnsafeRawBufferPointer
    let handles: UnsafeMutableBufferPointer<bulkhead_handle>

    /// Over bytes that outlive it.
    public init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
        handles = UnsafeMutableBufferPointer(start: nil, count: 0)
    }

    init(_ bytes: UnsafeRawBufferPointer, _ handles: UnsafeMutableBufferPointer<bulkhead_handle>) {
        self.bytes = bytes
        self.handles = handles
    }

    /// How many bytes are left.
    public var remaining: Int { bytes.count }

    /// The next bytes, valid as long as what the decoder reads from.
    public mutating func take(_ count: Int) throws(HostError) -> UnsafeRawBufferPointer {
        guard count >= 0, count <= bytes.count else { throw .malformed }
        let taken = UnsafeRawBufferPointer(rebasing: bytes[..<count])
        bytes = UnsafeRawBufferPointer(rebasing: bytes[count...])
        return taken
    }

    public mutating func number<Number: FixedWidthInteger>(_: Number.Type) throws(HostError) -> Number {
        Number(littleEndian: try take(MemoryLayout<Number>.size).loadUnaligned(as: Number.self))
    }

    // A count or an index. Int has 32 bits here, so not every one fits.
    mutating func count() throws(HostError) -> Int {
        guard let count = Int(exactly: try number(UInt32.self)) else { throw .malformed }
        return count
    }

    mutating func handle(_ kind: Int) throws(HostError) -> UInt32 {
        let index = try count()
        guard index < handles.count, Int(handles[index].kind) == kind, handles[index].value != .max else {
            throw .malformed
        }
        let value = handles[index].value
        handles[index].value = .max
        return value
    }

    // Where a call has its caller.
    func takeLastProcess() -> UInt32? {
        guard let last = handles.indices.last, Int(handles[last].kind) == BULKHEAD_PROCESS else { return nil }
        let value = handles[last].value
        handles[last].value = .max
        return value == .max ? nil : value
    }

    func closeRest() {
        for handle in handles { close(handle) }
    }
}

extension FixedWidthInteger where Self: Wire {
    public func encode(to encoder: inout Encoder) { encoder.put(self) }
    public static func decode(from decoder: inout Decoder) throws(HostError) -> Self { try decoder.number(Self.self) }
}

extension UInt8: Wire {}
extension UInt16: Wire {}
extension UInt32: Wire {}
extension UInt64: Wire {}
extension Int8: Wire {}
extension Int16: Wire {}
extension Int32: Wire {}
extension Int64: Wire {}

/// Goes as 64 bits.
extension Int: Wire {
    public func encode(to encoder: inout Encoder) { encoder.put(Int64(self)) }
    public static func decode(from decoder: inout Decoder) throws(HostError) -> Int {
        guard let value = Int(exactly: try decoder.number(Int64.self)) else { throw .malformed }
        return value
    }
}

extension Bool: Wire {
    public func encode(to encoder: inout Encoder) { encoder.put(UInt8(self ? 1 : 0)) }
    public static func decode(from decoder: inout Decoder) throws(HostError) -> Bool {
        switch try decoder.number(UInt8.self) {
        case 0: false
        case 1: true
        default: throw .malformed
        }
    }
}

extension Double: Wire {
    public func encode(to encoder: inout Encoder) { encoder.put(bitPattern) }
    public static func decode(from decoder: inout Decoder) throws(HostError) -> Double {
        Double(bitPattern: try decoder.number(UInt64.self))
    }
}

extension String: Wire {
    public func encode(to encoder: inout Encoder) {
        encoder.put(UInt32(utf8.count))
        encoder.bytes.append(contentsOf: utf8)
    }
    public static func decode(from decoder: inout Decoder) throws(HostError) -> String {
        let count = try decoder.count()
        guard let text = String(validating: try decoder.take(count), as: UTF8.self) else { throw .malformed }
        return text
    }
}

extension Optional: Wire where Wrapped: Wire {
    public func encode(to encoder: inout Encoder) {
        (self != nil).encode(to: &encoder)
        if let self { self.encode(to: &encoder) }
    }
    public static func decode(from decoder: inout Decoder) throws(HostError) -> Wrapped? {
        try Bool.decode(from: &decoder) ? try Wrapped.decode(from: &decoder) : nil
    }
}

/// Of values that take a byte at least: an array of `Nothing` does not arrive.
extension Array: Wire where Element: Wire {
    public func encode(to encoder: inout Encoder) {
        encoder.put(UInt32(count))
        for value in self { value.encode(to: &encoder) }
    }
    public static func decode(from decoder: inout Decoder) throws(HostError) -> [Element] {
        let count = try decoder.count()
        // A count is only a claim; this bounds the work that a hostile one can cause.
        guard count <= decoder.remaining else { throw .malformed }
        var values: [Element] = []
        for _ in 0..<count { values.append(try Element.decode(from: &decoder)) }
        return values
    }
}

/// No value worth sending: the messages of who takes none, and the argument of who needs none.
public struct Nothing: Wire {
    public init() {}
    public func encode(to encoder: inout Encoder) {}
    public static func decode(from decoder: inout Decoder) throws(HostError) -> Nothing { Nothing() }
}
