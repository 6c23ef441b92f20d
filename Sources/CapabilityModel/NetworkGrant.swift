// What a process may connect to, listen on and resolve.

package enum Transport: String, Hashable, Sendable, CaseIterable {
    case tcp
    case udp
    case unix
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

extension NetworkGrant: CustomStringConvertible {
    /// As a policy writes it.
    package var description: String {
        if transport == .unix { return "unix://\(host)" }
        let range =
            ports == 0...UInt16.max
            ? "*" : ports.count == 1 ? "\(ports.lowerBound)" : "\(ports.lowerBound)-\(ports.upperBound)"
        return "\(transport.rawValue)://\(host):\(range)"
    }

    package func covers(_ inner: NetworkGrant) -> Bool {
        transport == inner.transport && host.covers(inner.host)
            && ports.lowerBound <= inner.ports.lowerBound && inner.ports.upperBound <= ports.upperBound
    }

    package func meet(_ other: NetworkGrant) -> [NetworkGrant] {
        guard transport == other.transport, ports.overlaps(other.ports) else { return [] }
        let shared = ports.clamped(to: other.ports)
        return host.meet(other.host).map { NetworkGrant(transport: transport, host: $0, ports: shared) }
    }

    /// The maximal rules in the order of their text.
    package static func normalised(_ grants: [NetworkGrant]) -> [NetworkGrant] {
        let unique = Set(grants)
        return unique.filter { grant in !unique.contains { $0 != grant && $0.covers(grant) } }
            .map { (text: $0.description, grant: $0) }.sorted { $0.text < $1.text }.map(\.grant)
    }

    package static func meet(_ left: [NetworkGrant], _ right: [NetworkGrant]) -> [NetworkGrant] {
        normalised(left.flatMap { grant in right.flatMap { grant.meet($0) } })
    }
}
