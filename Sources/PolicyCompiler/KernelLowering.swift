// Lowers a capability set to the kernel profile of the cell it runs in.

package import CapabilityModel

package enum KernelLowering {
    /// Pure: equal capability sets give equal profiles.
    package static func profile(for capabilities: CapabilitySet) -> KernelProfile {
        KernelProfile(syscalls: [], refusals: [:], landlock: [], resourceLimits: [], namespaces: [])
    }
}
