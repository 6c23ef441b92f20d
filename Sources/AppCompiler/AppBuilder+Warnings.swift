// What is no mistake and should not pass unseen.

internal import CapabilityModel
internal import PolicyCompiler
internal import Supervision

extension AppBuilder {
    func warnings(_ plan: AppPlan) -> [AppPlan.Warning] {
        unused(plan) + grants(plan) + childless(plan) + budgets(plan)
    }

    private func unused(_ plan: AppPlan) -> [AppPlan.Warning] {
        let processes = plan.processes
        let policies = Set(processes.map(\.policy))
        var warnings: [AppPlan.Warning] = []
        // A module that no child runs may still be what a guest spawns.
        let spawns = policies.contains { plan.policies[$0].compiled.capabilities.limits.processes > 0 }
        let modules = Set(processes.map(\.module))
        for (index, module) in document.modules.enumerated() where !modules.contains(index) && !spawns {
            warnings.append(AppPlan.Warning(origin: module.name.origin, message: "no child runs this module"))
        }
        for (index, policy) in document.policies.enumerated() where !policies.contains(index) {
            warnings.append(AppPlan.Warning(origin: policy.name.origin, message: "no child has this policy"))
        }
        let listeners = Set(processes.flatMap(\.listeners))
        for (index, listener) in document.listeners.enumerated() where !listeners.contains(index) {
            warnings.append(
                AppPlan.Warning(
                    origin: listener.name.origin, message: "no child gets this listener: who connects to it waits"))
        }
        return warnings
    }

    private func grants(_ plan: AppPlan) -> [AppPlan.Warning] {
        plan.policies.flatMap { policy in
            policy.warnings.map { AppPlan.Warning(origin: policy.origin, message: $0) }
        }
    }

    private func childless(_ plan: AppPlan) -> [AppPlan.Warning] {
        plan.supervisors.filter(\.children.isEmpty).map {
            AppPlan.Warning(origin: $0.origin, message: "the supervisor has no children")
        }
    }

    /// Budgets are the most that may be used, and nothing is set aside for them, so that more than there is may be promised.
    private func budgets(_ plan: AppPlan) -> [AppPlan.Warning] {
        guard let machine = host.machine else { return [] }
        let totals = plan.totals
        guard totals.memory > machine.memory, let root = document.root else { return [] }
        return [
            AppPlan.Warning(
                origin: root.origin,
                message:
                    "limits.memory of all children adds up to \(AppExplanation.size(totals.memory)), and the machine has "
                    + AppExplanation.size(machine.memory))
        ]
    }
}
