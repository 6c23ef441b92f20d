// Whether a rule covers one concrete target. The broker asks twice: for the name, then for each address it resolved to.

extension HostPattern {
    /// Whether a rule for this host lets a guest ask for `name` (lower case, no trailing dot, not an address).
    ///
    /// Never for what is not ASCII: Swift compares strings by canonical equivalence, resolvers compare bytes.
    package func covers(name: String) -> Bool {
        guard !name.isEmpty, name.utf8.count <= 255, name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            return false
        }
        return covers(.name(name))
    }

    /// Whether a name that this rule covers may lead to `address`. Private ranges are reached only through a rule
    /// that names them, so that a public name cannot be pointed at the inside (DNS rebinding): beside a name that leads
    /// to a private address, the address or its range needs a rule too. `localhost` names the loopback range.
    package func admits(resolved address: [UInt8]) -> Bool {
        switch self {
        case .name(let name), .subdomains(of: let name):
            isPublicAddress(address) || (HostPattern.isLocal(name) && isLoopback(address))
        case .anyPublic: isPublicAddress(address)
        case .cidr, .path: false
        }
    }

    /// Whether a rule for this host covers a literal address (4 or 16 bytes). An IPv4-mapped IPv6 address counts as the
    /// IPv4 address it holds.
    package func covers(address: [UInt8]) -> Bool {
        guard address.count == 4 || address.count == 16 else { return false }
        let range = AddressRange(address: address)
        return covers(.cidr(address: range.address, prefix: range.prefix))
    }
}

/// Whether `address` begins with the `prefix` bits of `network`; false for different families.
package func isAddress(_ address: [UInt8], within network: [UInt8], prefix: Int) -> Bool {
    guard address.count == network.count, (0...(network.count * 8)).contains(prefix) else { return false }
    return AddressRange(address: network, prefix: prefix).contains(AddressRange(address: address))
}

/// Whether an address (4 or 16 bytes) is on the public internet.
package func isPublicAddress(_ address: [UInt8]) -> Bool {
    (address.count == 4 || address.count == 16) && AddressRange(address: address).isPublic
}

private func isLoopback(_ address: [UInt8]) -> Bool {
    isAddress(address, within: [127, 0, 0, 0], prefix: 8) || address == [UInt8](repeating: 0, count: 15) + [1]
}
