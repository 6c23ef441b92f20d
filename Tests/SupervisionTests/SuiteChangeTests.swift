// supervisor_SUITE: code_change, code_change_map, code_change_simple, code_change_simple_map (specifications have one form here)
// and significant_upgrade_*. The callback's ignore is no request at all.

import CapabilityModel
import Supervision
import Testing

extension SupervisorSuite {
    @Suite("code_change") struct Change {
        let world = World()

        private func change(_ supervisor: Pid, _ flags: SupervisorFlags, _ specs: [ChildSpec]) -> World.CallResult {
            world.call(supervisor, .change(flags, specs))
        }

        @Test func code_change() throws {
            let flags = SupervisorFlags(intensity: 0, period: 1)
            let child1 = world.spec("child1")
            let supervisor = try world.supervisor(flags, [child1])
            let first = try world.pid(supervisor, "child1")

            var other = flags
            other.intensity = 5
            other.strategy = .restForOne
            #expect(change(supervisor, other, [child1]) == .ok)
            #expect(world.driver(supervisor)?.machine.flags == other)

            // A changed one keeps its process, a new one is not started.
            var changed = world.spec("child1")
            changed.shutdown = .brutalKill
            #expect(change(supervisor, other, [world.spec("child2"), changed, world.spec("child3")]) == .ok)
            #expect(
                world.children(supervisor) == [
                    ChildInfo(id: "child3", process: .none, kind: .worker),
                    ChildInfo(id: "child1", process: .running(first), kind: .worker),
                    ChildInfo(id: "child2", process: .none, kind: .worker),
                ])
            #expect(world.call(supervisor, .childSpec(.id("child1"))) == .reply(.spec(changed)))
            #expect(world.driver(supervisor)?.discarded == [child1.start])

            // What is not named any more stays, behind the others.
            #expect(change(supervisor, other, [world.spec("child4")]) == .ok)
            #expect(world.children(supervisor).map(\.id) == ["child3", "child1", "child2", "child4"])
            #expect(try world.pid(supervisor, "child1") == first)

            // What is refused changes nothing.
            var bad = other
            bad.period = 0
            let twice = [world.spec("x"), world.spec("x")]
            #expect(change(supervisor, bad, [child1]) == .error(.badSpec(.invalidPeriod(0))))
            #expect(change(supervisor, other, twice) == .error(.badSpec(.duplicateChild("x"))))
            #expect(world.driver(supervisor)?.discarded.suffix(2) == twice.map(\.start)[...])
            bad = other
            bad.strategy = .simpleOneForOne
            #expect(change(supervisor, bad, [child1]) == .error(.badSpec(.changeOfSimpleOneForOne)))
            #expect(world.driver(supervisor)?.machine.flags == other)
            #expect(world.children(supervisor).map(\.id) == ["child3", "child1", "child2", "child4"])

            // The process is known, and the new start function serves.
            world.terminate(first, .died)
            #expect(world.script(of: changed).count == 1)
            #expect(world.script(of: child1).count == 1)
        }

        @Test func code_change_simple() throws {
            let flags = SupervisorFlags(strategy: .simpleOneForOne, intensity: 3, period: 3_600)
            let template = world.spec("child1")
            let supervisor = try world.supervisor(flags, [template])
            let first = try world.started(world.startDynamic(supervisor, [1]))
            let other = world.spec("child2", kind: .supervisor)
            #expect(change(supervisor, flags, [other]) == .ok)
            #expect(world.counts(supervisor) == [1, 1, 1, 0])
            world.terminate(first, .died)
            #expect(world.script(of: other).extras == [[1]])
            let three = [template, other]
            #expect(change(supervisor, flags, three) == .error(.badSpec(.notExactlyOneChild(2))))
            #expect(change(supervisor, flags, []) == .error(.badSpec(.notExactlyOneChild(0))))
            #expect(world.call(supervisor, .childSpec(.id("child2"))) == .reply(.spec(other)))
        }

        // Restarts that counted go on to; a wider window does not bring back what had fallen out of the old one.
        @Test func stampsStay() throws {
            var flags = SupervisorFlags(intensity: 3, period: 5)
            let child = world.spec("a")
            let supervisor = try world.supervisor(flags, [child])
            func crash() throws { world.terminate(try world.pid(supervisor, "a"), .died) }
            try crash()
            world.sleep(10 * .second)
            try crash()
            try crash()
            flags.period = 3_600
            flags.intensity = 4
            #expect(change(supervisor, flags, [child]) == .ok)
            #expect(world.driver(supervisor)?.machine.restartsLeft(now: world.now) == 2)
            try crash()
            try crash()
            #expect(world.isAlive(supervisor))
            flags.intensity = 1
            #expect(change(supervisor, flags, [child]) == .ok)
            try crash()
            world.rest()
            #expect(world.downReason(supervisor) == .shutdown)
        }

        /// One significant and one other child under the first setting, then under the second; whether the end of the
        /// first ends the supervisor, and that of both.
        private func upgrade(_ old: AutoShutdown, _ new: AutoShutdown, ends: [Bool]) throws {
            func specs(_ auto: AutoShutdown) -> [ChildSpec] {
                ["child1", "child2"].map { world.spec($0, .temporary, significant: auto != .never) }
            }
            let supervisor = try world.supervisor(SupervisorFlags(autoShutdown: old), specs(old))
            #expect(change(supervisor, SupervisorFlags(autoShutdown: new), specs(new)) == .ok)
            for (id, isEnd) in zip(["child1", "child2"] as [ChildID], ends) where world.isAlive(supervisor) {
                world.terminate(try world.pid(supervisor, id), .normal)
                world.rest()
                #expect(world.isAlive(supervisor) == !isEnd)
            }
            guard new == .never else { return }
            #expect(
                world.startChild(supervisor, world.spec("child3", .temporary, significant: true))
                    == .error(.badSpec(.significantWithoutAutoShutdown("child3"))))
        }

        @Test func significant_upgrade_never_any() throws {
            try upgrade(.never, .anySignificant, ends: [true, true])
        }

        @Test func significant_upgrade_any_never() throws {
            try upgrade(.anySignificant, .never, ends: [false, false])
        }

        @Test func significant_upgrade_never_all() throws {
            try upgrade(.never, .allSignificant, ends: [false, true])
        }

        @Test func significant_upgrade_all_never() throws {
            try upgrade(.allSignificant, .never, ends: [false, false])
        }

        @Test func significant_upgrade_any_all() throws {
            try upgrade(.anySignificant, .allSignificant, ends: [false, true])
        }

        @Test func significant_upgrade_all_any() throws {
            try upgrade(.allSignificant, .anySignificant, ends: [true, true])
        }

        @Test func significant_upgrade_child() throws {
            for becomes in [false, true] {
                let flags = SupervisorFlags(autoShutdown: .anySignificant)
                let supervisor = try world.supervisor(
                    flags, [world.spec("child1", .temporary, significant: !becomes), world.spec("child2")])
                let changed = world.spec("child1", .temporary, significant: becomes)
                #expect(change(supervisor, flags, [changed]) == .ok)
                world.terminate(try world.pid(supervisor, "child1"), .normal)
                world.rest()
                #expect(world.isAlive(supervisor) == !becomes)
            }
        }
    }
}
