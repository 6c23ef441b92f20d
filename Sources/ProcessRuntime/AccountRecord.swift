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
    /// How much credit a thread may keep to itself, and for whom: the number changes with the account.
    let threadShare = Atomic<Int64>(0)
    let generation = Atomic<UInt32>(0)
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
    private static let largestThreadShare: Int64 = 4 << 10

    init() {}

    mutating func begin(_ account: Account) {
        self.account = account
        credit.store(0, ordering: .relaxed)
        unspent.store(0, ordering: .relaxed)
        hold.store(0, ordering: .relaxed)
        generation.add(1, ordering: .relaxed)
        let most = Int64(clamping: account.limits.mailboxBytes / 256)
        threadShare.store(min(most, AccountRecord.largestThreadShare), ordering: .relaxed)
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

/// What a worker's thread keeps of the messages that were taken there, for those that are sent there next: two processes that
/// talk to each other touch the record's counter, which all threads share, no more. Given back once a slice, and before the
/// thread sleeps or loses its worker. Used by its thread alone.
struct ThreadCredit {
    private var record: Ref<AccountRecord>?
    private var generation: UInt32 = 0
    private var bytes: Int64 = 0

    /// Whether the thread itself had enough for a message.
    @inline(__always)
    mutating func take(_ amount: Int64, of record: Ref<AccountRecord>) -> Bool {
        guard self.record == record, bytes >= amount,
            record.it.generation.load(ordering: .relaxed) == generation
        else { return false }
        bytes -= amount
        return true
    }

    /// Keeps what a message cost, or gives it to the record.
    @inline(__always)
    mutating func give(_ amount: Int64, of record: Ref<AccountRecord>) {
        let present = record.it.generation.load(ordering: .relaxed)
        if self.record != record || present != generation {
            giveBack()
            self.record = record
            generation = present
        }
        if bytes + amount > record.it.threadShare.load(ordering: .relaxed) { return record.it.refund(amount) }
        bytes += amount
    }

    /// Credit of an account that its record has no more is forgotten: that account got all back when it ended.
    mutating func giveBack() {
        guard let record, bytes > 0 else { return }
        if record.it.generation.load(ordering: .relaxed) == generation { record.it.refund(bytes) }
        bytes = 0
    }
}

extension Ref where Value == ThreadState {
    /// Pays for a message of so many bytes, overhead included.
    @inline(__always)
    func charge(_ bytes: Int64, to record: Ref<AccountRecord>) -> Bool {
        if it.credit.take(bytes, of: record) { return true }
        it.credit.giveBack()
        return record.it.charge(bytes)
    }

    @inline(__always)
    func refund(_ bytes: Int64, to record: Ref<AccountRecord>) {
        // Who has no worker may not come by again for long.
        if it.worker != nil { it.credit.give(bytes, of: record) } else { record.it.refund(bytes) }
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
