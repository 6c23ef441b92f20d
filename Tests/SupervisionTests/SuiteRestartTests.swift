// supervisor_SUITE, groups restart_one_for_one, _one_for_all, _simple_one_for_one, _rest_for_one; multiple_restarts.

import CapabilityModel
import Supervision
import Testing

extension SupervisorSuite {
    @Suite("restart") struct Restart {
        let world = World()

        /// A supervisor of child1 and child2, and their processes.
        private func two(
            _ strategy: Strategy, _ children: [ChildSpec]? = nil, intensity: Int = 2
        ) throws -> (Pid, Pid, Pid) {
            let children = children ?? [world.spec("child1"), world.spec("child2")]
            let supervisor = try world.supervisor(
                SupervisorFlags(strategy: strategy, intensity: intensity, period: 3_600), children)
            return (supervisor, try world.pid(supervisor, "child1"), try world.pid(supervisor, "child2"))
        }

        private func expectEnd(_ supervisor: Pid, with processes: [Pid]) {
            world.rest()
            #expect(world.downReason(supervisor) == .shutdown)
            #expect(!processes.contains { world.isAlive($0) })
            let last = world.reports.last { $0.context == .shutdown }
            #expect(last != nil, "it says that it gives up")
        }

        @Test func multiple_restarts() throws {
            let supervisor = try world.supervisor(SupervisorFlags(intensity: 1, period: 1), [world.spec("child1")])
            for _ in 0..<4 {
                world.terminate(try world.pid(supervisor, "child1"), .died)
                world.sleep(2_100 * .millisecond)
            }
            #expect(world.isAlive(supervisor))
        }

        @Test func one_for_one() throws {
            let (supervisor, first, second) = try two(.oneForOne)
            world.terminate(first, .died)
            let third = try world.pid(supervisor, "child1")
            #expect(third != first)
            #expect(try world.pid(supervisor, "child2") == second)
            #expect(world.counts(supervisor) == [2, 2, 0, 2])
            world.terminate(second, .died)
            let fourth = try world.pid(supervisor, "child2")
            world.terminate(fourth, .died)
            expectEnd(supervisor, with: [third])
        }

        @Test func one_for_one_escalation() throws {
            let failing = world.spec("child1", does: .ok, .error(.died))
            let (supervisor, first, second) = try two(.oneForOne, [failing, world.spec("child2")], intensity: 4)
            world.terminate(first, .died)
            expectEnd(supervisor, with: [second])
            // Each attempt costs a stamp.
            #expect(world.script(of: failing).count == 1 + 4)
            #expect(world.reports.count { $0.context == .startError } == 4)
        }

        @Test func one_for_all() throws {
            let (supervisor, first, second) = try two(.oneForAll)
            world.terminate(first, .died)
            let third = try world.pid(supervisor, "child1")
            let fourth = try world.pid(supervisor, "child2")
            #expect(Set([first, second, third, fourth]).count == 4)
            #expect(!world.isAlive(second))
            world.terminate(fourth, .died)
            let fifth = try world.pid(supervisor, "child1")
            world.terminate(fifth, .died)
            expectEnd(supervisor, with: [third, fourth, fifth])
        }

        @Test func one_for_all_escalation() throws {
            let failing = world.spec("child2", does: .ok, .error(.died))
            let (supervisor, first, second) = try two(.oneForAll, [world.spec("child1"), failing], intensity: 4)
            world.terminate(first, .died)
            expectEnd(supervisor, with: [second])
            #expect(world.script(of: failing).count == 1 + 4)
        }

        @Test func one_for_all_other_child_fails_restart() throws {
            let one = world.spec("child1")
            let other = world.spec("child2", does: .ok, .error(.died), .ok)
            let (supervisor, first, _) = try two(.oneForAll, [one, other], intensity: 3)
            world.trace = []
            world.terminate(first, .died)
            // child1 was back, is stopped again, and both are started.
            #expect(
                world.trace.filter { if case .report = $0 { false } else { true } } == [
                    .end("child1", .died), .end("child2", .shutdown), .start("child1"), .end("child1", .shutdown),
                    .start("child1"), .start("child2"),
                ])
            #expect(world.counts(supervisor) == [2, 2, 0, 2])
            #expect(world.driver(supervisor)?.machine.stampCount == 2)
        }

        private func dynamic(_ template: ChildSpec, intensity: Int = 2) throws -> (Pid, Pid, Pid) {
            let supervisor = try world.supervisor(
                SupervisorFlags(strategy: .simpleOneForOne, intensity: intensity, period: 3_600), [template])
            return (
                supervisor, try world.started(world.startDynamic(supervisor, [1])),
                try world.started(world.startDynamic(supervisor, [2]))
            )
        }

        private func running(_ supervisor: Pid) -> Set<Pid> {
            Set(world.children(supervisor).compactMap(\.process.running))
        }

        @Test func simple_one_for_one() throws {
            let (supervisor, first, second) = try dynamic(world.spec("child"))
            world.terminate(first, .died)
            let now = running(supervisor)
            #expect(now.count == 2 && now.contains(second) && !now.contains(first))
            for _ in 0..<2 { world.terminate(try #require(running(supervisor).subtracting([second]).first), .died) }
            expectEnd(supervisor, with: [second])
        }

        @Test func simple_one_for_one_shutdown() throws {
            // Five that take half of the time they have each, and one that takes more.
            let time: UInt64 = 1_000
            let slow = Behaviour(onShutdown: .exits(nil, after: time / 2))
            let template = world.spec(
                "child", shutdown: .milliseconds(time), does: .ok(slow), .ok(slow), .ok(slow), .ok(slow),
                .ok(slow),
                .ok(Behaviour(onShutdown: .exits(nil, after: 5 * time))))
            let supervisor = try world.supervisor(SupervisorFlags(strategy: .simpleOneForOne), [template])
            let pids = try (0..<6).map { _ in try world.started(world.startDynamic(supervisor)) }
            for pid in pids { world.monitor(pid, by: world.tester) }
            let begin = world.now
            world.exit(supervisor, .shutdown)
            world.run { world.downReason(supervisor) != nil }
            #expect(world.now - begin == time * .millisecond)
            #expect(pids.map { world.downReason($0) } == Array(repeating: .shutdown, count: 5) + [.killed])
        }

        @Test func simple_one_for_one_extra() throws {
            let (supervisor, first, second) = try dynamic(world.spec("child", does: .ok(.server, info: [9])))
            world.terminate(first, .died)
            #expect(running(supervisor).count == 2)
            for _ in 0..<2 { world.terminate(try #require(running(supervisor).subtracting([second]).first), .died) }
            expectEnd(supervisor, with: [second])
        }

        @Test func simple_one_for_one_escalation() throws {
            let template = world.spec("child", does: .ok, .ok, .error(.died))
            let (supervisor, first, second) = try dynamic(template, intensity: 4)
            world.terminate(first, .died)
            expectEnd(supervisor, with: [second])
            #expect(world.script(of: template).extras == [[1], [2], [1], [1], [1], [1]])
        }

        // OTP 25 keeps such a child under no process, and fails over it at its end.
        @Test func aDynamicChildThatIsNotWantedAnyMoreIsForgotten() throws {
            let template = world.spec("child", does: .ok, .ok, .ignore)
            let (supervisor, first, second) = try dynamic(template)
            world.terminate(first, .died)
            #expect(running(supervisor) == [second])
            #expect(world.counts(supervisor) == [1, 1, 0, 1])
            world.exit(supervisor, .shutdown)
            world.rest()
            #expect(world.downReason(supervisor) == .shutdown)
        }

        private func three(_ last: ChildSpec? = nil, intensity: Int = 2) throws -> (Pid, [Pid]) {
            let children = [world.spec("child1"), world.spec("child2"), last ?? world.spec("child3")]
            let supervisor = try world.supervisor(
                SupervisorFlags(strategy: .restForOne, intensity: intensity, period: 3_600), children)
            return (supervisor, try children.map { try world.pid(supervisor, $0.id) })
        }

        @Test func rest_for_one() throws {
            let (supervisor, pids) = try three()
            world.terminate(pids[1], .died)
            let second = try world.pid(supervisor, "child2")
            let third = try world.pid(supervisor, "child3")
            #expect(try world.pid(supervisor, "child1") == pids[0])
            #expect(Set(pids + [second, third]).count == 5)
            #expect(!world.isAlive(pids[2]))
            #expect(world.children(supervisor).map(\.id) == ["child3", "child2", "child1"])
            #expect(world.counts(supervisor) == [3, 3, 0, 3])
            world.terminate(second, .died)
            world.terminate(try world.pid(supervisor, "child2"), .died)
            expectEnd(supervisor, with: pids)
        }

        @Test func rest_for_one_escalation() throws {
            let failing = world.spec("child3", does: .ok, .error(.died))
            let (supervisor, pids) = try three(failing, intensity: 4)
            world.terminate(pids[0], .died)
            expectEnd(supervisor, with: pids)
            #expect(world.script(of: failing).count == 1 + 4)
        }

        @Test func rest_for_one_other_child_fails_restart() throws {
            let failing = world.spec("child3", does: .ok, .error(.died), .ok)
            let (supervisor, pids) = try three(failing, intensity: 3)
            world.trace = []
            world.terminate(pids[1], .died)
            // child2 was back, and stays.
            #expect(
                world.trace.filter { if case .report = $0 { false } else { true } } == [
                    .end("child2", .died), .end("child3", .shutdown), .start("child2"), .start("child3"),
                ])
            #expect(world.counts(supervisor) == [3, 3, 0, 3])
            #expect(try world.pid(supervisor, "child1") == pids[0])
            #expect(world.driver(supervisor)?.machine.stampCount == 2)
        }

        // One event, one stamp; a sibling that died with it is taken up by the stop, and its own reason is reported.
        @Test func siblingsThatDieTogetherCountOnce() throws {
            let (supervisor, first, second) = try two(.oneForAll, intensity: 1)
            world.send(.end(first, .died))
            world.send(.end(second, .bytes([3])))
            world.settle()
            #expect(world.counts(supervisor) == [2, 2, 0, 2])
            #expect(world.driver(supervisor)?.machine.stampCount == 1)
            #expect(
                world.reports == [
                    Report(context: .childTerminated, reason: .died, child: "child1", process: .running(first)),
                    Report(
                        context: .shutdownError, reason: .bytes([3]), child: "child2", process: .running(second)),
                ])
        }

        // Children that were stopped, or had ended well, come back with the rest.
        @Test func oneForAllStartsWhatWasStopped() throws {
            let children = [world.spec("a"), world.spec("b", .transient), world.spec("c")]
            let supervisor = try world.supervisor(SupervisorFlags(strategy: .oneForAll), children)
            #expect(world.terminateChild(supervisor, "a") == .ok)
            world.terminate(try world.pid(supervisor, "b"), .normal)
            #expect(world.counts(supervisor) == [3, 1, 0, 3])
            world.terminate(try world.pid(supervisor, "c"), .died)
            #expect(world.counts(supervisor) == [3, 3, 0, 3])
        }
    }
}
