// Processes that use up whatever they get, and those that only now and then have something to do.

import CapabilityModel
import LinuxKernel
import ProcessRuntime
import Synchronization
import Testing

@Suite struct FairnessTests {
    /// Ends only when the sleeper and the two that talk have had all their turns: the test hangs where one of them starves.
    @Test(.timeLimit(.minutes(2)), arguments: Machine.all)
    func theWokenRunAmongThoseThatUseUpTheirSlices(_ machine: Machine) throws {
        let turns = 30
        let spins = Counter()
        var slept = 0
        var heard: UInt64 = 0
        var isStarted = false
        try machine.run { process in
            if !isStarted {
                isStarted = true
                for _ in 0..<machine.workers * 3 {
                    process.spawn { _ in
                        // Longer than a slice, so that each end of one is a moment to look around.
                        let end = Clock.monotonicNow() + 1_500_000
                        while Clock.monotonicNow() < end {}
                        spins.add()
                        return .yielded
                    }
                }
                let echo = process.spawn { echo in
                    while let (value, sender) = echo.take() { echo.send(value + 1, to: sender) }
                    return .awaitingMessage
                }
                process.send(0, to: echo.process)
            }
            while let (value, sender) = process.take() {
                heard = value
                if heard < turns { process.send(value, to: sender) }
            }
            slept += 1
            guard slept > turns && heard >= turns && spins.value >= turns else {
                return .waiting(Wait(messages: true, deadline: Clock.monotonicNow() + 1_000_000))
            }
            return .finished(.normal)
        }
        #expect(spins.value >= turns)
    }
}
