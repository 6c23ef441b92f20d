// SHA-256 and HMAC-SHA-256 over byte buffers, on swift-crypto's block function.

internal import Crypto

/// A 32-byte digest or authentication code.
package struct Hash256: Hashable, Sendable, CustomStringConvertible {
    package let bytes: InlineBytes

    package typealias InlineBytes = SIMD32<UInt8>

    package init(_ bytes: InlineBytes) {
        self.bytes = bytes
    }

    package static let zero = Hash256(InlineBytes(repeating: 0))

    /// From 64 lower-case hexadecimal digits; nil for anything else.
    package init?(hexadecimal text: some Collection<UInt8>) {
        guard text.count == 64 else { return nil }
        var bytes = InlineBytes()
        var index = 0
        var high: UInt8 = 0
        for digit in text {
            let value: UInt8
            switch digit {
            case 0x30...0x39: value = digit - 0x30
            case 0x61...0x66: value = digit - 0x61 + 10
            default: return nil
            }
            if index & 1 == 0 { high = value << 4 } else { bytes[index >> 1] = high | value }
            index += 1
        }
        self.bytes = bytes
    }

    /// From exactly 32 bytes; nil for another count.
    package init?(raw: some Collection<UInt8>) {
        guard raw.count == 32 else { return nil }
        var bytes = InlineBytes()
        for (index, byte) in raw.enumerated() { bytes[index] = byte }
        self.bytes = bytes
    }

    /// 64 lower-case hexadecimal digits.
    package var description: String { hexadecimal(array) }

    /// The same digits, without a string between.
    package func appendHexadecimal(to text: inout [UInt8]) {
        for index in 0..<32 {
            text.append(hexadecimalDigit(bytes[index] >> 4))
            text.append(hexadecimalDigit(bytes[index] & 15))
        }
    }

    package var array: [UInt8] { (0..<32).map { bytes[$0] } }

    /// Compares in time that does not depend on where the two differ.
    package func matches(_ other: Hash256) -> Bool {
        var difference: UInt8 = 0
        for index in 0..<32 { difference |= bytes[index] ^ other.bytes[index] }
        return difference == 0
    }
}

/// A running SHA-256 (FIPS 180-4).
package struct RunningHash {
    private var state = SHA256()

    package init() {}

    package mutating func update(_ bytes: [UInt8]) {
        update(bytes[...])
    }

    package mutating func update(_ bytes: ArraySlice<UInt8>) {
        // SAFETY: the buffer lives for the closure, and the hash function keeps no pointer.
        unsafe bytes.withUnsafeBytes { unsafe state.update(bufferPointer: $0) }
    }

    package mutating func update(_ hash: Hash256) {
        // SAFETY: a SIMD32<UInt8> is 32 contiguous bytes, read within the closure.
        unsafe withUnsafeBytes(of: hash.bytes) { unsafe state.update(bufferPointer: $0) }
    }

    package mutating func update(_ text: StaticString) {
        // SAFETY: a StaticString given as a literal of more than one scalar is a buffer that lives forever.
        unsafe state.update(bufferPointer: UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    package mutating func update(_ text: String) {
        var text = text
        // SAFETY: the buffer lives for the closure.
        text.withUTF8 { unsafe state.update(bufferPointer: UnsafeRawBufferPointer($0)) }
    }

    package func finalize() -> Hash256 {
        var bytes = Hash256.InlineBytes()
        var index = 0
        for byte in state.finalize() {
            bytes[index] = byte
            index += 1
        }
        return Hash256(bytes)
    }

    package static func hash(_ bytes: [UInt8]) -> Hash256 {
        var hash = RunningHash()
        hash.update(bytes)
        return hash.finalize()
    }
}

/// HMAC-SHA-256 (RFC 2104) with the two padded key blocks hashed once, so that a short message costs two block functions
/// less; swift-crypto's own HMAC takes its input through Foundation's DataProtocol, which this path must not use.
package struct Authenticator: Sendable {
    private let inner: SHA256
    private let outer: SHA256

    /// A key of more than 64 bytes is hashed first, as the RFC says.
    package init(key: [UInt8]) {
        var block = key.count > 64 ? RunningHash.hash(key).array : key
        block.append(contentsOf: [UInt8](repeating: 0, count: 64 - block.count))
        var inner = SHA256()
        var outer = SHA256()
        // SAFETY: both buffers live for their closures.
        unsafe block.map { $0 ^ 0x36 }.withUnsafeBytes { unsafe inner.update(bufferPointer: $0) }
        unsafe block.map { $0 ^ 0x5c }.withUnsafeBytes { unsafe outer.update(bufferPointer: $0) }
        self.inner = inner
        self.outer = outer
    }

    /// The code over whatever `feed` adds.
    package func code(_ feed: (inout RunningHash) -> Void) -> Hash256 {
        var running = RunningHash(continuing: inner)
        feed(&running)
        let digest = running.finalize()
        var last = RunningHash(continuing: outer)
        last.update(digest)
        return last.finalize()
    }

    /// A key for one purpose, so that a code made for one is worthless for another.
    package func derived(for purpose: StaticString) -> Authenticator {
        Authenticator(key: code { $0.update(purpose) }.array)
    }
}

extension RunningHash {
    fileprivate init(continuing state: SHA256) {
        self.state = state
    }
}
