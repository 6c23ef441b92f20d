// What a supervised child gets: the cell's authority, and a budget of its own.

import CapabilityModel
import CellProtocol
import ProcessRuntime

extension Grant {
    /// A grant for one order: this one's authority, its limits less what the order lowers, nothing of its budget.
    func supervised(_ order: Order, _ narrowings: [ChildOrder.Narrowing]) -> Grant {
        var limits = limits
        var lowered: [LimitKind: PolicyKey] = [:]
        for narrowing in narrowings where limits.lower(narrowing.limit, to: narrowing.value) {
            lowered[narrowing.limit] = PolicyKey("child.limits.\(narrowing.limit.policyName)")
        }
        // No end: its time is the supervisor's to keep, who can be believed.
        return Grant(
            authority: authority, limits: limits, account: Account(limits: limits.withItself), lowered: lowered,
            order: order)
    }
}
