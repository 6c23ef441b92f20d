// The remote or local end that a network rule covers, and how such ends nest.

/// The remote or local end that a rule covers.
package enum HostPattern: Hashable, Sendable {
    /// Any public address or name; private ranges only where a rule names them.
    case anyPublic
    /// A lower-case DNS name without trailing dot.
    case name(String)
    /// `*.suffix`: any name that ends in `.suffix`, not the suffix itself. The suffix is stored without `*.`.
    case subdomains(of: String)
    /// An address range; the address is masked to its prefix. IPv4 as 4 bytes, IPv6 as 16.
    case cidr(address: [UInt8], prefix: Int)
    /// A unix socket's path; a trailing `*` stands for any ending.
    case path(String)

    /// Whether every end that `inner` covers is covered by this one.
    package func covers(_ inner: HostPattern) -> Bool {
        switch (self, inner) {
        case (.anyPublic, .anyPublic): true
        case (.anyPublic, .name(let name)), (.anyPublic, .subdomains(let name)): !HostPattern.isLocal(name)
        case (.anyPublic, .cidr(let address, let prefix)):
            AddressRange(address: address, prefix: prefix).isPublic
        case (.name(let left), .name(let right)): left == right
        case (.subdomains(let suffix), .name(let name)): HostPattern.isBeneath(name, suffix)
        case (.subdomains(let suffix), .subdomains(let name)): name == suffix || HostPattern.isBeneath(name, suffix)
        case (.cidr(let address, let prefix), .cidr(let inner, let innerPrefix)):
            AddressRange(address: address, prefix: prefix).contains(AddressRange(address: inner, prefix: innerPrefix))
        case (.path(let left), .path(let right)): NamePattern.covers(left, right)
        default: false
        }
    }

    /// The largest patterns that both cover.
    package func meet(_ other: HostPattern) -> [HostPattern] {
        if covers(other) { return [other] }
        if other.covers(self) { return [self] }
        switch (self, other) {
        case (.anyPublic, .cidr(let address, let prefix)), (.cidr(let address, let prefix), .anyPublic):
            return AddressRange(address: address, prefix: prefix).publicParts.map {
                .cidr(address: $0.address, prefix: $0.prefix)
            }
        default: return []
        }
    }

    /// RFC 6761, section 6.3: names that mean this machine.
    static func isLocal(_ name: String) -> Bool {
        name == "localhost" || isBeneath(name, "localhost")
    }

    private static func isBeneath(_ name: String, _ suffix: String) -> Bool {
        name.utf8.count > suffix.utf8.count + 1 && name.hasSuffix("." + suffix)
    }
}

extension HostPattern: CustomStringConvertible {
    /// As a policy writes it.
    package var description: String {
        switch self {
        case .anyPublic: "*"
        case .name(let name): name
        case .subdomains(let suffix): "*." + suffix
        case .cidr(let address, let prefix): AddressRange(address: address, prefix: prefix).description
        case .path(let path): path
        }
    }
}
