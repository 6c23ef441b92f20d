// The window of restarts against add_restart/1 as OTP has it: a list of the stamps within the period, and its length.

import Supervision
import Testing

@Suite struct WindowTests {
    /// Every stamp is kept, those before the period go when the next comes, and more than the intensity are too many.
    private struct Reference {
        let intensity: Int
        let period: UInt64
        var stamps: [UInt64] = []

        mutating func add(second: UInt64) -> Bool {
            stamps = (stamps + [second]).filter { $0 + period >= second }
            return stamps.count <= intensity
        }
    }

    @Test(arguments: 0...8)
    func sameAsAListOfStamps(intensity: Int) {
        let seed = UInt64.random(in: 0..<1_000_000_000)
        var random = SplitMix64(state: seed)
        for run in 0..<400 {
            let period = Int.random(in: 1...6, using: &random)
            let longest = UInt64([300_000_000, 1_500_000_000, 9_000_000_000].randomElement(using: &random) ?? 1)
            var ours = RestartIntensity(intensity: intensity, period: period)
            var otp = Reference(intensity: intensity, period: UInt64(period))
            // A machine just booted has not lived for a period yet.
            var now = UInt64.random(in: 0...12_000_000_000, using: &random)
            for step in 0..<60 {
                now += UInt64.random(in: 0...longest, using: &random)
                let expected = otp.add(second: now / 1_000_000_000)
                let added = ours.add(now: now)
                #expect(added == expected, "seed \(seed), intensity \(intensity), run \(run), step \(step)")
                guard added == expected else { return }
            }
        }
    }

    /// Each sequence of gaps of 0 to 3 s, in every phase of the first second's edge.
    @Test(arguments: 0...3, 1...3)
    func everyShortSequence(intensity: Int, period: Int) {
        let gaps = 4
        let length = 6
        for code in 0..<4096 {
            for phase in [0, 999_999_999] as [UInt64] {
                var ours = RestartIntensity(intensity: intensity, period: period)
                var otp = Reference(intensity: intensity, period: UInt64(period))
                var now = phase
                var rest = code
                for step in 0..<length {
                    let expected = otp.add(second: now / 1_000_000_000)
                    guard ours.add(now: now) == expected else {
                        Issue.record("gaps \(code) to base 4, phase \(phase), step \(step)")
                        return
                    }
                    now += UInt64(rest % gaps) * 1_000_000_000
                    rest /= gaps
                }
            }
        }
    }
}
