// The world's processes: how they start, what they do with signals, how they end.

import CapabilityModel
import Supervision

/// A process.
final class Actor {
    enum Role {
        case tester
        case child(ChildID, Behaviour)
        case supervisor(Driver)
    }

    let pid: Pid
    var role: Role
    var isAlive = true
    var traps: Bool
    var links: Set<Pid> = []
    var watchers: [Pid] = []
    /// The tester's: EXIT and DOWN messages, oldest first.
    var exits: [(Pid, ExitReason)] = []
    var downs: [(Pid, ExitReason)] = []

    init(_ pid: Pid, _ role: Role, traps: Bool) {
        self.pid = pid
        self.role = role
        self.traps = traps
    }

    var driver: Driver? {
        if case .supervisor(let driver) = role { driver } else { nil }
    }
}

/// What a supervisor's process holds beside the machine.
final class Driver {
    var machine: Supervisor
    let parent: Pid
    /// Whose start function made it, until it is ready.
    var starter: (supervisor: Pid, attempt: StartAttempt)?
    var isReady = false
    var calls: Set<CallKey> = []
    var timers: Set<TimerKey> = []
    /// Actions of the last event, and of all.
    var actions: [Action] = []
    var discarded: [StartKey] = []

    init(_ machine: Supervisor, parent: Pid) {
        self.machine = machine
        self.parent = parent
    }
}

struct Behaviour: Equatable {
    enum OnShutdown: Equatable {
        /// Does not trap exits: it ends with the signal's reason at once.
        case dies
        /// Traps exits, and ends with this reason so many milliseconds later; nil: with the signal's.
        case exits(ExitReason?, after: UInt64)
        /// Traps exits, and goes on.
        case ignores
    }

    var onShutdown = OnShutdown.dies
    /// Undoes its link with its supervisor.
    var unlinks = false
    /// Ends by itself, milliseconds after its start.
    var life: (UInt64, ExitReason)?

    static let obedient = Behaviour()
    /// supervisor_1 of OTP's suite: a gen_server that traps exits and ends as it is told.
    static let server = Behaviour(onShutdown: .exits(nil, after: 0))

    static func == (a: Behaviour, b: Behaviour) -> Bool {
        a.onShutdown == b.onShutdown && a.unlinks == b.unlinks && a.life?.0 == b.life?.0 && a.life?.1 == b.life?.1
    }
}

/// What a start function does; the last plan serves from then on.
final class Script {
    indirect enum Plan {
        case ok(Behaviour, info: [UInt8]?)
        case ignore
        case error(ExitReason)
        case alreadyStarted(Pid)
        /// {ok, Pid} of a process that runs already.
        case existing(Pid)
        case supervisor(SupervisorFlags, [ChildSpec])
        case never
        /// The same, so many milliseconds later.
        case slow(UInt64, Plan)

        static var ok: Plan { .ok(.server, info: nil) }

        static func ok(_ behaviour: Behaviour) -> Plan { .ok(behaviour, info: nil) }
    }

    var plans: [Plan]
    /// Arguments of each call.
    var extras: [[UInt8]] = []
    /// Makes plans, in place of the list.
    var make: (() -> Plan)?
    var count: Int { extras.count }

    init(_ plans: [Plan]) { self.plans = plans }

    func next() -> Plan {
        if let make { return make() }
        guard plans.count > 1 else { return plans.first ?? .never }
        return plans.removeFirst()
    }
}

extension World {
    func script(_ plans: Script.Plan...) -> StartKey {
        let key = StartKey(rawValue: number())
        scripts[key] = Script(plans.isEmpty ? [.ok] : plans)
        return key
    }

    func script(of spec: ChildSpec) -> Script { scripts[spec.start] ?? Script([]) }

    /// A process with a link to its parent.
    func spawn(_ role: Actor.Role, parent: Pid, traps: Bool) -> Actor {
        let actor = Actor(Pid(rawValue: number()), role, traps: traps)
        processes[actor.pid] = actor
        link(actor.pid, parent)
        return actor
    }

    /// A process of the test's, without a script.
    func spawnLoose(_ behaviour: Behaviour = .obedient) -> Pid {
        let actor = spawn(.child("loose", behaviour), parent: tester, traps: behaviour.onShutdown != .dies)
        unlink(actor.pid, tester)
        return actor.pid
    }

    func link(_ a: Pid, _ b: Pid) {
        processes[a]?.links.insert(b)
        processes[b]?.links.insert(a)
    }

    func unlink(_ a: Pid, _ b: Pid) {
        processes[a]?.links.remove(b)
        processes[b]?.links.remove(a)
    }

    /// DOWN comes to the watcher; at once if it is gone.
    func monitor(_ process: Pid, by watcher: Pid) {
        if let actor = processes[process], actor.isAlive {
            actor.watchers.append(watcher)
        } else {
            send(.signal(.down(process, .noproc), to: watcher))
        }
    }

    func begin(_ plan: Script.Plan, _ attempt: StartAttempt, child: ChildID, by supervisor: Pid, delay: UInt64 = 0) {
        switch plan {
        case .slow(let milliseconds, let plan):
            begin(plan, attempt, child: child, by: supervisor, delay: delay + milliseconds * .millisecond)
        case .ok(let behaviour, let info):
            let actor = spawn(.child(child, behaviour), parent: supervisor, traps: behaviour.onShutdown != .dies)
            owners[actor.pid] = (supervisor, child)
            if behaviour.unlinks { unlink(actor.pid, supervisor) }
            trace.append(.start(child))
            if let (milliseconds, reason) = behaviour.life {
                send(.end(actor.pid, reason), after: delay + milliseconds * .millisecond)
            }
            send(.answer(attempt, .ok(actor.pid, info: info), to: supervisor), after: delay)
        case .existing(let process):
            link(process, supervisor)
            send(.answer(attempt, .ok(process), to: supervisor), after: delay)
        case .ignore: send(.answer(attempt, .ignore, to: supervisor), after: delay)
        case .error(let reason): send(.answer(attempt, .error(reason), to: supervisor), after: delay)
        case .alreadyStarted(let process):
            send(.answer(attempt, .alreadyStarted(process), to: supervisor), after: delay)
        case .supervisor(let flags, let children):
            guard let machine = try? Supervisor(flags: flags, children: children) else {
                return send(.answer(attempt, .error(.bytes(Array("bad spec".utf8))), to: supervisor), after: delay)
            }
            trace.append(.start(child))
            let driver = Driver(machine, parent: supervisor)
            driver.starter = (supervisor, attempt)
            let actor = spawn(.supervisor(driver), parent: supervisor, traps: true)
            owners[actor.pid] = (supervisor, child)
            handle(.begin, actor, driver)
        case .never: break
        }
    }

    // MARK: Signals

    func deliver(_ delivery: Delivery) {
        switch delivery {
        case .signal(let signal, let pid):
            guard let actor = processes[pid], actor.isAlive else { return answerForTheGone(signal) }
            deliver(signal, to: actor)
        case .timer(let timer, let pid):
            guard let actor = processes[pid], actor.isAlive, let driver = actor.driver else { return }
            // One that was cancelled may be heard all the same.
            driver.timers.remove(timer)
            handle(.timer(timer), actor, driver)
        case .answer(let attempt, let outcome, let pid):
            guard let actor = processes[pid], actor.isAlive, let driver = actor.driver else { return }
            handle(.started(attempt, outcome), actor, driver)
        case .end(let pid, let reason):
            if let actor = processes[pid], actor.isAlive { end(actor, reason) }
        }
    }

    private func answerForTheGone(_ signal: Signal) {
        if case .call(let call, _) = signal { results[call] = .down(.noproc) }
    }

    private func deliver(_ signal: Signal, to actor: Actor) {
        switch signal {
        case .linkExit(let from, let reason):
            guard actor.links.remove(from) != nil else { return }
            if actor.traps {
                hear(exit: from, reason, actor)
            } else if reason != .normal {
                end(actor, reason)
            }
        case .exit(let from, let reason):
            if actor.traps {
                hear(exit: from, reason, actor)
            } else if reason != .normal || from == actor.pid {
                end(actor, reason)
            }
        case .kill: end(actor, .killed)
        case .down(let of, let reason):
            if let driver = actor.driver {
                handle(.down(of, reason), actor, driver)
            } else {
                actor.downs.append((of, reason))
            }
        case .call(let call, let request):
            guard let driver = actor.driver else { return }
            driver.calls.insert(call)
            handle(.call(call, request), actor, driver)
        case .retry(let key):
            if let driver = actor.driver { handle(.retry(key), actor, driver) }
        }
    }

    /// Of a process that traps exits.
    private func hear(exit from: Pid, _ reason: ExitReason, _ actor: Actor) {
        switch actor.role {
        case .tester: actor.exits.append((from, reason))
        case .supervisor(let driver):
            handle(from == driver.parent ? .parentExited(reason) : .exited(from, reason), actor, driver)
        case .child(_, let behaviour):
            switch behaviour.onShutdown {
            case .dies, .ignores: break
            case .exits(let own, let milliseconds):
                if reason != .normal { send(.end(actor.pid, own ?? reason), after: milliseconds * .millisecond) }
            }
        }
    }

    func end(_ actor: Actor, _ reason: ExitReason) {
        actor.isAlive = false
        switch actor.role {
        case .tester: break
        case .child(let id, _): trace.append(.end(id, reason))
        case .supervisor(let driver):
            trace.append(.supervisorEnd(actor.pid, reason))
            for call in driver.calls { results[call] = .down(reason) }
            if let starter = driver.starter {
                driver.starter = nil
                send(.answer(starter.attempt, .error(reason), to: starter.supervisor))
            }
        }
        for peer in actor.links.sorted(by: { $0.rawValue < $1.rawValue }) {
            send(.signal(.linkExit(actor.pid, reason), to: peer))
        }
        for watcher in actor.watchers {
            send(.signal(.down(actor.pid, reason), to: watcher))
        }
    }
}
