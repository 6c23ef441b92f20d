// The text of `app explain`.

internal import CapabilityModel
internal import PolicyCompiler
internal import Supervision

extension AppExplanation {
    package var text: String {
        var lines = ["app      \(plan.name)" + (plan.summary.map { "  \(TOMLParser.shown($0))" } ?? "")]
        lines.append("file     \(plan.file)")
        lines.append("label    \(plan.trustLabel)")
        if !plan.warnings.isEmpty { lines += ["", "warnings"] + plan.warnings.map { "  \($0)" } }
        lines += ["", "tree"] + Explanation.columns(tree(0, name: plan.name, lead: "", branch: ""))
        lines += listenerLines + supervisorLines + childLines + policyLines + totalLines
        return lines.joined(separator: "\n") + "\n"
    }

    // MARK: The tree

    /// One row a supervisor, a child or a group of copies.
    private func tree(_ index: Int, name: String, lead: String, branch: String, _ spec: ChildSpec? = nil) -> [[String]]
    {
        let supervisor = plan.supervisors[index]
        var about = title(supervisor)
        if let spec { about += "; \(short(spec))" }
        var rows = [[branch + name, about]]
        let shown = supervisor.children.filter(isFirst)
        for (position, child) in shown.enumerated() {
            let isLast = position == shown.count - 1
            let own = lead + (isLast ? "└─ " : "├─ ")
            switch plan.start(child.start) {
            case .supervisor(let next)?:
                rows += tree(next, name: child.id.name, lead: lead + (isLast ? "   " : "│  "), branch: own, child)
            case .process(let process)?: rows.append([own + label(process, child), summary(process, child)])
            case nil: break
            }
        }
        return rows
    }

    /// Whether it is no copy, or the first one: copies are alike.
    private func isFirst(_ spec: ChildSpec) -> Bool {
        guard case .process(let process)? = plan.start(spec.start), let copy = process.copy else { return true }
        return copy.number == 1
    }

    private func label(_ process: AppPlan.Process, _ spec: ChildSpec) -> String {
        if plan.isTemplate(process) { return "(\(spec.id.name))" }
        guard let copy = process.copy, copy.count > 1 else { return spec.id.name }
        return "\(spec.id.name) … \(copy.count)"
    }

    private func short(_ spec: ChildSpec) -> String {
        "\(spec.restart.name)\(spec.significant ? ", significant" : ""), shutdown \(shutdown(spec))"
    }

    private func summary(_ process: AppPlan.Process, _ spec: ChildSpec) -> String {
        "\(plan.modules[process.module].name) under \(plan.policies[process.policy].name); \(short(spec))"
            + process.listeners.map { "; gets \(plan.listeners[$0].name)" }.joined()
    }

    // MARK: Sections

    private var listenerLines: [String] {
        if plan.listeners.isEmpty { return [] }
        return ["", "listeners, open as long as the app is up"]
            + Explanation.columns(
                plan.listeners.map { [$0.name, $0.address.description, "backlog \($0.backlog)"] })
    }

    private var supervisorLines: [String] {
        plan.supervisors.flatMap { supervisor in
            ["", "supervisor \(supervisor.path)  \(supervisor.origin.place)"]
                + sentences(supervisor).map { "  \($0)" }
                + Explanation.columns(
                    (spec(of: supervisor).map { [["shutdown", stop($0)]] } ?? []))
        }
    }

    private var childLines: [String] {
        plan.supervisors.flatMap { supervisor in
            supervisor.children.filter(isFirst).flatMap { spec -> [String] in
                guard case .process(let process)? = plan.start(spec.start) else { return [] }
                return child(process, spec, supervisor)
            }
        }
    }

    private func child(
        _ process: AppPlan.Process, _ spec: ChildSpec, _ supervisor: AppPlan.Supervisor
    ) -> [String] {
        let module = plan.modules[process.module]
        let policy = plan.policies[process.policy]
        let kind = plan.isTemplate(process) ? "template" : "child"
        let copies = process.copy.map { $0.count > 1 ? " and \($0.count - 1) like it" : "" } ?? ""
        var rows = [
            ["module", "\(module.name): \(source(module)), profile \(process.profile?.rawValue ?? "auto")"],
            [
                "policy",
                "\(policy.name): \(policy.references.joined(separator: " met with ")), digest \(policy.compiled.digest.prefix(12))",
            ],
        ]
        if let function = process.function { rows.append(["function", TOMLParser.shown(function)]) }
        if !process.arguments.isEmpty {
            rows.append([
                "args", process.arguments.map { TOMLText.string(TOMLParser.shown($0)) }.joined(separator: " "),
            ])
        }
        for variable in process.environment {
            rows.append(["env", "\(variable.name)=\(TOMLText.string(TOMLParser.shown(variable.value)))"])
        }
        for index in process.listeners {
            rows.append(["listener", "\(plan.listeners[index].name): \(plan.listeners[index].address)"])
        }
        if let name = process.registeredName { rows.append(["name", name]) }
        if process.acknowledges { rows.append(["start", "over when it says so (start_ack)"]) }
        rows.append(["restart", restart(spec)])
        rows.append(["shutdown", stop(spec)])
        if let text = significance(spec, of: supervisor) { rows.append(["significant", text]) }
        if let health = process.health { rows.append(["health", check(health)]) }
        let limits = limits(process)
        if !limits.isEmpty {
            rows.append(["limits", limits.map { "\($0.key.rawValue) \($0.text)" }.joined(separator: ", ")])
        }
        return ["", "\(kind) \(process.path)\(copies)  \(process.origin.place)"] + Explanation.columns(rows)
    }

    private var policyLines: [String] {
        plan.policies.flatMap { policy in
            ["", "policy \(policy.name): \(policy.references.joined(separator: " met with "))"]
                + Explanation.columns(grants(policy).map { [$0.key, $0.value, $0.enforcer] })
                + Explanation.columns(limits(policy).map { ["limits.\($0.key.rawValue)", $0.text] })
        }
    }

    private var totalLines: [String] {
        let totals = plan.totals
        var lines = ["", "cells, one for each authority"]
        lines += Explanation.columns(
            cells.map {
                [$0.policy, "profile \($0.profile)", AppExplanation.count($0.processes, "process", "processes")]
            })
        lines += ["", "limits of all processes at the start together; nothing is set aside for them"]
        lines += Explanation.columns([
            ["processes", "\(totals.processes), and \(totals.descendants) that they may spawn"],
            ["memory", AppExplanation.size(totals.memory)], ["mailboxes", AppExplanation.size(totals.mailboxBytes)],
            ["descriptors", "\(totals.fds)"],
        ])
        let log = plan.log
        lines += ["", "surroundings"]
        lines += Explanation.columns([
            [
                "log",
                "\(log.directory.map { TOMLText.string(TOMLParser.shown($0)) } ?? "beneath the state directory"), "
                    + "\(AppExplanation.count(log.rotateCount, "file", "files")) of \(Units.sizeText(log.rotateSize)), "
                    + "\(Units.sizeText(log.rate)) a second and process",
            ],
            ["metrics", plan.metrics?.description ?? "none"],
            ["control", plan.control.map { TOMLText.string(TOMLParser.shown($0)) } ?? "beneath the state directory"],
        ])
        return lines
    }
}
