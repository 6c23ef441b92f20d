// supervisor_SUITE, groups sup_start and sup_start_map.

import CapabilityModel
import Supervision
import Testing

extension SupervisorSuite {
    @Suite("sup_start") struct Start {
        let world = World()

        @Test func sup_start_normal() throws {
            let supervisor = try world.supervisor()
            world.exit(supervisor, .shutdown)
            world.rest()
            #expect(world.downReason(supervisor) == .shutdown)
        }

        // The callback's ignore is a start function's here.
        @Test func sup_start_ignore_init() throws {
            let inner = world.spec("inner", kind: .supervisor, does: .ignore)
            let supervisor = try world.supervisor(SupervisorFlags(), [inner])
            #expect(world.process(supervisor, "inner") == ChildProcess.none)
            #expect(world.counts(supervisor) == [1, 0, 1, 0])
        }

        @Test func sup_start_ignore_child() throws {
            let supervisor = try world.supervisor()
            let first = world.spec("child1", does: .ignore)
            #expect(world.startChild(supervisor, first) == .started(nil))
            let second = try world.started(world.startChild(supervisor, world.spec("child2")))
            #expect(
                world.children(supervisor) == [
                    ChildInfo(id: "child2", process: .running(second), kind: .worker),
                    ChildInfo(id: "child1", process: .none, kind: .worker),
                ])
            #expect(world.counts(supervisor) == [2, 1, 0, 2])
        }

        @Test func sup_start_ignore_temporary_child() throws {
            let first = world.spec("child1", .temporary, does: .ignore)
            let supervisor = try world.supervisor(SupervisorFlags(), [first, world.spec("child2", .temporary)])
            #expect(world.children(supervisor).map(\.id) == ["child2"])
            #expect(world.counts(supervisor) == [1, 1, 0, 1])
        }

        @Test func sup_start_ignore_temporary_child_start_child() throws {
            let supervisor = try world.supervisor()
            #expect(world.startChild(supervisor, world.spec("child1", .temporary, does: .ignore)) == .started(nil))
            _ = try world.started(world.startChild(supervisor, world.spec("child2", .temporary)))
            #expect(world.children(supervisor).map(\.id) == ["child2"])
            #expect(world.counts(supervisor) == [1, 1, 0, 1])
        }

        @Test(arguments: [RestartType.temporary, .permanent])
        func ignoredDynamic(_ restart: RestartType) throws {
            let template = world.spec("child1", restart, does: .ignore, .ok)
            let supervisor = try world.supervisor(SupervisorFlags(strategy: .simpleOneForOne), [template])
            #expect(world.startDynamic(supervisor) == .started(nil))
            let second = try world.started(world.startDynamic(supervisor))
            #expect(
                world.children(supervisor) == [ChildInfo(id: nil, process: .running(second), kind: .worker)])
            #expect(world.counts(supervisor) == [1, 1, 0, 1])
            world.exit(supervisor, .shutdown)
            world.rest()
            #expect(world.downReason(supervisor) == .shutdown)
        }

        @Test func sup_start_ignore_temporary_child_start_child_simple() throws { try ignoredDynamic(.temporary) }

        @Test func sup_start_ignore_permanent_child_start_child_simple() throws { try ignoredDynamic(.permanent) }

        // Garbage from the callback is an error before anything starts; as a child, such a supervisor fails to start.
        @Test func sup_start_error_return() throws {
            let bad = SupervisorFlags(intensity: -1)
            #expect(throws: SpecError.invalidIntensity(-1)) { try world.startLink(bad, []) }
            let inner = world.spec("inner", kind: .supervisor, does: .supervisor(bad, []))
            let (_, result) = try world.startLink(SupervisorFlags(), [inner])
            #expect(result == .failure(WorldExit(reason: .failedToStart("inner", .bytes(Array("bad spec".utf8))))))
        }

        @Test func sup_start_fail() throws {
            let inner = world.spec(
                "inner", kind: .supervisor, does: .error(.trap(kind: "t", message: "m", backtrace: [])))
            let (outer, result) = try world.startLink(SupervisorFlags(), [inner])
            let reason = ExitReason.failedToStart("inner", .trap(kind: "t", message: "m", backtrace: []))
            #expect(result == .failure(WorldExit(reason: reason)))
            #expect(world.processes[world.tester]?.exits.last?.0 == outer)
            #expect(world.processes[world.tester]?.exits.last?.1 == reason)
        }

        @Test func sup_start_child_returns_error() throws {
            let supervisor = try world.supervisor()
            for reason in [ExitReason.bytes([1]), .bytes([2])] {
                let spec = world.spec("child1", does: .error(reason))
                #expect(world.startChild(supervisor, spec) == .error(.startFailed(reason)))
                #expect(world.driver(supervisor)?.discarded.last == spec.start)
            }
            #expect(world.children(supervisor) == [])
            #expect(world.counts(supervisor) == [0, 0, 0, 0])
        }

        @Test func sup_start_restart_child_returns_error() throws {
            let child = world.spec("child1", does: .ok, .error(.bytes([1])))
            let supervisor = try world.supervisor(SupervisorFlags(), [child])
            #expect(world.terminateChild(supervisor, "child1") == .ok)
            #expect(world.restartChild(supervisor, "child1") == .error(.startFailed(.bytes([1]))))
            #expect(world.process(supervisor, "child1") == ChildProcess.none)
            #expect(world.counts(supervisor) == [1, 0, 0, 1])
        }

        @Test func sup_start_child_returns_error_simple() throws {
            let template = world.spec("child1", does: .error(.bytes([1])))
            let supervisor = try world.supervisor(SupervisorFlags(strategy: .simpleOneForOne), [template])
            #expect(world.startDynamic(supervisor) == .error(.startFailed(.bytes([1]))))
            #expect(world.counts(supervisor) == [1, 0, 0, 0])
        }

        // Of a newer OTP: {already_started, Pid} of a start function comes through as it is.
        @Test func already_started_outside_supervisor() throws {
            let supervisor = try world.supervisor()
            let stranger = world.spawnLoose()
            let spec = world.spec("child1", does: .alreadyStarted(stranger))
            #expect(world.startChild(supervisor, spec) == .error(.alreadyStarted(stranger)))
            #expect(world.children(supervisor) == [])
        }

        // No retry at the beginning: what runs already is stopped, the newest first.
        @Test func aFailureAtTheBeginningStopsWhatRuns() throws {
            let children = [
                world.spec("a"), world.spec("b", .temporary), world.spec("c", does: .error(.died)), world.spec("d"),
            ]
            let (_, result) = try world.startLink(SupervisorFlags(intensity: 5), children)
            #expect(result == .failure(WorldExit(reason: .failedToStart("c", .died))))
            #expect(
                world.trace.dropLast() == [
                    .start("a"), .start("b"),
                    .report(Report(context: .startError, reason: .died, child: "c", process: .none)),
                    .end("b", .shutdown), .end("a", .shutdown),
                ])
            #expect(world.script(of: children[2]).count == 1)
            #expect(world.script(of: children[3]).count == 0)
        }
    }

    @Suite("sup_start_map") struct StartMap {
        let world = World()

        @Test func sup_start_map() throws {
            let child = ChildSpec(id: "child1", start: world.script())
            let tree = ChildSpec(id: "child2", start: world.script(), kind: .supervisor)
            #expect((child.restart, child.significant, child.kind) == (.permanent, false, .worker))
            #expect(child.shutdown == .timeout(nanoseconds: 5 * .second))
            #expect(tree.shutdown == .infinity)
            let flags = SupervisorFlags()
            #expect((flags.strategy, flags.intensity, flags.period) == (.oneForOne, 1, 5))
            #expect((flags.autoShutdown, flags.backoff) == (.never, nil))
            let supervisor = try world.supervisor(flags, [child, tree])
            #expect(world.call(supervisor, .childSpec(.id("child1"))) == .reply(.spec(child)))
            #expect(world.call(supervisor, .childSpec(.id("child2"))) == .reply(.spec(tree)))
            #expect(world.call(supervisor, .childSpec(.id("child3"))) == .error(.notFound))
        }

        @Test func sup_start_map_simple() throws {
            let template = world.spec("child1", .transient)
            let supervisor = try world.supervisor(SupervisorFlags(strategy: .simpleOneForOne), [template])
            let first = try world.started(world.startDynamic(supervisor))
            let second = try world.started(world.startDynamic(supervisor))
            let stranger = world.spawnLoose()
            #expect(world.call(supervisor, .childSpec(.process(first))) == .reply(.spec(template)))
            #expect(world.call(supervisor, .childSpec(.process(second))) == .reply(.spec(template)))
            #expect(world.call(supervisor, .childSpec(.process(stranger))) == .error(.notFound))
            #expect(world.call(supervisor, .childSpec(.id("child1"))) == .reply(.spec(template)))
            #expect(world.call(supervisor, .childSpec(.id("child2"))) == .error(.notFound))
        }

        // What has no id or start function does not compile; the rest of the refusals.
        @Test func sup_start_map_faulty_specs() throws {
            let twice = [world.spec("a"), world.spec("b"), world.spec("a")]
            #expect(throws: SpecError.duplicateChild("a")) { try world.startLink(SupervisorFlags(), twice) }
            let significant = [world.spec("a", .transient, significant: true)]
            #expect(throws: SpecError.significantWithoutAutoShutdown("a")) {
                try world.startLink(SupervisorFlags(), significant)
            }
            let supervisor = try world.supervisor()
            #expect(
                world.startChild(supervisor, significant[0])
                    == .error(.badSpec(.significantWithoutAutoShutdown("a"))))
            #expect(world.startDynamic(supervisor) == .error(.badSpec(.notASpecification)))
            let simple = try world.supervisor(SupervisorFlags(strategy: .simpleOneForOne), [world.spec("a")])
            #expect(world.startChild(simple, world.spec("b")) == .error(.simpleOneForOne))
        }
    }
}
