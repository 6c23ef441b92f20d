// Random capability sets that overlap often, from a seed that is printed.

import CapabilityModel

extension CapabilitySet {
    static func random(_ source: inout SplitMix) -> CapabilitySet {
        CapabilitySet(
            mounts: mounts(&source), connect: rules(&source), listen: rules(&source),
            resolve: source.some(hosts.filter { if case .cidr = $0 { false } else { true } }),
            environment: environment(&source), arguments: Bool.random(using: &source), stdio: streams(&source),
            clocks: ClockGrant(
                realtime: source.pick([nil, 1, 1000]), monotonic: source.pick([nil, 1, 50]),
                cpuTime: source.pick([nil, 7])),
            random: Bool.random(using: &source),
            process: ProcessGrant(
                policies: Set(source.some(names)), register: Set(source.some(names)),
                lookup: Set(source.some(names))),
            limits: limits(&source)
        ).normalised
    }

    private static let places: [(String, String)] = [
        ("/", "/"), ("/data", "/data"), ("/data", "/srv"), ("/data/a", "/srv/a"), ("/data/a/b", "/srv/a/b"),
        ("/database", "/srvice"), ("/", "/srv"), ("/a", "/srv/a"), ("/x", "/y"),
    ]

    private static func mounts(_ source: inout SplitMix) -> [MountGrant] {
        source.some(places).map { guest, host in
            MountGrant(
                guestPath: guest, hostPath: host,
                rights: FileRights(rawValue: UInt8.random(in: 1...15, using: &source)),
                symlinks: source.pick([.refuse, .follow, .create]), quotaBytes: source.pick([nil, nil, 0, 100]),
                quotaFiles: source.pick([nil, nil, 5]))
        }
    }

    private static let hosts: [HostPattern] = [
        .anyPublic, .name("example.com"), .name("a.example.com"), .subdomains(of: "example.com"),
        .subdomains(of: "b.example.com"), .name("x.b.example.com"), .name("localhost"),
        .cidr(address: [0, 0, 0, 0], prefix: 0), .cidr(address: [10, 0, 0, 0], prefix: 8),
        .cidr(address: [10, 1, 0, 0], prefix: 16), .cidr(address: [8, 0, 0, 0], prefix: 6),
        .cidr(address: [8, 8, 8, 8], prefix: 32), .cidr(address: [UInt8](repeating: 0, count: 16), prefix: 0),
        .cidr(address: [0x20, 1] + [UInt8](repeating: 0, count: 14), prefix: 16),
    ]

    private static func rules(_ source: inout SplitMix) -> [NetworkGrant] {
        source.some(hosts).map { host in
            NetworkGrant(
                transport: source.pick([.tcp, .tcp, .udp]), host: host,
                ports: source.pick([0...UInt16.max, 443...443, 400...500, 80...443, 1...1]))
        }
            + source.some(["/run/*", "/run/a.sock"]).map {
                NetworkGrant(transport: .unix, host: .path($0), ports: 0...0)
            }
    }

    private static let names = ["*", "A", "B", "A_*", "A_B", "A_B*", "LANG"]

    private static func environment(_ source: inout SplitMix) -> EnvironmentGrant {
        var values: [String: EnvironmentValue] = [:]
        for name in source.some(["A", "B", "A_B", "C"]) {
            values[name] = EnvironmentValue(
                value: source.pick(["1", "2"]), isSecret: Bool.random(using: &source))
        }
        return EnvironmentGrant(
            allow: Set(source.some(names)), set: values, except: Set(source.some(["A_B", "LANG", "D"], 0.2)))
    }

    private static func streams(_ source: inout SplitMix) -> StdioGrant {
        let grants: [StreamGrant] = [.closed, .null, .inherit, .file("/a"), .file("/b"), .log]
        return StdioGrant(stdin: source.pick(grants), stdout: source.pick(grants), stderr: source.pick(grants))
    }

    private static func limits(_ source: inout SplitMix) -> Limits {
        Limits(
            memory: source.pick([65_536, 1 << 20, 1 << 30]), tableElements: source.pick([0, 10, 1000]),
            cpu: source.pick([nil, 1, 1_000_000_000]), cpuShare: source.pick([1, 20, 100]),
            wall: source.pick([nil, 5, 60_000_000_000]), fds: source.pick([3, 64, 4096]),
            output: source.pick([0, 1 << 20]), stack: source.pick([65_536, 1 << 20]),
            mailboxMessages: source.pick([1, 10]), mailboxBytes: source.pick([1, 100]),
            processes: source.pick([0, 1, 100]))
    }
}
