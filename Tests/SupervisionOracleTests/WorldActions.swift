// What supervisors have done for them in the simulated world: start functions, signals, timers, replies, reports.

import CapabilityModel
import Supervision

extension World {
    func perform(_ action: Action, of supervisor: Process) {
        // Who has ended does nothing more; a machine that wants to shows it in what follows.
        guard supervisor.isAlive else { return }
        let actor = supervisor.name
        switch action {
        case .start(let attempt, let key, let extra, _):
            let path = paths[Int(key.rawValue)]
            startFunction(path, extra: extra, supervisor: supervisor, attempt: attempt)
        case .ready:
            supervisor.isReady = true
            if let parent = supervisor.parent, let attempt = supervisor.attempt {
                let info = supervisor.info.map { Array($0.utf8) }
                deliver(parent, .started(attempt, .ok(supervisor.key, info: info)))
            } else {
                trace.add(step, "parent", "root ok \(actor)")
            }
        case .monitor(let key):
            guard let process = processes[key], process.isAlive else {
                return deliver(supervisor, .down(key, .noproc))
            }
            process.watchers.append(supervisor.key)
        case .signal(let key, let signal):
            trace.add(step, actor, "signal \(name(key)) \(signal == .kill ? "kill" : "shutdown")")
            guard let process = processes[key], process.isAlive else { return }
            switch signal {
            case .kill: end(process, .killed)
            case .shutdown: shutDown(process)
            }
        case .unlink(let key):
            supervisor.linkedChildren.removeAll { $0 == key }
            processes[key]?.isLinked = false
        case .setTimer(let key, let nanoseconds):
            timers.append(ArmedTimer(due: now + nanoseconds, supervisor: supervisor.key, key: key))
        case .cancelTimer(let key):
            timers.removeAll { $0.supervisor == supervisor.key && $0.key == key }
        case .retryLater(let key): deliver(supervisor, .retry(key))
        case .reply(let call, let reply): answer(supervisor, call, reply)
        case .inquire(let call, let inquiry): answer(supervisor, call, inquiry.reply { isAlive($0) })
        case .report(let report): trace.add(step, actor, words(report, supervisor))
        case .discard: break
        case .end(let reason): end(supervisor, reason)
        }
    }

    // MARK: Start functions

    /// One call of a start function, by a supervisor or by the root's parent.
    func startFunction(_ path: String, extra: [UInt8], supervisor: Process?, attempt: StartAttempt?) {
        let number = (counts[path] ?? 0) + 1
        counts[path] = number
        guard let node = definitions[path] else { return }
        if let supervisor {
            trace.add(
                step, supervisor.name, "start \(path)#\(number)" + extra.map { " x\($0)" }.joined())
        }
        let outcome = number <= node.script.count ? node.script[number - 1] : .ok
        evaluate(outcome, node, path, number, supervisor, attempt)
    }

    func go(_ held: HeldStart) {
        heldStarts.removeAll { $0.path == held.path && $0.number == held.number }
        guard let supervisor = processes[held.supervisor] else { return }
        if supervisor.isSuspended { supervisor.pendingStart = held } else { evaluate(held) }
    }

    func evaluate(_ held: HeldStart) {
        evaluate(held.outcome, held.node, held.path, held.number, processes[held.supervisor], held.attempt)
    }

    private func evaluate(
        _ outcome: Outcome, _ node: Node, _ path: String, _ number: Int, _ supervisor: Process?,
        _ attempt: StartAttempt?
    ) {
        func answer(_ outcome: StartOutcome) {
            if let supervisor, let attempt { deliver(supervisor, .started(attempt, outcome)) }
        }
        switch outcome {
        case .hold(let then):
            guard let supervisor else { return }
            heldStarts.append(
                HeldStart(
                    path: path, node: node, number: number, supervisor: supervisor.key, attempt: attempt,
                    outcome: then))
        case .error(let word): answer(.error(ExitReason(word)))
        case .exit(let word): answer(.error(ExitReason("crash(\(word))")))
        case .bad(let word): answer(.error(ExitReason("bad(\(word))")))
        case .ok, .info, .ignore, .dead:
            switch node.body {
            case .worker(let stop, let linked):
                if outcome == .ignore { return answer(.ignore) }
                let process = spawn(path, number, supervisor, stop, linked)
                if case .dead(let word) = outcome { end(process, ExitReason(word)) }
                var info: [UInt8]?
                if case .info(let word) = outcome { info = Array(word.utf8) }
                answer(.ok(process.key, info: info))
            case .supervisor(let tree):
                startSupervisor(tree, outcome, path, number, supervisor, attempt)
            }
        }
    }

    private func spawn(
        _ path: String, _ number: Int, _ supervisor: Process?, _ stop: StopBehaviour?, _ isLinked: Bool
    ) -> Process {
        let key = ProcessKey(rawValue: UInt64(processes.count) + 100)
        let process = Process(
            key: key, path: path, number: number, parent: supervisor?.key, stop: stop, isLinked: isLinked)
        processes[key] = process
        byPath[path, default: []].append(key)
        if isLinked { supervisor?.linkedChildren.append(key) }
        return process
    }

    private func startSupervisor(
        _ tree: Tree, _ outcome: Outcome, _ path: String, _ number: Int, _ supervisor: Process?,
        _ attempt: StartAttempt?
    ) {
        let process = spawn(path, number, supervisor, nil, true)
        process.attempt = attempt
        if outcome == .ignore {
            if let supervisor, let attempt { deliver(supervisor, .started(attempt, .ignore)) }
            process.isReady = true
            return end(process, .normal)
        }
        if case .info(let word) = outcome { process.info = word }
        let flags = SupervisorFlags(
            strategy: tree.strategy, intensity: tree.intensity, period: tree.period, autoShutdown: tree.autoShutdown)
        do throws(SpecError) {
            process.machine = try Supervisor(flags: flags, children: tree.children.map { spec($0, under: path) })
            deliver(process, .begin)
        } catch {
            if supervisor == nil { trace.add(step, "parent", "root error badspec") }
            end(process, ExitReason("badspec"))
        }
    }

    func spec(_ node: Node, under path: String) -> ChildSpec {
        let shutdown: Shutdown =
            switch node.shutdown {
            case .brutalKill: .brutalKill
            case .infinity: .infinity
            case .long: .timeout(nanoseconds: World.forever)
            case .short: .timeout(nanoseconds: World.short(node, under: path))
            }
        let place = pathPlaces["\(path).\(node.id)"] ?? 0
        return ChildSpec(
            id: ChildID(node.id), start: StartKey(rawValue: UInt64(place)), restart: node.restart,
            significant: node.significant, shutdown: shutdown, kind: node.kind)
    }

    /// Different for every level, so that timers that are set together do not expire together.
    static func short(_ node: Node, under path: String) -> UInt64 {
        guard case .supervisor = node.body else { return 2 * unit }
        return path == "r" ? 5 * unit : 3 * unit
    }

    // MARK: Requests

    func call(_ supervisor: Process, _ ask: Ask) {
        let call = CallKey(rawValue: UInt64(callSteps.count))
        callSteps[call] = step
        supervisor.calls.append(call)
        if case .start(let node) = ask { define("\(supervisor.path).\(node.id)", node) }
        deliver(supervisor, .call(call, request(ask, supervisor)))
    }

    private func request(_ ask: Ask, _ supervisor: Process) -> Request {
        switch ask {
        case .start(let node): .startChild(spec(node, under: supervisor.path))
        case .startExtra(let extra): .startDynamicChild(extra: [extra])
        case .terminate(let who): .terminateChild(key(who))
        case .restart(let id): .restartChild(ChildID(id))
        case .delete(let id): .deleteChild(ChildID(id))
        case .get(let who): .childSpec(key(who))
        case .which: .whichChildren
        case .count: .countChildren
        }
    }

    private func key(_ who: Who) -> ChildKey {
        switch who {
        case .id(let id): .id(ChildID(id))
        case .process(let path, let number):
            .process((byPath[path] ?? []).first { processes[$0]?.number == number } ?? World.strangerKey)
        }
    }

    private func answer(_ supervisor: Process, _ call: CallKey, _ reply: Reply) {
        supervisor.calls.removeAll { $0 == call }
        trace.add(step, "reply", "\(callSteps[call] ?? 0) \(words(reply, supervisor))")
    }

    // MARK: Words

    func name(_ key: ProcessKey) -> String { processes[key]?.name ?? "stranger" }

    private func words(_ process: ChildProcess) -> String {
        switch process {
        case .none: "undefined"
        case .running(let key): name(key)
        case .restarting(let key): "restarting \(key.map { name($0) } ?? "undefined")"
        }
    }

    private func words(_ report: Report, _ supervisor: Process) -> String {
        // What names no process, where there are only processes to name, speaks of several.
        let isGroup =
            supervisor.isSimple && report.context == .shutdownError && report.process == .none
        let who = isGroup ? "n=\(report.count)" : words(report.process)
        let reason = report.reason?.word ?? "reached_max_restart_intensity"
        return "report \(report.context.rawValue) \(report.child) \(who) \(reason)"
    }

    private func words(_ reply: Reply, _ supervisor: Process) -> String {
        switch reply {
        case .ok: return "ok"
        case .started(let key, let info):
            let info = info.map { " " + String(decoding: $0, as: UTF8.self) } ?? ""
            return "ok \(key.map { name($0) } ?? "undefined")\(info)"
        case .spec(let spec):
            let shutdown =
                switch spec.shutdown {
                case .brutalKill: "brutal_kill"
                case .infinity: "infinity"
                case .timeout(let time): time == World.forever ? "long" : "short"
                }
            return "spec \(spec.id) \(spec.restart.term) \(spec.significant) \(shutdown) \(spec.kind.term)"
        case .child: return "child"
        case .children(let children):
            let lines = children.map { child in
                let process = child.process.isRestarting ? "restarting" : words(child.process)
                return "{\(child.id?.name ?? "undefined") \(process) \(child.kind.term)}"
            }
            return (supervisor.isSimple ? lines.sorted() : lines).joined()
        case .counts(let counts):
            return " \(counts.specs) \(counts.active) \(counts.supervisors) \(counts.workers)"
        case .error(let error):
            switch error {
            case .alreadyPresent: return "error already_present"
            case .alreadyStarted(let key): return "error already_started \(name(key))"
            case .startFailed(let reason): return "error \(reason.word)"
            case .badSpec: return "error badspec"
            case .notFound: return "error not_found"
            case .running: return "error running"
            case .restarting: return "error restarting"
            case .simpleOneForOne: return "error simple_one_for_one"
            }
        }
    }
}

extension ExitReason {
    init(_ word: Word) {
        switch word {
        case "normal": self = .normal
        case "shutdown": self = .shutdown
        case "kill": self = .kill
        case "killed": self = .killed
        case "noproc": self = .noproc
        default:
            if word.hasPrefix("shutdown("), word.hasSuffix(")") {
                self = .shutdownWith(Array(word.dropFirst(9).dropLast().utf8))
            } else {
                self = .bytes(Array(word.utf8))
            }
        }
    }

    /// As oracle.erl writes it.
    var word: Word {
        guard case .shutdownWith(let bytes) = self else { return words }
        return Self.word(shutdownWith: String(decoding: bytes, as: UTF8.self)[...])
    }

    private static func word(shutdownWith text: Substring) -> Word {
        let mark = "failed_to_start_child: "
        guard text.hasPrefix(mark), let colon = text.dropFirst(mark.count).firstIndex(of: ":") else {
            return "shutdown(\(text))"
        }
        let id = text.dropFirst(mark.count)[..<colon]
        let rest = text[colon...].dropFirst(2)
        let inner = rest.hasPrefix("shutdown: ") ? word(shutdownWith: rest.dropFirst(10)) : String(rest)
        return "failed(\(id) \(inner))"
    }
}
