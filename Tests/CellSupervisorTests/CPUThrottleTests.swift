// The throttle as a function of two clocks: no cell, no time passes.

import Testing

@testable import CellSupervisor

@Suite("A throttle")
struct CPUThrottleTests {
    static let millisecond: UInt64 = 1_000_000

    @Test("lets a guest be that stays within its share")
    func withinShare() {
        var throttle = CPUThrottle(percent: 20, now: 0, used: 0)
        for turn in 1...1000 as ClosedRange<UInt64> {
            // 19 ms in each 100 ms.
            let action = throttle.step(now: turn * 100 * Self.millisecond, used: turn * 19 * Self.millisecond)
            #expect(action == .none)
        }
        #expect(throttle.firstStop == nil && throttle.stopped == 0)
    }

    @Test("stops a guest that has used its share, until the period is over", arguments: [1, 20, 50, 99] as [UInt32])
    func overShare(percent: UInt32) {
        let share = UInt64(percent) * Self.millisecond
        var throttle = CPUThrottle(percent: percent, now: 1000, used: 7)
        #expect(throttle.quota == 7 + share)
        #expect(throttle.step(now: 1000 + share - 1, used: 7 + share - 1) == .none)
        #expect(throttle.step(now: 1000 + share, used: 7 + share) == .stop)
        #expect(throttle.resumeTime == 1000 + 100 * Self.millisecond)
        #expect(throttle.step(now: 1000 + share + 1, used: 7 + share) == .none)
        #expect(throttle.step(now: 1000 + 100 * Self.millisecond, used: 7 + share) == .resume)
        #expect(throttle.resumeTime == nil)
        #expect(throttle.quota == 7 + 2 * share)
        #expect(throttle.firstStop?.used == share && throttle.firstStop?.allowed == share)
        #expect(throttle.stopped == 100 * Self.millisecond - share)
    }

    @Test("does not let a guest save up what it did not use")
    func noSaving() {
        var throttle = CPUThrottle(percent: 10, now: 0, used: 0)
        let later = 60_000 * Self.millisecond
        // After a minute of nothing it uses one share, which took long enough, and one more, which did not.
        #expect(throttle.step(now: later, used: 10 * Self.millisecond) == .none)
        #expect(throttle.step(now: later + 10 * Self.millisecond, used: 20 * Self.millisecond) == .stop)
        #expect(throttle.resumeTime == later + 100 * Self.millisecond)
    }

    @Test("counts what was used before anybody looked against the time after, up to a bound")
    func lateLook() {
        var throttle = CPUThrottle(percent: 10, now: 0, used: 0)
        #expect(throttle.step(now: 50 * Self.millisecond, used: 50 * Self.millisecond) == .stop)
        #expect(throttle.resumeTime == 500 * Self.millisecond)
        var suspended = CPUThrottle(percent: 1, now: 0, used: 0)
        // An hour at full speed would be paid for with a hundred hours.
        let hour = 3_600_000 * Self.millisecond
        #expect(suspended.step(now: hour, used: hour) == .stop)
        #expect(suspended.resumeTime == hour + CPUThrottle.longestStop)
        var absurd = CPUThrottle(percent: 1, now: 0, used: 0)
        #expect(absurd.step(now: 0, used: .max) == .stop)
    }

    @Test(
        "holds any guest to its share in the long run, and lets it have it", arguments: [1, 7, 20, 63, 99] as [UInt32])
    func longRun(percent: UInt32) {
        var random = SystemRandomNumberGenerator()
        let seed = random.next() as UInt64
        var source = Steps(state: seed)
        var throttle = CPUThrottle(percent: percent, now: 0, used: 0)
        var (now, used) = (0, 0) as (UInt64, UInt64)
        while now < 100_000 * Self.millisecond {
            // Looks at random moments, as a supervisor with other work would; the guest spins.
            let step = source.next() % (3 * Self.millisecond) + 1
            now += step
            if throttle.resumeTime == nil { used += step }
            _ = throttle.step(now: now, used: used)
        }
        let share = Double(used) / Double(now) * 100
        #expect(share <= Double(percent) * 1.01, "seed \(seed)")
        // A look that comes late costs the guest up to 3 ms a period.
        #expect(share >= Double(percent) * 0.9, "seed \(seed)")
    }
}

/// SplitMix64 (Steele, Lea and Flood, 2014).
private struct Steps {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
