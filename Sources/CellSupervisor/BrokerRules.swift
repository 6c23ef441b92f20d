// What a cell may have made for it, as a pure function of the program's policy and of those that narrowed who asks.

import CapabilityModel
import CellProtocol
import LinuxKernel

struct BrokerRules: Sendable {
    /// What the program holds.
    private let program: CapabilitySet
    private let policies: [CellPlan.NamedPolicy]

    init(program: CapabilitySet, policies: [CellPlan.NamedPolicy]) {
        self.program = program
        self.policies = policies
    }

    enum Verdict: Hashable, Sendable {
        /// As far as can be told before a name is resolved.
        case permitted
        case denied(PolicyKey)
        /// A WASI errno: not a thing that any policy could permit.
        case invalid(UInt16)
    }

    func verdict(on request: BrokerRequest) -> Verdict {
        guard request.policies.count <= policies.count, request.policies.allSatisfy({ Int($0) < policies.count }) else {
            return .invalid(WASIErrno.inval)
        }
        if let errno = BrokerRules.defect(of: request.operation) { return .invalid(errno) }
        let (key, permits) = question(request.operation)
        return decide(request, key: key, permits)
    }

    /// Whether what a name resolved to may be reached: for each set of rights, one rule covers the address itself, or
    /// covers the name and admits what it resolved to.
    func verdict(on request: BrokerRequest, resolvedTo address: IPAddress) -> Verdict {
        let (key, permits): (String, (CapabilitySet) -> Bool) =
            switch request.operation {
            case .connect(let transport, let host, let port):
                ("net.connect", { $0.permits(transport, address, port, named: host) })
            case .udpSend(_, let host, let port, _): ("net.connect", { $0.permits(.udp, address, port, named: host) })
            default: ("net.connect", { _ in true })
            }
        return decide(request, key: key, permits)
    }

    /// The ports to try for a listener that asks for port 0, in order; `0...0` lets the kernel choose.
    func ports(for request: BrokerRequest, _ transport: Transport, at address: IPAddress) -> [ClosedRange<UInt16>] {
        var ports = program.listenPorts(transport, address)
        for index in request.policies {
            let others = policies[Int(index)].capabilities.listenPorts(transport, address)
            ports = ports.flatMap { range in others.filter { $0.overlaps(range) }.map { range.clamped(to: $0) } }
        }
        return ports.contains { $0.contains(0) } ? [0...0] : ports
    }

    /// Where a path that is permitted starts to be the guest's own words. The longest such directory of any rule.
    func place(of path: String, for operation: BrokerRequest.Operation) -> UnixPath? {
        let grants = if case .unixListen = operation { program.listen } else { program.connect }
        return grants.compactMap { grant -> UnixPath? in
            guard grant.transport == .unix, case .path(let pattern) = grant.host else { return nil }
            return UnixPath(path, coveredBy: pattern)
        }.max { $0.directory.utf8.count < $1.directory.utf8.count }
    }

    private func decide(_ request: BrokerRequest, key: String, _ permits: (CapabilitySet) -> Bool) -> Verdict {
        guard permits(program) else { return .denied(PolicyKey(key)) }
        for index in request.policies where !permits(policies[Int(index)].capabilities) {
            return .denied(PolicyKey(key).in(policy: policies[Int(index)].name))
        }
        return .permitted
    }

    private func question(_ operation: BrokerRequest.Operation) -> (key: String, permits: (CapabilitySet) -> Bool) {
        switch operation {
        case .connect(let transport, let host, let port):
            return ("net.connect", { $0.permitsAsking(transport, host, port) })
        case .udpSend(_, let host, let port, _):
            return ("net.connect", { $0.permitsAsking(.udp, host, port) })
        case .unixConnect(let path):
            return ("net.connect", { set in BrokerRules.covers(set.connect, path) })
        case .unixListen(let path, _):
            return ("net.listen", { set in BrokerRules.covers(set.listen, path) })
        case .tcpListen(let host, let port, _):
            return ("net.listen", { $0.permitsListening(.tcp, host, port) })
        case .udpBind(let host, let port):
            return ("net.listen", { $0.permitsListening(.udp, host, port) })
        case .resolve(let name):
            let name = Hosts.canonical(name)
            return ("net.resolve", { set in set.resolve.contains { $0.covers(name: name) } })
        }
    }

    private static func covers(_ grants: [NetworkGrant], _ path: String) -> Bool {
        grants.contains { grant in
            guard grant.transport == .unix, case .path(let pattern) = grant.host else { return false }
            return UnixPath(path, coveredBy: pattern) != nil
        }
    }

    /// A WASI errno for what no cell of ours asks.
    private static func defect(of operation: BrokerRequest.Operation) -> UInt16? {
        switch operation {
        case .connect(_, let host, let port), .udpSend(_, let host, let port, _):
            if port == 0 || !Hosts.isHost(host) { return WASIErrno.inval }
            if case .udpSend(_, _, _, let data) = operation, data.count > BrokerRequest.datagramLimit {
                return WASIErrno.msgsize
            }
            return nil
        case .tcpListen(let host, _, _), .udpBind(let host, _):
            return Hosts.bindable(host) == nil ? WASIErrno.inval : nil
        case .unixConnect(let path), .unixListen(let path, _):
            return UnixPath.isPlain(path) ? nil : WASIErrno.inval
        case .resolve(let name):
            return Hosts.isHost(name) && IPAddress(text: name) == nil ? nil : WASIErrno.inval
        }
    }
}

/// Hosts as guests write them.
enum Hosts {
    static func isHost(_ text: String) -> Bool {
        (1...BrokerRequest.hostLimit).contains(text.utf8.count) && !text.utf8.contains(0)
    }

    /// As rules are written: lower case, no trailing dot.
    static func canonical(_ name: String) -> String {
        let lower = name.lowercased()
        return lower.hasSuffix(".") ? String(lower.dropLast()) : lower
    }

    /// What a listener binds: a literal address, or IPv4's loopback by its name (RFC 6761, section 6.3).
    static func bindable(_ host: String) -> IPAddress? {
        host == "localhost" ? IPAddress(bytes: [127, 0, 0, 1]) : IPAddress(text: host)
    }
}

extension CapabilitySet {
    /// Before a name is resolved: some rule covers it, or the literal address.
    fileprivate func permitsAsking(_ transport: Transport, _ host: String, _ port: UInt16) -> Bool {
        if let literal = IPAddress(text: host) { return permits(transport, literal, port, named: nil) }
        let name = Hosts.canonical(host)
        return rules(connect, transport, port).contains { $0.covers(name: name) }
    }

    /// For an address that carries another (IPv4 in IPv6), both must pass.
    fileprivate func permits(_ transport: Transport, _ address: IPAddress, _ port: UInt16, named host: String?) -> Bool
    {
        let rules = rules(connect, transport, port)
        // A literal is no name, and no name admits it.
        let name = host.flatMap { IPAddress(text: $0) == nil ? Hosts.canonical($0) : nil }
        let forms = [address] + (address.embeddedIPv4.map { [$0] } ?? [])
        return forms.allSatisfy { form in
            rules.contains { rule in
                rule.covers(address: form.bytes)
                    || (name.map { rule.covers(name: $0) } ?? false) && rule.admits(resolved: form.bytes)
            }
        }
    }

    fileprivate func permitsListening(_ transport: Transport, _ host: String, _ port: UInt16) -> Bool {
        guard let address = Hosts.bindable(host) else { return false }
        let ports = listenPorts(transport, address)
        return port == 0 ? !ports.isEmpty : ports.contains { $0.contains(port) }
    }

    /// The ports of the rules that let a listener bind `address`.
    fileprivate func listenPorts(_ transport: Transport, _ address: IPAddress) -> [ClosedRange<UInt16>] {
        let isAny = address.bytes.allSatisfy { $0 == 0 }
        return listen.filter { grant in
            guard grant.transport == transport, case .cidr(let network, let prefix) = grant.host else { return false }
            // The unspecified address stands for every address: 0.0.0.0/8 does not grant that.
            if isAny, prefix != 0, prefix != network.count * 8 { return false }
            return grant.host.covers(address: address.bytes) && network.count == address.bytes.count
        }.map(\.ports)
    }

    private func rules(_ grants: [NetworkGrant], _ transport: Transport, _ port: UInt16) -> [HostPattern] {
        grants.lazy.filter { $0.transport == transport && $0.ports.contains(port) }.map(\.host)
    }
}
