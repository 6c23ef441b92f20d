// What Erlang's processes do when nothing is ever under way: links are a set of pairs, an exit runs along them at once. Written
// from the documentation, with no word of the link protocol.

import CapabilityModel
import ProcessRuntime

final class SequentialErlang {
    enum Operation {
        case spawn(by: ProcessID?, link: Bool, monitor: Bool, traps: Bool)
        case link(ProcessID, ProcessID)
        case unlink(ProcessID, ProcessID)
        case monitor(ProcessID, ProcessID)
        case demonitor(ProcessID, Int)
        case trap(ProcessID, Bool)
        case send(ProcessID, ProcessID)
        case exit(ProcessID, ProcessID, ExitReason)
        case end(ProcessID, ExitReason)

        static func random(of world: SignalWorld, _ source: inout SplitMix64) -> Operation {
            let alive = world.alive
            guard let own = alive.randomElement(using: &source)?.id,
                let target = world.processes.suffix(7).randomElement(using: &source)?.id
            else { return .spawn(by: nil, link: false, monitor: false, traps: Bool.random(using: &source)) }
            let reasons: [ExitReason] = [.normal, .shutdown, .kill, .killed, .bytes([7])]
            let reason = reasons.randomElement(using: &source) ?? .normal
            switch Int.random(in: 0..<14, using: &source) {
            case 0, 1, 2:
                if alive.count >= 8 { return .send(own, target) }
                return .spawn(
                    by: own, link: Bool.random(using: &source), monitor: Bool.random(using: &source),
                    traps: Bool.random(using: &source))
            case 3, 4, 5: return .link(own, target)
            case 6: return .unlink(own, target)
            case 7: return .monitor(own, target)
            case 8: return .demonitor(own, Int.random(in: 0..<8, using: &source))
            case 9: return .trap(own, Bool.random(using: &source))
            case 10: return .send(own, target)
            case 11: return .exit(own, target, reason)
            default: return .end(own, reason)
            }
        }

        func perform(on world: SignalWorld) {
            switch self {
            case .spawn(let parent, let link, let monitor, let traps):
                world.spawn(by: parent, link: link, monitor: monitor, alias: false, traps: traps)
            case .link(let process, let peer): world.link(process, peer)
            case .unlink(let process, let peer): world.unlink(process, peer)
            case .monitor(let process, let target): world.monitor(process, target, alias: false)
            case .demonitor(let process, let index):
                let open = world.monitors.filter { $0.value?.from == process }.keys.sorted { $0.rawValue < $1.rawValue }
                let waiting = open.filter { world[process].state.isWatching($0) }
                if index < waiting.count { world.demonitor(process, waiting[index], flush: false) }
            case .trap(let process, let traps): world.trapExits(process, traps)
            case .send(let process, let target): world.send(process, target)
            case .exit(let process, let target, let reason): world.exit(process, target, reason)
            case .end(let process, let reason): world.end(process, reason)
            }
        }
    }

    /// What comes into a mailbox, without numbers that only the world knows.
    enum Item: Hashable {
        case data(ProcessID)
        case exit(ProcessID, ExitReason)
        case down(ProcessID, ExitReason)
    }

    private struct Process {
        var traps: Bool
        var reason: ExitReason?
        var mailbox: [Item] = []
        var isAlive: Bool { reason == nil }
    }

    private var processes: [ProcessID: Process] = [:]
    private var links: Set<Set<ProcessID>> = []
    /// In the order in which they were made.
    private var monitors: [(watcher: ProcessID, target: ProcessID)] = []

    private func isAlive(_ id: ProcessID) -> Bool { processes[id]?.isAlive ?? false }

    func perform(_ operation: Operation) {
        switch operation {
        case .spawn(let parent, let link, let monitor, let traps):
            let id = ProcessID(rawValue: UInt64(processes.count) + 1)
            processes[id] = Process(traps: traps)
            if let parent, link { links.insert([parent, id]) }
            if let parent, monitor { monitors.append((parent, id)) }
        case .link(let own, let peer):
            if own == peer { return }
            if isAlive(peer) {
                links.insert([own, peer])
            } else if processes[own]?.traps == true {
                processes[own]?.mailbox.append(.exit(peer, .noproc))
            }
        case .unlink(let own, let peer): links.remove([own, peer])
        case .monitor(let own, let target):
            if isAlive(target) {
                monitors.append((own, target))
            } else {
                processes[own]?.mailbox.append(.down(target, .noproc))
            }
        case .demonitor(let own, let index):
            let own = monitors.indices.filter { monitors[$0].watcher == own }
            if index < own.count { monitors.remove(at: own[index]) }
        case .trap(let own, let traps): processes[own]?.traps = traps
        case .send(let own, let target): processes[target]?.mailbox.append(.data(own))
        case .exit(let own, let target, let reason):
            guard let process = processes[target], process.isAlive else { return }
            if reason == .kill {
                die(target, .killed)
            } else if process.traps {
                processes[target]?.mailbox.append(.exit(own, reason))
            } else if reason != .normal || own == target {
                die(target, reason)
            }
        case .end(let own, let reason): die(own, reason)
        }
    }

    private func die(_ id: ProcessID, _ reason: ExitReason) {
        guard isAlive(id) else { return }
        processes[id]?.reason = reason
        let peers = links.filter { $0.contains(id) }.flatMap { $0 }.filter { $0 != id }
        links = links.filter { !$0.contains(id) }
        for watcher in monitors.filter({ $0.target == id && $0.watcher != id }).map(\.watcher) {
            processes[watcher]?.mailbox.append(.down(id, reason))
        }
        monitors.removeAll { $0.target == id || $0.watcher == id }
        for peer in peers {
            if processes[peer]?.traps == true {
                processes[peer]?.mailbox.append(.exit(id, reason))
            } else if reason != .normal {
                die(peer, reason)
            }
        }
    }

    /// Order between senders is not determined, and neither is that of a link's exit and a monitor's DOWN under way at once in
    /// two queues; what each sender did, and how often, is.
    func differences(from world: SignalWorld) -> [String] {
        var found: [String] = []
        for process in world.processes {
            guard let own = processes[process.id] else {
                found.append("\(process.id) is not known")
                continue
            }
            if own.reason != process.reason {
                found.append("\(process.id): \(describe(process.reason)), expected \(describe(own.reason))")
            }
            guard own.isAlive else { continue }
            let items = process.history.map { letter in
                switch letter {
                case .data(_, let sender): Item.data(sender)
                case .exit(let sender, let reason): Item.exit(sender, reason)
                case .down(_, let target, let reason): Item.down(target, reason)
                }
            }
            if counts(items) != counts(own.mailbox) {
                found.append("\(process.id) has \(items), expected \(own.mailbox)")
            }
            let peers = Set(links.filter { $0.contains(process.id) }.flatMap { $0 }.filter { $0 != process.id })
            if process.bonds.links != peers {
                found.append("\(process.id) is linked to \(process.bonds.links), expected \(peers)")
            }
            let watched = monitors.filter { $0.target == process.id && $0.watcher != process.id }.count
            if process.bonds.watchers.count != watched { found.append("\(process.id) has not \(watched) watchers") }
        }
        return found
    }

    private func describe(_ reason: ExitReason?) -> String { reason.map { "\($0)" } ?? "alive" }

    private func counts(_ items: [Item]) -> [Item: Int] {
        items.reduce(into: [:]) { $0[$1, default: 0] += 1 }
    }
}
