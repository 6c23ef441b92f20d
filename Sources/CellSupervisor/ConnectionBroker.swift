// Makes connections for cells, which cannot make any: checks the rule, resolves the name, checks each address, connects
// and hands the socket over. A name is resolved here, on the supervisor's side of the policy, and once only.

import CapabilityModel
import CellProtocol
import Glibc
import LinuxKernel
import Synchronization

final class ConnectionBroker: Sendable {
    /// Connections under way at once for one cell. A guest waits for each it asks for, so only a broken cell has more.
    private static let concurrencyLimit = 16
    /// How long one connection may take, in nanoseconds.
    private static let timeout: UInt64 = 30_000_000_000

    private static let notCapable: UInt16 = 76
    private static let again: UInt16 = 6
    private static let invalid: UInt16 = 28

    /// RFC 1035, 2.3.4, as text; no guest gets a longer one past its cell.
    private static let longestName = 253

    private let capabilities: CapabilitySet
    private let control: ControlSocket
    private let underWay = Mutex(0)
    private let refused = Mutex<[Denial]>([])

    init(capabilities: CapabilitySet, control: ControlSocket) {
        self.capabilities = capabilities
        self.control = control
    }

    /// Denials found after a name was resolved; each is handed out once.
    func takeDenials() -> [Denial] {
        refused.withLock { list in
            defer { list = [] }
            return list
        }
    }

    /// Deals with one request; the answer goes to the cell, now or from a thread of its own.
    /// - Returns: the denial, if no rule covers what was asked for.
    func connect(id: UInt32, host: String, port: UInt16) -> Denial? {
        guard host.utf8.count <= ConnectionBroker.longestName else {
            control.reply(.answered(BrokerAnswer(id: id, errno: ConnectionBroker.invalid)))
            return nil
        }
        let literal = IPAddress(text: host)
        let isPermitted =
            if let literal {
                permits(literal, port: port, name: nil)
            } else {
                rules(for: port).contains { $0.covers(name: canonical(host)) }
            }
        guard isPermitted else {
            control.reply(.answered(BrokerAnswer(id: id, errno: ConnectionBroker.notCapable)))
            return denial(host: host, port: port, why: nil)
        }
        let isAdmitted = underWay.withLock { count in
            guard count < ConnectionBroker.concurrencyLimit else { return false }
            count += 1
            return true
        }
        guard isAdmitted else {
            control.reply(.answered(BrokerAnswer(id: id, errno: ConnectionBroker.again)))
            return nil
        }
        do throws(SystemError) {
            let thread = try spawnThread(name: "connect") { [self] in
                establish(id: id, host: host, literal: literal, port: port)
                underWay.withLock { $0 -= 1 }
            }
            _ = consume thread
        } catch {
            underWay.withLock { $0 -= 1 }
            control.reply(.answered(BrokerAnswer(id: id, errno: ConnectionBroker.again)))
        }
        return nil
    }

    private func establish(id: UInt32, host: String, literal: IPAddress?, port: UInt16) {
        let deadline = Clock.monotonicNow() + ConnectionBroker.timeout
        let candidates: [IPAddress]
        if let literal {
            candidates = [literal]
        } else {
            guard let resolved = try? HostResolver.resolve(host) else {
                return control.reply(.answered(BrokerAnswer(id: id, errno: wasiErrno(EHOSTUNREACH))))
            }
            candidates = resolved.filter { permits($0, port: port, name: host) }
            if candidates.isEmpty {
                let addresses = resolved.map(\.description).joined(separator: ",")
                refused.withLock { $0.append(denial(host: host, port: port, why: "resolves to \(addresses)")) }
                return control.reply(.answered(BrokerAnswer(id: id, errno: ConnectionBroker.notCapable)))
            }
        }
        var failure = ECONNREFUSED
        for address in candidates {
            do throws(SystemError) {
                let socket = try StreamSocket.connect(to: .ip(address, port: port), deadline: deadline)
                return control.reply(.answered(BrokerAnswer(id: id, errno: 0)), descriptors: [socket.rawValue])
            } catch {
                failure = error.errno
            }
        }
        control.reply(.answered(BrokerAnswer(id: id, errno: wasiErrno(failure))))
    }

    /// Whether one rule covers the address itself, or covers the name and admits what it resolved to. For an address
    /// that carries another (IPv4 in IPv6), both must pass.
    private func permits(_ address: IPAddress, port: UInt16, name: String?) -> Bool {
        let rules = rules(for: port)
        let name = name.map(canonical)
        let forms = [address] + (address.embeddedIPv4.map { [$0] } ?? [])
        return forms.allSatisfy { form in
            rules.contains { rule in
                rule.covers(address: form.bytes)
                    || (name.map { rule.covers(name: $0) } ?? false) && rule.admits(resolved: form.bytes)
            }
        }
    }

    private func rules(for port: UInt16) -> [HostPattern] {
        capabilities.connect.lazy.filter { $0.transport == .tcp && $0.ports.contains(port) }.map(\.host)
    }

    /// As rules are written: lower case, no trailing dot.
    private func canonical(_ name: String) -> String {
        let lower = name.lowercased()
        return lower.hasSuffix(".") ? String(lower.dropLast()) : lower
    }

    private func denial(host: String, port: UInt16, why: String?) -> Denial {
        Denial(
            call: "bulkhead.tcp_connect",
            arguments: DenialArgument.quoted("target", "tcp://\(host):\(port)", limit: 300)
                + (why.map { " \($0)" } ?? ""),
            layer: .broker, key: PolicyKey(capabilities.connect.isEmpty ? "net" : "net.connect"),
            errno: ConnectionBroker.notCapable)
    }

    private func wasiErrno(_ errno: Int32) -> UInt16 {
        switch errno {
        case ECONNREFUSED: 14
        case ECONNRESET: 15
        case EHOSTUNREACH: 23
        case ENETUNREACH: 40
        case EMFILE, ENFILE: 41
        case ETIMEDOUT: 73
        default: 29
        }
    }
}
