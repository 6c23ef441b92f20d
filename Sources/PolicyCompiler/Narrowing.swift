// A document on top of others may take away and never add: `extends`, and flags beside a policy.

internal import CapabilityModel

/// Checks what a document writes against everything above it.
struct Narrowing {
    let parents: [ResolvedPolicy]

    /// The document on top of `base`, the meet of the parents. Throws every grant that some parent lacks, with both
    /// places.
    func apply(_ document: PolicyDocument, to base: ResolvedPolicy) throws(PolicyErrors) -> ResolvedPolicy {
        let errors = mountErrors(document) + networkErrors(document) + scalarErrors(document) + limitErrors(document)
        if !errors.isEmpty { throw PolicyErrors(errors) }
        var narrowed = base
        try narrowed.write(document)
        if document.mounts != nil {
            // A quota that the document does not write is the parent's.
            narrowed.capabilities.mounts = MountGrant.meet(narrowed.capabilities.mounts, base.capabilities.mounts)
        }
        return narrowed
    }

    private func widening(
        _ origin: PolicyOrigin, _ what: String, _ key: PolicyKey, unless isWithin: (ResolvedPolicy) -> Bool
    ) -> [PolicyError] {
        let wider = parents.filter { !isWithin($0) }
        if wider.isEmpty { return [] }
        let related = wider.flatMap { parent in
            Provenance.origins(of: key, in: parent.chain).map { place in
                PolicyError.Related(
                    origin: place,
                    note: place.isPresent
                        ? "`\(place.keyPath)` grants no more than this" : "`\(place.keyPath)` is not granted here")
            }
        }
        let names = wider.map { "`\($0.name)`" }.joined(separator: " and ")
        return [
            PolicyError(
                at: origin, "\(what) is more than \(names) \(wider.count == 1 ? "grants" : "grant")",
                advice: "a policy on top of another may only narrow it: remove this, or widen the other",
                related: related)
        ]
    }

    private func mountErrors(_ document: PolicyDocument) -> [PolicyError] {
        (document.mounts ?? []).flatMap { mount -> [PolicyError] in
            // What is not written is the parent's, so it cannot be wider.
            var grant = mount.grant
            if mount.keys["quota_bytes"] == nil { grant.quotaBytes = 0 }
            if mount.keys["quota_files"] == nil { grant.quotaFiles = 0 }
            if mount.keys["symlinks"] == nil { grant.symlinks = .refuse }
            let what = "\(grant.rights.names.joined(separator: ", ")) on `\(grant.hostPath)` at `\(grant.guestPath)`"
            return widening(mount.keys["access"] ?? mount.origin, what, PolicyKey("\(grant.key.path).access")) {
                MountGrant.isSubset([grant], of: $0.capabilities.mounts)
            }
        }
    }

    private func networkErrors(_ document: PolicyDocument) -> [PolicyError] {
        var errors: [PolicyError] = []
        for rule in document.connect ?? [] {
            errors += widening(rule.origin, "`\(rule.value)`", PolicyKey("net.connect")) {
                $0.capabilities.connect.contains { $0.covers(rule.value) }
            }
        }
        for rule in document.listen ?? [] {
            errors += widening(rule.origin, "`\(rule.value)`", PolicyKey("net.listen")) {
                $0.capabilities.listen.contains { $0.covers(rule.value) }
            }
        }
        for rule in document.resolve ?? [] {
            errors += widening(rule.origin, "`\(rule.value)`", PolicyKey("net.resolve")) {
                $0.capabilities.resolve.contains { $0.covers(rule.value) }
            }
        }
        for name in document.environmentAllow ?? [] {
            errors += widening(name.origin, "`\(name.value)`", PolicyKey("env")) {
                EnvironmentGrant(allow: [name.value]).isSubset(of: $0.capabilities.environment)
            }
        }
        for (name, source) in document.environmentSet {
            let value: EnvironmentValue =
                if case .text(let text) = source.value {
                    EnvironmentValue(value: text, isSecret: false)
                } else {
                    EnvironmentValue(value: document.secrets[source.value] ?? "", isSecret: true)
                }
            errors += widening(source.origin, "setting `\(name)`", PolicyKey("env")) {
                EnvironmentGrant(set: [name: value]).isSubset(of: $0.capabilities.environment)
            }
        }
        return errors
    }

    private func scalarErrors(_ document: PolicyDocument) -> [PolicyError] {
        var errors: [PolicyError] = []
        if let flag = document.arguments, flag.value {
            errors += widening(flag.origin, "`args`", PolicyKey("args")) { $0.capabilities.arguments }
        }
        if let flag = document.random, flag.value {
            errors += widening(flag.origin, "`random`", PolicyKey("random")) { $0.capabilities.random }
        }
        for (name, clock) in document.clocks {
            guard let step = clock.value else { continue }
            errors += widening(clock.origin, "a step of \(Units.durationText(step))", PolicyKey("clocks.\(name)")) {
                guard let allowed = $0.capabilities.clocks[name] else { return false }
                return step >= allowed
            }
        }
        for (name, stream) in document.streams {
            errors += widening(stream.origin, "this stream", PolicyKey("stdio.\(name)")) {
                stream.value.meet($0.capabilities.stdio[name]) == stream.value
            }
        }
        if let spawn = document.spawn {
            errors += widening(spawn.origin, "\(spawn.value)", PolicyKey("process.spawn")) {
                spawn.value <= $0.capabilities.limits.processes
            }
        }
        for (key, names) in document.processNames {
            for name in names {
                let known = key == "policies" ? PolicyLoader.name(of: name.value) : name.value
                errors += widening(name.origin, "`\(name.value)`", PolicyKey("process.\(key)")) {
                    NamePattern.covers($0.capabilities.process[key], known)
                }
            }
        }
        return errors + cellErrors(document)
    }

    private func cellErrors(_ document: PolicyDocument) -> [PolicyError] {
        var errors: [PolicyError] = []
        if let mode = document.onDenied {
            errors += widening(mode.origin, "a milder answer to denials", PolicyKey("on_denied")) {
                mode.value >= $0.onDenied
            }
        }
        if let mode = document.seccomp, mode.value == .log {
            errors += widening(mode.origin, "`log`", PolicyKey("cell.seccomp")) { $0.seccomp == .log }
        }
        if let profile = document.profile {
            errors += widening(profile.origin, "another profile", PolicyKey("cell.profile")) {
                $0.profile == nil || $0.profile == profile.value
            }
        }
        for pin in document.modulePins ?? [] {
            errors += widening(pin.origin, "this module", PolicyKey("module.sha256")) {
                $0.modulePins.isEmpty || $0.modulePins.contains(pin.value)
            }
        }
        return errors
    }

    private func limitErrors(_ document: PolicyDocument) -> [PolicyError] {
        document.limits.flatMap { key, limit in
            widening(limit.origin, Units.text(limit.value, of: key), PolicyKey("limits.\(key.rawValue)")) {
                guard let allowed = $0.capabilities.limits[key] else { return true }
                return limit.value.map { $0 <= allowed } ?? false
            }
        }
    }
}

extension ClockGrant {
    /// By the names of `[clocks]`.
    subscript(name: String) -> UInt64? {
        switch name {
        case "realtime": realtime
        case "monotonic": monotonic
        default: cpuTime
        }
    }
}

extension StdioGrant {
    subscript(name: String) -> StreamGrant {
        switch name {
        case "stdin": stdin
        case "stdout": stdout
        default: stderr
        }
    }
}

extension ProcessGrant {
    subscript(key: String) -> Set<String> {
        switch key {
        case "policies": policies
        case "register": register
        default: lookup
        }
    }
}
