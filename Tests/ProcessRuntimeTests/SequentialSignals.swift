// What Erlang's processes do in a SignalProgram, as plainly as possible: and, for tests of the comparison, with one rule broken.

struct SequentialSignals {
    enum Fault: CaseIterable {
        case killIsSeenAsKill, killIsTrapped, linkedKillIsUntrappable, linkedKillBecomesKilled
        case normalKillsOverLinks, normalKillsByExit, normalToSelfIsIgnored, trappedNormalIsDropped
        case unlinkDoesNothing, unlinkDropsTheExit, linksCount, deadLinkNeverFails, deadLinkIsSilent
        case monitorsDoNotStack, deadMonitorIsSilent, demonitorDoesNothing, demonitorFlushes, flushDoesNothing
        case demonitorKeepsTheAlias, downKeepsTheAlias, aliasTakesTwo, unaliasDoesNothing, downsComeFirst
        case namesOutlive, spawnDoesNotLink, spawnDoesNotMonitor, trapStays, namesAreShared
    }

    private struct Member {
        var traps = false
        var isAlive = true
        var mailbox: [SignalItem] = []
    }

    private struct Monitor {
        let watcher: Int
        let target: Int
        var isActive: Bool
    }

    private struct Alias {
        let owner: Int
        let isLasting: Bool
        var isActive: Bool
    }

    private let fault: Fault?
    private var members: [Int: Member] = [0: Member(), 1: Member(), 2: Member()]
    private var slots = [0: 0, 1: 1, 2: 2]
    /// Lower number first; each as often as it was linked, for the fault that counts.
    private var links: [[Int]] = []
    private var monitors: [Int: Monitor] = [:]
    private var aliases: [Int: Alias] = [:]
    private var names: [Int: Int] = [:]
    private var deaths: [(Int, String)] = []
    private var number = SignalProgram.first

    private init(_ fault: Fault?) {
        self.fault = fault
    }

    /// What signals.escript answers.
    static func run(_ program: SignalProgram, fault: Fault? = nil) -> String {
        var world = SequentialSignals(fault)
        var lines: [String] = []
        for step in program.allSteps {
            world.deaths = []
            let result = world.perform(step)
            let deaths = world.deaths.sorted { $0.0 < $1.0 }.map { " \($0.0)+\($0.1)" }
            lines.append(result + deaths.joined())
            world.number += 1
        }
        lines += (0..<SignalProgram.names).map { world.names[$0].map(String.init) ?? "none" }
        return lines.joined(separator: ";")
    }

    private func isAlive(_ id: Int) -> Bool { members[id]?.isAlive ?? false }

    private mutating func perform(_ step: SignalStep) -> String {
        switch step {
        case .nothing: return "-"
        case .demonitor(let monitor, let flush): return demonitor(monitor, flush: flush)
        case .unalias(let alias):
            guard let found = aliases[alias], found.isLasting, isAlive(found.owner) else { return "-" }
            if fault != .unaliasDoesNothing { aliases[alias]?.isActive = false }
            return "ok"
        case .spawn, .link, .unlink, .monitor, .trap, .end, .exit, .send, .sendToName, .sendToAlias, .register,
            .unregister, .whereis, .alias, .drain, .isAlive:
            guard let slot = step.actor, let own = slots[slot], isAlive(own) else { return "-" }
            return perform(step, own)
        }
    }

    private mutating func perform(_ step: SignalStep, _ own: Int) -> String {
        switch step {
        case .nothing, .demonitor, .unalias: return "-"
        case .spawn(_, let slot, let link, let monitor, let traps):
            if let old = slots[slot], isAlive(old) { return "-" }
            members[number] = Member(traps: traps)
            slots[slot] = number
            if link && fault != .spawnDoesNotLink { links.append([own, number].sorted()) }
            if monitor {
                let isActive = fault != .spawnDoesNotMonitor
                monitors[number] = Monitor(watcher: own, target: number, isActive: isActive)
            }
            return "ok"
        case .link(_, let peer): return slots[peer].map { link(own, $0) } ?? "-"
        case .unlink(_, let peer):
            guard let peer = slots[peer] else { return "-" }
            if fault != .unlinkDoesNothing { links.removeAll { $0 == [own, peer].sorted() } }
            if fault == .unlinkDropsTheExit { members[own]?.mailbox.removeAll { $0.text.hasPrefix("x\(peer):") } }
            return "ok"
        case .monitor(_, let target, let alias): return slots[target].map { monitor(own, $0, alias) } ?? "-"
        case .trap(_, let traps):
            if traps || fault != .trapStays { members[own]?.traps = traps }
            return "ok"
        case .end(_, let reason):
            die(own, reason.name)
            return "gone"
        case .exit(_, let target, let reason):
            guard let target = slots[target] else { return "-" }
            exit(own, target, reason)
            return isAlive(own) || own != target ? "ok" : "gone"
        case .send(_, let target):
            guard let target = slots[target] else { return "-" }
            members[target]?.mailbox.append(.data(own, number))
            return "ok"
        case .sendToName(_, let name):
            guard let target = names[name] else { return "badarg" }
            members[target]?.mailbox.append(.data(own, number))
            return "ok"
        case .sendToAlias(_, let alias): return send(own, through: alias)
        case .register(_, let name, let target):
            guard let target = slots[target] else { return "-" }
            if names.values.contains(target), isAlive(target) { return "named" }
            if names[name] != nil && fault != .namesAreShared || !isAlive(target) { return "badarg" }
            names[name] = target
            return "ok"
        case .unregister(_, let name): return names.removeValue(forKey: name) == nil ? "badarg" : "ok"
        case .whereis(_, let name): return names[name].map(String.init) ?? "none"
        case .alias:
            aliases[number] = Alias(owner: own, isLasting: true, isActive: true)
            return "ok"
        case .drain:
            defer { members[own]?.mailbox = [] }
            return SignalItem.text(members[own]?.mailbox ?? [])
        case .isAlive(_, let target): return slots[target].map { "\(isAlive($0))" } ?? "-"
        }
    }

    private mutating func link(_ own: Int, _ peer: Int) -> String {
        if own == peer { return "ok" }
        guard isAlive(peer) else {
            if members[own]?.traps != true { return fault == .deadLinkNeverFails ? "ok" : "noproc" }
            if fault != .deadLinkIsSilent { members[own]?.mailbox.append(.exit(peer, "noproc")) }
            return "ok"
        }
        let pair = [own, peer].sorted()
        if fault == .linksCount || !links.contains(pair) { links.append(pair) }
        return "ok"
    }

    private mutating func monitor(_ own: Int, _ target: Int, _ alias: Bool) -> String {
        if alias { aliases[number] = Alias(owner: own, isLasting: false, isActive: true) }
        let isOneMore = monitors.values.contains { $0.watcher == own && $0.target == target && $0.isActive }
        let isActive = fault != .monitorsDoNotStack || !isOneMore
        monitors[number] = Monitor(watcher: own, target: target, isActive: isActive)
        if !isAlive(target) {
            monitors[number]?.isActive = false
            if fault != .downKeepsTheAlias { aliases[number]?.isActive = false }
            if fault != .deadMonitorIsSilent { members[own]?.mailbox.append(.down(target, number, "noproc")) }
        }
        return "ok"
    }

    private mutating func demonitor(_ monitor: Int, flush: Bool) -> String {
        guard let found = monitors[monitor], isAlive(found.watcher) else { return "-" }
        if fault != .demonitorDoesNothing { monitors[monitor]?.isActive = false }
        if fault != .demonitorKeepsTheAlias { aliases[monitor]?.isActive = false }
        if flush && fault != .flushDoesNothing || fault == .demonitorFlushes {
            members[found.watcher]?.mailbox.removeAll { $0.monitor == monitor }
        }
        return "ok"
    }

    private mutating func send(_ own: Int, through alias: Int) -> String {
        guard let found = aliases[alias] else { return monitors[alias] == nil ? "-" : "ok" }
        guard found.isActive else { return "ok" }
        members[found.owner]?.mailbox.append(.data(own, alias))
        if !found.isLasting && fault != .aliasTakesTwo { aliases[alias]?.isActive = false }
        return "ok"
    }

    private mutating func exit(_ own: Int, _ target: Int, _ reason: SignalReason) {
        guard isAlive(target) else { return }
        if reason == .kill && fault != .killIsTrapped {
            die(target, fault == .killIsSeenAsKill ? "kill" : "killed")
        } else if members[target]?.traps == true {
            if reason != .normal || fault != .trappedNormalIsDropped {
                members[target]?.mailbox.append(.exit(own, reason.name))
            }
        } else if reason != .normal || own == target && fault != .normalToSelfIsIgnored || fault == .normalKillsByExit {
            die(target, reason.name)
        }
    }

    private mutating func die(_ id: Int, _ reason: String) {
        guard isAlive(id) else { return }
        members[id]?.isAlive = false
        deaths.append((id, reason))
        if fault != .namesOutlive { names = names.filter { $0.value != id } }
        let peers = links.filter { $0.contains(id) }.map { $0[0] == id ? $0[1] : $0[0] }
        links.removeAll { $0.contains(id) }
        if fault == .downsComeFirst { sayDown(id, reason) }
        for peer in peers where members[peer]?.traps == true && (reason != "kill" || fault != .linkedKillIsUntrappable)
        {
            members[peer]?.mailbox.append(.exit(id, reason))
        }
        if fault != .downsComeFirst { sayDown(id, reason) }
        let doomed = peers.filter { isAlive($0) && members[$0]?.traps == false || fault == .linkedKillIsUntrappable }
        for peer in doomed where reason != "normal" || fault == .normalKillsOverLinks {
            if members[peer]?.traps == true && reason != "kill" { continue }
            die(peer, reason == "kill" && fault == .linkedKillBecomesKilled ? "killed" : reason)
        }
    }

    private mutating func sayDown(_ id: Int, _ reason: String) {
        for (number, monitor) in monitors.sorted(by: { $0.key < $1.key }) where monitor.isActive {
            if monitor.watcher == id { monitors[number]?.isActive = false }
            guard monitor.target == id, monitor.watcher != id else { continue }
            monitors[number]?.isActive = false
            if fault != .downKeepsTheAlias { aliases[number]?.isActive = false }
            members[monitor.watcher]?.mailbox.append(.down(id, number, reason))
        }
    }
}
