// The machine by itself, event by event: what each asks of its driver, and in which order.

import CapabilityModel
import Supervision
import Testing

@Suite struct FirstStepsTests {
    static func supervisor(
        _ strategy: Strategy = .oneForOne, intensity: Int = 1, _ ids: [ChildID] = ["a", "b"]
    ) throws -> Supervisor {
        try Supervisor(
            flags: SupervisorFlags(strategy: strategy, intensity: intensity),
            children: ids.enumerated().map { ChildSpec(id: $1, start: StartKey(rawValue: UInt64($0))) })
    }

    /// Hands the event over; what is to be done.
    static func step(_ supervisor: inout Supervisor, _ event: Event, at seconds: UInt64 = 100) -> [Action] {
        var actions: [Action] = []
        supervisor.handle(event, now: seconds * 1_000_000_000, into: &actions)
        return actions
    }

    static func process(_ number: UInt64) -> ProcessKey { ProcessKey(rawValue: number) }

    static func attempt(_ number: UInt64) -> StartAttempt { StartAttempt(rawValue: number) }

    /// With `a` as process 1 and `b` as process 2.
    static func started(_ strategy: Strategy = .oneForOne, intensity: Int = 1) throws -> Supervisor {
        var supervisor = try supervisor(strategy, intensity: intensity)
        _ = step(&supervisor, .begin)
        _ = step(&supervisor, .started(attempt(1), .ok(process(1))))
        _ = step(&supervisor, .started(attempt(2), .ok(process(2))))
        return supervisor
    }

    @Test func childrenStartOneAfterTheOther() throws {
        var supervisor = try Self.supervisor()
        #expect(
            Self.step(&supervisor, .begin)
                == [.start(Self.attempt(1), StartKey(rawValue: 0), extra: [], child: "a")])
        #expect(
            Self.step(&supervisor, .started(Self.attempt(1), .ok(Self.process(1))))
                == [.start(Self.attempt(2), StartKey(rawValue: 1), extra: [], child: "b")])
        #expect(Self.step(&supervisor, .started(Self.attempt(2), .ok(Self.process(2)))) == [.ready])
        #expect(supervisor.isIdle)
    }

    @Test func aCrashIsReportedAndMended() throws {
        var supervisor = try Self.started()
        #expect(
            Self.step(&supervisor, .exited(Self.process(1), .killed)) == [
                .report(
                    Report(context: .childTerminated, reason: .killed, child: "a", process: .running(Self.process(1)))),
                .start(Self.attempt(3), StartKey(rawValue: 0), extra: [], child: "a"),
            ])
        #expect(Self.step(&supervisor, .started(Self.attempt(3), .ok(Self.process(3)))) == [])
        let call = CallKey(rawValue: 1)
        #expect(
            Self.step(&supervisor, .call(call, .whichChildren)) == [
                .reply(
                    call,
                    .children([
                        ChildInfo(id: "b", process: .running(Self.process(2)), kind: .worker),
                        ChildInfo(id: "a", process: .running(Self.process(3)), kind: .worker),
                    ]))
            ])
    }

    @Test func theEndStopsTheNewestFirst() throws {
        var supervisor = try Self.started()
        let timer = TimerKey(rawValue: 1)
        #expect(
            Self.step(&supervisor, .parentExited(.shutdown)) == [
                .monitor(Self.process(2)), .signal(Self.process(2), .shutdown),
                .setTimer(timer, nanoseconds: 5_000_000_000),
            ])
        #expect(Self.step(&supervisor, .exited(Self.process(2), .shutdown)) == [])
        #expect(
            Self.step(&supervisor, .down(Self.process(2), .noproc)) == [
                .cancelTimer(timer), .unlink(Self.process(2)), .monitor(Self.process(1)),
                .signal(Self.process(1), .shutdown),
                .setTimer(TimerKey(rawValue: 2), nanoseconds: 5_000_000_000),
            ])
        #expect(Self.step(&supervisor, .timer(TimerKey(rawValue: 2))) == [.signal(Self.process(1), .kill)])
        #expect(
            Self.step(&supervisor, .down(Self.process(1), .killed)) == [
                .unlink(Self.process(1)),
                .report(
                    Report(context: .shutdownError, reason: .killed, child: "a", process: .running(Self.process(1)))),
                .end(.shutdown),
            ])
        #expect(supervisor.isEnded)
    }
}
