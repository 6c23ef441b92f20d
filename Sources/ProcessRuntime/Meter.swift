// Who spends how much CPU time: measured for accounts exactly, and without a clock where one process after the other runs on
// the same one.

internal import CapabilityModel
internal import LinuxKernel
internal import Synchronization

/// A thread's stopwatch. The monotonic clock is cheap and counts what other programs take from the thread as well; so once a
/// slice it is compared with the thread's own CPU time.
struct Meter {
    /// Whose time runs; nil while the thread looks for work or sleeps.
    var record: Ref<AccountRecord>?
    /// Since when, CLOCK_MONOTONIC in nanoseconds.
    var since: UInt64 = 0
    /// When the present comparison began, on both clocks.
    var monotonicStart: UInt64 = 0
    var cpuStart: UInt64 = 0
    /// Whether more than one account has run since.
    var isMixed = false
    /// CPU time in a unit of monotonic time, in 1/65536, as last compared.
    var rate: UInt64 = 1 << 16

    /// CPU time on the present account since it took over.
    func elapsed(_ now: UInt64) -> UInt64 { ((now &- since) &* rate) >> 16 }
}

extension Ref where Value == RuntimeCore {
    /// The thread is about to run a process on that account.
    @inline(__always)
    func switchMeter(_ thread: ThreadRef, to record: Ref<AccountRecord>) {
        if thread.it.meter.record != record { changeMeter(thread, to: record) }
    }

    private func changeMeter(_ thread: ThreadRef, to record: Ref<AccountRecord>) {
        let now = Clock.monotonicNow()
        if let old = thread.it.meter.record {
            thread.it.meter.isMixed = true
            spend(thread.it.meter.elapsed(now), on: old, now: now)
        } else {
            thread.it.meter.monotonicStart = now
            thread.it.meter.cpuStart = Clock.threadCPUTime()
            thread.it.meter.isMixed = false
        }
        thread.it.meter.record = record
        thread.it.meter.since = now
    }

    /// Once a slice: what was spent is booked, and the clocks are compared.
    func settleMeter(_ thread: ThreadRef) {
        guard let record = thread.it.meter.record else { return }
        let now = Clock.monotonicNow()
        let cpu = Clock.threadCPUTime()
        let onCPU = cpu &- thread.it.meter.cpuStart
        let spent = thread.it.meter.isMixed ? thread.it.meter.elapsed(now) : onCPU
        let wall = max(now &- thread.it.meter.monotonicStart, 1)
        thread.it.meter.rate = min((onCPU << 16) / wall, 1 << 16)
        thread.it.meter.monotonicStart = now
        thread.it.meter.cpuStart = cpu
        thread.it.meter.since = now
        thread.it.meter.isMixed = false
        spend(spent, on: record, now: now)
        record.it.bookUnspent(now: now)
    }

    /// The thread runs nothing for a while.
    func stopMeter(_ thread: ThreadRef) {
        settleMeter(thread)
        thread.it.meter.record = nil
    }

    private func spend(_ nanoseconds: UInt64, on record: Ref<AccountRecord>, now: UInt64) {
        if record.it.unspent.add(nanoseconds, ordering: .relaxed).newValue >= 100_000 {
            record.it.bookUnspent(now: now)
        }
    }

    /// What a process whose account is held must do instead of running: it ends, or stands still for a while.
    func heedHold(_ block: BlockRef, _ record: Ref<AccountRecord>, on thread: ThreadRef) -> Bool {
        let hold = record.it.hold.load(ordering: .acquiring)
        if hold == 0 { return false }
        if hold == .max {
            guard let refusal = record.it.refusal else { return false }
            let reason = ExitReason.limit(.cpu, used: refusal.used, allowed: refusal.allowed)
            if block.it.pendingExit == nil { block.it.pendingExit = ReasonBox(reason) }
            return false
        }
        if hold <= Clock.monotonicNow() {
            _ = record.it.hold.compareExchange(expected: hold, desired: 0, ordering: .relaxed)
            return false
        }
        standStill(block, until: hold, on: thread)
        return true
    }
}

extension AccountRecord {
    /// CPU time that was spent and is not booked goes to the account, which may have had enough.
    func bookUnspent(now: UInt64) {
        let nanoseconds = unspent.exchange(0, ordering: .relaxed)
        if nanoseconds == 0 { return }
        switch spend(nanoseconds, now: now) {
        case .goOn: break
        case .standStill(let until):
            _ = hold.max(until, ordering: .releasing)
        case .over(let refusal):
            setRefusal(refusal)
            hold.store(.max, ordering: .releasing)
        }
    }
}
