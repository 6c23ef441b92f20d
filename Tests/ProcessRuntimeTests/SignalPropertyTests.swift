// Random schedules of processes that spawn, link, unlink, monitor, send, trap and die, with signals delivered in any order
// that keeps the order of each pair: against a model at every step, and judged as a whole.

import CapabilityModel
import ProcessRuntime
import Testing

@Suite struct SignalPropertyTests {
    /// A random step of a random process.
    private static func act(_ world: SignalWorld, _ source: inout SplitMix64) {
        guard let own = world.alive.randomElement(using: &source)?.id else {
            world.spawn(by: nil, link: false, monitor: false, alias: false, traps: true)
            return
        }
        // Anyone, now and then one that has ended, sometimes itself. Few, so that they meet often.
        let target =
            (world.processes.suffix(8).randomElement(using: &source)
            ?? world[own]).id
        switch Int.random(in: 0..<24, using: &source) {
        case 0, 1, 2:
            if world.alive.count < 8 {
                world.spawn(
                    by: own, link: Bool.random(using: &source), monitor: Bool.random(using: &source),
                    alias: Bool.random(using: &source), traps: Bool.random(using: &source))
            }
        case 3, 4, 5, 6: world.link(own, target)
        case 7, 8, 9, 10: world.unlink(own, target)
        case 11, 12: world.monitor(own, target, alias: Bool.random(using: &source))
        case 13, 14:
            if let monitor = world.monitors.keys.filter({ world.monitors[$0]??.from == own })
                .sorted(by: { $0.rawValue < $1.rawValue }).randomElement(using: &source)
            {
                world.demonitor(own, monitor, flush: Bool.random(using: &source))
            }
        case 15: world.trapExits(own, Bool.random(using: &source))
        case 16, 17: world.send(own, target)
        case 18:
            if let alias = world.aliases.suffix(6).randomElement(using: &source) {
                world.send(own, alias.owner, through: alias.alias)
            }
        case 19:
            if let alias = world.aliases.suffix(6).randomElement(using: &source), alias.owner == own {
                world.dropAlias(own, alias.alias)
            } else {
                world.makeAlias(own)
            }
        case 20: world.exit(own, target, reason(&source))
        case 21: world.register(target, [UInt8.random(in: 0..<4, using: &source)])
        case 22: world.end(own, reason(&source))
        default: world[own].mailbox.removeAll()
        }
    }

    private static func reason(_ source: inout SplitMix64) -> ExitReason {
        [.normal, .shutdown, .kill, .killed, .exited(code: 3), .bytes([1]), .noproc].randomElement(using: &source)
            ?? .normal
    }

    /// Delivers one thing, or brings one that has ended further.
    private static func progress(_ world: SignalWorld, _ source: inout SplitMix64) -> Bool {
        let ending = world.processes.filter { $0.life == .leaving || $0.life == .answering }
        let pairs = world.queues.keys.filter { world[$0.to].life != .leaving }
        if pairs.isEmpty && ending.isEmpty { return false }
        let choice = Int.random(in: 0..<(pairs.count + ending.count), using: &source)
        if choice < pairs.count {
            let sorted = pairs.sorted { ($0.from.rawValue, $0.to.rawValue) < ($1.from.rawValue, $1.to.rawValue) }
            world.deliver(sorted[choice])
        } else {
            world.continueEnd(ending[choice - pairs.count].id)
        }
        return true
    }

    @Test func everyScheduleIsAsErlangSays() {
        let seed = testSeed()
        print("signal schedules: seed \(seed)")
        var seeds = SplitMix64(seed: seed)
        var exits = 0
        for round in 0..<longRun(3_000, 300_000) {
            var source = SplitMix64(seed: seeds.next())
            let world = SignalWorld()
            // From one delivery for each step to one for every four.
            let pace = Int.random(in: 1...4, using: &source)
            for _ in 0..<Int.random(in: 10...120, using: &source) {
                Self.act(world, &source)
                for _ in 0..<Int.random(in: 0...pace, using: &source) { _ = Self.progress(world, &source) }
            }
            while Self.progress(world, &source) {}
            let problems = world.problemsAtRest()
            guard problems.isEmpty else {
                Issue.record("seed \(seed), round \(round): \(problems.joined(separator: "\n"))")
                return
            }
            exits += world.processes.reduce(0) {
                $0 + $1.history.filter { if case .exit = $0 { true } else { false } }.count
            }
        }
        #expect(exits > 100, "schedules in which nothing happens test nothing")
    }

    /// Where all is delivered before the next step, the whole is a sequential program, and the outcome is determined.
    @Test func deliveredAtOnceItIsASequentialProgram() {
        let seed = testSeed()
        print("sequential signals: seed \(seed)")
        var seeds = SplitMix64(seed: seed)
        for round in 0..<longRun(800, 100_000) {
            var source = SplitMix64(seed: seeds.next())
            let world = SignalWorld()
            let oracle = SequentialErlang()
            for step in 0..<Int.random(in: 10...80, using: &source) {
                let operation = SequentialErlang.Operation.random(of: world, &source)
                operation.perform(on: world)
                while Self.progress(world, &source) {}
                oracle.perform(operation)
                let problems = oracle.differences(from: world) + world.problemsAtRest()
                guard problems.isEmpty else {
                    let text = problems.joined(separator: "\n")
                    Issue.record("seed \(seed), round \(round), step \(step), \(operation): \(text)")
                    return
                }
            }
        }
    }
}
