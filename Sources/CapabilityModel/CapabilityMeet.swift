// The lattice: `meet` is the most that two capability sets both permit, and `isSubset` its order.

extension StreamGrant {
    /// `closed` < `null` < one file or the log < `inherit`: who runs the guest chooses what an inherited stream is.
    package func meet(_ other: StreamGrant) -> StreamGrant {
        switch (self, other) {
        case (.closed, _), (_, .closed): .closed
        case (.null, _), (_, .null): .null
        case (.inherit, let grant), (let grant, .inherit): grant
        case (.log, .log): .log
        case (.file(let left), .file(let right)): left == right ? self : .null
        case (.log, .file), (.file, .log): .null
        }
    }
}

extension StdioGrant {
    package func meet(_ other: StdioGrant) -> StdioGrant {
        StdioGrant(
            stdin: stdin.meet(other.stdin), stdout: stdout.meet(other.stdout), stderr: stderr.meet(other.stderr))
    }
}

extension ClockGrant {
    /// The coarser step of the two.
    package func meet(_ other: ClockGrant) -> ClockGrant {
        ClockGrant(
            realtime: ClockGrant.coarser(realtime, other.realtime),
            monotonic: ClockGrant.coarser(monotonic, other.monotonic),
            cpuTime: ClockGrant.coarser(cpuTime, other.cpuTime))
    }

    private static func coarser(_ left: UInt64?, _ right: UInt64?) -> UInt64? {
        guard let left, let right else { return nil }
        return max(left, right)
    }
}

extension ProcessGrant {
    package func meet(_ other: ProcessGrant) -> ProcessGrant {
        ProcessGrant(
            policies: NamePattern.meet(policies, other.policies),
            register: NamePattern.meet(register, other.register), lookup: NamePattern.meet(lookup, other.lookup))
    }

    var normalised: ProcessGrant {
        ProcessGrant(
            policies: NamePattern.normalised(policies), register: NamePattern.normalised(register),
            lookup: NamePattern.normalised(lookup))
    }
}

extension HostPattern {
    package static func normalised(_ patterns: [HostPattern]) -> [HostPattern] {
        let unique = Set(patterns)
        return unique.filter { pattern in !unique.contains { $0 != pattern && $0.covers(pattern) } }
            .sorted { $0.description < $1.description }
    }
}

extension CapabilitySet {
    /// One form for equal authority: maximal rules, in order.
    package var normalised: CapabilitySet {
        var set = self
        set.mounts = MountGrant.normalised(mounts)
        set.connect = NetworkGrant.normalised(connect)
        set.listen = NetworkGrant.normalised(listen)
        set.resolve = HostPattern.normalised(resolve)
        set.environment = environment.normalised
        set.process = process.normalised
        return set
    }

    /// The most that both permit, in normal form.
    package func meet(_ other: CapabilitySet) -> CapabilitySet {
        CapabilitySet(
            mounts: MountGrant.meet(mounts, other.mounts), connect: NetworkGrant.meet(connect, other.connect),
            listen: NetworkGrant.meet(listen, other.listen),
            resolve: HostPattern.normalised(resolve.flatMap { pattern in other.resolve.flatMap { pattern.meet($0) } }),
            environment: environment.meet(other.environment), arguments: arguments && other.arguments,
            stdio: stdio.meet(other.stdio), clocks: clocks.meet(other.clocks), random: random && other.random,
            process: process.meet(other.process), limits: limits.meet(other.limits))
    }

    /// Whether everything that this set permits, the other one permits too.
    package func isSubset(of other: CapabilitySet) -> Bool {
        MountGrant.isSubset(mounts, of: other.mounts)
            && connect.allSatisfy { grant in other.connect.contains { $0.covers(grant) } }
            && listen.allSatisfy { grant in other.listen.contains { $0.covers(grant) } }
            && resolve.allSatisfy { pattern in other.resolve.contains { $0.covers(pattern) } }
            && environment.isSubset(of: other.environment) && (!arguments || other.arguments)
            && stdio.meet(other.stdio) == stdio && clocks.meet(other.clocks) == clocks && (!random || other.random)
            && process.meet(other.process) == process.normalised && limits.meet(other.limits) == limits
    }
}
