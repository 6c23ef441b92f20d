// Budgets: what a process uses is charged to its account and to every ancestor's, all or nothing, so that a thousand children
// together get no more than their parent had (DESIGN.md, invariant 3).

package import CapabilityModel
internal import Synchronization

/// A budget that is used up, in the units of `Limits`.
package struct LimitRefusal: Error, Hashable, Sendable {
    package var kind: LimitKind
    /// What would have been used, or was.
    package var used: UInt64
    package var allowed: UInt64
    /// Whose budget it was: 0 the account's own, 1 its parent's, and so on.
    package var level: Int

    package init(kind: LimitKind, used: UInt64, allowed: UInt64, level: Int) {
        self.kind = kind
        self.used = used
        self.allowed = allowed
        self.level = level
    }
}

/// What CPU time spent means for the process that spent it.
package enum CPUVerdict: Hashable, Sendable {
    case goOn
    /// Its share of this tenth of a second is used up: it stands still until then (CLOCK_MONOTONIC, ns).
    case standStill(until: UInt64)
    case over(LimitRefusal)
}

/// Shared by all processes that have no limits of their own. Any thread may use it.
///
/// Charges and refunds may name a lane (a worker's number): then the topmost account keeps credit for each lane, taken in
/// chunks, so that workers do not write the same cache line for every message. A refusal is given only after all lanes'
/// credit was called in. Two threads that charge at the same moment may both be refused where one of them alone would not
/// have been; nothing is ever used beyond a limit.
package final class Account: Sendable {
    /// nil for the topmost.
    package let parent: Account?
    package let limits: Limits
    private let counters = AccountCounters()
    /// None but in the topmost account.
    private let lanes: AccountLanes
    /// How many ancestors it has.
    package let depth: Int
    /// Every charge goes all the way up, within one call of a guest's: whoever makes accounts for guests makes none below
    /// such a one.
    package static let greatestDepth = 128
    /// This account or an ancestor has a share of a CPU below the whole.
    private let hasShare: Bool

    /// - Parameters:
    ///   - limits: The budgets.
    ///   - parent: Who is charged as well.
    ///   - lanes: How many workers charge at once; of meaning for the topmost account only.
    package init(limits: Limits, parent: Account? = nil, lanes: Int = 0) {
        self.limits = limits
        self.parent = parent
        self.lanes = AccountLanes(count: parent == nil ? lanes : 0)
        depth = parent.map { $0.depth + 1 } ?? 0
        hasShare = limits.cpuShare < 100 || parent?.hasShare ?? false
    }

    /// Uses `amount` more of a budget, here and at every ancestor, or nowhere.
    package func charge(_ kind: LimitKind, _ amount: UInt64, lane: Int? = nil) -> LimitRefusal? {
        charge(kind, amount, lane: lane, level: 0)
    }

    /// Recursion, for it needs no reference counting on the way up; the depth is bounded.
    private func charge(_ kind: LimitKind, _ amount: UInt64, lane: Int?, level: Int) -> LimitRefusal? {
        if let refusal = chargeOne(kind, amount, lane: lane, level: level) { return refusal }
        guard let refusal = parent?.charge(kind, amount, lane: lane, level: level + 1) else { return nil }
        subtract(kind, amount)
        return refusal
    }

    /// Gives back what was charged, by the same account; the lane may be another.
    package func refund(_ kind: LimitKind, _ amount: UInt64, lane: Int? = nil) {
        let chunk = lane == nil ? 0 : chunk(of: kind)
        if let lane, chunk > 0 {
            let surplus = lanes.give(kind, amount, lane: lane, chunk: chunk)
            if surplus > 0 { subtract(kind, surplus) }
        } else {
            subtract(kind, amount)
        }
        parent?.refund(kind, amount, lane: lane)
    }

    /// What is used of a budget now, by this account and all below it.
    package func used(_ kind: LimitKind) -> UInt64 {
        let charged = counters.value(kind)
        let idle = lanes.credit(kind)
        return charged > idle ? charged - idle : 0
    }

    /// What is left here and at every ancestor, whichever is least.
    package func left(_ kind: LimitKind) -> UInt64 {
        var least = UInt64.max
        var next: Account? = self
        while let account = next {
            let (allowed, used) = (account.limits.budget(kind), account.used(kind))
            least = min(least, allowed > used ? allowed - used : 0)
            next = account.parent
        }
        return least
    }

    // MARK: CPU time

    /// CPU time that a process has spent, in nanoseconds; `now` is CLOCK_MONOTONIC. Unlike a charge it has happened already,
    /// so it is booked in any case. Lanes are not used: a worker books once a slice, or less often.
    package func spend(cpu nanoseconds: UInt64, now: UInt64) -> CPUVerdict {
        var verdict = CPUVerdict.goOn
        var level = 0
        var next: Account? = self
        while let account = next {
            let used = account.counters.add(.cpu, nanoseconds)
            if let allowed = account.limits.cpu, used > allowed {
                if case .over = verdict {
                } else {
                    verdict = .over(LimitRefusal(kind: .cpu, used: used, allowed: allowed, level: level))
                }
            }
            if account.limits.cpuShare < 100, account.counters.spend(nanoseconds, inTenthOf: now) > account.share {
                let end = CPUTenth.end(of: now)
                switch verdict {
                case .goOn: verdict = .standStill(until: end)
                case .standStill, .over: break
                }
            }
            next = account.parent
            level += 1
        }
        return verdict
    }

    /// Until when (CLOCK_MONOTONIC, ns) a process of this account may not run, because its own share of a CPU or an ancestor's
    /// is used up; nil when it may.
    package func stillUntil(now: UInt64) -> UInt64? {
        guard hasShare else { return nil }
        var next: Account? = self
        while let account = next {
            if account.limits.cpuShare < 100, account.counters.spent(inTenthOf: now) > account.share {
                return CPUTenth.end(of: now)
            }
            next = account.parent
        }
        return nil
    }

    /// Nanoseconds of CPU in each tenth of a second.
    private var share: UInt64 { UInt64(limits.cpuShare) * (CPUTenth.nanoseconds / 100) }

    // MARK: One level

    /// nil when it was added; else what would have been used.
    private func add(_ kind: LimitKind, _ amount: UInt64) -> UInt64? {
        counters.add(kind, amount, upTo: limits.budget(kind))
    }

    private func subtract(_ kind: LimitKind, _ amount: UInt64) {
        counters.subtract(kind, amount)
    }

    /// At most a 64th of the budget for each lane, so that little lies idle where there is little.
    private func chunk(of kind: LimitKind) -> UInt64 {
        guard lanes.count > 0 else { return 0 }
        return min(kind.largestChunk, limits.budget(kind) / (64 * UInt64(lanes.count)))
    }

    /// Charges this account alone: out of the lane's credit; where that does not suffice, the amount and a chunk of credit more;
    /// or just the amount, once all credit is called in, for what lies idle in lanes is not used.
    private func chargeOne(_ kind: LimitKind, _ amount: UInt64, lane: Int?, level: Int) -> LimitRefusal? {
        if let lane, lanes.take(kind, amount, lane: lane) { return nil }
        let chunk = lane == nil ? 0 : chunk(of: kind)
        let (both, overflow) = amount.addingReportingOverflow(chunk)
        if let lane, chunk > 0, !overflow, add(kind, both) == nil {
            _ = lanes.give(kind, chunk, lane: lane, chunk: .max)
            return nil
        }
        guard let used = add(kind, amount) else { return nil }
        if callIn(kind), add(kind, amount) == nil { return nil }
        return LimitRefusal(kind: kind, used: used, allowed: limits.budget(kind), level: level)
    }

    /// Takes all lanes' credit back; whether there was any.
    private func callIn(_ kind: LimitKind) -> Bool {
        let credit = lanes.takeAll(kind)
        if credit > 0 { subtract(kind, credit) }
        return credit > 0
    }
}

extension Limits {
    /// A limit as an account counts it; what is unlimited is `UInt64.max`.
    package func budget(_ kind: LimitKind) -> UInt64 {
        switch kind {
        case .memory: memory
        case .tableElements: tableElements
        case .cpu: cpu ?? .max
        case .cpuShare: UInt64(cpuShare)
        case .wall: wall ?? .max
        case .fds: UInt64(fds)
        case .output: output
        case .stack: stack
        case .mailboxMessages: UInt64(mailboxMessages)
        case .mailboxBytes: mailboxBytes
        case .processes: UInt64(processes)
        }
    }
}

extension LimitKind {
    /// The most that a lane takes at once beyond its need. Only what is charged for every message or spawn has any.
    fileprivate var largestChunk: UInt64 {
        switch self {
        case .mailboxBytes: 64 << 10
        case .mailboxMessages: 256
        case .processes: 64
        case .memory: 1 << 20
        case .tableElements, .cpu, .cpuShare, .wall, .fds, .output, .stack: 0
        }
    }
}
