// Capability sets that stand for the shipped policies, and random ones.

package import CapabilityModel
internal import PolicyCompiler

package enum Profiles {
    package static func mount(_ rights: FileRights, symlinks: SymlinkPolicy = .follow, at path: String = "/data")
        -> MountGrant
    {
        MountGrant(guestPath: path, hostPath: path, rights: rights, symlinks: symlinks)
    }

    package static let anyTCP = NetworkGrant(transport: .tcp, host: .anyPublic, ports: 443...443)

    package static let sets: [(name: String, set: CapabilitySet)] = [
        ("pure-compute", CapabilitySet()),
        ("read-only-data", CapabilitySet(mounts: [mount(.readOnly)])),
        ("no-net", CapabilitySet(mounts: [mount(.readWrite, symlinks: .create)])),
        ("http-client", CapabilitySet(connect: [anyTCP])),
        ("tcp-service", CapabilitySet(listen: [anyTCP])),
        (
            "full-wasi",
            CapabilitySet(
                mounts: [mount(.readWrite, symlinks: .create, at: "/")], connect: [anyTCP], listen: [anyTCP])
        ),
    ]

    package static let names = sets.map(\.name)

    package static func profile(_ name: String) -> KernelProfile {
        let set = sets.first { $0.name == name }?.set ?? CapabilitySet()
        return KernelLowering.profile(for: set)
    }

    package static func random(_ generator: inout some RandomNumberGenerator) -> CapabilitySet {
        var set = CapabilitySet()
        for index in 0..<Int.random(in: 0...3, using: &generator) {
            let rights = FileRights(rawValue: UInt8.random(in: 0...15, using: &generator))
            let symlinks = SymlinkPolicy(rawValue: UInt8.random(in: 0...2, using: &generator)) ?? .refuse
            set.mounts.append(mount(rights, symlinks: symlinks, at: "/m\(index % 2)"))
        }
        if Bool.random(using: &generator) { set.connect = [anyTCP] }
        if Bool.random(using: &generator) { set.listen = [anyTCP] }
        set.limits.fds = UInt32.random(in: 3...1000, using: &generator)
        set.limits.cpu = Bool.random(using: &generator) ? nil : UInt64.random(in: 1...1 << 40, using: &generator)
        return set
    }
}

/// SplitMix64: the same sequence for the same seed, which a failing test prints.
package struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    package init(seed: UInt64) {
        state = seed
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }
}
