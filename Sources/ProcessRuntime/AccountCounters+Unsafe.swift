// The numbers behind accounts: one atomic counter a kind, and for the topmost account a row of credit for each worker.

import CapabilityModel
internal import Synchronization

/// The tenths of a second in which a share of a CPU is measured.
enum CPUTenth {
    static let nanoseconds: UInt64 = 100_000_000

    /// When the tenth ends that `now` lies in; CLOCK_MONOTONIC, ns.
    static func end(of now: UInt64) -> UInt64 { (now / nanoseconds + 1) * nanoseconds }
}

/// A fixed row of atomic counters.
@safe struct AtomicRow: ~Copyable, @unchecked Sendable {
    // Lock rule: none is needed; the pointer never changes, and all access to what it points to is atomic.
    private let base: UnsafeMutablePointer<Atomic<UInt64>>?
    private let count: Int

    init(count: Int) {
        self.count = count
        guard count > 0 else {
            unsafe base = nil
            return
        }
        // SAFETY: `base` holds `count` atomics, initialised here and freed in deinit alone.
        let base = UnsafeMutablePointer<Atomic<UInt64>>.allocate(capacity: count)
        for index in 0..<count { unsafe (base + index).initialize(to: Atomic(0)) }
        unsafe self.base = unsafe base
    }

    deinit {
        // SAFETY: as in init; nobody else has the pointer.
        unsafe base?.deinitialize(count: count)
        unsafe base?.deallocate()
    }

    /// Calls `body` with the counter at `index`, which must be below the count.
    @inline(__always)
    func at<Result>(_ index: Int, _ body: (borrowing Atomic<UInt64>) -> Result) -> Result {
        // SAFETY: the index is in bounds, and the memory lives as long as this value, which is borrowed here.
        guard let base = unsafe base, index >= 0, index < count else { preconditionFailure("no such counter") }
        return unsafe body(base[index])
    }
}

/// What one account has used.
struct AccountCounters: ~Copyable, Sendable {
    private static let kinds = LimitKind.allCases.count
    /// A counter a kind, then the current tenth's CPU time.
    private let row = AtomicRow(count: AccountCounters.kinds + 1)

    func value(_ kind: LimitKind) -> UInt64 {
        row.at(kind.index) { $0.load(ordering: .relaxed) }
    }

    /// nil when it was added; else what would have been used.
    func add(_ kind: LimitKind, _ amount: UInt64, upTo limit: UInt64) -> UInt64? {
        row.at(kind.index) { counter in
            var used = counter.load(ordering: .relaxed)
            while true {
                let (sum, overflow) = used.addingReportingOverflow(amount)
                if overflow || sum > limit { return overflow ? .max : sum }
                let outcome = counter.weakCompareExchange(
                    expected: used, desired: sum, ordering: .acquiringAndReleasing)
                if outcome.exchanged { return nil }
                used = outcome.original
            }
        }
    }

    /// The sum, which stays at the largest number once it would be passed.
    @discardableResult
    func add(_ kind: LimitKind, _ amount: UInt64) -> UInt64 {
        row.at(kind.index) { counter in
            var used = counter.load(ordering: .relaxed)
            while true {
                let (sum, overflow) = used.addingReportingOverflow(amount)
                let next = overflow ? .max : sum
                let outcome = counter.weakCompareExchange(expected: used, desired: next, ordering: .relaxed)
                if outcome.exchanged { return next }
                used = outcome.original
            }
        }
    }

    func subtract(_ kind: LimitKind, _ amount: UInt64) {
        row.at(kind.index) { counter in
            let left = counter.wrappingSubtract(amount, ordering: .acquiringAndReleasing)
            assert(left.oldValue >= amount, "more of \(kind) refunded than was charged")
        }
    }

    /// Books CPU time in the tenth of a second of `now`; the sum in that tenth.
    func spend(_ nanoseconds: UInt64, inTenthOf now: UInt64) -> UInt64 {
        row.at(AccountCounters.kinds) { counter in
            let tenth = AccountCounters.tenth(of: now)
            var word = counter.load(ordering: .relaxed)
            while true {
                let before = word & ~AccountCounters.sumMask == tenth ? word & AccountCounters.sumMask : 0
                let sum = min(before + min(nanoseconds, AccountCounters.sumMask), AccountCounters.sumMask)
                let outcome = counter.weakCompareExchange(expected: word, desired: tenth | sum, ordering: .relaxed)
                if outcome.exchanged { return sum }
                word = outcome.original
            }
        }
    }

    func spent(inTenthOf now: UInt64) -> UInt64 {
        let word = row.at(AccountCounters.kinds) { $0.load(ordering: .relaxed) }
        return word & ~AccountCounters.sumMask == AccountCounters.tenth(of: now) ? word & AccountCounters.sumMask : 0
    }

    /// One word holds the tenth's number above, and below, in 30 bits, the nanoseconds spent in it, a second at most.
    private static let sumMask: UInt64 = 1 << 30 - 1

    private static func tenth(of now: UInt64) -> UInt64 { (now / CPUTenth.nanoseconds) << 30 }
}

/// Credit that workers hold: charged to the account, and not yet used.
struct AccountLanes: ~Copyable, Sendable {
    let count: Int
    /// Two cache lines a lane.
    private static let stride = 16
    private let row: AtomicRow

    init(count: Int) {
        self.count = count
        row = AtomicRow(count: count * AccountLanes.stride)
    }

    private func index(_ kind: LimitKind, _ lane: Int) -> Int {
        (lane % count) * AccountLanes.stride + kind.index
    }

    /// Whether the lane had that much.
    func take(_ kind: LimitKind, _ amount: UInt64, lane: Int) -> Bool {
        guard count > 0 else { return false }
        return row.at(index(kind, lane)) { cell in
            var credit = cell.load(ordering: .relaxed)
            while credit >= amount {
                let outcome = cell.weakCompareExchange(
                    expected: credit, desired: credit - amount, ordering: .acquiringAndReleasing)
                if outcome.exchanged { return true }
                credit = outcome.original
            }
            return false
        }
    }

    /// Gives the lane credit. What it holds beyond two chunks then, it does not keep: that is the caller's to refund.
    func give(_ kind: LimitKind, _ amount: UInt64, lane: Int, chunk: UInt64) -> UInt64 {
        row.at(index(kind, lane)) { cell in
            let credit = cell.wrappingAdd(amount, ordering: .acquiringAndReleasing).newValue
            let most = chunk > .max / 2 ? .max : 2 * chunk
            guard credit > most else { return 0 }
            let outcome = cell.compareExchange(expected: credit, desired: chunk, ordering: .acquiringAndReleasing)
            return outcome.exchanged ? credit - chunk : 0
        }
    }

    func takeAll(_ kind: LimitKind) -> UInt64 {
        var sum: UInt64 = 0
        for lane in 0..<count {
            sum += row.at(index(kind, lane)) { $0.exchange(0, ordering: .acquiringAndReleasing) }
        }
        return sum
    }

    func credit(_ kind: LimitKind) -> UInt64 {
        var sum: UInt64 = 0
        for lane in 0..<count {
            sum += row.at(index(kind, lane)) { $0.load(ordering: .relaxed) }
        }
        return sum
    }
}

extension LimitKind {
    fileprivate var index: Int {
        switch self {
        case .memory: 0
        case .tableElements: 1
        case .cpu: 2
        case .cpuShare: 3
        case .wall: 4
        case .fds: 5
        case .output: 6
        case .stack: 7
        case .mailboxMessages: 8
        case .mailboxBytes: 9
        case .processes: 10
        }
    }
}
