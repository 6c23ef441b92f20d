// What an app file means in words: the tree, each supervisor, each child, and what they get.

internal import CapabilityModel
package import PolicyCompiler
package import Supervision

/// Sentences that the text and the JSON of `app explain` share.
package struct AppExplanation: Sendable {
    package let plan: AppPlan

    package init(_ plan: AppPlan) {
        self.plan = plan
    }

    /// To a tenth of the largest unit: `24.3 GiB`.
    static func size(_ bytes: UInt64) -> String {
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
        var (value, rest, unit) = (bytes, UInt64(0), 0)
        while value >= 1024, unit < units.count - 1 {
            (value, rest, unit) = (value / 1024, value % 1024, unit + 1)
        }
        let tenths = rest * 10 / 1024
        return tenths == 0 ? "\(value) \(units[unit])" : "\(value).\(tenths) \(units[unit])"
    }

    static func count(_ number: some BinaryInteger, _ one: String, _ many: String) -> String {
        "\(number) \(number == 1 ? one : many)"
    }

    private func period(_ flags: SupervisorFlags) -> String {
        Units.durationText(UInt64(flags.period) * 1_000_000_000)
    }

    func restarts(_ flags: SupervisorFlags) -> String {
        AppExplanation.count(flags.intensity, "restart", "restarts") + " in \(period(flags))"
    }

    // MARK: Supervisors

    func title(_ supervisor: AppPlan.Supervisor) -> String {
        "\(supervisor.flags.strategy.name), \(restarts(supervisor.flags))"
    }

    /// What happens when a child ends, and when too many do.
    package func sentences(_ supervisor: AppPlan.Supervisor) -> [String] {
        let flags = supervisor.flags
        var lines: [String] = []
        switch flags.strategy {
        case .oneForOne: lines.append("A child that is to be restarted is started again alone.")
        case .oneForAll:
            lines.append(
                "When one child is to be restarted, all others are stopped, the last first, and all start again.")
        case .restForOne:
            lines.append(
                "When one child is to be restarted, those after it are stopped, the last first, and start again after it."
            )
        case .simpleOneForOne:
            lines.append(
                "It starts without children; each that is started later is one of its template, restarted alone.")
        }
        let borne =
            flags.intensity == 0
            ? "No restart is borne: the first"
            : "\(AppExplanation.count(flags.intensity, "restart", "restarts")) in \(period(flags)) "
                + "\(flags.intensity == 1 ? "is" : "are") borne; one more"
        lines.append(
            "\(borne) ends this supervisor with `shutdown`, its children first, the last first\(after(supervisor)).")
        switch flags.autoShutdown {
        case .never: break
        case .anySignificant: lines.append("The end of any significant child ends it too.")
        case .allSignificant: lines.append("The end of the last significant child ends it too.")
        }
        if let backoff = flags.backoff {
            lines.append(
                "Before a restart it waits \(Units.durationText(backoff.first)), each time \(backoff.factor) times as long, "
                    + "at most \(Units.durationText(backoff.most)), up to \(backoff.jitter)% of it left out at random; a child "
                    + "that ran for \(Units.durationText(backoff.reset)) begins anew.")
        }
        return lines
    }

    /// Who acts when it has given up.
    private func after(_ supervisor: AppPlan.Supervisor) -> String {
        guard let parent = supervisor.parent, let spec = spec(of: supervisor) else { return ", and with it the app" }
        let above = plan.supervisors[parent]
        switch spec.restart {
        case .permanent: return "; `\(above.name)` then restarts it, for it is permanent"
        case .transient: return "; `\(above.name)` does not restart it, for that is an orderly end and it is transient"
        case .temporary: return "; `\(above.name)` does not restart it, for it is temporary"
        }
    }

    /// As its own supervisor has it; nil for the top.
    func spec(of supervisor: AppPlan.Supervisor) -> ChildSpec? {
        guard let parent = supervisor.parent else { return nil }
        return plan.supervisors[parent].children.first { spec in
            guard case .supervisor(let index)? = plan.start(spec.start) else { return false }
            return plan.supervisors[index].path == supervisor.path
        }
    }

    // MARK: Children

    func shutdown(_ spec: ChildSpec) -> String {
        switch spec.shutdown {
        case .brutalKill: "brutal_kill"
        case .infinity: "infinity"
        case .timeout(let time): Units.durationText(time)
        }
    }

    package func restart(_ spec: ChildSpec) -> String {
        switch spec.restart {
        case .permanent: "permanent: restarted however it ends"
        case .transient: "transient: restarted unless it ends normal or by an orderly shutdown"
        case .temporary: "temporary: never restarted, and forgotten once it has ended"
        }
    }

    package func stop(_ spec: ChildSpec) -> String {
        switch spec.shutdown {
        case .brutalKill: "killed at once"
        case .infinity: "asked to shut down, and awaited without end"
        case .timeout(let time): "asked to shut down, and killed after \(Units.durationText(time))"
        }
    }

    package func significance(_ spec: ChildSpec, of supervisor: AppPlan.Supervisor) -> String? {
        guard spec.significant else { return nil }
        return supervisor.flags.autoShutdown == .anySignificant
            ? "once it has ended for good, so does `\(supervisor.name)`"
            : "once it and all other significant ones have ended for good, so does `\(supervisor.name)`"
    }

    package func check(_ health: AppPlan.Health) -> String {
        let probe =
            switch health.probe {
            case .message(let text): "a call with \(TOMLText.string(TOMLParser.shown(text)))"
            case .export(let name): "the export `\(TOMLParser.shown(name))`"
            }
        return "\(probe) every \(Units.durationText(health.interval)), to be answered in "
            + "\(Units.durationText(health.timeout)); after \(health.threshold) in a row without an answer it ends as `unhealthy`"
    }

    package func source(_ module: AppPlan.Module) -> String {
        switch module.source {
        case .path(let path): TOMLText.string(TOMLParser.shown(path))
        case .digest(let digest): "sha256 \(digest)"
        }
    }

    package func limits(_ policy: AppPlan.Policy) -> [(key: LimitKey, text: String)] {
        LimitKey.allCases.map { (key: $0, text: Units.text(policy.compiled.capabilities.limits[$0], of: $0)) }
    }

    /// Those that are tighter than the policy's.
    package func limits(_ process: AppPlan.Process) -> [(key: LimitKey, text: String)] {
        let most = plan.policies[process.policy].compiled.capabilities.limits
        return LimitKey.allCases.filter { process.limits[$0] != most[$0] }.map {
            (key: $0, text: Units.text(process.limits[$0], of: $0))
        }
    }

    package func grants(_ policy: AppPlan.Policy) -> [(key: String, value: String, enforcer: String)] {
        Explanation(policy.compiled, documents: []).grants.map {
            (key: $0.key.path, value: $0.value, enforcer: $0.enforcer.rawValue)
        }
    }

    /// Cells, each with the paths of its processes at the start; heavy processes have one each.
    package var cells: [(policy: String, profile: String, processes: Int)] {
        var order: [AppPlan.CellClass] = []
        var names: [AppPlan.CellClass: String] = [:]
        var counts: [AppPlan.CellClass: Int] = [:]
        for process in plan.processes where !plan.isTemplate(process) {
            let cell = plan.cellClass(of: process)
            if counts[cell] == nil {
                order.append(cell)
                names[cell] = plan.policies[process.policy].name
            }
            counts[cell, default: 0] += 1
        }
        return order.map {
            (policy: names[$0] ?? "", profile: $0.profile?.rawValue ?? "auto", processes: counts[$0] ?? 0)
        }
    }
}
