// What the broker lets pass, as a pure function: hosts, ports, paths, and policies that narrowed who asks.

import CapabilityModel
import CellProtocol
import LinuxKernel
import Testing

@testable import CellSupervisor

@Suite struct BrokerRulesTests {
    private static func grant(_ transport: Transport, _ host: HostPattern, _ ports: ClosedRange<UInt16>) -> NetworkGrant
    {
        NetworkGrant(transport: transport, host: host, ports: ports)
    }

    private static func address(_ bytes: [UInt8], _ prefix: Int = 32) -> HostPattern {
        .cidr(address: bytes, prefix: prefix)
    }

    private static let program = CapabilitySet(
        connect: [
            grant(.tcp, .name("db.example"), 5432...5432), grant(.tcp, address([127, 0, 0, 1]), 1...65535),
            grant(.udp, address([10, 0, 0, 0], 8), 514...514), grant(.unix, .path("/run/app/*"), 0...0),
            // ::1 stands for no IPv4 address, 0.0.0.1 least of all.
            grant(.tcp, address([UInt8](repeating: 0, count: 15) + [1], 128), 81...81),
            grant(.unix, .path("/run/log.sock"), 0...0),
        ],
        listen: [
            grant(.tcp, address([127, 0, 0, 1]), 8000...8010), grant(.tcp, address([127, 0, 0, 2]), 0...0),
            grant(.tcp, address([0, 0, 0, 0], 8), 7000...7000), grant(.tcp, address([0, 0, 0, 0]), 7001...7001),
            grant(.udp, address([0, 0, 0, 0], 0), 5353...5353), grant(.unix, .path("/run/app/in*"), 0...0),
        ], resolve: [.subdomains(of: "example")])

    private static let rules = BrokerRules(
        program: program,
        policies: [
            .init(
                name: "one-port",
                capabilities: program.meet(
                    CapabilitySet(
                        connect: [grant(.tcp, address([127, 0, 0, 1]), 80...80)],
                        listen: [grant(.tcp, address([127, 0, 0, 1]), 8005...8006)])),
                onDenied: .errno),
            .init(name: "silent", capabilities: CapabilitySet(), onDenied: .errno),
        ])

    private func verdict(_ operation: BrokerRequest.Operation, _ policies: [UInt16] = []) -> BrokerRules.Verdict {
        Self.rules.verdict(on: BrokerRequest(id: 1, policies: policies, operation: operation))
    }

    @Test(
        arguments: [
            .connect(.tcp, host: "db.example", port: 5432), .connect(.tcp, host: "DB.Example.", port: 5432),
            .connect(.tcp, host: "127.0.0.1", port: 9), .connect(.tcp, host: "::1", port: 81),
            .connect(.udp, host: "10.1.2.3", port: 514),
            .udpSend(socket: 1, host: "10.1.2.3", port: 514, data: []), .unixConnect(path: "/run/app/a/b.sock"),
            .unixConnect(path: "/run/log.sock"), .tcpListen(host: "127.0.0.1", port: 8010, backlog: 0),
            .tcpListen(host: "localhost", port: 0, backlog: 0), .tcpListen(host: "127.0.0.2", port: 0, backlog: 0),
            .tcpListen(host: "0.0.0.0", port: 7001, backlog: 0), .udpBind(host: "0.0.0.0", port: 5353),
            .udpBind(host: "127.0.0.9", port: 5353), .unixListen(path: "/run/app/in.sock", backlog: 1),
            .resolve(name: "a.example"),
        ] as [BrokerRequest.Operation]) func whatARuleCoversPasses(_ operation: BrokerRequest.Operation)
    {
        #expect(verdict(operation) == .permitted)
    }

    @Test(
        arguments: [
            (.connect(.tcp, host: "db.example", port: 5433), "net.connect"),
            (.connect(.udp, host: "db.example", port: 5432), "net.connect"),
            (.connect(.tcp, host: "x.db.example", port: 5432), "net.connect"),
            (.connect(.tcp, host: "::1", port: 80), "net.connect"),
            (.udpSend(socket: 1, host: "11.0.0.1", port: 514, data: []), "net.connect"),
            (.unixConnect(path: "/run/log.sock2"), "net.connect"), (.unixConnect(path: "/etc/x.sock"), "net.connect"),
            (.tcpListen(host: "127.0.0.1", port: 8011, backlog: 0), "net.listen"),
            (.tcpListen(host: "127.0.0.3", port: 0, backlog: 0), "net.listen"),
            // 0.0.0.0/8 is a network, not every address.
            (.tcpListen(host: "0.0.0.0", port: 7000, backlog: 0), "net.listen"),
            (.tcpListen(host: "::ffff:127.0.0.1", port: 8000, backlog: 0), "net.listen"),
            (.udpBind(host: "::", port: 5353), "net.listen"),
            (.unixListen(path: "/run/app/out.sock", backlog: 1), "net.listen"),
            (.resolve(name: "example"), "net.resolve"), (.resolve(name: "a.example.com"), "net.resolve"),
        ] as [(BrokerRequest.Operation, String)]) func theRestIsDenied(
            _ operation: BrokerRequest.Operation, _ key: String
        )
    {
        #expect(verdict(operation) == .denied(PolicyKey(key)))
    }

    @Test(
        arguments: [
            .connect(.tcp, host: "127.0.0.1", port: 0), .connect(.tcp, host: "", port: 1),
            .connect(.tcp, host: "a\0b", port: 1), .connect(.tcp, host: String(repeating: "a", count: 254), port: 1),
            .tcpListen(host: "db.example", port: 1, backlog: 0), .udpBind(host: "", port: 0),
            .unixConnect(path: "/run/app/../../etc/x"), .unixConnect(path: "/run/app//x"),
            .unixConnect(path: "run/app/x"),
            .unixConnect(path: "/run/app/."), .unixConnect(path: "/run/app/"),
            .unixListen(path: "/run/app/a\0", backlog: 1),
            .unixConnect(path: "/run/app/" + String(repeating: "a", count: 5000)), .resolve(name: "127.0.0.1"),
            .resolve(name: ""),
        ] as [BrokerRequest.Operation]) func nonsenseIsInvalid(_ operation: BrokerRequest.Operation)
    {
        #expect(verdict(operation) == .invalid(WASIErrno.inval))
    }

    @Test func aNarrowedProcessIsHeldToItsPolicies() {
        let wide = BrokerRequest.Operation.connect(.tcp, host: "127.0.0.1", port: 81)
        #expect(verdict(wide) == .permitted)
        #expect(verdict(wide, [0]) == .denied(PolicyKey("process.policies[\"one-port\"].net.connect")))
        #expect(verdict(.connect(.tcp, host: "127.0.0.1", port: 80), [0]) == .permitted)
        #expect(
            verdict(.connect(.tcp, host: "127.0.0.1", port: 80), [0, 1])
                == .denied(PolicyKey("process.policies[\"silent\"].net.connect")))
        #expect(verdict(wide, [2]) == .invalid(WASIErrno.inval))
        #expect(verdict(wide, [0, 0, 0]) == .invalid(WASIErrno.inval))
    }

    @Test func namesLeadToPublicAddressesOnly() throws {
        let request = BrokerRequest(id: 1, operation: .connect(.tcp, host: "db.example", port: 5432))
        let inside = try #require(IPAddress(text: "192.168.0.1"))
        let mapped = try #require(IPAddress(text: "::ffff:192.168.0.1"))
        let outside = try #require(IPAddress(text: "9.9.9.9"))
        #expect(Self.rules.verdict(on: request, resolvedTo: inside) == .denied(PolicyKey("net.connect")))
        #expect(Self.rules.verdict(on: request, resolvedTo: mapped) == .denied(PolicyKey("net.connect")))
        #expect(Self.rules.verdict(on: request, resolvedTo: outside) == .permitted)
        // Its own rule covers the address itself.
        let loopback = try #require(IPAddress(text: "127.0.0.1"))
        #expect(Self.rules.verdict(on: request, resolvedTo: loopback) == .permitted)
    }

    @Test func portZeroIsAnyThatIsCovered() throws {
        func ports(_ host: String, _ policies: [UInt16] = []) throws -> [ClosedRange<UInt16>] {
            let request = BrokerRequest(
                id: 1, policies: policies, operation: .tcpListen(host: host, port: 0, backlog: 0))
            return Self.rules.ports(for: request, .tcp, at: try #require(Hosts.bindable(host)))
        }
        #expect(try ports("127.0.0.1") == [8000...8010])
        #expect(try ports("127.0.0.1", [0]) == [8005...8006])
        #expect(try ports("127.0.0.2") == [0...0])
        #expect(try ports("127.0.0.2", [0]).isEmpty)
    }

    @Test func theAuthorsPartOfAPathIsTheLongest() throws {
        let rules = BrokerRules(
            program: CapabilitySet(connect: [
                Self.grant(.unix, .path("/run/*"), 0...0), Self.grant(.unix, .path("/run/app/in*"), 0...0),
            ]), policies: [])
        let operation = BrokerRequest.Operation.unixConnect(path: "/run/app/in.sock")
        let place = try #require(rules.place(of: "/run/app/in.sock", for: operation))
        #expect(place.directory == "/run/app/" && place.rest == "in.sock")
        #expect(rules.place(of: "/run/b/c", for: operation)?.rest == "b/c")
        #expect(rules.place(of: "/srv/x", for: operation) == nil)
    }

    @Test func pathsAreComparedAsBytes() {
        // U+00E9 and e with U+0301 are equal as strings, and two files.
        #expect(UnixPath("/run/\u{e9}", coveredBy: "/run/\u{e9}") != nil)
        #expect(UnixPath("/run/e\u{301}", coveredBy: "/run/\u{e9}") == nil)
        #expect(UnixPath("/run/", coveredBy: "/run/*") == nil)
        #expect(UnixPath("/x", coveredBy: "/*")?.directory == "/")
    }
}
