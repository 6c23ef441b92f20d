// Documents → one capability set → everything lowered from it. Pure: no I/O, no clock, no environment.

package import CapabilityModel

package enum PolicyCompiler {
    /// Compiles the meet of the documents; without any, pure compute with standard streams.
    ///
    /// `flags` is what the command line grants. Without documents it adds to the default; with documents each grant must
    /// be within all of them, and what it writes replaces what they say. Throws everything that is wrong, with both
    /// places where two documents disagree.
    package static func compile(
        _ documents: [PolicyDocument], flags: PolicyDocument? = nil
    ) throws(PolicyErrors) -> CompiledPolicy {
        let policies = try resolve(documents, flags: flags)
        var policy = try meet(policies)
        var sources = policies
        if let flags, !documents.isEmpty {
            policy = try Narrowing(parents: policies).apply(flags, to: policy)
            sources.append(ResolvedPolicy(chain: [flags], capabilities: policy.capabilities))
        }
        try check(policy, sources)
        let named = try NamedPolicies.compile(&policy)
        var provenance = Provenance.table(for: policy.capabilities, sources)
        for entry in named { provenance.merge(entry.provenance) { $1 } }
        let children = named.map(\.policy)
        return CompiledPolicy(
            capabilities: policy.capabilities, imports: ImportTableLowering.table(for: policy.capabilities),
            kernel: KernelLowering.profile(for: policy.capabilities), onDenied: policy.onDenied,
            profile: policy.profile, modulePins: policy.modulePins, require: policy.require, seccomp: policy.seccomp,
            provenance: provenance, named: children, parkAfter: policy.parkAfter,
            digest: CanonicalForm.digest(CanonicalForm.text(policy, children)))
    }

    private static func resolve(
        _ documents: [PolicyDocument], flags: PolicyDocument?
    ) throws(PolicyErrors) -> [ResolvedPolicy] {
        if documents.isEmpty {
            guard let flags else { return [try ResolvedPolicy.resolve(PolicyDocument.noPolicy())] }
            return [try ResolvedPolicy.resolve(PolicyDocument.standalone(flags))]
        }
        var policies: [ResolvedPolicy] = []
        var errors: [PolicyError] = []
        for document in documents {
            do throws(PolicyErrors) {
                policies.append(try ResolvedPolicy.resolve(document))
            } catch {
                errors += error.errors
            }
        }
        if !errors.isEmpty { throw PolicyErrors(errors) }
        return policies
    }

    private static func meet(_ policies: [ResolvedPolicy]) throws(PolicyErrors) -> ResolvedPolicy {
        guard var policy = policies.first else { throw PolicyErrors([]) }
        for (index, other) in policies.enumerated().dropFirst() {
            try Conflicts.check(policies[..<index], other)
            policy.capabilities = policy.capabilities.meet(other.capabilities)
            policy.onDenied = max(policy.onDenied, other.onDenied)
            policy.profile = policy.profile ?? other.profile
            policy.require.formUnion(other.require)
            if other.seccomp == .kill { policy.seccomp = .kill }
            policy.parkAfter = [policy.parkAfter, other.parkAfter].compactMap { $0 }.min()
            policy.named.merge(other.named) { $0 + $1 }
            if policy.modulePins.isEmpty {
                policy.modulePins = other.modulePins
            } else if !other.modulePins.isEmpty {
                policy.modulePins.formIntersection(other.modulePins)
            }
        }
        return policy
    }

    /// What can only be said of the whole.
    static func check(_ policy: ResolvedPolicy, _ sources: [ResolvedPolicy]) throws(PolicyErrors) {
        var errors: [PolicyError] = []
        let mounts = policy.capabilities.mounts
        for (index, mount) in mounts.enumerated() {
            guard let other = mounts[..<index].first(where: { $0.guestPath == mount.guestPath }) else { continue }
            let key = PolicyKey("\(mount.key.path).access")
            let places = sources.flatMap { Provenance.origins(of: key, in: $0.chain) }
            guard let first = places.first else { continue }
            let what =
                other.hostPath == mount.hostPath
                ? "`\(mount.guestPath)` has rights that differ in their quota or symlink policy"
                : "`\(mount.guestPath)` would be both `\(other.hostPath)` and `\(mount.hostPath)`"
            errors.append(
                PolicyError(
                    at: first, what, advice: "give the directories different guest paths, or grant one of them only",
                    related: places.dropFirst().map { PolicyError.Related(origin: $0, note: "and here") }))
        }
        if let error = descriptorError(policy.capabilities, sources) { errors.append(error) }
        if policy.require.contains("no-wasm-only") {
            let places = sources.flatMap { Provenance.origins(of: PolicyKey("cell.require"), in: $0.chain) }
            for grant in Enforcement.wasmOnlyGrants(policy.capabilities) {
                let origins = sources.flatMap { Provenance.origins(of: grant, in: $0.chain) }.filter(\.isPresent)
                guard let place = origins.first else { continue }
                errors.append(
                    PolicyError(
                        at: place, "only the Wasm layer enforces this", advice: "remove it, or `no-wasm-only`",
                        related: places.filter(\.isPresent).map {
                            PolicyError.Related(origin: $0, note: "such grants are refused here")
                        }))
            }
        }
        if !errors.isEmpty { throw PolicyErrors(errors) }
    }

    /// A process whose streams and mounts alone are more than it may hold could never start.
    private static func descriptorError(_ capabilities: CapabilitySet, _ sources: [ResolvedPolicy]) -> PolicyError? {
        let stdio = [capabilities.stdio.stdin, capabilities.stdio.stdout, capabilities.stdio.stderr]
        let held = stdio.count { $0 != .closed } + capabilities.mounts.count
        let limit = Int(capabilities.limits.fds)
        guard held > limit, let mount = capabilities.mounts.first else { return nil }
        let origins = [PolicyKey("limits.fds"), mount.key].flatMap { key in
            sources.flatMap { Provenance.origins(of: key, in: $0.chain) }
        }
        guard let place = origins.first(where: \.isPresent) else { return nil }
        return PolicyError(
            at: place, "\(held) streams and mounts are open from the start, and limits.fds allows \(limit)",
            advice: "raise limits.fds, or mount fewer directories")
    }
}

/// Policies that no set can satisfy together.
enum Conflicts {
    static func check(_ earlier: ArraySlice<ResolvedPolicy>, _ later: ResolvedPolicy) throws(PolicyErrors) {
        var errors: [PolicyError] = []
        for policy in earlier {
            if let left = policy.profile, let right = later.profile, left != right {
                errors.append(
                    conflict("cell.profile", "one asks for \(left.rawValue), one for \(right.rawValue)", policy, later))
            }
            let pins = policy.modulePins
            if !pins.isEmpty, !later.modulePins.isEmpty, pins.isDisjoint(with: later.modulePins) {
                errors.append(conflict("module.sha256", "no module is in both lists", policy, later))
            }
            for (name, value) in later.capabilities.environment.set {
                guard let other = policy.capabilities.environment.set[name], other.value != value.value else {
                    continue
                }
                errors.append(conflict("env", "`\(name)` has two values", policy, later))
            }
        }
        if !errors.isEmpty { throw PolicyErrors(errors) }
    }

    private static func conflict(
        _ key: String, _ message: String, _ first: ResolvedPolicy, _ second: ResolvedPolicy
    ) -> PolicyError {
        let places = [second, first].flatMap { Provenance.origins(of: PolicyKey(key), in: $0.chain).prefix(1) }
        let place = places.first ?? PolicyOrigin(file: second.name, line: 0, column: 0, keyPath: key, isPresent: false)
        return PolicyError(
            at: place, message, advice: "policies that are given together must agree on this",
            related: places.dropFirst().map { PolicyError.Related(origin: $0, note: "the other one stands here") })
    }
}
