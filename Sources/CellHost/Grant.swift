// Authority with a budget: what a process holds, shared with the children that it did not narrow.

import CapabilityModel
import LinuxKernel
import ProcessRuntime
import WasmEngine

final class Grant: Sendable {
    let authority: Authority
    /// Bounds of one process; `account` bounds all that share it.
    let limits: Limits
    let account: Account
    /// Limits that were lowered on the way here, and the keys of what lowered them.
    let lowered: [LimitKind: PolicyKey]
    /// When time is up that a parent gave; nil for most. The program's own wall time is the supervisor's to enforce.
    let end: End?
    /// The supervised child that the process is, or descends from; nil but in a hosted cell.
    let order: Order?

    /// Neither authority nor budget was narrowed: it is there as long as the program.
    let isPrograms: Bool

    struct End {
        /// CLOCK_MONOTONIC, ns.
        let time: UInt64
        let allowed: UInt64

        func reason(at now: UInt64) -> ExitReason? {
            now < time ? nil : .limit(.wall, used: allowed + (now - time), allowed: allowed)
        }
    }

    init(
        authority: Authority, limits: Limits, account: Account, lowered: [LimitKind: PolicyKey] = [:], end: End? = nil,
        order: Order? = nil
    ) {
        self.authority = authority
        self.limits = limits
        self.account = account
        self.lowered = lowered
        self.end = end
        self.order = order
        isPrograms = authority.narrowing == .none && account.depth == 0 && order == nil
    }

    /// The key of a limit's refusal.
    func key(of limit: LimitKind) -> PolicyKey {
        lowered[limit] ?? PolicyKey("limits.\(limit.policyName)")
    }

    /// What a child gets: its parent's account where it has no limits of its own, else one that charges the parent's too.
    func child(
        authority: Authority, policy: (name: String, limits: Limits)?, own: [(kind: LimitKind, value: UInt64)]
    ) -> Grant {
        var limits = self.limits
        var lowered = self.lowered
        if let policy {
            limits = limits.meet(policy.limits)
            for kind in LimitKind.allCases where limits.budget(kind) < self.limits.budget(kind) {
                lowered[kind] = PolicyKey("limits.\(kind.policyName)").in(policy: policy.name)
            }
        }
        for (kind, value) in own where limits.lower(kind, to: value) {
            lowered[kind] = PolicyKey("spawn.limits.\(kind.policyName)")
        }
        if limits == self.limits {
            return authority === self.authority
                ? self
                : Grant(
                    authority: authority, limits: limits, account: account, lowered: lowered, end: end, order: order)
        }
        var end = self.end
        if limits.wall != self.limits.wall, let wall = limits.wall {
            let own = Clock.monotonicNow().addingReportingOverflow(wall)
            let time = own.overflow ? .max : own.partialValue
            if time < end?.time ?? .max { end = End(time: time, allowed: wall) }
        }
        return Grant(
            authority: authority, limits: limits, account: Account(limits: limits.withItself, parent: account),
            lowered: lowered, end: end, order: order)
    }
}

extension LimitKind {
    /// As policies write it: `table_elements`.
    var policyName: String {
        var name = ""
        for letter in rawValue {
            name += letter.isUppercase ? "_" + letter.lowercased() : String(letter)
        }
        return name
    }
}

extension Limits {
    /// As an account counts that is made for a process: `processes` means descendants, and the process is on it too.
    var withItself: Limits {
        var limits = self
        limits.processes = processes == .max ? .max : processes + 1
        return limits
    }

    /// Lowers one limit; false when it was that low already.
    mutating func lower(_ kind: LimitKind, to value: UInt64) -> Bool {
        switch kind {
        case .memory: Limits.lower(&memory, to: value)
        case .tableElements: Limits.lower(&tableElements, to: value)
        case .cpu: Limits.lower(&cpu, to: value)
        case .cpuShare: Limits.lower(&cpuShare, to: UInt32(clamping: max(value, 1)))
        case .wall: Limits.lower(&wall, to: value)
        case .fds: Limits.lower(&fds, to: UInt32(clamping: value))
        case .output: Limits.lower(&output, to: value)
        case .stack: Limits.lower(&stack, to: value)
        case .mailboxMessages: Limits.lower(&mailboxMessages, to: UInt32(clamping: value))
        case .mailboxBytes: Limits.lower(&mailboxBytes, to: value)
        case .processes: Limits.lower(&processes, to: UInt32(clamping: value))
        }
    }

    private static func lower<Value: Comparable>(_ field: inout Value, to value: Value) -> Bool {
        guard value < field else { return false }
        field = value
        return true
    }

    private static func lower(_ field: inout UInt64?, to value: UInt64) -> Bool {
        if let old = field, old <= value { return false }
        field = value
        return true
    }
}

/// Linear memory and tables are paid for by whoever pays for the rest of a process.
extension Account: MemoryCharge {
    package func charge(_ bytes: UInt64) -> Bool { charge(.memory, bytes) == nil }

    package func refund(_ bytes: UInt64) { refund(.memory, bytes) }
}
