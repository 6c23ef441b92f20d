// Lowers a capability set to the kernel profile of the cell it runs in.

package import CapabilityModel

package enum KernelLowering {
    /// Pure: equal capability sets give equal profiles. Monotone: a wider set allows every call that a narrower one
    /// allows, and no limit of it is lower.
    package static func profile(for capabilities: CapabilitySet) -> KernelProfile {
        KernelProfile(
            syscalls: SeccompProgram.rules(for: capabilities), refusals: SeccompProgram.refusals,
            landlock: LandlockRuleset.rules(for: capabilities.mounts),
            resourceLimits: resourceLimits(for: capabilities.limits), namespaces: namespaces)
    }

    /// Descriptors that a cell itself holds: control socket, native code, some slack, and a second handle for each of at
    /// most 250 mounts, opened when a guest lists it. A constant, for a wider set may well have fewer mounts.
    package static let cellDescriptors: UInt64 = 288

    /// CPU seconds that a cell may use beyond the process's own limit: to load the module, and for the limit to be
    /// noticed and reported before the kernel kills.
    package static let cellCPUSeconds: UInt64 = 2

    /// Sorted by name. No limit on address space: reservations are far larger than memory.
    private static func resourceLimits(for limits: Limits) -> [ResourceLimitRule] {
        var rules = [
            ResourceLimitRule(name: "core", value: 0, reason: "a dump would hold the guest's memory and secrets")
        ]
        if let cpu = limits.cpu {
            let seconds = cpu / 1_000_000_000 + (cpu % 1_000_000_000 == 0 ? 0 : 1)
            rules.append(
                ResourceLimitRule(
                    name: "cpu", value: seconds + cellCPUSeconds,
                    reason: "limits.cpu in seconds and \(cellCPUSeconds) for the cell itself, should its own count fail"
                ))
        }
        rules += [
            ResourceLimitRule(name: "memlock", value: 0, reason: "nothing is locked in memory"),
            ResourceLimitRule(name: "msgqueue", value: 0, reason: "no message queues"),
            ResourceLimitRule(
                name: "nofile", value: UInt64(limits.fds) + cellDescriptors,
                reason: "limits.fds and \(cellDescriptors) for the cell itself"),
            ResourceLimitRule(name: "rtprio", value: 0, reason: "no real-time scheduling"),
        ]
        return rules
    }

    /// A cell needs nothing of the host's; what it works on is handed in as descriptors, which keep their namespace.
    private static let namespaces = ["cgroup", "ipc", "mount", "net", "pid", "user", "uts"]
}
