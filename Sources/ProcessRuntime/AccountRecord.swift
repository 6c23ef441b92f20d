// What the runtime keeps of an account that processes run on, in type-stable memory: a sender may charge a receiver that
// ends at the same moment.

internal import CapabilityModel
internal import LinuxKernel
internal import Synchronization

struct AccountRecord: ~Copyable {
    /// In the free list.
    var next: Ref<AccountRecord>?
    /// Mailbox bytes that are charged to the account and that no message uses.
    let credit = Atomic<Int64>(0)
    /// Processes that run on it.
    let processes = Atomic<Int>(0)
    /// CPU time of its processes that is not booked yet, in nanoseconds.
    let unspent = Atomic<UInt64>(0)
    /// Until when its processes stand still (CLOCK_MONOTONIC, ns); 0: they do not; `.max`: they end.
    let hold = Atomic<UInt64>(0)
    private let funds = Lock(Funds())
    /// What its processes see; written when there are none.
    private(set) var account: Account?
    private struct Funds {
        /// As `account`, for senders, which may come when there are no processes any more.
        var account: Account?
        /// Mailbox bytes that the account was charged for.
        var charged: UInt64 = 0
        /// Why its processes end.
        var refusal: LimitRefusal?
        /// How much is charged at once beyond the need.
        var chunk: Int64 = 0
    }

    private static let largestChunk: Int64 = 64 << 10

    init() {}

    mutating func begin(_ account: Account) {
        self.account = account
        credit.store(0, ordering: .relaxed)
        unspent.store(0, ordering: .relaxed)
        hold.store(0, ordering: .relaxed)
        funds.withLock { funds in
            let share = Int64(clamping: account.limits.mailboxBytes / 16)
            funds = Funds(account: account, chunk: min(share, AccountRecord.largestChunk))
        }
    }

    /// CPU time of its processes.
    func spend(_ nanoseconds: UInt64, now: UInt64) -> CPUVerdict {
        funds.withLock { $0.account }?.spend(cpu: nanoseconds, now: now) ?? .goOn
    }

    var refusal: LimitRefusal? { funds.withLock { $0.refusal } }

    func setRefusal(_ refusal: LimitRefusal) {
        funds.withLock { $0.refusal = refusal }
    }

    /// The last process of it has ended.
    mutating func end() {
        bookUnspent(now: Clock.monotonicNow())
        account = nil
        funds.withLock { funds in
            funds.account?.refund(.mailboxBytes, funds.charged)
            funds = Funds()
        }
    }

    /// Pays for a message of so many bytes, overhead included.
    @inline(__always)
    func charge(_ bytes: Int64) -> Bool {
        let left = credit.subtract(bytes, ordering: .relaxed).newValue
        return left >= 0 || chargeAccount(bytes, missing: min(-left, bytes))
    }

    @inline(__always)
    func refund(_ bytes: Int64) {
        let credit = credit.add(bytes, ordering: .relaxed).newValue
        if credit > 2 * AccountRecord.largestChunk { refundAccount() }
    }

    private func chargeAccount(_ bytes: Int64, missing: Int64) -> Bool {
        funds.withLock { funds in
            // Charged together with what others will need; alone when that is more than there is.
            for amount in [missing + funds.chunk, missing] {
                guard let account = funds.account, account.charge(.mailboxBytes, UInt64(amount)) == nil else {
                    continue
                }
                funds.charged += UInt64(amount)
                credit.add(amount, ordering: .relaxed)
                return true
            }
            credit.add(bytes, ordering: .relaxed)
            return false
        }
    }

    private func refundAccount() {
        funds.withLock { funds in
            let surplus = credit.load(ordering: .relaxed) - AccountRecord.largestChunk
            guard surplus > 0, let account = funds.account, funds.charged >= UInt64(surplus) else { return }
            let (isTaken, _) = credit.compareExchange(
                expected: surplus + AccountRecord.largestChunk, desired: AccountRecord.largestChunk, ordering: .relaxed)
            if isTaken {
                funds.charged -= UInt64(surplus)
                account.refund(.mailboxBytes, UInt64(surplus))
            }
        }
    }
}

/// The records of a runtime. Lock rule: all under the mutex; records are freed with the pool.
struct AccountPool: ~Copyable {
    private struct State {
        var free: Ref<AccountRecord>?
        var all: [Ref<AccountRecord>] = []
    }

    private let state = Lock(State())

    /// A record for the account, with no process yet.
    func make(_ account: Account) -> Ref<AccountRecord> {
        let record = state.withLock { state -> Ref<AccountRecord> in
            if let record = state.free {
                state.free = record.it.next
                return record
            }
            let record = Ref.allocate(AccountRecord())
            state.all.append(record)
            return record
        }
        record.it.begin(account)
        return record
    }

    func free(_ record: Ref<AccountRecord>) {
        record.it.end()
        state.withLock { state in
            record.it.next = state.free
            state.free = record
        }
    }

    deinit {
        state.withLock { state in for record in state.all { record.free() } }
    }
}
