// Equal denials become one line with a count, and no process gets more lines than its budget: a flood stays small and says
// how large it was.

internal import CapabilityModel

struct FoldingLimits: Sendable {
    /// Distinct denials that are counted apart at once.
    var entries = 256
    /// How long equal denials are gathered at first, and at most, in nanoseconds: each line of a denial that goes on doubles
    /// the wait for its next.
    var interval: UInt64 = 1_000_000_000
    var longestInterval: UInt64 = 64_000_000_000
    /// Lines that a process may have at once, and how many more each second. Beyond it only a number is kept.
    var burst: Double = 500
    var linesPerSecond: Double = 2
    /// Processes whose budgets are kept apart at once; the ones after share one budget.
    var processes = 1024
}

struct DenialFolder {
    private struct Key: Hashable {
        var process: String
        var policyDigest: String
        var isClaim: Bool
        var denial: Denial
    }

    private struct Entry {
        var origins: [PolicyOrigin]
        /// Denials since the last line of this entry.
        var count: UInt64 = 0
        var due: UInt64
        var interval: UInt64
    }

    private struct Budget {
        var lines: Double
        var updated: UInt64
        var dropped: UInt64 = 0
        var dropDue: UInt64 = 0
        var dropInterval: UInt64
        var policyDigest: String
    }

    let limits: FoldingLimits
    private var entries: [Key: Entry] = [:]
    private var budgets: [String: Budget] = [:]
    /// When the next counted line is due; nil when nothing waits.
    private(set) var nextDue: UInt64?

    init(limits: FoldingLimits) {
        self.limits = limits
    }

    /// What becomes of a denial that arrives at `now` (monotonic nanoseconds): true when it is to be written as it is, false
    /// when it was counted and will appear in a later line.
    mutating func admits(_ event: AuditEvent, _ denial: Denial, _ origins: [PolicyOrigin], now: UInt64) -> Bool {
        var plain = denial
        plain.count = 1
        let key = Key(
            process: event.process, policyDigest: event.policyDigest, isClaim: event.isClaim, denial: plain)
        if let index = entries.index(forKey: key) {
            entries.values[index].count = entries.values[index].count.addingSaturating(denial.count)
            schedule(entries.values[index].due)
            return false
        }
        let hasBudget = spend(event.process, event.policyDigest, now: now)
        if !hasBudget {
            drop(event.process, denial.count, now: now)
            return false
        }
        if entries.count >= limits.entries { entries = entries.filter { $0.value.count > 0 || $0.value.due > now } }
        if entries.count < limits.entries {
            entries[key] = Entry(origins: origins, due: now &+ limits.interval, interval: limits.interval)
        }
        return true
    }

    /// The counted lines that are due at `now`, or all where `all` is true.
    mutating func drain(now: UInt64, all: Bool = false) -> [AuditEvent] {
        var events: [AuditEvent] = []
        var gone: [Key] = []
        for key in entries.keys {
            guard let entry = entries[key], all || entry.due <= now else { continue }
            if entry.count == 0 {
                gone.append(key)
                continue
            }
            guard all || spend(key.process, key.policyDigest, now: now) else {
                drop(key.process, entry.count, now: now)
                entries[key]?.count = 0
                entries[key]?.due = now &+ limits.longestInterval
                continue
            }
            var denial = key.denial
            denial.count = entry.count
            events.append(
                AuditEvent(
                    process: key.process, policyDigest: key.policyDigest, isClaim: key.isClaim,
                    kind: .denied(denial, origins: entry.origins)))
            let interval = min(entry.interval * 2, limits.longestInterval)
            entries[key]?.count = 0
            entries[key]?.interval = interval
            entries[key]?.due = now &+ interval
        }
        for key in gone { entries[key] = nil }
        for (process, budget) in budgets where budget.dropped > 0 && (all || budget.dropDue <= now) {
            events.append(
                AuditEvent(
                    process: process, policyDigest: budget.policyDigest, isClaim: false,
                    kind: .dropped(count: budget.dropped)))
            let interval = min(budget.dropInterval * 2, limits.longestInterval)
            budgets[process]?.dropped = 0
            budgets[process]?.dropInterval = interval
            budgets[process]?.dropDue = now &+ interval
        }
        let waiting = entries.values.lazy.filter { $0.count > 0 }.map(\.due)
        let dropping = budgets.values.lazy.filter { $0.dropped > 0 }.map(\.dropDue)
        nextDue = [waiting.min(), dropping.min()].compactMap { $0 }.min()
        return events
    }

    private mutating func schedule(_ due: UInt64) {
        nextDue = min(nextDue ?? .max, due)
    }

    /// Takes one line from a process's budget; false when there is none left.
    private mutating func spend(_ process: String, _ policyDigest: String, now: UInt64) -> Bool {
        let name = budgetName(process)
        var budget =
            budgets[name]
            ?? Budget(lines: limits.burst, updated: now, dropInterval: limits.interval, policyDigest: policyDigest)
        let elapsed = Double(now >= budget.updated ? now - budget.updated : 0) / 1e9
        budget.lines = min(limits.burst, budget.lines + elapsed * limits.linesPerSecond)
        budget.updated = now
        let granted = budget.lines >= 1
        if granted { budget.lines -= 1 }
        budgets[name] = budget
        return granted
    }

    private mutating func drop(_ process: String, _ count: UInt64, now: UInt64) {
        let name = budgetName(process)
        guard var budget = budgets[name] else { return }
        if budget.dropped == 0 { budget.dropDue = max(budget.dropDue, now &+ limits.interval) }
        budget.dropped = budget.dropped.addingSaturating(count)
        budgets[name] = budget
        schedule(budget.dropDue)
    }

    /// A budget of its own as long as there is room; a finished process's full budget makes room.
    private mutating func budgetName(_ process: String) -> String {
        if budgets[process] != nil || budgets.count < limits.processes { return process }
        budgets = budgets.filter { $0.value.dropped > 0 || $0.value.lines < limits.burst - 1 }
        return budgets.count < limits.processes ? process : "(other processes)"
    }
}

extension UInt64 {
    func addingSaturating(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
