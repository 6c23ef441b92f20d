// Whether a rule covers one concrete target. The broker asks twice: for the name, then for each address it resolved to.

extension HostPattern {
    /// Whether a rule for this host lets a guest ask for `name` (lower case, no trailing dot, not an address).
    package func covers(name: String) -> Bool {
        switch self {
        case .anyPublic: true
        case .name(let own): own == name
        case .subdomains(let suffix): name.hasSuffix("." + suffix) && name.utf8.count > suffix.utf8.count + 1
        case .cidr, .path: false
        }
    }

    /// Whether a name that this rule covers may lead to `address`. Private ranges are reached only through a rule
    /// that names them, so that a public name cannot be pointed at the inside (DNS rebinding).
    package func admits(resolved address: [UInt8]) -> Bool {
        switch self {
        case .name: true
        case .anyPublic, .subdomains: isPublicAddress(address)
        case .cidr, .path: false
        }
    }

    /// Whether a rule for this host covers a literal address (4 or 16 bytes).
    package func covers(address: [UInt8]) -> Bool {
        switch self {
        case .anyPublic: isPublicAddress(address)
        case .cidr(let network, let prefix): isAddress(address, within: network, prefix: prefix)
        case .name, .subdomains, .path: false
        }
    }
}

/// Whether `address` begins with the `prefix` bits of `network`; false for different families.
package func isAddress(_ address: [UInt8], within network: [UInt8], prefix: Int) -> Bool {
    guard address.count == network.count, (0...(network.count * 8)).contains(prefix) else { return false }
    let whole = prefix / 8
    guard address.prefix(whole) == network.prefix(whole) else { return false }
    let rest = prefix % 8
    guard rest > 0 else { return true }
    return (address[whole] ^ network[whole]) >> (8 - rest) == 0
}

/// Ranges that are not the public internet: RFC 6890's special-purpose registries, multicast, and what embeds IPv4.
private let specialRanges: [(network: [UInt8], prefix: Int)] = [
    ([0, 0, 0, 0], 8), ([10, 0, 0, 0], 8), ([100, 64, 0, 0], 10), ([127, 0, 0, 0], 8), ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12), ([192, 0, 0, 0], 24), ([192, 0, 2, 0], 24), ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16), ([198, 18, 0, 0], 15), ([198, 51, 100, 0], 24), ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 3),
]

/// Whether an address (4 or 16 bytes) is on the public internet. Of IPv6 only 2000::/3 is, less the ranges in it that
/// are for documentation or carry an IPv4 address (6to4, Teredo).
package func isPublicAddress(_ address: [UInt8]) -> Bool {
    switch address.count {
    case 4:
        return !specialRanges.contains { isAddress(address, within: $0.network, prefix: $0.prefix) }
    case 16:
        guard address[0] >> 5 == 0b001 else { return false }
        let head = address.prefix(4)
        let isSpecial =
            head.prefix(2) == [0x20, 0x02] || head == [0x20, 0x01, 0x0d, 0xb8]
            || (head.prefix(2) == [0x20, 0x01] && head[2] < 2)
            || (head.prefix(2) == [0x3f, 0xff] && head[2] < 0x10)
        return !isSpecial
    default:
        return false
    }
}
