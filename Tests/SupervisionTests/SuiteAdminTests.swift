// supervisor_SUITE: the requests (child_adm and what is around it), specifications, counts.

import CapabilityModel
import Supervision
import Testing

extension SupervisorSuite {
    @Suite("administration") struct Administration {
        let world = World()

        @Test func child_adm() throws {
            let child = world.spec("child1")
            let supervisor = try world.supervisor(SupervisorFlags(intensity: 2, period: 3_600))
            let first = try world.started(world.startChild(supervisor, child))
            #expect(
                world.children(supervisor) == [ChildInfo(id: "child1", process: .running(first), kind: .worker)])
            #expect(world.counts(supervisor) == [1, 1, 0, 1])
            #expect(world.startChild(supervisor, child) == .error(.alreadyStarted(first)))
            #expect(world.restartChild(supervisor, "child1") == .error(.running))
            #expect(world.deleteChild(supervisor, "child1") == .error(.running))
            #expect(world.restartChild(supervisor, "child2") == .error(.notFound))
            #expect(world.deleteChild(supervisor, "child2") == .error(.notFound))
            #expect(world.terminateChild(supervisor, "child2") == .error(.notFound))
            #expect(world.terminateChild(supervisor, first) == .error(.notFound), "by id only")
            #expect(world.call(supervisor, .childSpec(.process(first))) == .error(.notFound))
            #expect(world.call(supervisor, .whichChild(.process(first))) == .error(.notFound))
            #expect(
                world.call(supervisor, .whichChild(.id("child1")))
                    == .reply(.child(ChildInfo(id: "child1", process: .running(first), kind: .worker))))
            #expect(world.call(supervisor, .whichChild(.id("child2"))) == .error(.notFound))
            #expect(world.terminateChild(supervisor, "child1") == .ok)
            #expect(!world.isAlive(first))
            #expect(world.terminateChild(supervisor, "child1") == .ok, "also when it does not run")
            #expect(world.process(supervisor, "child1") == ChildProcess.none)
            #expect(world.startChild(supervisor, child) == .error(.alreadyPresent))
            let second = try world.started(world.restartChild(supervisor, "child1"))
            #expect(second != first)
            #expect(world.terminateChild(supervisor, "child1") == .ok)
            #expect(world.deleteChild(supervisor, "child1") == .ok)
            #expect(world.driver(supervisor)?.discarded.last == child.start)
            #expect(world.deleteChild(supervisor, "child1") == .error(.notFound))
            #expect(world.restartChild(supervisor, "child1") == .error(.notFound))
            #expect(world.children(supervisor) == [])
            let other = try world.started(world.startChild(supervisor, world.spec("child2")))
            #expect(world.process(supervisor, "child2") == .running(other))
            world.exit(supervisor, .shutdown)
            world.rest()
            #expect(world.startChild(supervisor, child) == .down(.noproc))
            #expect(world.driver(supervisor)?.machine.stampCount == 0, "no request counts")
        }

        @Test func child_adm_simple() throws {
            let template = world.spec("child")
            let supervisor = try world.supervisor(
                SupervisorFlags(strategy: .simpleOneForOne, intensity: 2, period: 3_600), [template])
            #expect(world.children(supervisor) == [])
            #expect(world.counts(supervisor) == [1, 0, 0, 0])
            let first = try world.started(world.startDynamic(supervisor))
            #expect(world.counts(supervisor) == [1, 1, 0, 1])
            let second = try world.started(world.startDynamic(supervisor))
            #expect(
                Set(world.children(supervisor)) == [
                    ChildInfo(id: nil, process: .running(first), kind: .worker),
                    ChildInfo(id: nil, process: .running(second), kind: .worker),
                ])
            #expect(world.counts(supervisor) == [1, 2, 0, 2])
            #expect(world.terminateChild(supervisor, "child") == .error(.simpleOneForOne))
            #expect(world.restartChild(supervisor, "child") == .error(.simpleOneForOne))
            #expect(world.deleteChild(supervisor, "child") == .error(.simpleOneForOne))
            #expect(world.call(supervisor, .whichChild(.id("child"))) == .error(.simpleOneForOne))
            #expect(
                world.call(supervisor, .whichChild(.process(first)))
                    == .reply(.child(ChildInfo(id: nil, process: .running(first), kind: .worker))))
            #expect(world.terminateChild(supervisor, first) == .ok)
            #expect(!world.isAlive(first))
            #expect(world.terminateChild(supervisor, first) == .ok, "it is dead: it may have been a child")
            let stranger = world.spawnLoose()
            #expect(world.terminateChild(supervisor, stranger) == .error(.notFound))
            world.terminate(stranger, .normal)
            #expect(world.terminateChild(supervisor, stranger) == .ok, "so may this one")
            #expect(world.call(supervisor, .childSpec(.process(stranger))) == .reply(.spec(template)))
            #expect(world.call(supervisor, .whichChild(.process(stranger))) == .error(.notFound))
            #expect(world.counts(supervisor) == [1, 1, 0, 1])
        }

        @Test func extra_return() throws {
            let child = world.spec("child1", does: .ok(.server, info: [1, 2]))
            let supervisor = try world.supervisor(SupervisorFlags(intensity: 2, period: 3_600), [child])
            let first = try world.pid(supervisor, "child1")
            #expect(world.terminateChild(supervisor, "child1") == .ok)
            let restarted = world.restartChild(supervisor, "child1")
            let second = try world.started(restarted)
            #expect(first != second)
            #expect(restarted == .started(second, info: [1, 2]))
            world.terminate(second, .died)
            let third = try world.pid(supervisor, "child1")
            #expect(third != second)
            #expect(world.terminateChild(supervisor, "child1") == .ok)
            #expect(world.deleteChild(supervisor, "child1") == .ok)
            let started = world.startChild(supervisor, child)
            #expect(started == .started(try world.started(started), info: [1, 2]))
        }

        // The types leave no other bad specifications than these; every combination is taken or refused as OTP does.
        @Test func child_specs() throws {
            let supervisor = try world.supervisor()
            for restart in RestartType.allCases {
                for shutdown in [Shutdown.brutalKill, .milliseconds(0), .milliseconds(1), .infinity] {
                    for kind in ChildKind.allCases {
                        let spec = world.spec("x", restart, shutdown: shutdown, kind: kind)
                        _ = try world.started(world.startChild(supervisor, spec))
                        #expect(world.call(supervisor, .childSpec(.id("x"))) == .reply(.spec(spec)))
                        #expect(world.terminateChild(supervisor, "x") == .ok)
                        #expect((world.deleteChild(supervisor, "x") == .ok) == (restart != .temporary))
                    }
                }
            }
        }

        @Test func child_specs_map() throws {
            for auto in AutoShutdown.allCases {
                for restart in RestartType.allCases {
                    for significant in [false, true] {
                        let wrong: SpecError? =
                            !significant
                            ? nil
                            : auto == .never
                                ? .significantWithoutAutoShutdown("x")
                                : restart == .permanent ? .significantPermanent("x") : nil
                        for strategy in Strategy.allCases {
                            let flags = SupervisorFlags(strategy: strategy, autoShutdown: auto)
                            let spec = world.spec("x", restart, significant: significant)
                            if let wrong {
                                #expect(throws: wrong) { try flags.validate([spec]) }
                            } else {
                                try flags.validate([spec])
                            }
                        }
                    }
                }
            }
        }

        @Test func sup_flags() {
            let refusals: [(SupervisorFlags, SpecError)] = [
                (SupervisorFlags(intensity: -1), .invalidIntensity(-1)),
                (SupervisorFlags(period: 0), .invalidPeriod(0)),
                (SupervisorFlags(period: -5), .invalidPeriod(-5)),
                (SupervisorFlags(strategy: .simpleOneForOne), .notExactlyOneChild(0)),
                (SupervisorFlags(backoff: Backoff(first: 0, most: 5)), .invalidBackoff),
                (SupervisorFlags(backoff: Backoff(first: 6, most: 5)), .invalidBackoff),
                (SupervisorFlags(backoff: Backoff(first: 5, most: 5, factor: 0)), .invalidBackoff),
                (SupervisorFlags(backoff: Backoff(first: 5, most: 5, jitter: 101)), .invalidBackoff),
            ]
            for (flags, error) in refusals {
                #expect(throws: error) { try Supervisor(flags: flags, children: []) }
            }
            let two = [world.spec("a"), world.spec("b")]
            #expect(throws: SpecError.notExactlyOneChild(2)) {
                try Supervisor(flags: SupervisorFlags(strategy: .simpleOneForOne), children: two)
            }
            #expect(throws: Never.self) {
                try Supervisor(flags: SupervisorFlags(intensity: 0, period: 1), children: two)
            }
        }

        @Test(arguments: [ChildKind.worker, .supervisor])
        func counting(_ kind: ChildKind) throws {
            let template = world.spec("child", .temporary, kind: kind)
            let supervisor = try world.supervisor(SupervisorFlags(strategy: .simpleOneForOne), [template])
            #expect(world.counts(supervisor) == [1, 0, 0, 0])
            var pids: [Pid] = []
            for total in [1_000, 2_000] {
                while pids.count < total { pids.append(try world.started(world.startDynamic(supervisor))) }
                #expect(world.counts(supervisor) == (kind == .worker ? [1, total, 0, total] : [1, total, total, 0]))
            }
            for pid in pids { world.exit(pid, .kill) }
            world.settle()
            #expect(world.counts(supervisor) == [1, 0, 0, 0])
        }

        @Test func count_children() throws { try counting(.worker) }

        @Test func count_children_supervisor() throws { try counting(.supervisor) }

        // Two thousand milliseconds of a start that fails, again and again.
        @Test func count_restarting_children() throws {
            let template = world.spec(
                "child", shutdown: .brutalKill, does: .ok, .ok, .ok, .slow(2_000, .error(.died)))
            let supervisor = try world.supervisor(
                SupervisorFlags(strategy: .simpleOneForOne, intensity: 10, period: 10), [template])
            let pids = try (0..<3).map { _ in try world.started(world.startDynamic(supervisor)) }
            #expect(world.counts(supervisor) == [1, 3, 0, 3])
            world.terminate(pids[0], .died)
            #expect(world.counts(supervisor) == [1, 2, 0, 3])
            world.terminate(pids[1], .died)
            #expect(world.counts(supervisor) == [1, 1, 0, 3])
            #expect(world.terminateChild(supervisor, pids[0]) == .ok)
            // OTP 25 goes on to subtract the children that are not restarted any more.
            #expect(world.counts(supervisor) == [1, 1, 0, 2])
            #expect(world.terminateChild(supervisor, pids[1]) == .ok)
            #expect(world.counts(supervisor) == [1, 1, 0, 1])
            #expect(world.terminateChild(supervisor, pids[2]) == .ok)
            #expect(world.counts(supervisor) == [1, 0, 0, 0])
        }

        @Test func do_not_save_child_specs_for_temporary_children() throws {
            let supervisor = try world.supervisor(SupervisorFlags(intensity: 20, period: 10))
            let reasons: [ExitReason?] = [.killed, .normal, .died, nil]
            for restart in RestartType.allCases {
                for reason in reasons {
                    let spec = world.spec("child", restart)
                    let pid = try world.started(world.startChild(supervisor, spec))
                    if let reason {
                        world.terminate(pid, reason)
                    } else {
                        #expect(world.terminateChild(supervisor, "child") == .ok)
                    }
                    let again = world.startChild(supervisor, spec)
                    switch (restart, reason) {
                    case (.temporary, _): _ = try world.started(again)
                    case (_, nil), (.transient, .normal): #expect(again == .error(.alreadyPresent))
                    case (.permanent, _), (.transient, _):
                        #expect(again == .error(.alreadyStarted(try world.pid(supervisor, "child"))))
                    }
                    _ = world.terminateChild(supervisor, "child")
                    _ = world.deleteChild(supervisor, "child")
                }
            }
            #expect(world.children(supervisor) == [])
        }

        // Neither arguments nor specifications of temporary children are kept; the driver is told what it need keep no more.
        @Test func do_not_save_start_parameters_for_temporary_children() throws {
            for restart in RestartType.allCases {
                let template = world.spec("child", restart)
                let supervisor = try world.supervisor(
                    SupervisorFlags(strategy: .simpleOneForOne, intensity: 5), [template])
                let pid = try world.started(world.startDynamic(supervisor, [1, 2, 3]))
                world.terminate(pid, .died)
                let wanted: [[UInt8]] = restart == .temporary ? [[1, 2, 3]] : [[1, 2, 3], [1, 2, 3]]
                #expect(world.script(of: template).extras == wanted)
                let machine = try #require(world.driver(supervisor)?.machine)
                let kept = Array(Mirror(reflecting: machine).children).map { String(reflecting: $0.value) }.joined()
                #expect(kept.contains("extra: [1, 2, 3]") == (restart != .temporary))
            }
            let supervisor = try world.supervisor()
            let spec = world.spec("child", .temporary)
            world.terminate(try world.started(world.startChild(supervisor, spec)), .normal)
            #expect(world.driver(supervisor)?.discarded == [spec.start])
        }

        @Test func simple_one_for_one_corruption() throws {
            let template = world.spec("child", .temporary)
            let supervisor = try world.supervisor(
                SupervisorFlags(strategy: .simpleOneForOne, intensity: 5), [template])
            let first = try world.started(world.startDynamic(supervisor, [1]))
            world.terminate(first, .died)
            let second = try world.started(world.startDynamic(supervisor, [2]))
            world.terminate(second, .died)
            #expect(world.script(of: template).extras == [[1], [2]])
            #expect(world.counts(supervisor) == [1, 0, 0, 0])
        }
    }
}
