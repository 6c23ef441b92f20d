// supervisor_SUITE, group significant.

import CapabilityModel
import Supervision
import Testing

extension SupervisorSuite {
    @Suite("significant") struct Significant {
        let world = World()

        enum Ending: CaseIterable { case terminated, killed, abnormal, normal }

        private func end(_ id: ChildID, of supervisor: Pid, _ ending: Ending) throws {
            switch ending {
            case .terminated: #expect(world.terminateChild(supervisor, id) == .ok)
            case .killed:
                world.exit(try world.pid(supervisor, id), .kill)
                world.settle()
            case .abnormal: world.terminate(try world.pid(supervisor, id), .died)
            case .normal: world.terminate(try world.pid(supervisor, id), .normal)
            }
            world.rest()
        }

        private func supervisor(
            _ auto: AutoShutdown, _ children: [ChildSpec], _ strategy: Strategy = .oneForOne
        ) throws -> Pid {
            try world.supervisor(
                SupervisorFlags(strategy: strategy, intensity: 3, period: 3_600, autoShutdown: auto), children)
        }

        private func nonsignificant(_ restart: RestartType) throws {
            for auto in AutoShutdown.allCases {
                for ending in Ending.allCases {
                    let supervisor = try supervisor(
                        auto, [world.spec("child1", restart), world.spec("child2", restart)])
                    try end("child1", of: supervisor, ending)
                    #expect(world.isAlive(supervisor))
                    #expect(world.process(supervisor, "child2")?.running != nil)
                }
            }
        }

        @Test func nonsignificant_temporary() throws { try nonsignificant(.temporary) }

        @Test func nonsignificant_transient() throws { try nonsignificant(.transient) }

        /// Ends child1, then child2, both significant, in each way: how many must end for the supervisor to.
        private func significant(_ restart: RestartType, triggers: Set<Ending>) throws {
            for auto in [AutoShutdown.anySignificant, .allSignificant] {
                for first in Ending.allCases {
                    for second in Ending.allCases {
                        let children = [
                            world.spec("child1", restart, significant: true),
                            world.spec("child2", restart, significant: true), world.spec("child3"),
                        ]
                        let supervisor = try supervisor(auto, children)
                        try end("child1", of: supervisor, first)
                        #expect(world.isAlive(supervisor) == !(auto == .anySignificant && triggers.contains(first)))
                        guard world.isAlive(supervisor) else { continue }
                        let oneIsLeft = world.process(supervisor, "child1")?.running != nil
                        try end("child2", of: supervisor, second)
                        let ends = triggers.contains(second) && (auto == .anySignificant || !oneIsLeft)
                        #expect(world.isAlive(supervisor) == !ends, "\(auto) \(first) \(second)")
                        if ends { #expect(world.downReason(supervisor) == .shutdown) }
                    }
                }
            }
        }

        @Test func significant_temporary() throws {
            try significant(.temporary, triggers: [.killed, .abnormal, .normal])
        }

        @Test func significant_transient() throws { try significant(.transient, triggers: [.normal]) }

        @Test func significant_simple() throws {
            for (auto, restart) in [
                (AutoShutdown.anySignificant, RestartType.temporary), (.anySignificant, .transient),
                (.allSignificant, .temporary), (.allSignificant, .transient),
            ] {
                for ending in Ending.allCases {
                    let template = world.spec("child", restart, significant: true)
                    let supervisor = try supervisor(auto, [template], .simpleOneForOne)
                    _ = try (0..<2).map { _ in try world.started(world.startDynamic(supervisor)) }
                    let triggers = ending == .normal || restart == .temporary && ending != .terminated
                    for round in 1...2 where world.isAlive(supervisor) {
                        let pid = try #require(world.children(supervisor).first?.process.running)
                        switch ending {
                        case .terminated: #expect(world.terminateChild(supervisor, pid) == .ok)
                        case .killed: world.exit(pid, .kill)
                        case .abnormal: world.terminate(pid, .died)
                        case .normal: world.terminate(pid, .normal)
                        }
                        world.rest()
                        let ends = triggers && (auto == .anySignificant || round == 2)
                        #expect(world.isAlive(supervisor) == !ends, "\(auto) \(restart) \(ending) \(round)")
                    }
                }
            }
        }

        @Test func significant_bystander() throws {
            for strategy in [Strategy.oneForAll, .restForOne] {
                for auto in [AutoShutdown.anySignificant, .allSignificant] {
                    for restart in [RestartType.transient, .temporary] {
                        let children = [world.spec("child1"), world.spec("child2", restart, significant: true)]
                        let supervisor = try supervisor(auto, children, strategy)
                        try end("child1", of: supervisor, .abnormal)
                        #expect(world.isAlive(supervisor))
                        #expect(world.counts(supervisor)[0] == (restart == .temporary ? 1 : 2))
                    }
                }
            }
            // Under one_for_one nobody is stopped because of a sibling.
            let supervisor = try supervisor(
                .anySignificant, [world.spec("child1"), world.spec("child2", .transient, significant: true)])
            try end("child1", of: supervisor, .abnormal)
            #expect(world.counts(supervisor) == [2, 2, 0, 2])
        }

        @Test func significant_escalation() throws {
            for significant in [true, false] {
                let worker = world.spec("worker", .transient, significant: true)
                let inner = world.spec(
                    "inner", .transient, significant: significant, kind: .supervisor,
                    does: .supervisor(SupervisorFlags(autoShutdown: .anySignificant), [worker]))
                let top = try supervisor(.anySignificant, [inner, world.spec("other")])
                let pid = try world.pid(top, "inner")
                world.terminate(try world.pid(pid, "worker"), .normal)
                world.rest()
                #expect(!world.isAlive(pid))
                #expect(world.isAlive(top) == !significant)
            }
        }
    }
}
