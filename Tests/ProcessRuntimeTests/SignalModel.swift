// Erlang's signals once more, written from the documentation alone and as plainly as possible, for SignalState to be compared
// with: one dictionary for each thing, no numbers on unlinks.

import CapabilityModel
import ProcessRuntime

/// One process. What it says is in the words of `SignalEffect`; the number of an unlink is 0 here.
struct ModelProcess {
    let id: ProcessID
    /// Whether the link is active; a peer without a link has no entry.
    var links: [ProcessID: Bool] = [:]
    /// Unlinks that a peer has not acknowledged yet. They are acknowledged in order, so the last one is when none is left.
    private var unanswered: [ProcessID: Int] = [:]
    var monitoring: [MonitorID: ProcessID] = [:]
    var monitorAliases: [MonitorID: AliasID] = [:]
    var watchers: [MonitorID: ProcessID] = [:]
    /// Those that stay until they are dropped, and those that stay for one message.
    var lastingAliases: Set<AliasID> = []
    var singleAliases: Set<AliasID> = []
    var trapsExits: Bool
    var hasEnded = false

    init(id: ProcessID, trapsExits: Bool) {
        self.id = id
        self.trapsExits = trapsExits
    }

    /// How many things it keeps.
    var recordCount: Int {
        links.count + monitoring.count + watchers.count + lastingAliases.count + singleAliases.count
    }

    mutating func handle(_ event: SignalEvent) -> SignalEffect {
        if hasEnded {
            guard case .signal(let signal, let sender) = event else {
                if case .message = event { return .discard }
                return .none
            }
            if case .link = signal { return .send(.linkExit(.noproc), to: sender) }
            if case .monitor(let monitor) = signal { return .send(.down(monitor, .noproc), to: sender) }
            if case .unlink = signal { return .send(.unlinkAck(0), to: sender) }
            return .none
        }
        switch event {
        case .signal(let signal, let sender): return receive(signal, sender)
        case .message(let alias):
            if singleAliases.remove(alias) != nil { return .deliver }
            return lastingAliases.contains(alias) ? .deliver : .discard
        case .link(let peer, let isGone):
            if peer == id || links[peer] == true { return .none }
            if isGone && !trapsExits { return .noSuchProcess }
            links[peer] = true
            return .send(.link, to: peer)
        case .unlink(let peer):
            guard links[peer] == true else { return .none }
            links[peer] = false
            unanswered[peer, default: 0] += 1
            return .send(.unlink(0), to: peer)
        case .monitor(let monitor, let target, let alias):
            startMonitoring(monitor, target, alias)
            return target == id ? .none : .send(.monitor(monitor), to: target)
        case .demonitor(let monitor):
            guard let target = stopMonitoring(monitor), target != id else { return .none }
            return .send(.demonitor(monitor), to: target)
        case .alias(let alias): lastingAliases.insert(alias)
        case .dropAlias(let alias):
            lastingAliases.remove(alias)
            singleAliases.remove(alias)
        case .trapExits(let traps): trapsExits = traps
        case .spawnedLink(let child): links[child] = true
        case .spawnedMonitor(let monitor, let child, let alias): startMonitoring(monitor, child, alias)
        case .ended: hasEnded = true
        }
        return .none
    }

    private mutating func receive(_ signal: Signal, _ sender: ProcessID) -> SignalEffect {
        switch signal {
        case .link:
            if links[sender] == nil { links[sender] = true }
            return .none
        case .unlink:
            if links[sender] == true { links[sender] = nil }
            return .send(.unlinkAck(0), to: sender)
        case .unlinkAck:
            unanswered[sender, default: 0] -= 1
            if links[sender] == false, unanswered[sender] == 0 { links[sender] = nil }
            return .none
        case .monitor(let monitor):
            watchers[monitor] = sender
            return .none
        case .demonitor(let monitor):
            watchers[monitor] = nil
            return .none
        case .down(let monitor, let reason):
            return stopMonitoring(monitor) == nil ? .none : .downMessage(monitor, from: sender, reason)
        case .linkExit(let reason):
            guard links.removeValue(forKey: sender) == true else { return .none }
            if trapsExits { return .exitMessage(from: sender, reason) }
            return reason == .normal ? .none : end(reason)
        case .exit(let reason):
            if reason == .kill { return end(.killed) }
            if trapsExits { return .exitMessage(from: sender, reason) }
            if reason == .normal && sender != id { return .none }
            return end(reason)
        }
    }

    private mutating func end(_ reason: ExitReason) -> SignalEffect {
        hasEnded = true
        return .end(reason)
    }

    private mutating func startMonitoring(_ monitor: MonitorID, _ target: ProcessID, _ alias: AliasID?) {
        monitoring[monitor] = target
        guard let alias else { return }
        monitorAliases[monitor] = alias
        singleAliases.insert(alias)
    }

    private mutating func stopMonitoring(_ monitor: MonitorID) -> ProcessID? {
        if let alias = monitorAliases.removeValue(forKey: monitor) { singleAliases.remove(alias) }
        return monitoring.removeValue(forKey: monitor)
    }
}
