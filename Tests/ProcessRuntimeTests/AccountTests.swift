// Budgets: charged to every ancestor, all or nothing, under threads, with credit in lanes and without.

import CapabilityModel
import LinuxKernel
import ProcessRuntime
import Synchronization
import Testing

extension SplitMix64: RandomNumberGenerator {}

@Suite struct AccountTests {
    private static func limits(_ change: (inout Limits) -> Void) -> Limits {
        var limits = Limits.default
        change(&limits)
        return limits
    }

    @Test func anAncestorThatRefusesLeavesNothingCharged() {
        let root = Account(limits: Self.limits { $0.mailboxBytes = 100 })
        let child = Account(limits: Self.limits { $0.mailboxBytes = 1000 }, parent: root)
        let grandchild = Account(limits: Self.limits { $0.mailboxBytes = 50 }, parent: child)
        #expect(child.charge(.mailboxBytes, 80) == nil)
        #expect(
            grandchild.charge(.mailboxBytes, 30)
                == LimitRefusal(kind: .mailboxBytes, used: 110, allowed: 100, level: 2))
        #expect(
            grandchild.charge(.mailboxBytes, 51)
                == LimitRefusal(kind: .mailboxBytes, used: 51, allowed: 50, level: 0))
        #expect([root, child, grandchild].map { $0.used(.mailboxBytes) } == [80, 80, 0])
        #expect(grandchild.left(.mailboxBytes) == 20)
        child.refund(.mailboxBytes, 80)
        #expect(grandchild.charge(.mailboxBytes, 50) == nil)
        #expect([root, child, grandchild].map { $0.used(.mailboxBytes) } == [50, 50, 50])
    }

    @Test(arguments: [0, 4]) func amountsNearTheEndOfNumbersAreRefused(_ lanes: Int) {
        let account = Account(limits: Self.limits { $0.memory = .max }, lanes: lanes)
        #expect(account.charge(.memory, .max - 1, lane: 0) == nil)
        #expect(account.charge(.memory, 2, lane: 1)?.used == .max)
        #expect(account.charge(.memory, .max, lane: 1) != nil)
        #expect(account.used(.memory) == UInt64.max - 1)
    }

    @Test func whatIsUnlimitedIsCountedAllTheSame() {
        let account = Account(limits: Self.limits { $0.cpu = nil })
        #expect(account.spend(cpu: .max, now: 0) == .goOn)
        #expect(account.spend(cpu: .max, now: 0) == .goOn)
        #expect(account.used(.cpu) == .max)
    }

    @Test func creditThatLiesIdleIsNoReasonToRefuse() {
        let account = Account(limits: Self.limits { $0.processes = 6400 }, lanes: 4)
        for lane in 0..<4 { #expect(account.charge(.processes, 1, lane: lane) == nil) }
        #expect(account.used(.processes) == 4)
        // Lanes hold credit now, and all of the rest can be had nevertheless, from any lane or from none.
        #expect(account.charge(.processes, 6395, lane: 1) == nil)
        #expect(account.charge(.processes, 1) == nil)
        #expect(account.charge(.processes, 1, lane: 2)?.allowed == 6400)
        #expect(account.used(.processes) == 6400)
    }

    /// Threads charge and refund at random all over a tree. No budget is ever exceeded; in the end each account's use is what
    /// its descendants hold, all of the rest can be had in one piece, and after the last refund nothing is used.
    @Test(arguments: [0, 3]) func noBudgetIsExceededAndNothingIsLostUnderThreads(lanes: Int) throws {
        let seed = testSeed()
        print("accounts under threads: seed \(seed)")
        var source = SplitMix64(seed: seed)
        for _ in 0..<longRun(20, 500) {
            try AccountTree(lanes: lanes, source: &source).exercise(&source)
        }
    }

    // MARK: CPU time

    @Test func cpuTimeIsBookedWhetherAllowedOrNot() {
        let root = Account(limits: Self.limits { $0.cpu = 100 })
        let child = Account(limits: Self.limits { $0.cpu = 50 }, parent: root)
        #expect(child.spend(cpu: 50, now: 0) == .goOn)
        #expect(
            child.spend(cpu: 10, now: 0)
                == .over(LimitRefusal(kind: .cpu, used: 60, allowed: 50, level: 0)))
        #expect(
            root.spend(cpu: 41, now: 0) == .over(LimitRefusal(kind: .cpu, used: 101, allowed: 100, level: 0)))
    }

    @Test func aShareHoldsForEachTenthOfASecondAndForAllDescendantsTogether() {
        let tenth: UInt64 = 100_000_000
        let root = Account(limits: Self.limits { $0.cpuShare = 100 })
        let half = Account(limits: Self.limits { $0.cpuShare = 50 }, parent: root)
        let one = Account(limits: Self.limits { $0.cpuShare = 100 }, parent: half)
        let other = Account(limits: Self.limits { $0.cpuShare = 20 }, parent: half)
        let now = 7 * tenth + 5
        #expect(one.spend(cpu: 30_000_000, now: now) == .goOn)
        #expect(one.stillUntil(now: now) == nil)
        #expect(other.spend(cpu: 20_000_000, now: now) == .goOn)
        #expect(other.spend(cpu: 1, now: now) == .standStill(until: 8 * tenth))
        // The sibling has more of its own, but not of what they share.
        #expect(one.stillUntil(now: now) == 8 * tenth)
        #expect(root.stillUntil(now: now) == nil)
        #expect(one.stillUntil(now: 8 * tenth) == nil)
        #expect(one.spend(cpu: 50_000_000, now: 8 * tenth) == .goOn)
        // Many workers at once can spend more than a tenth in a tenth.
        #expect(one.spend(cpu: .max / 2, now: 8 * tenth) != .goOn)
        #expect(one.stillUntil(now: 9 * tenth - 1) == 9 * tenth)
        #expect(one.stillUntil(now: 9 * tenth) == nil)
    }
}

/// A random tree of accounts, and threads that use it.
private final class AccountTree: Sendable {
    private static let kinds: [LimitKind] = [.mailboxBytes, .processes, .memory, .fds]
    private let accounts: [Account]
    private struct Holding {
        var account: Int
        var amounts: [LimitKind: UInt64]
    }

    /// What each thread holds in the end.
    private let held = Lock<[Holding]>([])
    private let seeds: [UInt64]
    private let violations = Atomic<UInt64>(0)

    init(lanes: Int, source: inout SplitMix64) {
        var accounts: [Account] = []
        for index in 0..<Int(source.next(in: 2...8)) {
            var limits = Limits.default
            limits.mailboxBytes = source.next(in: 0...200_000)
            limits.processes = UInt32(source.next(in: 0...20_000))
            limits.memory = source.next(in: 0...100_000_000)
            limits.fds = UInt32(source.next(in: 0...20))
            let parent = index == 0 ? nil : accounts[Int.random(in: 0..<index, using: &source)]
            accounts.append(Account(limits: limits, parent: parent, lanes: lanes))
        }
        self.accounts = accounts
        seeds = (0..<3).map { _ in source.next() }
    }

    func exercise(_ source: inout SplitMix64) throws {
        let threads = try seeds.indices.map { thread in
            ThreadBox(try spawnThread(name: "account") { self.work(thread) })
        }
        for thread in threads { thread.join() }
        #expect(violations.load(ordering: .relaxed) == 0)
        let held = held.withLock { $0 }
        for kind in Self.kinds {
            for (index, account) in accounts.enumerated() {
                let below = accounts.indices.filter { isDescendant(accounts[$0], of: account) }
                var sum: UInt64 = 0
                for holding in held where below.contains(holding.account) { sum += holding.amounts[kind] ?? 0 }
                #expect(account.used(kind) == sum, "\(kind) of account \(index)")
                // Nothing is lost in lanes: what is left can be had in one piece, and no more.
                let left = account.left(kind)
                #expect(account.charge(kind, left, lane: 0) == nil, "\(kind): \(left) of account \(index)")
                #expect(account.charge(kind, 1, lane: 1) != nil)
                account.refund(kind, left, lane: 2)
            }
        }
        for holding in held {
            for (kind, amount) in holding.amounts {
                accounts[holding.account].refund(kind, amount, lane: Int(source.next(in: 0...5)))
            }
        }
        for account in accounts {
            for kind in Self.kinds { #expect(account.used(kind) == 0) }
        }
    }

    private func isDescendant(_ account: Account, of ancestor: Account) -> Bool {
        var next: Account? = account
        while let one = next {
            if one === ancestor { return true }
            next = one.parent
        }
        return false
    }

    private func work(_ thread: Int) {
        var source = SplitMix64(seed: seeds[thread])
        var own = [[LimitKind: UInt64]](repeating: [:], count: accounts.count)
        for _ in 0..<2000 {
            let index = Int.random(in: 0..<accounts.count, using: &source)
            let kind = Self.kinds[Int.random(in: 0..<Self.kinds.count, using: &source)]
            let lane = Bool.random(using: &source) ? thread : nil
            let has = own[index][kind] ?? 0
            if has > 0, Bool.random(using: &source) {
                let amount = source.next(in: 1...has)
                accounts[index].refund(kind, amount, lane: lane)
                own[index][kind] = has - amount
            } else {
                let amount = source.next(in: 0...(accounts[index].limits.budget(kind) / 8 + 1))
                if accounts[index].charge(kind, amount, lane: lane) == nil { own[index][kind] = has + amount }
            }
            for account in accounts where account.used(kind) > account.limits.budget(kind) {
                violations.add(1, ordering: .relaxed)
            }
        }
        held.withLock { all in
            for (index, amounts) in own.enumerated() { all.append(Holding(account: index, amounts: amounts)) }
        }
    }
}
