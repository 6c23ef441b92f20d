// In words: what one policy allows that another does not.

package import CapabilityModel

package struct PolicyDiff: Hashable, Sendable {
    /// What the new policy allows and the old one does not.
    package var added: [String]
    /// What the old policy allows and the new one does not.
    package var removed: [String]

    package var widens: Bool { !added.isEmpty }

    package init(from old: CompiledPolicy, to new: CompiledPolicy) {
        added = PolicyDiff.excess(of: new, over: old)
        removed = PolicyDiff.excess(of: old, over: new)
    }

    package var text: String {
        if added.isEmpty && removed.isEmpty { return "Both allow the same.\n" }
        let lines = added.map { "+ \($0)" } + removed.map { "- \($0)" }
        return lines.joined(separator: "\n") + "\n"
    }

    package var json: JSONValue {
        .object(["widens": .boolean(widens), "added": .strings(added), "removed": .strings(removed)])
    }

    /// A sentence for each thing that `wide` allows beyond `narrow`; empty exactly when it allows nothing more.
    private static func excess(of wide: CompiledPolicy, over narrow: CompiledPolicy) -> [String] {
        excess(of: wide.capabilities, over: narrow.capabilities) + children(wide, narrow) + cell(wide, narrow)
    }

    private static func excess(of more: CapabilitySet, over less: CapabilitySet) -> [String] {
        mounts(more, less) + network(more, less) + environment(more, less) + flags(more, less)
            + processes(more, less) + limits(more, less)
    }

    /// Of the policies for children that both have under the same name.
    private static func children(_ wide: CompiledPolicy, _ narrow: CompiledPolicy) -> [String] {
        wide.named.flatMap { child -> [String] in
            guard let other = narrow.named.first(where: { $0.name == child.name }) else { return [] }
            var lines = excess(of: child.capabilities, over: other.capabilities)
            if child.onDenied < other.onDenied { lines.append("go on after a denial") }
            // What the program itself gained stands there already.
            let own = Set(excess(of: wide.capabilities, over: narrow.capabilities))
            return lines.filter { !own.contains($0) }.map { "under \(child.name), a child: \($0)" }
        }
    }

    private static func mounts(_ more: CapabilitySet, _ less: CapabilitySet) -> [String] {
        more.mounts.compactMap { mount in
            let rights = FileRights.all.filter { mount.rights.contains($0) }.filter { right in
                var one = mount
                one.rights = right
                return !MountGrant.isSubset([one], of: less.mounts)
            }
            if rights.isEmpty { return nil }
            let names = FileRights(rights).names.joined(separator: ", ")
            var conditions = ["symlinks: \(mount.symlinks)"]
            if let bytes = mount.quotaBytes { conditions.append("at most \(Units.sizeText(bytes)) more") }
            if let files = mount.quotaFiles { conditions.append("at most \(files) more files") }
            return "\(names) in \(TOMLText.string(mount.hostPath)) at \(TOMLText.string(mount.guestPath)) "
                + "(\(conditions.joined(separator: ", ")))"
        }
    }

    private static func network(_ more: CapabilitySet, _ less: CapabilitySet) -> [String] {
        more.connect.filter { rule in !less.connect.contains { $0.covers(rule) } }.map { "connect to \($0)" }
            + more.listen.filter { rule in !less.listen.contains { $0.covers(rule) } }.map { "listen on \($0)" }
            + more.resolve.filter { rule in !less.resolve.contains { $0.covers(rule) } }.map { "look up \($0)" }
    }

    private static func environment(_ more: CapabilitySet, _ less: CapabilitySet) -> [String] {
        let (wide, narrow) = (more.environment, less.environment)
        var lines: [String] = wide.allow.sorted().filter { !NamePattern.covers(narrow.allow, $0) }.map {
            "see the caller's variable \($0)"
        }
        for (name, value) in wide.set.sorted(by: { $0.key < $1.key }) {
            if EnvironmentGrant(set: [name: value]).isSubset(of: narrow) { continue }
            lines.append("see \(name)=\(value.isSecret ? value.shown : TOMLText.string(value.value))")
        }
        for name in Set(narrow.set.keys).union(narrow.except).sorted()
        where wide.passes(name) && !lines.contains("see the caller's variable \(name)") {
            lines.append("see the caller's own value of \(name)")
        }
        return lines
    }

    private static func flags(_ more: CapabilitySet, _ less: CapabilitySet) -> [String] {
        var lines: [String] = []
        if more.arguments && !less.arguments { lines.append("see the command line") }
        for name in ["stdin", "stdout", "stderr"] {
            let (wide, narrow) = (more.stdio[name], less.stdio[name])
            if wide.meet(narrow) != wide {
                lines.append("\(name): \(CanonicalForm.stream(wide)) instead of \(CanonicalForm.stream(narrow))")
            }
        }
        for name in ["realtime", "monotonic", "cpu"] {
            guard let step = more.clocks[name] else { continue }
            if let other = less.clocks[name] {
                if step < other {
                    lines.append(
                        "read the \(name) clock in steps of \(Units.durationText(step)) "
                            + "instead of \(Units.durationText(other))")
                }
            } else {
                lines.append("read the \(name) clock in steps of \(Units.durationText(step))")
            }
        }
        if more.random && !less.random { lines.append("draw random bytes") }
        return lines
    }

    private static func processes(_ more: CapabilitySet, _ less: CapabilitySet) -> [String] {
        var lines: [String] = []
        if more.limits.processes > less.limits.processes {
            lines.append("spawn \(more.limits.processes) descendants instead of \(less.limits.processes)")
        }
        let verbs = [
            "policies": "give a child the policy", "register": "register the name", "lookup": "look up the name",
        ]
        for key in ["policies", "register", "lookup"] {
            let names = more.process[key].sorted().filter { !NamePattern.covers(less.process[key], $0) }
            lines += names.map { "\(verbs[key] ?? key) \($0)" }
        }
        return lines
    }

    private static func limits(_ more: CapabilitySet, _ less: CapabilitySet) -> [String] {
        LimitKey.allCases.compactMap { key in
            let (wide, narrow) = (more.limits[key], less.limits[key])
            guard let narrow, wide.map({ $0 > narrow }) ?? true else { return nil }
            return "\(key.rawValue): \(Units.text(wide, of: key)) instead of \(Units.text(narrow, of: key))"
        }
    }

    private static func cell(_ wide: CompiledPolicy, _ narrow: CompiledPolicy) -> [String] {
        var lines: [String] = []
        if wide.onDenied < narrow.onDenied {
            lines.append("go on after a denial: on_denied is \(wide.onDenied) instead of \(narrow.onDenied)")
        }
        if wide.modulePins.isEmpty && !narrow.modulePins.isEmpty {
            lines.append("run any module")
        } else if !narrow.modulePins.isEmpty {
            lines += wide.modulePins.subtracting(narrow.modulePins).sorted().map { "run the module \($0)" }
        }
        lines += narrow.require.subtracting(wide.require).sorted().map { "start without \($0)" }
        if wide.seccomp == .log && narrow.seccomp == .kill {
            lines.append("go on after a syscall outside the profile")
        }
        return lines
    }
}
