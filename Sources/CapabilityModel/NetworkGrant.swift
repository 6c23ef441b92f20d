// What a process may connect to, listen on and resolve.

package enum Transport: String, Hashable, Sendable, CaseIterable {
    case tcp
    case udp
    case unix
}

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
    /// A unix socket's path.
    case path(String)
}

/// One rule for connecting or listening: transport, host and an inclusive port range.
package struct NetworkGrant: Hashable, Sendable {
    package var transport: Transport
    package var host: HostPattern
    /// Inclusive. `0...0` for unix sockets; a listener's port 0 lets the kernel choose.
    package var ports: ClosedRange<UInt16>

    package init(transport: Transport, host: HostPattern, ports: ClosedRange<UInt16>) {
        self.transport = transport
        self.host = host
        self.ports = ports
    }
}
