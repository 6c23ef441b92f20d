// The text of `policy explain`.

package import CapabilityModel

extension Explanation {
    package var text: String {
        var lines: [String] = ["digest  \(policy.digest)", "", "documents"]
        for source in sources {
            lines.append("  \(source.file)" + (source.summary.map { "  \($0)" } ?? ""))
            lines += source.extends.map { "    extends \($0)" }
        }
        if !warnings.isEmpty { lines += ["", "warnings"] + warnings.map { "  ! \($0)" } }
        lines += ["", "grants"]
        lines += Explanation.columns(
            grants.map { [$0.key.path, $0.value, $0.enforcer.rawValue, Explanation.places($0.origins)] })
        if grants.isEmpty { lines.append("  none") }
        lines += ["", "not granted"]
        lines += Explanation.columns(absences.map { [$0.key.path, Explanation.absence($0.origins)] })
        if absences.isEmpty { lines.append("  nothing is left out") }
        lines += ["", "limits"]
        lines += Explanation.columns(
            limits.map {
                [
                    $0.key.rawValue, $0.value, $0.enforcer.rawValue,
                    $0.isDefault ? "default" : Explanation.places($0.origins),
                ]
            })
        if !policy.named.isEmpty {
            lines += ["", "policies for children, each within the program's; Wasm alone enforces the difference"]
            lines += Explanation.columns(
                policy.named.map {
                    [$0.name, $0.files.joined(separator: " "), "digest \(CanonicalForm.digest(of: $0).prefix(12))"]
                })
        }
        lines += ["", "on denial  \(policy.onDenied)", "profile    \(policy.profile?.rawValue ?? "auto")"]
        lines.append("seccomp    \(policy.seccomp.rawValue)")
        lines.append("parking    \(policy.parkAfter.map { "after \(Units.durationText($0))" } ?? "never")")
        if !policy.require.isEmpty { lines.append("requires   \(policy.require.sorted().joined(separator: ", "))") }
        if !policy.modulePins.isEmpty { lines += ["modules"] + policy.modulePins.sorted().map { "  \($0)" } }
        return (lines + importLines + kernelLines).joined(separator: "\n") + "\n"
    }

    private var importLines: [String] {
        let entries = policy.imports.entries.sorted { $0.key < $1.key }
        let denied = entries.compactMap { name, disposition -> [String]? in
            guard case .denied(let key) = disposition else { return nil }
            return [name.description, "denied by \(key.path)"]
        }
        let granted = entries.filter { $0.value == .granted }.map { "  \($0.key)" }
        return ["", "imports linked: \(granted.count) of \(entries.count)"] + granted
            + (denied.isEmpty ? [] : ["", "imports denied: \(denied.count)"] + Explanation.columns(denied))
    }

    private var kernelLines: [String] {
        let kernel = policy.kernel
        var lines = ["", "syscalls: \(kernel.syscalls.count) allowed, all others end the cell"]
        lines += Explanation.columns(kernel.syscalls.map { [Explanation.syscall($0), $0.reason] })
        if !kernel.refusals.isEmpty {
            lines += ["", "syscalls refused with an errno"]
            lines += Explanation.columns(kernel.refusals.sorted { $0.key < $1.key }.map { [$0.key, $0.value] })
        }
        lines += ["", "landlock"]
        lines += Explanation.columns(
            kernel.landlock.map { [TOMLText.string($0.hostPath), $0.access.joined(separator: ", ")] })
        if kernel.landlock.isEmpty { lines.append("  no path at all") }
        lines += ["", "resource limits"]
        lines += Explanation.columns(kernel.resourceLimits.map { [$0.name, String($0.value), $0.reason] })
        return lines + ["", "namespaces  \(kernel.namespaces.joined(separator: ", "))"]
    }

    /// `mmap(arg2 & 0x4 == 0)`
    static func syscall(_ rule: SyscallRule) -> String {
        if rule.arguments.isEmpty { return rule.name }
        let conditions = rule.arguments.map { argument in
            let value = "0x" + String(argument.value, radix: 16)
            let mask = "0x" + String(argument.mask, radix: 16)
            switch argument.comparison {
            case .maskedEqual: return "arg\(argument.index) & \(mask) == \(value)"
            default:
                let left = argument.mask == .max ? "arg\(argument.index)" : "arg\(argument.index) & \(mask)"
                return "\(left) \(argument.comparison.rawValue) \(value)"
            }
        }
        return "\(rule.name)(\(conditions.joined(separator: ", ")))"
    }

    package static func places(_ origins: [PolicyOrigin]) -> String {
        var seen: [String] = []
        for origin in origins where !seen.contains(origin.place) { seen.append(origin.place) }
        return seen.joined(separator: " ")
    }

    private static func absence(_ origins: [PolicyOrigin]) -> String {
        let missing = origins.filter { !$0.isPresent }
        if missing.isEmpty {
            let given = places(origins)
            return given.isEmpty ? "" : "taken away at \(given)"
        }
        return "would stand at \(places(missing))"
    }

    /// Rows with aligned columns, indented by two; what is empty at the end is left out.
    package static func columns(_ rows: [[String]]) -> [String] {
        var widths: [Int] = []
        for row in rows {
            for (index, cell) in row.enumerated() {
                if index == widths.count { widths.append(0) }
                // A cell that is much longer than others would push the rest off the screen.
                widths[index] = min(60, max(widths[index], cell.count))
            }
        }
        return rows.map { row in
            var line = " "
            for (index, cell) in row.enumerated() {
                line += " " + cell
                if index < row.count - 1 {
                    line += String(repeating: " ", count: max(0, widths[index] - cell.count) + 1)
                }
            }
            while line.utf8.last == 0x20 { line.removeLast() }
            return line
        }
    }
}
