// supervisor_SUITE, groups normal_, shutdown_ and abnormal_termination; temporary_bystander; the hanging restart loops; tree.

import CapabilityModel
import Supervision
import Testing

extension SupervisorSuite {
    @Suite("termination") struct Termination {
        let world = World()

        enum After { case restarted, kept, deleted }

        /// One child that ends with each of the reasons, one after the other: what becomes of it.
        private func expect(_ restart: RestartType, _ reasons: [ExitReason], _ after: After) throws {
            for reason in reasons {
                let supervisor = try world.supervisor(
                    SupervisorFlags(intensity: 2, period: 3_600), [world.spec("child1", restart)])
                let pid = try world.pid(supervisor, "child1")
                world.terminate(pid, reason)
                switch after {
                case .restarted:
                    #expect(try world.pid(supervisor, "child1") != pid)
                    #expect(world.counts(supervisor) == [1, 1, 0, 1])
                case .kept:
                    #expect(world.process(supervisor, "child1") == ChildProcess.none)
                    #expect(world.counts(supervisor) == [1, 0, 0, 1])
                    _ = try world.started(world.restartChild(supervisor, "child1"))
                case .deleted: #expect(world.counts(supervisor) == [0, 0, 0, 0])
                }
                let isReported = restart == .permanent || reason == .died || reason == .killed
                #expect(world.reports.map(\.context) == (isReported ? [.childTerminated] : []))
                world.trace = []
            }
        }

        @Test func permanent_normal() throws { try expect(.permanent, [.normal], .restarted) }

        @Test func transient_normal() throws { try expect(.transient, [.normal], .kept) }

        @Test func temporary_normal() throws { try expect(.temporary, [.normal], .deleted) }

        @Test func permanent_shutdown() throws {
            try expect(.permanent, [.shutdown, .shutdownWith([1])], .restarted)
        }

        @Test func transient_shutdown() throws { try expect(.transient, [.shutdown, .shutdownWith([1])], .kept) }

        @Test func temporary_shutdown() throws { try expect(.temporary, [.shutdown, .shutdownWith([1])], .deleted) }

        @Test func permanent_abnormal() throws { try expect(.permanent, [.died, .killed], .restarted) }

        @Test func transient_abnormal() throws { try expect(.transient, [.died, .killed], .restarted) }

        @Test func temporary_abnormal() throws { try expect(.temporary, [.died, .killed], .deleted) }

        // An application is here the tree itself: the reason of the innermost failure comes out at the top.
        @Test func faulty_application_shutdown() throws {
            let worker = world.spec("worker", does: .error(.refused(message: "no such function")))
            let inner = world.spec("inner", kind: .supervisor, does: .supervisor(SupervisorFlags(), [worker]))
            let (_, result) = try world.startLink(SupervisorFlags(), [inner])
            let innermost = ExitReason.failedToStart("worker", .refused(message: "no such function"))
            #expect(result == .failure(WorldExit(reason: .failedToStart("inner", innermost))))
            guard case .failure(let exit)? = result, case .shutdownWith(let text) = exit.reason else { return }
            #expect(
                String(decoding: text, as: UTF8.self)
                    == "failed_to_start_child: inner: shutdown: failed_to_start_child: worker: "
                    + "refused: no such function")
        }

        @Test func temporary_bystander() throws {
            for strategy in [Strategy.oneForAll, .restForOne] {
                let children = [world.spec("child1"), world.spec("child2", .temporary)]
                let supervisor = try world.supervisor(
                    SupervisorFlags(strategy: strategy, intensity: 2, period: 300), children)
                let bystander = try world.pid(supervisor, "child2")
                world.terminate(try world.pid(supervisor, "child1"), .died)
                #expect(!world.isAlive(bystander))
                #expect(world.children(supervisor).map(\.id) == ["child1"])
                #expect(world.counts(supervisor) == [1, 1, 0, 1])
                #expect(world.script(of: children[1]).count == 1)
            }
        }

        // MARK: Restart loops

        private let stuck: Script.Plan = .slow(2_000, .error(.died))

        private func fail(_ spec: ChildSpec) { world.script(of: spec).plans = [stuck] }

        private func mend(_ spec: ChildSpec) { world.script(of: spec).plans = [.ok] }

        @Test func hanging_restart_loop() throws {
            let supervisor = try world.supervisor(SupervisorFlags(intensity: 8, period: 10))
            let child = world.spec("child1", shutdown: .brutalKill)
            let first = try world.started(world.startChild(supervisor, child))
            fail(child)
            world.terminate(first, .died)
            #expect(world.startChild(supervisor, child) == .error(.alreadyPresent))
            #expect(world.restartChild(supervisor, "child1") == .error(.restarting))
            #expect(world.deleteChild(supervisor, "child1") == .error(.restarting))
            #expect(world.process(supervisor, "child1") == .restarting(first))
            #expect(world.terminateChild(supervisor, "child1") == .ok)
            #expect(world.process(supervisor, "child1") == ChildProcess.none)
            let count = world.script(of: child).count
            world.sleep(60 * .second)
            #expect(world.script(of: child).count == count, "the loop is over")
            mend(child)
            let second = try world.started(world.restartChild(supervisor, "child1"))
            fail(child)
            world.terminate(second, .died)
            // It can be stopped, between two attempts.
            world.exit(supervisor, .shutdown)
            world.rest()
            #expect(world.downReason(supervisor) == .shutdown)
        }

        @Test func hanging_restart_loop_rest_for_one() throws {
            let children = [world.spec("child1"), world.spec("child2"), world.spec("child3")]
            let supervisor = try world.supervisor(
                SupervisorFlags(strategy: .restForOne, intensity: 8, period: 10), children)
            let first = try world.pid(supervisor, "child1")
            let second = try world.pid(supervisor, "child2")
            fail(children[1])
            world.terminate(second, .died)
            #expect(world.startChild(supervisor, children[1]) == .error(.alreadyPresent))
            #expect(world.restartChild(supervisor, "child2") == .error(.restarting))
            #expect(world.deleteChild(supervisor, "child2") == .error(.restarting))
            #expect(
                world.children(supervisor).map(\.process) == [.none, .restarting(second), .running(first)])
            #expect(world.terminateChild(supervisor, "child2") == .ok)
            #expect(world.children(supervisor).map(\.process) == [.none, .none, .running(first)])
            mend(children[1])
            let third = try world.started(world.restartChild(supervisor, "child2"))
            fail(children[1])
            world.terminate(third, .died)
            world.exit(supervisor, .shutdown)
            world.rest()
            #expect(world.downReason(supervisor) == .shutdown)
            #expect(!world.isAlive(first))
        }

        @Test func hanging_restart_loop_simple() throws {
            let template = world.spec("child1", shutdown: .brutalKill)
            let supervisor = try world.supervisor(
                SupervisorFlags(strategy: .simpleOneForOne, intensity: 8, period: 10), [template])
            let first = try world.started(world.startDynamic(supervisor))
            fail(template)
            world.terminate(first, .died)
            #expect(world.restartChild(supervisor, "child1") == .error(.simpleOneForOne))
            #expect(world.deleteChild(supervisor, "child1") == .error(.simpleOneForOne))
            #expect(world.children(supervisor).map(\.process) == [.restarting(first)])
            #expect(
                world.call(supervisor, .whichChild(.process(first)))
                    == .reply(.child(ChildInfo(id: nil, process: .restarting(first), kind: .worker))))
            #expect(world.call(supervisor, .childSpec(.process(first))) == .reply(.spec(template)))
            #expect(world.terminateChild(supervisor, first) == .ok)
            #expect(world.children(supervisor) == [])
            mend(template)
            let second = try world.started(world.startDynamic(supervisor))
            fail(template)
            world.terminate(second, .died)
            world.exit(supervisor, .shutdown)
            world.rest()
            #expect(world.downReason(supervisor) == .shutdown)
        }

        // MARK: Trees

        @Test func tree() throws {
            let workers = (1...4).map { world.spec(ChildID("child\($0)")) }
            let first = world.spec(
                "sup1", kind: .supervisor, does: .supervisor(SupervisorFlags(intensity: 4, period: 3_600), []))
            let second = world.spec(
                "sup2", kind: .supervisor,
                does: .supervisor(SupervisorFlags(intensity: 4, period: 3_600), [world.spec("inside", .transient)]))
            let top = try world.supervisor(SupervisorFlags(strategy: .oneForAll, intensity: 4, period: 3_600))
            for spec in [workers[0], workers[1], first, second] {
                _ = try world.started(world.startChild(top, spec))
            }
            let sup1 = try world.pid(top, "sup1")
            let sup2 = try world.pid(top, "sup2")
            #expect(world.counts(top) == [4, 4, 2, 2])
            #expect(world.counts(sup2) == [1, 1, 0, 1])
            _ = try world.started(world.startChild(sup1, workers[2]))
            _ = try world.started(world.startChild(sup2, workers[3]))
            #expect(world.terminateChild(sup2, "inside") == .ok)
            #expect(world.counts(sup2) == [2, 1, 0, 2])

            // An inner crash is mended inside.
            world.terminate(try world.pid(sup1, "child3"), .died)
            #expect(try world.pid(top, "sup1") == sup1)
            #expect(world.counts(top) == [4, 4, 2, 2])
            // Until it is too much: then all of the top is made anew.
            for _ in 0..<4 { world.terminate(try world.pid(sup1, "child3"), .died) }
            #expect(!world.isAlive(sup1))
            #expect(!world.isAlive(sup2))
            let renewed = try world.pid(top, "sup2")
            #expect(try world.pid(top, "sup1") != sup1)
            #expect(world.counts(top) == [4, 4, 2, 2])
            #expect(world.counts(try world.pid(top, "sup1")) == [0, 0, 0, 0], "what was added is gone")
            #expect(world.counts(renewed) == [1, 1, 0, 1], "what was stopped is back")
            #expect(world.driver(top)?.machine.stampCount == 1)
        }

        // A supervisor that gives up ends with shutdown: only a permanent one comes back.
        @Test func parentsViewOfGivingUp() throws {
            for restart in RestartType.allCases {
                let worker = world.spec("worker")
                let inner = world.spec(
                    "inner", restart, kind: .supervisor, does: .supervisor(SupervisorFlags(intensity: 0), [worker]))
                let top = try world.supervisor(SupervisorFlags(), [inner])
                let pid = try world.pid(top, "inner")
                world.terminate(try world.pid(pid, "worker"), .died)
                switch restart {
                case .permanent: #expect(try world.pid(top, "inner") != pid)
                case .transient: #expect(world.process(top, "inner") == ChildProcess.none)
                case .temporary: #expect(world.children(top) == [])
                }
            }
        }

        // exit(Sup, kill) stops no child in order: their links tell them, if they do not trap exits.
        @Test func aKilledSupervisorStopsNothing() throws {
            let children = [
                world.spec("server"), world.spec("plain", does: .ok(.obedient)),
                world.spec("deaf", does: .ok(Behaviour(onShutdown: .ignores))),
            ]
            let supervisor = try world.supervisor(SupervisorFlags(), children)
            let pids = try children.map { try world.pid(supervisor, $0.id) }
            for pid in pids { world.monitor(pid, by: world.tester) }
            world.exit(supervisor, .kill)
            world.rest()
            #expect(world.downReason(supervisor) == .killed)
            #expect(pids.map { world.downReason($0) } == [.killed, .killed, nil])
        }

        @Test func strangersSignalsAreNothing() throws {
            let supervisor = try world.supervisor(SupervisorFlags(intensity: 0), [world.spec("a")])
            let stranger = world.spawnLoose()
            for reason in [ExitReason.shutdown, .died, .normal, .killed] {
                world.send(.signal(.exit(stranger, reason), to: supervisor))
            }
            world.settle()
            #expect(world.counts(supervisor) == [1, 1, 0, 1])
            #expect(world.reports == [])
        }
    }
}
