// The pause before a restart: how long it is, that it changes nothing of what counts, and what may happen while it lasts.

import CapabilityModel
import Supervision
import Testing

extension SupervisorSuite {
    @Suite("pauses") struct Pausing {
        let world = World()

        private func flags(_ strategy: Strategy = .oneForOne, intensity: Int = 10, jitter: UInt64 = 0)
            -> SupervisorFlags
        {
            SupervisorFlags(
                strategy: strategy, intensity: intensity, period: 3_600,
                backoff: Backoff(
                    first: 100 * .millisecond, most: 1_000 * .millisecond, factor: 3, jitter: jitter,
                    reset: 60 * .second, seed: 7))
        }

        /// How long after its end the child runs again, in milliseconds.
        private func crash(_ supervisor: Pid, _ id: ChildID) throws -> UInt64 {
            let pid = try world.pid(supervisor, id)
            let script = world.scripts[world.driver(supervisor).flatMap { _ in starts[id] } ?? StartKey(rawValue: 0)]
            let count = script?.count ?? 0
            world.terminate(pid, .died)
            let begin = world.now
            #expect(world.process(supervisor, id) == .restarting(pid))
            world.run { (script?.count ?? 0) > count }
            return (world.now - begin) / .millisecond
        }

        private var starts: [ChildID: StartKey] {
            Dictionary(specs.map { ($0.id, $0.start) }) { first, _ in first }
        }

        private let specs: [ChildSpec]

        init() { specs = [world.spec("a"), world.spec("b"), world.spec("c")] }

        @Test func theyGrowAndBeginAnew() throws {
            let supervisor = try world.supervisor(flags(), specs)
            #expect(try (0..<5).map { _ in try crash(supervisor, "a") } == [100, 300, 900, 1_000, 1_000])
            #expect(try crash(supervisor, "b") == 100, "each child has its own")
            world.sleep(59 * .second)
            #expect(try crash(supervisor, "a") == 1_000)
            world.sleep(60 * .second)
            #expect(try crash(supervisor, "a") == 100)
        }

        @Test func jitterTakesSomeOff() throws {
            let supervisor = try world.supervisor(flags(intensity: 1_000, jitter: 50), specs)
            var pauses: Set<UInt64> = []
            for _ in 0..<40 {
                let pause = try crash(supervisor, "a")
                pauses.insert(pause)
                #expect((50...1_000).contains(pause))
            }
            #expect(pauses.count > 5)
        }

        @Test(arguments: Strategy.allCases)
        func whatCountsIsTheSame(_ strategy: Strategy) throws {
            var ends: [[Int]] = []
            for backoff in [nil, flags().backoff] {
                let world = World()
                var flags = flags(strategy, intensity: 3)
                flags.backoff = backoff
                let spec = world.spec("a", does: .ok, .error(.died))
                let supervisor = try world.supervisor(flags, [spec])
                if strategy == .simpleOneForOne { _ = try world.started(world.startDynamic(supervisor)) }
                world.terminate(try #require(world.children(supervisor).first?.process.running), .died)
                world.rest()
                #expect(world.downReason(supervisor) == .shutdown)
                ends.append([world.script(of: spec).count, world.reports.count])
            }
            #expect(ends[0] == ends[1])
            #expect(ends[0][0] == 1 + 3)
        }

        @Test func siblingsAreStoppedBeforeThePause() throws {
            for (strategy, left) in [(Strategy.oneForAll, 0), (.restForOne, 1)] {
                let world = World()
                let specs = [world.spec("a"), world.spec("b"), world.spec("c")]
                let supervisor = try world.supervisor(flags(strategy), specs)
                let pid = try world.pid(supervisor, "b")
                world.terminate(pid, .died)
                #expect(world.counts(supervisor) == [3, left, 0, 3])
                #expect(world.process(supervisor, "b") == .restarting(pid))
                #expect(world.process(supervisor, "c") == ChildProcess.none)
                world.sleep(100 * .millisecond)
                #expect(world.counts(supervisor) == [3, 3, 0, 3])
                #expect(world.driver(supervisor)?.machine.stampCount == 1)
            }
        }

        @Test func aChildThatIsTerminatedMeanwhileStaysSo() throws {
            let supervisor = try world.supervisor(flags(), specs)
            world.terminate(try world.pid(supervisor, "a"), .died)
            #expect(world.restartChild(supervisor, "a") == .error(.restarting))
            #expect(world.terminateChild(supervisor, "a") == .ok)
            #expect(world.process(supervisor, "a") == ChildProcess.none)
            let again = try world.started(world.restartChild(supervisor, "a"))
            // Neither does its old timer shorten a later pause.
            world.terminate(again, .died)
            world.sleep(250 * .millisecond)
            #expect(world.process(supervisor, "a") == .restarting(again))
            world.sleep(60 * .millisecond)
            #expect(world.process(supervisor, "a")?.running != nil)
            world.terminate(try world.pid(supervisor, "a"), .died)
            #expect(world.terminateChild(supervisor, "a") == .ok)
            world.rest()
            #expect(world.process(supervisor, "a") == ChildProcess.none)
        }

        @Test func theEndDoesNotWaitForAPause() throws {
            for strategy in Strategy.allCases {
                let world = World()
                let supervisor = try world.supervisor(flags(strategy), [world.spec("a")])
                if strategy == .simpleOneForOne { _ = try world.started(world.startDynamic(supervisor)) }
                world.terminate(try #require(world.children(supervisor).first?.process.running), .died)
                let begin = world.now
                world.exit(supervisor, .shutdown)
                world.run { world.downReason(supervisor) != nil }
                #expect(world.downReason(supervisor) == .shutdown)
                #expect(world.now == begin)
                world.rest()
            }
        }
    }
}
