// Every event in every state: what is heard, what is kept until it listens again, and what is nobody's.

import CapabilityModel
import Supervision
import Testing

extension SupervisorSuite {
    @Suite("states and events") struct States {
        enum Fate { case ignored, kept, heard }

        typealias Steps = FirstStepsTests

        static let never = UInt64.max / 2

        /// A machine that is in this state.
        static func machine(in state: Supervisor.StateKind) throws -> Supervisor {
            var machine: Supervisor
            switch state {
            case .fresh: machine = try Steps.supervisor()
            case .idle: machine = try Steps.started()
            case .startingFirst:
                machine = try Steps.supervisor()
                _ = Steps.step(&machine, .begin)
            case .restartingOne:
                machine = try Steps.started()
                _ = Steps.step(&machine, .exited(Steps.process(1), .died))
            case .restartingSeveral:
                machine = try Steps.started(.restForOne)
                _ = Steps.step(&machine, .exited(Steps.process(2), .died))
            case .startingForCall:
                machine = try Steps.started()
                let spec = ChildSpec(id: "c", start: StartKey(rawValue: 5))
                _ = Steps.step(&machine, .call(CallKey(rawValue: 1), .startChild(spec)))
            case .stoppingForCall:
                machine = try Steps.started()
                _ = Steps.step(&machine, .call(CallKey(rawValue: 1), .terminateChild(.id("a"))))
            case .stoppingToRestart:
                machine = try Steps.started(.oneForAll)
                _ = Steps.step(&machine, .exited(Steps.process(1), .died))
            case .stoppingToEnd:
                machine = try Steps.started()
                _ = Steps.step(&machine, .parentExited(.shutdown))
            case .stoppingAll:
                machine = try Steps.supervisor(.simpleOneForOne, ["a"])
                _ = Steps.step(&machine, .begin)
                _ = Steps.step(&machine, .call(CallKey(rawValue: 1), .startDynamicChild(extra: [])))
                _ = Steps.step(&machine, .started(Steps.attempt(1), .ok(Steps.process(1))))
                _ = Steps.step(&machine, .parentExited(.shutdown))
            case .ended:
                machine = try Steps.supervisor(.oneForOne, [])
                _ = Steps.step(&machine, .begin)
                _ = Steps.step(&machine, .parentExited(.shutdown))
            }
            try #require(machine.stateKind == state)
            return machine
        }

        /// One that nothing is known of.
        static func stray(_ kind: Event.Kind) -> Event {
            switch kind {
            case .begin: .begin
            case .started: .started(StartAttempt(rawValue: never), .ok(Steps.process(never)))
            case .exited: .exited(Steps.process(never), .died)
            case .down: .down(Steps.process(never), .died)
            case .timer: .timer(TimerKey(rawValue: never))
            case .retry: .retry(.id("nobody"))
            case .call: .call(CallKey(rawValue: 99), .countChildren)
            case .parentExited: .parentExited(.died)
            }
        }

        static func fate(_ event: Event.Kind, in state: Supervisor.StateKind) -> Fate {
            switch (state, event) {
            case (.fresh, .begin), (.idle, .call), (.idle, .parentExited): .heard
            case (.idle, _), (.ended, _), (_, .begin), (_, .started), (_, .down): .ignored
            case (.stoppingAll, .timer), (.stoppingAll, .retry), (.stoppingAll, .call), (.stoppingAll, .parentExited):
                .ignored
            case (_, .exited), (_, .timer), (_, .retry), (_, .call), (_, .parentExited): .kept
            }
        }

        @Test(arguments: Supervisor.StateKind.allCases, Event.Kind.allCases)
        func strays(_ state: Supervisor.StateKind, _ event: Event.Kind) throws {
            var machine = try Self.machine(in: state)
            let kept = machine.waitingCount
            Coverage.all.note(state, event)
            let actions = Steps.step(&machine, Self.stray(event))
            switch Self.fate(event, in: state) {
            case .heard: #expect(!actions.isEmpty)
            case .kept:
                #expect(actions == [])
                #expect(machine.stateKind == state)
                #expect(machine.waitingCount == kept + 1)
            case .ignored:
                #expect(actions == [])
                #expect(machine.stateKind == state)
                #expect(machine.waitingCount == kept)
            }
        }

        @Test func whatWaitedIsHeardInItsOrder() throws {
            var machine = try Steps.supervisor(intensity: 5)
            _ = Steps.step(&machine, .begin)
            for number in 1...3 as ClosedRange<UInt64> {
                #expect(Steps.step(&machine, .call(CallKey(rawValue: number), .countChildren)) == [])
            }
            #expect(Steps.step(&machine, .started(Steps.attempt(1), .ok(Steps.process(1)))).count == 1)
            #expect(Steps.step(&machine, .exited(Steps.process(1), .died)) == [])
            #expect(Steps.step(&machine, .call(CallKey(rawValue: 4), .countChildren)) == [])
            let counts = ChildCounts(specs: 2, active: 2, supervisors: 0, workers: 2)
            let inquiry = Inquiry.counts(counts, [Steps.process(1), Steps.process(2)])
            let actions = Steps.step(&machine, .started(Steps.attempt(2), .ok(Steps.process(2))))
            #expect(
                actions == [
                    .ready, .inquire(CallKey(rawValue: 1), inquiry), .inquire(CallKey(rawValue: 2), inquiry),
                    .inquire(CallKey(rawValue: 3), inquiry),
                    .report(
                        Report(
                            context: .childTerminated, reason: .died, child: "a", process: .running(Steps.process(1)))),
                    .start(Steps.attempt(3), StartKey(rawValue: 0), extra: [], child: "a"),
                ])
            #expect(machine.waitingCount == 1)
            // It can be looked at all the same.
            #expect(machine.listing.map(\.id) == ["b", "a"])
            // count_children asks who is alive.
            guard case .inquire(_, let asked) = actions[1] else { return }
            #expect(
                asked.reply { $0 == Steps.process(2) }
                    == .counts(ChildCounts(specs: 2, active: 1, supervisors: 0, workers: 2)))
        }

        // A process may send exit signals and live on: each is an EXIT of its own.
        @Test func forgedExitsAreTakenOneByOne() throws {
            var machine = try Steps.started(.oneForAll, intensity: 5)
            _ = Steps.step(&machine, .exited(Steps.process(1), .died))
            for reason in [ExitReason.bytes([1]), .bytes([2]), .bytes([3])] {
                _ = Steps.step(&machine, .exited(Steps.process(2), reason))
            }
            let actions = Steps.step(&machine, .down(Steps.process(2), .died))
            #expect(
                actions.contains(
                    .report(
                        Report(
                            context: .shutdownError, reason: .bytes([1]), child: "b",
                            process: .running(Steps.process(2))))
                ))
            _ = Steps.step(&machine, .started(Steps.attempt(3), .ok(Steps.process(3))))
            #expect(machine.waitingCount == 2)
            // The others are of a process that is no child any more.
            #expect(Steps.step(&machine, .started(Steps.attempt(4), .ok(Steps.process(4)))) == [])
            #expect(machine.isIdle && machine.waitingCount == 0)
        }
    }
}
