// What a policy means: a lattice with `meet`. Equal sets, limits aside, may share a cell.

package struct ClockGrant: Hashable, Sendable {
    /// Finest step the guest sees, in nanoseconds; nil is no access to that clock.
    package var realtime: UInt64?
    package var monotonic: UInt64?
    /// Both CPU-time clocks.
    package var cpuTime: UInt64?

    package init(realtime: UInt64? = nil, monotonic: UInt64? = nil, cpuTime: UInt64? = nil) {
        self.realtime = realtime
        self.monotonic = monotonic
        self.cpuTime = cpuTime
    }
}

/// Rights over other processes. How many there may be is a limit, `Limits.processes`.
package struct ProcessGrant: Hashable, Sendable {
    /// Named policies a child may be given.
    package var policies: Set<String>
    package var register: Set<String>
    package var lookup: Set<String>

    package init(
        policies: Set<String> = [], register: Set<String> = [], lookup: Set<String> = []
    ) {
        self.policies = policies
        self.register = register
        self.lookup = lookup
    }
}

package struct CapabilitySet: Hashable, Sendable {
    package var mounts: [MountGrant]
    package var connect: [NetworkGrant]
    package var listen: [NetworkGrant]
    /// Only `name`, `subdomains` and `anyPublic` occur.
    package var resolve: [HostPattern]
    package var environment: EnvironmentGrant
    /// Whether arguments after the program name reach the guest.
    package var arguments: Bool
    package var stdio: StdioGrant
    package var clocks: ClockGrant
    package var random: Bool
    package var process: ProcessGrant
    package var limits: Limits

    package init(
        mounts: [MountGrant] = [], connect: [NetworkGrant] = [], listen: [NetworkGrant] = [],
        resolve: [HostPattern] = [], environment: EnvironmentGrant = EnvironmentGrant(), arguments: Bool = false,
        stdio: StdioGrant = .closed, clocks: ClockGrant = ClockGrant(), random: Bool = false,
        process: ProcessGrant = ProcessGrant(), limits: Limits = .default
    ) {
        self.mounts = mounts
        self.connect = connect
        self.listen = listen
        self.resolve = resolve
        self.environment = environment
        self.arguments = arguments
        self.stdio = stdio
        self.clocks = clocks
        self.random = random
        self.process = process
        self.limits = limits
    }
}
