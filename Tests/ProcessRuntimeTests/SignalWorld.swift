// A world of processes on SignalState without a runtime: a queue for each pair, and whoever drives it chooses what is delivered
// next. Every step is also made by ModelProcess, and compared; and the world knows enough of what happened to judge the trace.

import CapabilityModel
import ProcessRuntime
import Testing

/// What a pair's queue holds.
enum Delivery: Hashable {
    case signal(Signal)
    case message(UInt64, through: AliasID?)
}

enum Letter: Hashable {
    case data(UInt64, from: ProcessID)
    case exit(from: ProcessID, ExitReason)
    case down(MonitorID, from: ProcessID, ExitReason)

    var sender: ProcessID {
        switch self {
        case .data(_, let sender), .exit(let sender, _), .down(_, let sender, _): sender
        }
    }
}

final class WorldProcess {
    enum Life {
        case alive
        /// Ended; its farewells are not all sent yet.
        case leaving
        /// All is sent; its queue is still answered by the process.
        case answering
        /// Its block is free: the runtime answers.
        case gone
    }

    let id: ProcessID
    var state: SignalState
    var model: ModelProcess
    var cursor = SignalState.FarewellCursor()
    var life = Life.alive
    var reason: ExitReason?
    var mailbox: [Letter] = []
    /// Everything that ever came into the mailbox.
    var history: [Letter] = []
    /// The highest number of a message from each sender.
    var heard: [ProcessID: UInt64] = [:]
    var names: Set<[UInt8]> = []
    /// Peers unlinked, with no link made since by either side as far as this process knows.
    var unlinked: Set<ProcessID> = []

    init(_ id: ProcessID, state: consuming SignalState, model: ModelProcess) {
        self.id = id
        self.state = state
        self.model = model
    }
}

final class SignalWorld {
    struct Pair: Hashable {
        var from: ProcessID
        var to: ProcessID
    }

    /// Index 0 is no process, so that ids are indices.
    private(set) var processes: [WorldProcess] = []
    private(set) var queues: [Pair: [Delivery]] = [:]
    /// Who watches whom, for every monitor ever made; nil once it was ended by demonitor.
    private(set) var monitors: [MonitorID: Pair?] = [:]
    private(set) var aliases: [(alias: AliasID, owner: ProcessID)] = []
    let names = NameRegistry()
    let account = Account(limits: .default)
    private var lastNumber: UInt64 = 0
    private(set) var problems: [String] = []

    private func number() -> UInt64 {
        lastNumber += 1
        return lastNumber
    }

    private func require(_ truth: Bool, _ problem: @autoclosure () -> String) {
        if !truth { problems.append(problem()) }
    }

    subscript(id: ProcessID) -> WorldProcess { processes[Int(id.rawValue) - 1] }

    var alive: [WorldProcess] { processes.filter { $0.life == .alive } }

    // MARK: What processes do

    @discardableResult
    func spawn(by parent: ProcessID?, link: Bool, monitor: Bool, alias: Bool, traps: Bool) -> ProcessID {
        let id = ProcessID(rawValue: UInt64(processes.count) + 1)
        var model = ModelProcess(id: id, trapsExits: traps)
        var watcher: (MonitorID, ProcessID)?
        if let parent {
            if link {
                model.links[parent] = true
                self[parent].unlinked.remove(id)
            }
            if monitor {
                let monitor = MonitorID(rawValue: number())
                model.watchers[monitor] = parent
                watcher = (monitor, parent)
            }
        }
        processes.append(
            WorldProcess(
                id, state: SignalState(trapsExits: traps, linkedTo: link ? parent : nil, watchedBy: watcher),
                model: model))
        if let parent, link { step(parent, .spawnedLink(id)) }
        if let parent, let watcher {
            let alias = alias ? newAlias(of: parent) : nil
            monitors[watcher.0] = Pair(from: parent, to: id)
            step(parent, .spawnedMonitor(watcher.0, id, alias: alias))
        }
        return id
    }

    /// Whether the call succeeded.
    @discardableResult
    func link(_ process: ProcessID, _ peer: ProcessID) -> Bool {
        let isGone = self[peer].life != .alive
        let outcome = step(process, .link(peer, isGone: isGone))
        if outcome != .noSuchProcess { self[process].unlinked.remove(peer) }
        return outcome != .noSuchProcess
    }

    func unlink(_ process: ProcessID, _ peer: ProcessID) {
        step(process, .unlink(peer))
        if process != peer { self[process].unlinked.insert(peer) }
    }

    @discardableResult
    func monitor(_ process: ProcessID, _ target: ProcessID, alias: Bool) -> MonitorID {
        let monitor = MonitorID(rawValue: number())
        monitors[monitor] = Pair(from: process, to: target)
        step(process, .monitor(monitor, target, alias: alias ? newAlias(of: process) : nil))
        return monitor
    }

    func demonitor(_ process: ProcessID, _ monitor: MonitorID, flush: Bool) {
        let wasWatching = self[process].state.isWatching(monitor)
        step(process, .demonitor(monitor))
        require(!self[process].state.isWatching(monitor), "\(monitor) after demonitor")
        if wasWatching { monitors[monitor] = .some(nil) }
        if flush {
            self[process].mailbox.removeAll { if case .down(monitor, _, _) = $0 { true } else { false } }
        }
    }

    func makeAlias(_ process: ProcessID) {
        step(process, .alias(newAlias(of: process)))
    }

    private func newAlias(of process: ProcessID) -> AliasID {
        let alias = AliasID(rawValue: number())
        aliases.append((alias, process))
        return alias
    }

    func dropAlias(_ process: ProcessID, _ alias: AliasID) {
        step(process, .dropAlias(alias))
    }

    func trapExits(_ process: ProcessID, _ traps: Bool) {
        step(process, .trapExits(traps))
    }

    func send(_ process: ProcessID, _ target: ProcessID, through alias: AliasID? = nil) {
        put(.message(number(), through: alias), from: process, to: target)
    }

    func exit(_ process: ProcessID, _ target: ProcessID, _ reason: ExitReason) {
        put(.signal(.exit(reason)), from: process, to: target)
    }

    func end(_ process: ProcessID, _ reason: ExitReason) {
        step(process, .ended)
        finish(process, reason)
    }

    func register(_ process: ProcessID, _ name: [UInt8]) {
        let outcome = names.register(name, for: process, payer: account) { self[process].life == .alive }
        if outcome == .registered { self[process].names.insert(name) }
    }

    // MARK: What the runtime does

    private func put(_ delivery: Delivery, from sender: ProcessID, to target: ProcessID) {
        queues[Pair(from: sender, to: target), default: []].append(delivery)
    }

    private func finish(_ process: ProcessID, _ reason: ExitReason) {
        let own = self[process]
        own.life = .leaving
        own.reason = reason
        let bonds = own.bonds
        require(bonds.links == Set(own.model.links.filter(\.value).keys), "\(process): farewells to \(bonds.links)")
        require(bonds.watchers == Set(own.model.watchers.keys), "\(process): DOWNs of \(bonds.watchers)")
        require(bonds.watched == Set(own.model.monitoring.keys), "\(process): demonitors \(bonds.watched)")
        names.release(process)
        for name in own.names { require(names.whereis(name) != process, "\(process) has a name after its end") }
    }

    /// Says the next farewell of one that has ended, or moves on to its next stage of being gone.
    func continueEnd(_ process: ProcessID) {
        let own = self[process]
        switch own.life {
        case .alive, .gone: return
        case .leaving:
            guard let farewell = own.state.farewell(after: &own.cursor), let reason = own.reason else {
                own.life = .answering
                return
            }
            put(.signal(farewell.signal(reason)), from: process, to: farewell.target)
        case .answering:
            own.state.removeAll()
            own.life = .gone
        }
    }

    func deliver(_ pair: Pair) {
        guard var queue = queues[pair], !queue.isEmpty else { return }
        let delivery = queue.removeFirst()
        queues[pair] = queue.isEmpty ? nil : queue
        let target = self[pair.to]
        switch (target.life, delivery) {
        // Signals that have come are taken after the last farewell.
        case (.leaving, _): queues[pair] = [delivery] + queue
        case (.gone, .signal(let signal)):
            if let answer = signal.answerOfTheGone { put(.signal(answer), from: pair.to, to: pair.from) }
        case (.gone, .message): break
        case (.alive, .message(let message, nil)), (.answering, .message(let message, nil)):
            if target.life == .alive { append(.data(message, from: pair.from), to: target) }
        case (.alive, .message(let message, let alias?)), (.answering, .message(let message, let alias?)):
            if step(pair.to, .message(through: alias)) == .deliver {
                append(.data(message, from: pair.from), to: target)
            }
        case (.alive, .signal(let signal)), (.answering, .signal(let signal)):
            if signal == .link { target.unlinked.remove(pair.from) }
            step(pair.to, .signal(signal, from: pair.from))
        }
    }

    private func append(_ letter: Letter, to process: WorldProcess) {
        switch letter {
        case .data(let message, let sender):
            require(message > process.heard[sender] ?? 0, "\(message) from \(sender) out of order at \(process.id)")
            process.heard[sender] = message
        case .exit, .down: break
        }
        process.mailbox.append(letter)
        process.history.append(letter)
    }

    /// Makes a step on the state and on the model, compares, and does what came of it.
    @discardableResult
    private func step(_ process: ProcessID, _ event: SignalEvent) -> SignalEffect {
        let own = self[process]
        let effect = own.state.handle(event, of: process)
        let expected = own.model.handle(event)
        require(effect.withoutNumber == expected, "\(process): \(event) gave \(effect), expected \(expected)")
        let (records, known) = (own.state.recordCount, own.model.recordCount)
        require(records == known, "\(process): \(records) records after \(event), expected \(known)")
        switch effect {
        case .none, .deliver, .discard, .noSuchProcess: break
        case .send(let signal, let target): put(.signal(signal), from: process, to: target)
        case .exitMessage(let sender, let reason):
            if case .signal(.linkExit, _) = event {
                require(!own.unlinked.contains(sender), "EXIT of \(sender) at \(process) after unlink")
            }
            append(.exit(from: sender, reason), to: own)
        case .downMessage(let monitor, let target, let reason):
            let pending = (queues[Pair(from: target, to: process)] ?? []).contains {
                if case .message = $0 { true } else { false }
            }
            require(!pending && self[target].life != .alive, "DOWN of \(target) at \(process) before all it sent")
            append(.down(monitor, from: target, reason), to: own)
        case .end(let reason):
            if case .signal(.linkExit, let sender) = event {
                require(!own.unlinked.contains(sender), "\(process) ended by \(sender) after unlink")
            }
            finish(process, reason)
        }
        return effect
    }
}

extension SignalEffect {
    /// Unlinks and their answers as the model has them.
    fileprivate var withoutNumber: SignalEffect {
        switch self {
        case .send(.unlink, let target): .send(.unlink(0), to: target)
        case .send(.unlinkAck, let target): .send(.unlinkAck(0), to: target)
        default: self
        }
    }
}

// MARK: At rest

extension SignalWorld {
    /// What must hold once nothing is under way. `Link`s are symmetric, no record names one that is gone, each monitor of one
    /// that has ended gave one DOWN.
    func problemsAtRest() -> [String] {
        var found = problems
        for process in alive {
            let bonds = process.bonds
            for peer in bonds.links {
                if self[peer].life != .alive { found.append("\(process.id) is linked to \(peer), which is gone") }
                if !self[peer].bonds.links.contains(process.id) {
                    found.append("\(process.id) is linked to \(peer), not the other way")
                }
            }
            for monitor in bonds.watchers where monitors[monitor] == .some(nil) {
                found.append("\(process.id) has a watcher that demonitored")
            }
            if process.model.links.values.contains(false) {
                found.append("\(process.id) awaits an answer to an unlink")
            }
        }
        for (monitor, pair) in monitors {
            guard let pair, self[pair.from].life == .alive else { continue }
            let downs = self[pair.from].history.filter { if case .down(monitor, _, _) = $0 { true } else { false } }
            let expected = self[pair.to].life == .alive ? 0 : 1
            if downs.count != expected { found.append("\(downs.count) DOWNs of \(monitor), not \(expected)") }
            for case .down(_, let target, let reason) in downs where target != pair.to || !isReason(reason, of: target)
            {
                found.append("DOWN of \(monitor): \(target), \(reason)")
            }
        }
        return found
    }

    private func isReason(_ reason: ExitReason, of process: ProcessID) -> Bool {
        reason == .noproc || reason == self[process].reason
    }
}

extension WorldProcess {
    /// Its active links, who watches it, and whom it watches.
    var bonds: (links: Set<ProcessID>, watchers: Set<MonitorID>, watched: Set<MonitorID>) {
        var links: Set<ProcessID> = []
        var watchers: Set<MonitorID> = []
        var watched: Set<MonitorID> = []
        var cursor = SignalState.FarewellCursor()
        while let farewell = state.farewell(after: &cursor) {
            switch farewell {
            case .linkExit(let peer): links.insert(peer)
            case .down(let monitor, _): watchers.insert(monitor)
            case .demonitor(let monitor, _): watched.insert(monitor)
            }
        }
        return (links, watchers, watched)
    }
}
