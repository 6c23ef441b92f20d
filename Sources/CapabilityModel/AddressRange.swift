// IP address ranges: nesting, text, and which of them are public.

/// A CIDR range of IPv4 (4 bytes) or IPv6 (16 bytes) addresses; bits behind the prefix are zero.
package struct AddressRange: Hashable, Sendable {
    package let address: [UInt8]
    /// 0...32 or 0...128
    package let prefix: Int

    /// Masks the address to its prefix, and writes an IPv4-mapped IPv6 range (RFC 4291, 2.5.5.2) as the IPv4 range it is.
    package init(address: [UInt8], prefix: Int) {
        var bytes = address
        var length = Swift.max(0, Swift.min(prefix, address.count * 8))
        if bytes.count == 16, length >= 96, bytes[..<10].allSatisfy({ $0 == 0 }), bytes[10] == 255, bytes[11] == 255 {
            bytes = Array(bytes[12...])
            length -= 96
        }
        for index in bytes.indices {
            let kept = Swift.max(0, Swift.min(8, length - index * 8))
            bytes[index] &= UInt8(truncatingIfNeeded: 0xFF00 >> kept)
        }
        self.address = bytes
        self.prefix = length
    }

    /// A single address.
    package init(address: [UInt8]) {
        self.init(address: address, prefix: address.count * 8)
    }

    package var isSingleAddress: Bool { prefix == address.count * 8 }

    package func contains(_ other: AddressRange) -> Bool {
        guard address.count == other.address.count, prefix <= other.prefix else { return false }
        let whole = prefix / 8
        for index in 0..<whole where address[index] != other.address[index] { return false }
        let rest = prefix % 8
        return rest == 0 || (address[whole] ^ other.address[whole]) >> UInt8(8 - rest) == 0
    }

    /// Ranges that are not globally reachable (IANA's special-purpose registries, RFC 6890), and those that carry an
    /// IPv4 address inside an IPv6 one (Teredo, 6to4, NAT64), which would lead around the IPv4 list.
    private static let notPublic: [AddressRange] = [
        AddressRange(address: [0, 0, 0, 0], prefix: 8), AddressRange(address: [10, 0, 0, 0], prefix: 8),
        AddressRange(address: [100, 64, 0, 0], prefix: 10), AddressRange(address: [127, 0, 0, 0], prefix: 8),
        AddressRange(address: [169, 254, 0, 0], prefix: 16), AddressRange(address: [172, 16, 0, 0], prefix: 12),
        AddressRange(address: [192, 0, 0, 0], prefix: 24), AddressRange(address: [192, 0, 2, 0], prefix: 24),
        AddressRange(address: [192, 88, 99, 0], prefix: 24), AddressRange(address: [192, 168, 0, 0], prefix: 16),
        AddressRange(address: [198, 18, 0, 0], prefix: 15), AddressRange(address: [198, 51, 100, 0], prefix: 24),
        AddressRange(address: [203, 0, 113, 0], prefix: 24), AddressRange(address: [224, 0, 0, 0], prefix: 3),
        // IPv6 outside 2000::/3 is not global unicast.
        six([0x00], 3), six([0x40], 2), six([0x80], 1),
        six([0x20, 0x01], 23), six([0x20, 0x01, 0x0D, 0xB8], 32), six([0x20, 0x02], 16), six([0x3F, 0xFF], 20),
    ]

    private static func six(_ head: [UInt8], _ prefix: Int) -> AddressRange {
        AddressRange(address: head + [UInt8](repeating: 0, count: 16 - head.count), prefix: prefix)
    }

    /// Whether no address in the range is private, local or otherwise special.
    package var isPublic: Bool {
        !AddressRange.notPublic.contains { $0.contains(self) || contains($0) }
    }

    /// The largest ranges in this one that hold public addresses only.
    package var publicParts: [AddressRange] {
        if AddressRange.notPublic.contains(where: { $0.contains(self) }) { return [] }
        if isPublic { return [self] }
        // Neither wholly in a special range nor clear of all: some special range is smaller, so the prefix can grow.
        var upper = address
        upper[prefix / 8] |= 0x80 >> UInt8(prefix % 8)
        return AddressRange(address: address, prefix: prefix + 1).publicParts
            + AddressRange(address: upper, prefix: prefix + 1).publicParts
    }
}

extension AddressRange: CustomStringConvertible {
    /// IPv6 in brackets and as RFC 5952 writes it; the prefix is left out for a single address.
    package var description: String {
        let text = address.count == 4 ? address.map { String($0) }.joined(separator: ".") : "[" + sixText + "]"
        return isSingleAddress ? text : "\(text)/\(prefix)"
    }

    private var sixText: String {
        let groups = stride(from: 0, to: 16, by: 2).map { UInt16(address[$0]) << 8 | UInt16(address[$0 + 1]) }
        var longest = 0..<0
        var index = 0
        while index < 8 {
            var end = index
            while end < 8, groups[end] == 0 { end += 1 }
            if end - index > longest.count, end - index > 1 { longest = index..<end }
            index = Swift.max(end, index + 1)
        }
        let text = { (part: ArraySlice<UInt16>) in part.map { String($0, radix: 16) }.joined(separator: ":") }
        if longest.isEmpty { return text(groups[...]) }
        return text(groups[..<longest.lowerBound]) + "::" + text(groups[longest.upperBound...])
    }
}
