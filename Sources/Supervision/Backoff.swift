// The pause before a restart: an extra over OTP, off by default. It never changes what counts: the restart's stamp is taken
// when the child has ended, as without a pause.

package struct Backoff: Hashable, Sendable {
    /// Before the first restart, in nanoseconds; at least 1.
    package var first: UInt64
    /// The longest pause, in nanoseconds; at least `first`.
    package var most: UInt64
    /// By how much each pause is longer than the one before it; at least 1.
    package var factor: UInt64
    /// How much of a pause may be left out at random, in percent; at most 100.
    package var jitter: UInt64
    /// A child that ran for so long, in nanoseconds, begins with the first pause again.
    package var reset: UInt64
    package var seed: UInt64

    package init(
        first: UInt64, most: UInt64, factor: UInt64 = 2, jitter: UInt64 = 25, reset: UInt64 = 60_000_000_000,
        seed: UInt64 = 0
    ) {
        self.first = first
        self.most = most
        self.factor = factor
        self.jitter = jitter
        self.reset = reset
        self.seed = seed
    }

    func validate() throws(SpecError) {
        guard first >= 1, most >= first, factor >= 1, jitter <= 100 else { throw .invalidBackoff }
    }

    /// The pause after so many before it, without jitter, in nanoseconds.
    func pause(after earlier: Int) -> UInt64 {
        guard factor > 1 else { return first }
        var pause = first
        for _ in 0..<earlier {
            let (longer, overflow) = pause.multipliedReportingOverflow(by: factor)
            if overflow || longer >= most { return most }
            pause = longer
        }
        return pause
    }
}

/// Pauses that stand before restarts, and how many each child had of late.
struct Pauses {
    private struct History {
        var count: Int
        var end: UInt64
    }

    /// nil: none begin any more.
    var backoff: Backoff?
    private var random: UInt64
    private var children: [TimerKey: ChildKey] = [:]
    private var timers: [ChildKey: TimerKey] = [:]
    private var histories: [ChildKey: History] = [:]

    init(_ backoff: Backoff) {
        self.backoff = backoff
        random = backoff.seed
    }

    /// Notes a pause for the child and gives its length in nanoseconds; `replaced` is the timer of an earlier one.
    mutating func begin(_ child: ChildKey, _ timer: TimerKey, now: UInt64) -> (length: UInt64, replaced: TimerKey?)? {
        guard let backoff else { return nil }
        var history = histories[child] ?? History(count: 0, end: now)
        if now - min(now, history.end) >= backoff.reset { history.count = 0 }
        let whole = backoff.pause(after: history.count)
        let (share, low) = whole.multipliedFullWidth(by: backoff.jitter)
        let most = UInt64(100).dividingFullWidth((share, low)).quotient
        let length = whole - (most == 0 ? 0 : next() % (most + 1))
        history.count += 1
        history.end = now &+ length
        histories[child] = history
        let replaced = timers.updateValue(timer, forKey: child)
        if let replaced { children[replaced] = nil }
        children[timer] = child
        return (length, replaced)
    }

    /// The child whose pause this timer ends.
    mutating func end(_ timer: TimerKey) -> ChildKey? {
        guard let child = children.removeValue(forKey: timer) else { return nil }
        timers[child] = nil
        return child
    }

    /// Takes the pause back; its timer, if there was one.
    mutating func cancel(_ child: ChildKey) -> TimerKey? {
        guard let timer = timers.removeValue(forKey: child) else { return nil }
        children[timer] = nil
        return timer
    }

    mutating func cancelAll() -> [TimerKey] {
        defer {
            children = [:]
            timers = [:]
        }
        return children.keys.sorted { $0.rawValue < $1.rawValue }
    }

    /// The child is gone for good.
    mutating func forget(_ child: ChildKey) {
        histories[child] = nil
    }

    /// A dynamic child goes by its last process's key.
    mutating func rename(_ old: ChildKey, _ new: ChildKey) {
        if let history = histories.removeValue(forKey: old) { histories[new] = history }
    }

    /// SplitMix64.
    private mutating func next() -> UInt64 {
        random &+= 0x9e37_79b9_7f4a_7c15
        var mixed = random
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
