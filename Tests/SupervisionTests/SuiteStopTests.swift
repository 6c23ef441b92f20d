// supervisor_SUITE, group sup_stop, child_unlink and order_of_children.

import CapabilityModel
import Supervision
import Testing

extension SupervisorSuite {
    @Suite("sup_stop") struct Stop {
        let world = World()

        private func stop(_ supervisor: Pid) {
            world.exit(supervisor, .shutdown)
            world.rest()
        }

        /// A monitor of the test's on each.
        private func watch(_ processes: [Pid]) {
            for process in processes { world.monitor(process, by: world.tester) }
        }

        @Test func sup_stop_infinity() throws {
            let children = [
                world.spec(
                    "child1", shutdown: .infinity, does: .ok(Behaviour(onShutdown: .exits(nil, after: 600_000)))),
                world.spec("child2", shutdown: .infinity, kind: .supervisor),
            ]
            let supervisor = try world.supervisor(SupervisorFlags(), children)
            let pids = [try world.pid(supervisor, "child1"), try world.pid(supervisor, "child2")]
            watch(pids)
            stop(supervisor)
            #expect(pids.map { world.downReason($0) } == [.shutdown, .shutdown])
            #expect(world.downReason(supervisor) == .shutdown)
            #expect(world.reports == [])
        }

        @Test func sup_stop_timeout() throws {
            let children = [
                world.spec("child1", shutdown: .milliseconds(1_000)),
                world.spec("child2", shutdown: .milliseconds(1_000), does: .ok(Behaviour(onShutdown: .ignores))),
            ]
            let supervisor = try world.supervisor(SupervisorFlags(), children)
            let pids = [try world.pid(supervisor, "child1"), try world.pid(supervisor, "child2")]
            watch(pids)
            let begin = world.now
            world.exit(supervisor, .shutdown)
            world.run { world.downReason(supervisor) != nil }
            #expect(world.now - begin == .second)
            #expect(pids.map { world.downReason($0) } == [.shutdown, .killed])
            #expect(
                world.reports == [
                    Report(context: .shutdownError, reason: .killed, child: "child2", process: .running(pids[1]))
                ])
        }

        @Test func sup_stop_timeout_dynamic() throws {
            let template = world.spec(
                "child", shutdown: .milliseconds(1_000), does: .ok, .ok(Behaviour(onShutdown: .ignores)), .ok)
            let supervisor = try world.supervisor(SupervisorFlags(strategy: .simpleOneForOne), [template])
            let pids = try (0..<3).map { _ in try world.started(world.startDynamic(supervisor)) }
            watch(pids)
            stop(supervisor)
            #expect(pids.map { world.downReason($0) } == [.shutdown, .killed, .shutdown])
            #expect(
                world.reports == [
                    Report(context: .shutdownError, reason: .killed, child: "child", process: .none, count: 1)
                ])
        }

        @Test func sup_stop_brutal_kill() throws {
            let children = [world.spec("child1"), world.spec("child2", shutdown: .brutalKill)]
            let supervisor = try world.supervisor(SupervisorFlags(), children)
            let pids = [try world.pid(supervisor, "child1"), try world.pid(supervisor, "child2")]
            watch(pids)
            stop(supervisor)
            #expect(pids.map { world.downReason($0) } == [.shutdown, .killed])
            #expect(world.reports == [])
        }

        @Test func sup_stop_brutal_kill_dynamic() throws {
            let template = world.spec("child", .temporary, shutdown: .brutalKill)
            let supervisor = try world.supervisor(SupervisorFlags(strategy: .simpleOneForOne), [template])
            let pids = try (0..<10).map { _ in try world.started(world.startDynamic(supervisor)) }
            watch(pids)
            stop(supervisor)
            #expect(pids.allSatisfy { world.downReason($0) == .killed })
            #expect(world.downReason(supervisor) == .shutdown)
            #expect(world.reports == [])
        }

        @Test func sup_stop_race() throws {
            let reasons: [ExitReason] = [.normal, .shutdown, .shutdownWith([1]), .died]
            var children: [ChildSpec] = []
            for restart in RestartType.allCases {
                for (index, reason) in reasons.enumerated() {
                    // They end by themselves while the newest child keeps the supervisor waiting.
                    let behaviour = Behaviour(
                        onShutdown: .exits(reason, after: 10), life: (1_000 + UInt64(index), reason))
                    children.append(world.spec(ChildID("\(restart) \(index)"), restart, does: .ok(behaviour)))
                }
            }
            let last = world.spec("last", does: .ok(Behaviour(onShutdown: .exits(nil, after: 2_000))))
            let supervisor = try world.supervisor(SupervisorFlags(intensity: 100), children + [last])
            let pids = try children.map { try world.pid(supervisor, $0.id) }
            watch(pids)
            stop(supervisor)
            #expect(world.downReason(supervisor) == .shutdown)
            for (index, pid) in pids.enumerated() {
                #expect(world.downReason(pid) == reasons[index % 4])
            }
            #expect(children.allSatisfy { world.script(of: $0).count == 1 }, "none is started again")
            // Its own reason is reported where it was neither told nor tolerated.
            #expect(
                world.reports.map(\.child) == [
                    "temporary 3", "transient 3", "permanent 3", "permanent 2", "permanent 0",
                ])
            #expect(world.reports.allSatisfy { $0.context == .shutdownError })
        }

        @Test func sup_stop_non_shutdown_exit_dynamic() throws {
            let template = world.spec(
                "child", .temporary, does: .ok(Behaviour(onShutdown: .exits(.died, after: 5))),
                .ok(Behaviour(onShutdown: .exits(.bytes([7]), after: 9))),
                .ok(Behaviour(onShutdown: .exits(.died, after: 3))),
                .ok(Behaviour(onShutdown: .exits(.shutdownWith([1]), after: 3))))
            let supervisor = try world.supervisor(SupervisorFlags(strategy: .simpleOneForOne), [template])
            for _ in 0..<4 { _ = try world.started(world.startDynamic(supervisor)) }
            stop(supervisor)
            #expect(world.downReason(supervisor) == .shutdown)
            #expect(
                world.reports == [
                    Report(context: .shutdownError, reason: .died, child: "child", process: .none, count: 2),
                    Report(context: .shutdownError, reason: .bytes([7]), child: "child", process: .none, count: 1),
                ])
        }

        @Test func child_unlink() throws {
            let naughty = world.spec("naughty", shutdown: .milliseconds(200), does: .ok(Behaviour(unlinks: true)))
            let supervisor = try world.supervisor(SupervisorFlags(), [world.spec("good"), naughty])
            let pid = try world.pid(supervisor, "naughty")
            #expect(world.terminateChild(supervisor, "naughty") == .ok)
            #expect(!world.isAlive(pid))
            #expect(world.process(supervisor, "naughty") == ChildProcess.none)
            // One that is gone without a word is found out when it is to be stopped.
            let again = try world.started(world.restartChild(supervisor, "naughty"))
            world.terminate(again, .died)
            #expect(world.counts(supervisor) == [2, 1, 0, 2])
            #expect(world.process(supervisor, "naughty") == .running(again))
            #expect(world.terminateChild(supervisor, "naughty") == .ok)
            #expect(
                world.reports == [
                    Report(context: .shutdownError, reason: .noproc, child: "naughty", process: .running(again))
                ])
        }

        @Test func order_of_children() throws {
            let ids: [ChildID] = ["a", "b", "c", "d", "e"]
            let supervisor = try world.supervisor(
                SupervisorFlags(strategy: .restForOne, intensity: 1, period: 3_600), ids.map { world.spec($0) })
            #expect(world.trace == ids.map { .start($0) } + [.ready(supervisor)])
            world.trace = []
            world.terminate(try world.pid(supervisor, "c"), .died)
            #expect(
                world.trace.filter { if case .report = $0 { false } else { true } } == [
                    .end("c", .died), .end("e", .shutdown), .end("d", .shutdown), .start("c"), .start("d"), .start("e"),
                ])
            world.trace = []
            world.terminate(try world.pid(supervisor, "b"), .died)
            world.rest()
            #expect(world.downReason(supervisor) == .shutdown)
            #expect(
                world.trace.filter { if case .report = $0 { false } else { true } } == [
                    .end("b", .died), .end("e", .shutdown), .end("d", .shutdown), .end("c", .shutdown),
                    .end("a", .shutdown), .supervisorEnd(supervisor, .shutdown),
                ])
        }

        // Dead before its monitor is made, its EXIT unread: that has the reason, the DOWN does not.
        @Test(arguments: [Strategy.oneForOne, .simpleOneForOne])
        func theReasonIsTheExitsNotTheDowns(_ strategy: Strategy) throws {
            let child = world.spec("child", does: .ok, .slow(100, .ok))
            let late = world.spec("late", does: .slow(100, .ok))
            let isSimple = strategy == .simpleOneForOne
            let supervisor = try world.supervisor(SupervisorFlags(strategy: strategy), [child])
            if isSimple { _ = try world.started(world.startDynamic(supervisor)) }
            let pid = try #require(world.children(supervisor).first?.process.running)
            _ = world.post(supervisor, isSimple ? .startDynamicChild(extra: []) : .startChild(late))
            world.settle()
            world.exit(supervisor, .shutdown)
            world.settle()
            world.terminate(pid, .died)
            world.rest()
            #expect(world.downReason(supervisor) == .shutdown)
            #expect(world.reports.map(\.reason) == [.died])
        }

        // Of a newer OTP: stop/1 and stop/3.
        @Test func stop() throws {
            for reason in [ExitReason.normal, .shutdown, .died] {
                let supervisor = try world.supervisor(SupervisorFlags(), [world.spec("a"), world.spec("b")])
                let pids = [try world.pid(supervisor, "a"), try world.pid(supervisor, "b")]
                #expect(world.call(supervisor, .stop(reason)) == .ok)
                world.settle()
                #expect(world.downReason(supervisor) == reason)
                #expect(!pids.contains { world.isAlive($0) })
            }
        }
    }
}
