// Runs SignalPrograms on the runtime: bodies that do what they are asked, and a root process that asks and writes down what came of it.

import CapabilityModel
import ProcessRuntime

/// Used by one thread at a time: the root asks one process, and looks again once that one has answered and nothing is under way.
final class RuntimeSignals {
    private enum Phase {
        case begin, ask, collect, close, closed
    }

    /// A monitor, an alias or both, and whose.
    private struct Reference {
        let owner: ProcessID
        var monitor: MonitorID?
        var alias: AliasID?
    }

    private static let askTag: UInt64 = 1

    private let programs: [SignalProgram]
    /// On the only worker, whose slices do not end, the root's turn comes when nobody else has anything to do. Else it has to ask
    /// everybody, as often as signals may cause signals.
    private let isAlone: Bool
    private(set) var lines: [String] = []

    private var phase = Phase.begin
    private var program = SignalProgram(steps: [])
    private var steps: [SignalStep] = []
    private var index = 0
    private var number: Int { index + SignalProgram.first }
    private var root = ProcessID.outside
    private var slots: [Int: ProcessID] = [:]
    private var numbers: [ProcessID: Int] = [:]
    private var monitorNumbers: [MonitorID: Int] = [:]
    private var references: [Int: Reference] = [:]
    private var alive: Set<ProcessID> = []
    private var newborn: ProcessID?
    private var result = ""
    private var outcomes: [String] = []
    private var deaths: [(Int, String)] = []
    private var endings: [ProcessID: ExitReason] = [:]

    private var isSettled = true
    private var silent: Set<ProcessID> = []
    private var rounds = 0

    private init(_ programs: [SignalProgram], isAlone: Bool) {
        self.programs = programs
        self.isAlone = isAlone
    }

    /// A line for each program, as signals.escript answers.
    static func run(_ programs: [SignalProgram], on machine: Machine) throws -> [String] {
        let isAlone = machine.workers == 1
        let driver = RuntimeSignals(programs, isAlone: isAlone)
        let slice: UInt64 = isAlone ? 3_600_000_000_000 : 1_000_000
        try machine.run(trapsExits: true, sliceNanoseconds: slice) { driver.slice($0) }
        return driver.lines
    }

    // MARK: The root

    private func slice(_ process: Process) -> Suspension {
        // Once, for the others read it.
        if root == .outside { root = process.id }
        while true {
            if !isSettled, let suspension = settle(process) { return suspension }
            switch phase {
            case .begin:
                guard lines.count < programs.count else { return .finished(.normal) }
                begin(process)
            case .ask:
                guard index < steps.count else {
                    phase = .close
                    continue
                }
                phase = .collect
                ask(process)
            case .collect:
                if let born = newborn { _ = process.monitor(born) }
                newborn = nil
                let texts = deaths.sorted { $0.0 < $1.0 }.map { " \($0.0)+\($0.1)" }
                outcomes.append(result + texts.joined())
                deaths = []
                index += 1
                phase = .ask
            case .close:
                for name in 0..<SignalProgram.names {
                    outcomes.append(process.runtime.names.whereis([UInt8(name)]).map(text) ?? "none")
                }
                for each in alive { process.exit(each, .kill) }
                phase = .closed
                unsettle(process, first: nil)
            case .closed:
                lines.append(outcomes.joined(separator: ";"))
                phase = .begin
            }
        }
    }

    private func begin(_ process: Process) {
        program = programs[lines.count]
        steps = program.allSteps
        index = 0
        (slots, numbers, monitorNumbers, references, alive) = ([:], [:], [:], [:], [])
        (outcomes, deaths, endings) = ([], [], [:])
        for slot in 0..<SignalProgram.first {
            let spawned = process.spawn(monitor: true) { self.idle($0) }
            slots[slot] = spawned.process
            numbers[spawned.process] = slot
            alive.insert(spawned.process)
        }
        phase = .ask
        unsettle(process, first: nil)
    }

    private func ask(_ process: Process) {
        result = "-"
        guard let actor = actor(of: steps[index]), alive.contains(actor) else { return }
        result = "gone"
        process.send(UInt64(index) + 1, to: actor, tag: RuntimeSignals.askTag)
        unsettle(process, first: actor)
    }

    private func actor(of step: SignalStep) -> ProcessID? {
        if let slot = step.actor { return slots[slot] }
        switch step {
        case .demonitor(let number, _):
            guard let reference = references[number], reference.monitor != nil else { return nil }
            return reference.owner
        case .unalias(let number):
            guard let reference = references[number], reference.monitor == nil else { return nil }
            return reference.owner
        default: return nil
        }
    }

    // MARK: Until nothing is under way

    /// `first` is to have answered before anybody looks at what it may change.
    private func unsettle(_ process: Process, first: ProcessID?) {
        isSettled = false
        rounds = 0
        guard !isAlone else { return }
        if let first { ping(process, [first]) }
    }

    private func ping(_ process: Process, _ targets: Set<ProcessID>) {
        silent = targets
        for target in targets { process.send(0, to: target, tag: RuntimeSignals.askTag) }
    }

    /// nil when nothing is under way any more.
    private func settle(_ process: Process) -> Suspension? {
        if isAlone && rounds == 0 {
            rounds = 1
            return .yielded
        }
        while let (kind, sender) = process.takeNotice() {
            silent.remove(sender)
            guard case .down(_, let reason) = kind, alive.remove(sender) != nil else { continue }
            deaths.append((numbers[sender] ?? -1, RuntimeSignals.text(reason)))
            rounds = 0
        }
        isSettled = isAlone
        if isAlone { return nil }
        if !silent.isEmpty { return .awaitingMessage }
        // Who has ended still says farewell.
        if process.runtime.processCount != alive.count + 1 { return .yielded }
        // What one handles in a round was sent in the one before; an unlink is answered, and the answer handled.
        if rounds == 3 || alive.isEmpty {
            isSettled = true
            return nil
        }
        rounds += 1
        ping(process, alive)
        return .awaitingMessage
    }

    // MARK: The others

    private func idle(_ process: Process) -> Suspension {
        while let (value, _) = process.take([RuntimeSignals.askTag]) {
            if value == 0 {
                process.send(0, to: root)
                continue
            }
            result = perform(steps[Int(value) - 1], process)
            if let reason = endings[process.id] { return .finished(reason) }
        }
        return .awaitingMessage
    }

    private func perform(_ step: SignalStep, _ own: Process) -> String {
        switch step {
        case .nothing: return "-"
        case .spawn(_, let slot, let link, let monitor, let traps):
            if let old = slots[slot], alive.contains(old) { return "-" }
            let spawned = own.spawn(link: link, monitor: monitor, trapsExits: traps) { self.idle($0) }
            slots[slot] = spawned.process
            numbers[spawned.process] = number
            alive.insert(spawned.process)
            newborn = spawned.process
            if let monitor = spawned.monitor { refer(own, monitor, nil) }
            return "ok"
        case .link(_, let slot): return with(slot) { own.link($0) == .linked ? "ok" : "noproc" }
        case .unlink(_, let slot): return with(slot) { done(own.unlink($0)) }
        case .monitor(_, let slot, let alias):
            return with(slot) {
                let (monitor, address) = own.monitor($0, alias: alias)
                return done(refer(own, monitor, address))
            }
        case .demonitor(let number, let flush):
            guard let monitor = references[number]?.monitor else { return "-" }
            return done(own.demonitor(monitor, flush: flush))
        case .trap(_, let traps): return done(own.trapsExits = traps)
        case .end(_, let reason):
            endings[own.id] = RuntimeSignals.exitReason(reason)
            return "gone"
        case .exit(_, let slot, let reason):
            return with(slot) {
                own.exit($0, RuntimeSignals.exitReason(reason))
                return $0 == own.id && own.hasPendingExit ? "gone" : "ok"
            }
        case .send(_, let slot): return with(slot) { done(own.send(UInt64(number), to: $0)) }
        case .sendToName(_, let name):
            guard let target = own.runtime.names.whereis([UInt8(name)]) else { return "badarg" }
            return done(own.send(UInt64(number), to: target))
        case .sendToAlias(_, let number):
            guard let reference = references[number] else { return "-" }
            return done(reference.alias.map { own.send(UInt64(number), through: $0, of: reference.owner) })
        case .register(_, let name, let slot): return with(slot) { register(own, UInt8(name), $0) }
        case .unregister(_, let name): return own.runtime.names.unregister([UInt8(name)]) ? "ok" : "badarg"
        case .whereis(_, let name): return own.runtime.names.whereis([UInt8(name)]).map(text) ?? "none"
        case .alias:
            references[number] = Reference(owner: own.id, alias: own.makeAlias())
            return "ok"
        case .unalias(let number): return done(references[number]?.alias.map { own.dropAlias($0) })
        case .drain: return drain(own)
        case .isAlive(_, let slot): return with(slot) { "\(own.isAlive($0))" }
        }
    }

    private func with(_ slot: Int, _ body: (ProcessID) -> String) -> String {
        slots[slot].map(body) ?? "-"
    }

    private func done<Result>(_ result: Result) -> String { "ok" }

    private func refer(_ own: Process, _ monitor: MonitorID, _ alias: AliasID?) {
        monitorNumbers[monitor] = number
        references[number] = Reference(owner: own.id, monitor: monitor, alias: alias)
    }

    private func register(_ own: Process, _ name: UInt8, _ target: ProcessID) -> String {
        let names = own.runtime.names
        let hasOne = (0..<SignalProgram.names).contains { names.whereis([UInt8($0)]) == target }
        if hasOne && own.isAlive(target) { return "named" }
        let outcome = names.register([name], for: target, payer: own.account) { own.isAlive(target) }
        return outcome == .registered ? "ok" : "badarg"
    }

    private func drain(_ own: Process) -> String {
        var items: [SignalItem] = []
        while let (kind, value, sender) = own.takeAnything() {
            if sender == root {
                own.send(0, to: root)
                continue
            }
            let from = numbers[sender] ?? -1
            switch kind {
            case .data: items.append(.data(from, Int(value)))
            case .exit(let reason): items.append(.exit(from, RuntimeSignals.text(reason)))
            case .down(let monitor, let reason):
                items.append(.down(from, monitorNumbers[monitor] ?? -1, RuntimeSignals.text(reason)))
            }
        }
        return SignalItem.text(items)
    }

    // MARK: Words

    private func text(_ process: ProcessID) -> String { numbers[process].map(String.init) ?? "unknown" }

    private static func exitReason(_ reason: SignalReason) -> ExitReason {
        switch reason {
        case .normal: .normal
        case .shutdown: .shutdown
        case .kill: .kill
        case .killed: .killed
        case .noproc: .noproc
        case .seven, .eight: .bytes([UInt8(reason.rawValue)])
        }
    }

    private static func text(_ reason: ExitReason) -> String {
        SignalReason.allCases.first { exitReason($0) == reason }?.name ?? "\(reason)"
    }
}
