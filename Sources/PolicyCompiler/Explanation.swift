// Everything a set of policies means, stage by stage, as rows: the text and the JSON of `policy explain` print these.

package import CapabilityModel

package struct Explanation: Sendable {
    package struct Grant: Hashable, Sendable {
        package var key: PolicyKey
        package var value: String
        package var enforcer: Enforcer
        package var origins: [PolicyOrigin]
    }

    package struct Absence: Hashable, Sendable {
        package var key: PolicyKey
        package var origins: [PolicyOrigin]
    }

    package struct Limit: Hashable, Sendable {
        package var key: LimitKey
        package var value: String
        /// What holds is the default of a document that does not write it.
        package var isDefault: Bool
        package var enforcer: Enforcer
        package var origins: [PolicyOrigin]
    }

    package struct Source: Hashable, Sendable {
        package var file: String
        package var summary: String?
        /// What it extends, and what that extends.
        package var extends: [String]
    }

    package var sources: [Source]
    package var policy: CompiledPolicy
    package var warnings: [String]
    package var grants: [Grant]
    package var absences: [Absence]
    package var limits: [Limit]

    /// What a child is left with under each named policy, beside limits.
    package func grants(under child: NamedPolicy) -> [Grant] {
        Explanation.values(of: child.capabilities).map { key, value in
            let own = key.in(policy: child.name)
            return Grant(
                key: key, value: value, enforcer: .wasmOnly,
                origins: (policy.provenance[own] ?? []).filter(\.isPresent))
        }
    }

    /// `documents` and `flags` are those that `policy` was compiled from.
    package init(_ policy: CompiledPolicy, documents: [PolicyDocument], flags: PolicyDocument? = nil) {
        self.policy = policy
        sources = (documents + (flags.map { [$0] } ?? [])).map { document in
            Source(
                file: document.file, summary: document.summary.map { TOMLParser.shown($0) },
                extends: document.ancestors.map(\.file))
        }
        if sources.isEmpty {
            sources = [Source(file: "builtin:pure-compute", summary: "no policy was given", extends: [])]
        }
        warnings = PolicyWarnings.of(policy)
        let values = Explanation.values(of: policy.capabilities)
        let everything = documents + (flags.map { [$0] } ?? [])
        grants = values.map { key, value in
            Grant(
                key: key, value: value, enforcer: Enforcement.enforcer(of: key),
                origins: Explanation.places(of: key, value, policy.provenance[key] ?? [], sources: everything))
        }
        let granted = Set(values.map { Explanation.topic(of: $0.key) })
        absences = Explanation.topics.filter { !granted.contains($0) }.map { topic in
            let origins = policy.provenance[PolicyKey(topic)] ?? []
            return Absence(key: PolicyKey(topic), origins: origins)
        }
        limits = LimitKey.allCases.map { key in
            let name = PolicyKey("limits.\(key.rawValue)")
            let origins = policy.provenance[name] ?? []
            let value = policy.capabilities.limits[key]
            // Where several policies meet, the default of one that does not write the limit may be what holds.
            let isDefault = origins.contains { !$0.isPresent } && value == Limits.default[key]
            return Limit(
                key: key, value: Units.text(value, of: key), isDefault: isDefault,
                enforcer: Enforcement.enforcer(of: name), origins: origins.filter(\.isPresent))
        }
    }

    /// What a policy may grant, by the first part of its key.
    private static let topics = [
        "fs", "net.connect", "net.listen", "net.resolve", "env", "args", "stdio.stdin", "stdio.stdout", "stdio.stderr",
        "clocks.realtime", "clocks.monotonic", "clocks.cpu", "random", "process.spawn",
    ]

    private static func topic(of key: PolicyKey) -> String {
        key.path.hasPrefix("fs") ? "fs" : key.path
    }

    /// The places that grant this value: of a list, the elements that cover it.
    private static func places(
        of key: PolicyKey, _ value: String, _ origins: [PolicyOrigin], sources: [PolicyDocument]
    ) -> [PolicyOrigin] {
        let present = origins.filter(\.isPresent)
        guard ["net.connect", "net.listen", "net.resolve"].contains(key.path) else { return present }
        var covering: Set<PolicyOrigin> = []
        for source in sources {
            for document in [source] + source.ancestors {
                for rule in (document.connect ?? []) + (document.listen ?? []) {
                    guard let wanted = try? Endpoints.parse(value), rule.value.covers(wanted) else { continue }
                    covering.insert(rule.origin)
                }
                for name in document.resolve ?? [] {
                    guard let wanted = try? Endpoints.parseHost(value, allowsAddresses: false) else { continue }
                    if name.value.covers(wanted) { covering.insert(name.origin) }
                }
            }
        }
        let precise = present.filter { covering.contains($0) }
        return precise.isEmpty ? present : precise
    }

    /// Each grant with its value in words, in the order of the file format.
    private static func values(of set: CapabilitySet) -> [(key: PolicyKey, value: String)] {
        var rows: [(PolicyKey, String)] = []
        for mount in set.mounts {
            let what = "\(mount.rights.names.joined(separator: ", ")) in \(TOMLText.string(mount.hostPath))"
            rows.append((PolicyKey("\(mount.key.path).access"), what))
            let links = ["refuse": "links are refused", "follow": "links are followed", "create": "links may be made"]
            rows.append((PolicyKey("\(mount.key.path).symlinks"), links["\(mount.symlinks)"] ?? ""))
            if let bytes = mount.quotaBytes {
                rows.append((PolicyKey("\(mount.key.path).quota_bytes"), Units.sizeText(bytes)))
            }
            if let files = mount.quotaFiles {
                rows.append((PolicyKey("\(mount.key.path).quota_files"), "\(files)"))
            }
        }
        rows += set.connect.map { (PolicyKey("net.connect"), $0.description) }
        rows += set.listen.map { (PolicyKey("net.listen"), $0.description) }
        rows += set.resolve.map { (PolicyKey("net.resolve"), $0.description) }
        rows += set.environment.allow.sorted().map { (PolicyKey("env"), "\($0) from the caller") }
        for (name, value) in set.environment.set.sorted(by: { $0.key < $1.key }) {
            rows.append((PolicyKey("env"), "\(name)=\(value.isSecret ? value.shown : TOMLText.string(value.value))"))
        }
        rows += set.environment.except.sorted().map { (PolicyKey("env"), "but not \($0)") }
        if set.arguments { rows.append((PolicyKey("args"), "the command line")) }
        for name in ["stdin", "stdout", "stderr"] where set.stdio[name] != .closed {
            rows.append((PolicyKey("stdio.\(name)"), CanonicalForm.stream(set.stdio[name])))
        }
        for name in ["realtime", "monotonic", "cpu"] {
            if let step = set.clocks[name] {
                rows.append((PolicyKey("clocks.\(name)"), "in steps of \(Units.durationText(step))"))
            }
        }
        if set.random { rows.append((PolicyKey("random"), "the kernel's random bytes")) }
        if set.limits.processes > 0 {
            rows.append((PolicyKey("process.spawn"), "\(set.limits.processes) descendants at once"))
        }
        for key in ["policies", "register", "lookup"] where !set.process[key].isEmpty {
            rows.append((PolicyKey("process.\(key)"), set.process[key].sorted().joined(separator: ", ")))
        }
        return rows.map { (key: $0.0, value: $0.1) }
    }
}

/// What should not pass unseen: grants that leave little of a sandbox.
package enum PolicyWarnings {
    /// One line each; `bulkhead run` prints them before it starts.
    package static func of(_ policy: CompiledPolicy) -> [String] {
        let set = policy.capabilities
        var warnings: [String] = []
        for mount in set.mounts where mount.hostPath == "/" {
            let verb = mount.rights == .readOnly ? "reads" : "reads and changes"
            warnings.append("the guest \(verb) the whole host file system")
        }
        if set.connect.contains(where: {
            $0.transport == .tcp && $0.host.covers(address: [127, 0, 0, 1]) && $0.ports.count > 1000
        }) {
            warnings.append("the guest connects to services on this machine and in private networks")
        }
        if set.environment.allow.contains("*") {
            warnings.append("the guest sees the caller's whole environment, with the secrets in it")
        }
        if policy.seccomp == .log {
            warnings.append("syscalls outside the profile are let through: the cell is not sealed")
        }
        return warnings
    }
}
