// The driver of a supervisor in the world, and what tests ask of one.

import CapabilityModel
import Supervision
import Testing

extension World {
    /// Hands an event over, and does what comes of it, in order.
    func handle(_ event: Event, _ actor: Actor, _ driver: Driver) {
        coverage?.note(driver.machine.stateKind, event.kind)
        if driver.machine.isIdle { listens?(actor.pid) }
        driver.actions.removeAll(keepingCapacity: true)
        driver.machine.handle(event, now: now, into: &driver.actions)
        let actions = driver.actions
        for action in actions {
            inspect?(actor.pid, action)
            perform(action, actor, driver)
        }
    }

    private func perform(_ action: Action, _ actor: Actor, _ driver: Driver) {
        switch action {
        case .start(let attempt, let key, let extra, let child):
            guard let script = scripts[key] else { return }
            script.extras.append(extra)
            begin(script.next(), attempt, child: child, by: actor.pid)
        case .ready:
            driver.isReady = true
            trace.append(.ready(actor.pid))
            if let starter = driver.starter {
                driver.starter = nil
                send(.answer(starter.attempt, .ok(actor.pid), to: starter.supervisor))
            }
        case .monitor(let process): monitor(process, by: actor.pid)
        case .signal(let process, .shutdown): send(.signal(.exit(actor.pid, .shutdown), to: process))
        case .signal(let process, .kill): send(.signal(.kill(actor.pid), to: process))
        case .unlink(let process): unlink(actor.pid, process)
        case .setTimer(let timer, let nanoseconds):
            driver.timers.insert(timer)
            send(.timer(timer, of: actor.pid), after: nanoseconds)
        case .cancelTimer(let timer): driver.timers.remove(timer)
        case .retryLater(let key): send(.signal(.retry(key), to: actor.pid))
        case .reply(let call, let reply):
            driver.calls.remove(call)
            results[call] = .reply(reply)
        case .inquire(let call, let inquiry):
            driver.calls.remove(call)
            results[call] = .reply(inquiry.reply { isAlive($0) })
        case .report(let report): trace.append(.report(report))
        case .discard(let key): driver.discarded.append(key)
        case .end(let reason): end(actor, reason)
        }
    }

    // MARK: For tests

    /// start_link: the supervisor, or why it ended; nil when its start hangs.
    func startLink(_ flags: SupervisorFlags, _ children: [ChildSpec]) throws -> (Pid, Result<Pid, WorldExit>?) {
        let driver = Driver(try Supervisor(flags: flags, children: children), parent: tester)
        let actor = spawn(.supervisor(driver), parent: tester, traps: true)
        monitor(actor.pid, by: tester)
        handle(.begin, actor, driver)
        run { driver.isReady || !actor.isAlive }
        if driver.isReady { return (actor.pid, .success(actor.pid)) }
        settle()
        return (actor.pid, downReason(actor.pid).map { .failure(WorldExit(reason: $0)) })
    }

    /// A supervisor that starts well.
    func supervisor(_ flags: SupervisorFlags = SupervisorFlags(), _ children: [ChildSpec] = []) throws -> Pid {
        let (pid, result) = try startLink(flags, children)
        try #require(result == .success(pid))
        return pid
    }

    func driver(_ supervisor: Pid) -> Driver? { processes[supervisor]?.driver }

    /// Why the tester was told that it ended.
    func downReason(_ process: Pid) -> ExitReason? { processes[tester]?.downs.last { $0.0 == process }?.1 }

    func startChild(_ supervisor: Pid, _ spec: ChildSpec) -> CallResult { call(supervisor, .startChild(spec)) }

    func startDynamic(_ supervisor: Pid, _ extra: [UInt8] = []) -> CallResult {
        call(supervisor, .startDynamicChild(extra: extra))
    }

    func terminateChild(_ supervisor: Pid, _ id: ChildID) -> CallResult { call(supervisor, .terminateChild(.id(id))) }

    func terminateChild(_ supervisor: Pid, _ process: Pid) -> CallResult {
        call(supervisor, .terminateChild(.process(process)))
    }

    func restartChild(_ supervisor: Pid, _ id: ChildID) -> CallResult { call(supervisor, .restartChild(id)) }

    func deleteChild(_ supervisor: Pid, _ id: ChildID) -> CallResult { call(supervisor, .deleteChild(id)) }

    func children(_ supervisor: Pid) -> [ChildInfo] {
        if case .reply(.children(let infos)) = call(supervisor, .whichChildren) { infos } else { [] }
    }

    func process(_ supervisor: Pid, _ id: ChildID) -> ChildProcess? {
        children(supervisor).first { $0.id == id }?.process
    }

    /// The process of a child that is to run.
    func pid(_ supervisor: Pid, _ id: ChildID) throws -> Pid {
        try #require(process(supervisor, id)?.running, "\(id) does not run")
    }

    /// specs, active, supervisors, workers.
    func counts(_ supervisor: Pid) -> [Int] {
        guard case .reply(.counts(let counts)) = call(supervisor, .countChildren) else { return [] }
        return [counts.specs, counts.active, counts.supervisors, counts.workers]
    }

    /// The process of `{ok, Pid}`.
    func started(_ result: CallResult) throws -> Pid {
        guard case .reply(.started(let pid?, _)) = result else { throw WorldError.notStarted("\(result)") }
        return pid
    }

    var reports: [Report] {
        trace.compactMap { if case .report(let report) = $0 { report } else { nil } }
    }
}

struct WorldExit: Error, Equatable {
    let reason: ExitReason
}

enum WorldError: Error {
    case notStarted(String)
}

extension World.CallResult {
    static let ok = World.CallResult.reply(.ok)

    static func error(_ error: RequestError) -> World.CallResult { .reply(.error(error)) }

    static func started(_ pid: Pid?, info: [UInt8]? = nil) -> World.CallResult {
        .reply(.started(pid, info: info))
    }
}

extension ExitReason {
    /// What OTP's test children say when they are told to die.
    static let died = ExitReason.bytes(Array("died".utf8))
}

extension World {
    /// A specification with a start function of its own.
    func spec(
        _ id: ChildID, _ restart: RestartType = .permanent, significant: Bool = false, shutdown: Shutdown? = nil,
        kind: ChildKind = .worker, does plans: Script.Plan...
    ) -> ChildSpec {
        let key = script()
        if !plans.isEmpty { scripts[key] = Script(plans) }
        return ChildSpec(
            id: id, start: key, restart: restart, significant: significant, shutdown: shutdown, kind: kind)
    }
}

extension Shutdown {
    static func milliseconds(_ count: UInt64) -> Shutdown { .timeout(nanoseconds: count * .millisecond) }
}
