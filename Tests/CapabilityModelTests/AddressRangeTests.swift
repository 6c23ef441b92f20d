// Which addresses are public, how ranges nest, and how they print.

import CapabilityModel
import Testing

@Suite struct AddressRangeTests {
    @Test(
        arguments: [
            [0, 1, 2, 3], [10, 0, 0, 1], [100, 64, 0, 1], [127, 0, 0, 1], [169, 254, 169, 254], [172, 16, 0, 1],
            [172, 31, 255, 255], [192, 168, 1, 1], [198, 19, 0, 1], [224, 0, 0, 1], [255, 255, 255, 255],
        ] as [[UInt8]])
    func isPrivate(address: [UInt8]) {
        #expect(!isPublicAddress(address))
        #expect(!HostPattern.anyPublic.covers(address: address))
        #expect(HostPattern.cidr(address: [0, 0, 0, 0], prefix: 0).covers(address: address))
    }

    @Test(
        arguments: [
            [1, 1, 1, 1], [9, 255, 255, 255], [11, 0, 0, 0], [100, 63, 0, 0], [172, 32, 0, 0], [192, 167, 0, 1],
            [223, 255, 255, 255],
        ] as [[UInt8]])
    func isPublic(address: [UInt8]) {
        #expect(isPublicAddress(address))
        #expect(HostPattern.anyPublic.covers(address: address))
    }

    private static func six(_ groups: [UInt16]) -> [UInt8] {
        let bytes = groups.flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] }
        return bytes + [UInt8](repeating: 0, count: 16 - bytes.count)
    }

    @Test(
        arguments: [
            [0, 0, 0, 0, 0, 0, 0, 1], [0xFC00], [0xFE80], [0xFF02], [0x2002, 0x7F00], [0x2001, 0], [0x2001, 0xDB8],
            [0x64, 0xFF9B, 0, 0, 0, 0, 0x7F00, 1],
        ] as [[UInt16]])
    func sixIsPrivate(groups: [UInt16]) {
        #expect(!isPublicAddress(AddressRangeTests.six(groups)))
    }

    @Test func sixIsPublic() {
        #expect(isPublicAddress(AddressRangeTests.six([0x2606, 0x4700])))
        #expect(isPublicAddress(AddressRangeTests.six([0x2001, 0x4860])))
    }

    @Test func mappedAddressesCountAsIPv4() {
        let loopback = AddressRangeTests.six([0, 0, 0, 0, 0, 0xFFFF, 0x7F00, 1])
        #expect(!isPublicAddress(loopback))
        #expect(HostPattern.cidr(address: [127, 0, 0, 0], prefix: 8).covers(address: loopback))
        #expect(!HostPattern.cidr(address: [UInt8](repeating: 0, count: 16), prefix: 0).covers(address: loopback))
    }

    @Test func oddLengthsAreCoveredByNothing() {
        for pattern in [HostPattern.anyPublic, .cidr(address: [0, 0, 0, 0], prefix: 0)] {
            #expect(!pattern.covers(address: []))
            #expect(!pattern.covers(address: [1, 1, 1]))
        }
        #expect(!isPublicAddress([1, 2, 3, 4, 5]))
    }

    @Test func publicPartsLeaveOutWhatIsPrivate() {
        let parts = AddressRange(address: [0, 0, 0, 0], prefix: 0).publicParts
        #expect(!parts.contains { !$0.isPublic })
        let size = parts.reduce(UInt64(0)) { $0 + 1 << UInt64(32 - $1.prefix) }
        // 2^32 less the special ranges, counted by hand.
        let special: UInt64 =
            1 << 24 + 1 << 24 + 1 << 22 + 1 << 24 + 1 << 16 + 1 << 20 + 1 << 8 + 1 << 8 + 1 << 8 + 1 << 16 + 1 << 17 + 1
            << 8 + 1 << 8 + 1 << 29
        #expect(size == 1 << 32 - special)
    }

    @Test(
        arguments: [
            ([0, 0, 0, 0, 0, 0, 0, 1], 128, "[::1]"), ([0xFE80], 10, "[fe80::]/10"), ([], 0, "[::]/0"),
            ([0x2001, 0xDB8, 0, 1, 1, 1, 1, 1], 128, "[2001:db8:0:1:1:1:1:1]"),
            ([0x2001, 0, 0, 1, 0, 0, 0, 1], 128, "[2001:0:0:1::1]"),
        ] as [([UInt16], Int, String)])
    func prints(groups: [UInt16], prefix: Int, text: String) {
        #expect("\(AddressRange(address: AddressRangeTests.six(groups), prefix: prefix))" == text)
    }
}

@Suite struct HostPatternTests {
    @Test func namesNest() {
        #expect(HostPattern.subdomains(of: "example.com").covers(name: "a.example.com"))
        #expect(HostPattern.subdomains(of: "example.com").covers(name: "b.a.example.com"))
        #expect(!HostPattern.subdomains(of: "example.com").covers(name: "example.com"))
        #expect(!HostPattern.subdomains(of: "example.com").covers(name: "evilexample.com"))
        #expect(!HostPattern.name("example.com").covers(name: "example.com.evil.org"))
    }

    @Test(arguments: ["localhost", "x.localhost"])
    func publicDoesNotCoverThisMachine(name: String) {
        #expect(!HostPattern.anyPublic.covers(name: name))
    }

    @Test(arguments: ["\u{212A}elvin.example.com", "", "a b", "a\u{0}b", "é.com"])
    func onlyPlainNamesAreCovered(name: String) {
        #expect(!HostPattern.anyPublic.covers(name: name))
        #expect(!HostPattern.name(name).covers(name: name))
    }

    @Test func aNameLeadsToPublicAddressesOnly() {
        #expect(HostPattern.name("example.com").admits(resolved: [1, 1, 1, 1]))
        #expect(!HostPattern.name("example.com").admits(resolved: [127, 0, 0, 1]))
        #expect(!HostPattern.subdomains(of: "example.com").admits(resolved: [10, 0, 0, 1]))
        #expect(HostPattern.name("localhost").admits(resolved: [127, 0, 0, 1]))
        #expect(!HostPattern.name("localhost").admits(resolved: [10, 0, 0, 1]))
    }
}

@Suite struct NamePatternTests {
    @Test func patternsNest() {
        #expect(NamePattern.covers("*", "A"))
        #expect(NamePattern.covers("A*", "AB*"))
        #expect(!NamePattern.covers("AB*", "A*"))
        #expect(!NamePattern.covers("A", "AB"))
        #expect(NamePattern.meet(["A*", "B"], ["AB*", "A", "C"]) == ["AB*", "A"])
        #expect(NamePattern.normalised(["*", "A", "A*"]) == ["*"])
    }
}

@Suite struct EnvironmentTests {
    @Test func aValueThatIsSetWins() {
        let grant = EnvironmentGrant(
            allow: ["*"], set: ["A": EnvironmentValue(value: "set", isSecret: false)], except: ["B"])
        let seen = grant.resolve(from: [("A", "own"), ("B", "own"), ("C", "own")])
        #expect(seen.map(\.name) == ["A", "C"])
        #expect(seen.map(\.value.value) == ["set", "own"])
    }

    @Test func twoValuesLeaveNone() {
        let left = EnvironmentGrant(allow: ["*"], set: ["A": EnvironmentValue(value: "1", isSecret: false)])
        let right = EnvironmentGrant(allow: ["*"], set: ["A": EnvironmentValue(value: "2", isSecret: false)])
        let both = left.meet(right)
        #expect(both.set.isEmpty)
        #expect(!both.passes("A"))
        #expect(both.passes("B"))
    }

    @Test func secretsStaySecret() {
        let open = EnvironmentGrant(set: ["A": EnvironmentValue(value: "1", isSecret: false)])
        let closed = EnvironmentGrant(set: ["A": EnvironmentValue(value: "1", isSecret: true)])
        #expect(open.meet(closed).set["A"]?.isSecret == true)
        #expect(closed.meet(open).set["A"]?.shown == "‹secret›")
    }
}
