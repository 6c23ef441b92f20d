// Holds a cell to its share of a CPU: stops it once it has used what one period allows, until that period is over.

import LinuxKernel

/// What to do when, from two clocks alone. A period lasts until its share is used up, and 100 ms at least, so a guest that
/// uses less than its share is never stopped; one that uses more gets its share in the long run, and never more than
/// two shares at once.
struct CPUThrottle {
    enum Action: Equatable {
        case none, stop, resume
    }

    /// Nanoseconds.
    static let period: UInt64 = 100_000_000
    /// The longest stop, for what was used before anybody looked: a supervisor that was suspended itself must not
    /// hold a guest for minutes.
    static let longestStop: UInt64 = 10_000_000_000

    private let percent: UInt64
    private var periodStart: UInt64
    /// Reading of the CPU clock at which the share of this period is used up.
    private(set) var quota: UInt64
    /// While stopped: when to go on, CLOCK_MONOTONIC.
    private(set) var resumeTime: UInt64?
    /// Used and allowed in the period that led to the first stop; nil before it.
    private(set) var firstStop: (used: UInt64, allowed: UInt64)?
    /// How long all stops together were meant to last.
    private(set) var stopped: UInt64 = 0

    /// CPU time in one period.
    private var allowance: UInt64 { CPUThrottle.period / 100 * percent }

    /// - Parameters:
    ///   - percent: 1...99.
    ///   - now: CLOCK_MONOTONIC.
    ///   - used: the CPU clock.
    init(percent: UInt32, now: UInt64, used: UInt64) {
        self.percent = UInt64(min(max(percent, 1), 100))
        periodStart = now
        quota = 0
        quota = used + allowance
    }

    /// To be called when `quota` is reached, when `resumeTime` has come, or at any other time.
    mutating func step(now: UInt64, used: UInt64) -> Action {
        if let resumeTime {
            guard now >= resumeTime else { return .none }
            begin(now: now, used: used)
            return .resume
        }
        guard used >= quota else { return .none }
        // As long as this use should have taken: what is over the allowance counts against the time after the period.
        // Days of it are enough to count with.
        let excess = min(used - quota, 1 << 50)
        let end = periodStart + CPUThrottle.period + excess * 100 / percent
        guard now < end else {
            begin(now: now, used: used)
            return .none
        }
        let resume = min(end, now + CPUThrottle.longestStop)
        resumeTime = resume
        stopped += resume - now
        if firstStop == nil { firstStop = (allowance + (used - quota), allowance) }
        return .stop
    }

    private mutating func begin(now: UInt64, used: UInt64) {
        periodStart = now
        quota = used + allowance
        resumeTime = nil
    }
}

/// The throttle at work on one cell. Wakes nobody while the guest is idle: the kernel counts.
final class CellThrottle {
    private var state: CPUThrottle
    private let timer: ProcessCPUTimer
    private let pid: Int32
    private var isReported = false
    private var hasFired = false

    /// The calling thread must read `Signal.cpuTimer` from a `SignalFD` and answer it with `timerFired`.
    init(percent: UInt32, cell: borrowing PidFD) throws(SystemError) {
        pid = cell.pid
        state = CPUThrottle(percent: percent, now: Clock.monotonicNow(), used: Clock.cpuTime(ofProcess: pid))
        timer = try ProcessCPUTimer(ofProcess: pid, signal: Signal.cpuTimer)
        try timer.set(at: state.quota)
    }

    /// When `step` wants to be called, CLOCK_MONOTONIC; nil while only the timer matters.
    var deadline: UInt64? { state.resumeTime }

    /// How long the cell was held, in nanoseconds.
    var stopped: UInt64 { state.stopped }

    /// To be followed by `step`.
    func timerFired() {
        hasFired = true
    }

    /// Stops the cell or lets it go on.
    /// - Returns: what was used and allowed in a period, at the first stop of all.
    func step(_ cell: borrowing PidFD) throws(SystemError) -> (used: UInt64, allowed: UInt64)? {
        let quota = state.quota
        let action = state.step(now: Clock.monotonicNow(), used: Clock.cpuTime(ofProcess: pid))
        // Before it goes on, so that nothing is used uncounted. Again too where the timer fired before the clock, as it
        // reads, was there. Not while the cell stands still: the quota is used up, and the timer would fire at once.
        if state.quota != quota || (hasFired && state.resumeTime == nil) { try timer.set(at: state.quota) }
        hasFired = false
        switch action {
        case .none: return nil
        case .stop: try cell.send(signal: Signal.stop)
        case .resume: try cell.send(signal: Signal.resume)
        }
        defer { isReported = true }
        return isReported ? nil : state.firstStop
    }
}
