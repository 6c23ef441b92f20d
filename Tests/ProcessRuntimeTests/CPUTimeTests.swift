// CPU time: limits end, shares hold up, and whoever spins leaves the others their turn.

import CapabilityModel
import LinuxKernel
import ProcessRuntime
import Testing

@Suite struct CPUTimeTests {
    /// Burns about a fifth of a millisecond.
    private static func burn() {
        let end = Clock.threadCPUTime() + 200_000
        while Clock.threadCPUTime() < end {}
    }

    @Test(arguments: Machine.all) func whoSpendsItsCPUTimeEnds(_ machine: Machine) throws {
        var limits = Limits.roomy
        limits.cpu = 20_000_000
        var down: ExitReason?
        var child: ProcessID?
        try machine.run { process in
            if child == nil {
                let account = Account(limits: limits, parent: process.account)
                child =
                    process.spawn(monitor: true, account: account) { _ in
                        Self.burn()
                        return .yielded
                    }.process
            }
            if let notice = process.takeNotice(), case .down(_, let reason) = notice.kind { down = reason }
            return down == nil ? .awaitingMessage : .finished(.normal)
        }
        guard case .limit(.cpu, let used, let allowed) = down else {
            Issue.record("it ended with \(String(describing: down))")
            return
        }
        #expect(allowed == 20_000_000)
        #expect(used > allowed)
    }

    @Test(arguments: Machine.all) func anAncestorsTimeCountsToo(_ machine: Machine) throws {
        var limits = Limits.roomy
        limits.cpu = 30_000_000
        let parent = Account(limits: limits, parent: nil)
        var downs = 0
        var isStarted = false
        try machine.run { process in
            if !isStarted {
                isStarted = true
                for _ in 0..<3 {
                    process.spawn(monitor: true, account: Account(limits: .roomy, parent: parent)) { _ in
                        Self.burn()
                        return .yielded
                    }
                }
            }
            while let notice = process.takeNotice() {
                if case .down(_, .limit(.cpu, _, allowed: 30_000_000)) = notice.kind { downs += 1 }
            }
            return downs == 3 ? .finished(.normal) : .awaitingMessage
        }
        #expect(downs == 3)
    }

    @Test(arguments: Machine.all) func aShareOfTheCPUIsKept(_ machine: Machine) throws {
        var limits = Limits.roomy
        limits.cpuShare = 10
        var account: Account?
        let start = Clock.monotonicNow()
        try machine.run { process in
            if account == nil {
                let own = Account(limits: limits, parent: process.account)
                account = own
                for _ in 0..<3 {
                    process.spawn(account: own) { _ in
                        Self.burn()
                        return .yielded
                    }
                }
            }
            let isOver = Clock.monotonicNow() > start + 400_000_000
            return isOver ? .finished(.normal) : .waiting(Wait(deadline: Clock.monotonicNow() + 10_000_000))
        }
        let wall = Clock.monotonicNow() - start
        // Tenths may begin and end within: one more than the wall shows. A slice may be long on a busy machine.
        let tenths = wall / 100_000_000 + 2
        #expect(account.map { $0.used(.cpu) > 0 && $0.used(.cpu) < tenths * 25_000_000 } == true)
    }

    @Test(arguments: Machine.all) func whoIsWokenWaitsForFewSlicesHoweverManySpin(_ machine: Machine) throws {
        // The woken process counts how often spinners ran between its waking and its running: a few for each worker.
        let spun = Counter()
        let rounds = 100
        var round = 0
        var worst: [Int] = []
        var isStarted = false
        var wokenAt = 0
        var deadline: UInt64 = 0
        try machine.run { process in
            if !isStarted {
                isStarted = true
                for _ in 0..<machine.workers * 4 {
                    process.spawn { _ in
                        Self.burn()
                        spun.add()
                        return .yielded
                    }
                }
            }
            let now = Clock.monotonicNow()
            if deadline != 0 && now >= deadline {
                worst.append(spun.value - wokenAt)
                round += 1
                deadline = 0
            }
            if round == rounds { return .finished(.normal) }
            if deadline == 0 {
                deadline = now + 2_000_000
                wokenAt = spun.value
            }
            return .waiting(Wait(deadline: deadline))
        }
        worst.sort()
        // 2 ms of sleep are ten turns of a worker; 10 ms more would be fifty.
        #expect(worst[rounds * 9 / 10] <= machine.workers * 60)
    }

    @Test(arguments: Machine.all) func nobodyStarvesBehindTwoThatKeepWakingEachOther(_ machine: Machine) throws {
        let turns = Counter()
        let hops = Counter()
        var isStarted = false
        try machine.run { process in
            if !isStarted {
                isStarted = true
                for _ in 0..<machine.workers {
                    let echo = process.spawn { echo in
                        while let (value, sender) = echo.take() { echo.send(value, to: sender) }
                        return .awaitingMessage
                    }.process
                    var hasBegun = false
                    process.spawn { player in
                        if !hasBegun {
                            hasBegun = true
                            player.send(0, to: echo)
                        }
                        while let (value, sender) = player.take() {
                            hops.add()
                            player.send(value, to: sender)
                        }
                        return .awaitingMessage
                    }
                }
                for _ in 0..<4 {
                    process.spawn { _ in
                        turns.add()
                        return .yielded
                    }
                }
            }
            return turns.value > 50 && hops.value > 1_000 ? .finished(.normal) : .yielded
        }
        #expect(turns.value > 50)
        #expect(hops.value > 1_000)
    }

    @Test func theTickerRunsOnlyWhileSomebodyWorks() throws {
        let ticks = Counter()
        let runtime = try Runtime(Runtime.Configuration(workers: 2, tick: { ticks.add() }))
        var slices = 0
        var before = 0
        let root = try runtime.spawn(SpawnRequest(account: Account(limits: .roomy, parent: nil))) {
            StepBody(copy $0) { process, _ in
                slices += 1
                switch slices {
                case 1...200:
                    Self.burn()
                    return .yielded
                case 201:
                    before = ticks.value
                    return .waiting(Wait(deadline: Clock.monotonicNow() + 300_000_000))
                default: return .finished(.normal)
                }
            }
        }.get()
        #expect(runtime.run(root: root.process) == .normal)
        runtime.shutDown()
        #expect(before > 0)
        // 300 slices pass while it sleeps.
        #expect(ticks.value - before < 100)
    }
}
