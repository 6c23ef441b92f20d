// Capability sets on their way into a cell: random ones come out as they went in, and no bytes trap the reader.

import CapabilityModel
import CellProtocol
import LinuxKernel
import Testing

@Suite struct CapabilityCodingTests {
    @Test func randomSetsSurviveTheTrip() throws {
        let (seed, factor) = fuzzSettings()
        print("capability coding: seed \(seed)")
        var generator = SplitMix(state: seed)
        var different: Set<CapabilitySet> = []
        for _ in 0..<2000 * factor {
            let set = CapabilitySet.random(&generator)
            let bytes = set.encoded()
            #expect(try CapabilitySet(decoding: bytes) == set, "seed \(seed)")
            #expect(set.normalised == set || set.normalised.encoded() != bytes, "seed \(seed)")
            different.insert(set)
        }
        #expect(different.count > 1500 * factor, "seed \(seed)")
    }

    @Test func equalSetsHaveOneEncoding() {
        var generator = SplitMix(state: 7)
        for _ in 0..<200 {
            let set = CapabilitySet.random(&generator)
            var again = set
            again.environment.allow = Set(set.environment.allow.sorted().reversed())
            again.process.lookup = Set(set.process.lookup.sorted().reversed())
            #expect(again.encoded() == set.encoded())
        }
    }

    @Test func mutatedBytesNeverTrap() {
        let (seed, factor) = fuzzSettings()
        print("capability fuzz: seed \(seed)")
        var generator = SplitMix(state: seed)
        var decoded = 0
        var errors: Set<WireError> = []
        for _ in 0..<10_000 * factor {
            var bytes = CapabilitySet.random(&generator).encoded()
            for _ in 0..<Int.random(in: 1...4, using: &generator) where !bytes.isEmpty {
                let index = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: bytes[index] = UInt8.random(in: 0 ... .max, using: &generator)
                case 1: bytes.remove(at: index)
                default: bytes.insert(UInt8.random(in: 0 ... .max, using: &generator), at: index)
                }
            }
            do throws(WireError) {
                let set = try CapabilitySet(decoding: bytes)
                decoded += 1
                #expect((try? CapabilitySet(decoding: set.encoded())) == set, "seed \(seed)")
                // What the cell does with it must hold for anything that was accepted.
                #expect(set.meet(set.normalised).isSubset(of: set), "seed \(seed)")
                _ = ImportTableLowering.table(for: set)
            } catch {
                errors.insert(error)
            }
        }
        print("capability fuzz: \(decoded) accepted, \(errors.count) errors")
        #expect(decoded > 100 && errors.count > 5, "seed \(seed)")
    }

    /// Bits behind the prefix, an address of no family, a prefix past its end.
    @Test(arguments: [([10, 0, 0, 1], 8), ([10, 0, 0], 8), ([10, 0, 0, 0], 33)] as [([UInt8], Int)])
    func rangesThatNoPolicyMakesAreRefused(_ address: [UInt8], _ prefix: Int) {
        let grant = NetworkGrant(transport: .tcp, host: .cidr(address: address, prefix: prefix), ports: 1...1)
        #expect(throws: WireError.invalid("address range")) { try NetworkGrant(decoding: grant.encoded()) }
    }

    @Test func portsThatRunBackwardsAreRefused() {
        var bytes = NetworkGrant(transport: .udp, host: .anyPublic, ports: 5...5).encoded()
        bytes[bytes.count - 2] = 4
        #expect(throws: WireError.invalid("ports")) { try NetworkGrant(decoding: bytes) }
    }
}

/// BULKHEAD_FUZZ_SEED or a new seed, and BULKHEAD_FUZZ_FACTOR.
private func fuzzSettings() -> (seed: UInt64, factor: Int) {
    let environment = HostProcess.environment()
    return (
        environment["BULKHEAD_FUZZ_SEED"].flatMap { UInt64($0) } ?? .random(in: 0 ... .max),
        environment["BULKHEAD_FUZZ_FACTOR"].flatMap { Int($0) } ?? 1
    )
}

extension CapabilitySet {
    fileprivate static func random(_ source: inout SplitMix) -> CapabilitySet {
        func pick<Value>(_ values: [Value]) -> Value { values[Int.random(in: 0..<values.count, using: &source)] }
        func some<Value>(_ values: [Value]) -> [Value] { values.filter { _ in pick([true, false, false]) } }
        let names = ["a", "A_*", "*", "e\u{301}", "", "x\0y"]
        let streams: [StreamGrant] = [.closed, .null, .inherit, .log, .file("/a"), .file("")]
        let hosts: [HostPattern] = [
            .anyPublic, .name("example.com"), .subdomains(of: "example.com"), .path("/run/*"),
            .cidr(address: [10, 0, 0, 0], prefix: 8), .cidr(address: [0, 0, 0, 0], prefix: 0),
            .cidr(address: [UInt8](repeating: 1, count: 16), prefix: 128),
        ]
        func rules() -> [NetworkGrant] {
            some(hosts).map {
                NetworkGrant(
                    transport: pick(Transport.allCases), host: $0, ports: pick([0...0, 0...UInt16.max, 80...443]))
            }
        }
        var values: [String: EnvironmentValue] = [:]
        for name in some(names) {
            values[name] = EnvironmentValue(value: pick(["", "1"]), isSecret: pick([true, false]))
        }
        var limits = Limits.default
        limits.memory = pick([0, 1 << 30, .max])
        limits.cpu = pick([nil, 1, .max])
        limits.cpuShare = pick([1, 100])
        limits.wall = pick([nil, 7])
        limits.fds = pick([3, .max])
        limits.mailboxMessages = pick([1, .max])
        limits.processes = pick([0, 1, .max])
        return CapabilitySet(
            mounts: some(["/", "/data", "/data/a"]).map {
                MountGrant(
                    guestPath: $0, hostPath: "/srv" + $0,
                    rights: FileRights(rawValue: .random(in: 1...15, using: &source)),
                    symlinks: pick([.refuse, .follow, .create]), quotaBytes: pick([nil, 0, .max]),
                    quotaFiles: pick([nil, 1]))
            }, connect: rules(), listen: rules(), resolve: some(hosts),
            environment: EnvironmentGrant(allow: Set(some(names)), set: values, except: Set(some(names))),
            arguments: pick([true, false]),
            stdio: StdioGrant(stdin: pick(streams), stdout: pick(streams), stderr: pick(streams)),
            clocks: ClockGrant(realtime: pick([nil, 1]), monotonic: pick([nil, .max]), cpuTime: pick([nil, 5])),
            random: pick([true, false]),
            process: ProcessGrant(
                policies: Set(some(names)), register: Set(some(names)),
                lookup: Set(some(names))),
            limits: limits)
    }
}
