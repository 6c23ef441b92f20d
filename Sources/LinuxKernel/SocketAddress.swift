// Addresses as values, and which of them a policy's "any public" covers.

/// An internet address: 4 or 16 bytes in network order.
package struct IPAddress: Hashable, Sendable, CustomStringConvertible {
    package let bytes: [UInt8]
    /// An interface's index, for link-local IPv6; otherwise 0.
    package let scope: UInt32

    /// nil unless there are 4 or 16 bytes.
    package init?(bytes: [UInt8], scope: UInt32 = 0) {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        self.bytes = bytes
        self.scope = bytes.count == 16 ? scope : 0
    }

    package var isIPv6: Bool { bytes.count == 16 }

    /// RFC 5952 form for IPv6 without the mixed notation.
    package var description: String {
        if !isIPv6 { return bytes.map { String($0) }.joined(separator: ".") }
        let groups = stride(from: 0, to: 16, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
        var best = 0..<0
        var start = 0
        while start < 8 {
            var end = start
            while end < 8 && groups[end] == 0 { end += 1 }
            if end - start > max(best.count, 1) { best = start..<end }
            start = max(end, start + 1)
        }
        func text(_ part: ArraySlice<UInt16>) -> String {
            part.map { String($0, radix: 16) }.joined(separator: ":")
        }
        if best.isEmpty { return text(groups[...]) }
        return text(groups[..<best.lowerBound]) + "::" + text(groups[best.upperBound...])
    }

    /// The address itself, or the IPv4 address that an IPv6 one stands for: mapped (RFC 4291), translated (RFC 6052)
    /// or 6to4 (RFC 3056). A rule about the one must hold for the other. ::1 stands for none: it is loopback itself.
    package var embeddedIPv4: IPAddress? {
        guard isIPv6, bytes != IPAddress.loopbackIPv6 else { return nil }
        if starts(with: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff], bits: 96)
            || starts(with: [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0], bits: 96)
            || starts(with: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], bits: 96)
        {
            return IPAddress(bytes: Array(bytes[12...]))
        }
        if starts(with: [0x20, 0x02], bits: 16) { return IPAddress(bytes: Array(bytes[2..<6])) }
        return nil
    }

    /// Whether the address is reachable on the whole internet, by the IANA special-purpose address registries
    /// (RFC 6890 and its updates). Loopback, private, link-local, shared, documentation, benchmark, multicast,
    /// reserved and broadcast addresses are not, nor is an IPv6 form of any of them.
    package var isPublic: Bool {
        if let inner = embeddedIPv4 { return inner.isPublic }
        let special = isIPv6 ? IPAddress.specialIPv6 : IPAddress.specialIPv4
        if special.contains(where: { starts(with: $0.bytes, bits: $0.bits) }) { return false }
        // Only 2000::/3 is given out as global unicast.
        return !isIPv6 || starts(with: [0x20], bits: 3)
    }

    package var isLoopback: Bool {
        if let inner = embeddedIPv4, inner.isLoopback { return true }
        return isIPv6 ? bytes == IPAddress.loopbackIPv6 : bytes[0] == 127
    }

    private static let loopbackIPv6 = [UInt8](repeating: 0, count: 15) + [1]

    /// Whether the first `bits` bits are those of `prefix`; never for a prefix of the other family's length.
    package func isIn(prefix: [UInt8], bits: Int) -> Bool {
        prefix.count == bytes.count && bits >= 0 && bits <= 8 * bytes.count && starts(with: prefix, bits: bits)
    }

    private func starts(with prefix: [UInt8], bits: Int) -> Bool {
        var left = bits
        var index = 0
        while left > 0 {
            guard index < prefix.count, index < bytes.count else { return false }
            let mask: UInt8 = left >= 8 ? 0xff : ~(0xff >> UInt8(left))
            if bytes[index] & mask != prefix[index] & mask { return false }
            left -= 8
            index += 1
        }
        return true
    }

    private static let specialIPv4: [(bytes: [UInt8], bits: Int)] = [
        ([0], 8), ([10], 8), ([100, 64], 10), ([127], 8), ([169, 254], 16), ([172, 16], 12), ([192, 0, 0], 24),
        ([192, 0, 2], 24), ([192, 88, 99], 24), ([192, 168], 16), ([198, 18], 15), ([198, 51, 100], 24),
        ([203, 0, 113], 24), ([224], 4), ([240], 4),
    ]

    private static let specialIPv6: [(bytes: [UInt8], bits: Int)] = [
        // Protocol assignments, Teredo and ORCHID among them.
        ([0x20, 0x01, 0x00], 23), ([0x20, 0x01, 0x0d, 0xb8], 32), ([0x3f, 0xff, 0x00], 20),
    ]
}

/// One end of a stream connection.
package enum SocketAddress: Hashable, Sendable, CustomStringConvertible {
    case ip(IPAddress, port: UInt16)
    /// A path of 1 to 107 bytes without NUL.
    case unix(path: String)

    package var description: String {
        switch self {
        case .ip(let address, let port): address.isIPv6 ? "[\(address)]:\(port)" : "\(address):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }

    package var port: UInt16? {
        if case .ip(_, let port) = self { port } else { nil }
    }
}
