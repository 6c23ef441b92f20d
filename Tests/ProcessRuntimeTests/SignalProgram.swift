// Random programs of links, monitors, exits, names and aliases over a handful of processes, in a form that Erlang, the runtime and a
// model can all run. Each step is made by one process, and all that comes of it has come before the next: so there is one outcome.

/// Processes are named by slots: a slot stands for who was spawned into it last, dead or not. What a step makes (a process, a
/// monitor, an alias) has the step's number, from 3 on, and so has a message that it sends. The first three processes have 0 to 2.
enum SignalStep: Hashable {
    case spawn(by: Int, slot: Int, link: Bool, monitor: Bool, traps: Bool)
    case link(Int, Int)
    case unlink(Int, Int)
    case monitor(Int, Int, alias: Bool)
    /// By whoever made the monitor.
    case demonitor(Int, flush: Bool)
    case trap(Int, Bool)
    case end(Int, SignalReason)
    case exit(Int, Int, SignalReason)
    case send(Int, Int)
    case sendToName(Int, Int)
    case sendToAlias(Int, Int)
    case register(Int, name: Int, Int)
    case unregister(Int, name: Int)
    case whereis(Int, name: Int)
    case alias(Int)
    /// By whoever made the alias.
    case unalias(Int)
    /// Takes everything out of the mailbox.
    case drain(Int)
    case isAlive(Int, Int)
    /// What shrinking leaves of a step, so that the others keep their numbers.
    case nothing

    /// Numbers that signals.escript understands.
    var words: [Int] {
        switch self {
        case .spawn(let parent, let slot, let link, let monitor, let traps):
            [0, parent, slot, (link ? 1 : 0) + (monitor ? 2 : 0) + (traps ? 4 : 0)]
        case .link(let own, let peer): [1, own, peer]
        case .unlink(let own, let peer): [2, own, peer]
        case .monitor(let own, let target, let alias): [3, own, target, alias ? 1 : 0]
        case .demonitor(let monitor, let flush): [4, monitor, flush ? 1 : 0]
        case .trap(let own, let traps): [5, own, traps ? 1 : 0]
        case .end(let own, let reason): [6, own, reason.rawValue]
        case .exit(let own, let target, let reason): [7, own, target, reason.rawValue]
        case .send(let own, let target): [8, own, target]
        case .sendToName(let own, let name): [9, own, name]
        case .sendToAlias(let own, let alias): [10, own, alias]
        case .register(let own, let name, let target): [11, own, name, target]
        case .unregister(let own, let name): [12, own, name]
        case .whereis(let own, let name): [13, own, name]
        case .alias(let own): [14, own]
        case .unalias(let alias): [15, alias]
        case .drain(let own): [16, own]
        case .isAlive(let own, let target): [17, own, target]
        case .nothing: [18]
        }
    }

    /// Who makes the step, where the step says so.
    var actor: Int? {
        switch self {
        case .demonitor, .unalias, .nothing: nil
        case .spawn(let own, _, _, _, _), .link(let own, _), .unlink(let own, _), .monitor(let own, _, _),
            .trap(let own, _), .end(let own, _), .exit(let own, _, _), .send(let own, _), .sendToName(let own, _),
            .sendToAlias(let own, _), .register(let own, _, _), .unregister(let own, _), .whereis(let own, _),
            .alias(let own), .drain(let own), .isAlive(let own, _):
            own
        }
    }
}

enum SignalReason: Int, CaseIterable {
    case normal, shutdown, kill, killed, noproc, seven = 7, eight = 8

    var name: String {
        switch self {
        case .normal: "normal"
        case .shutdown: "shutdown"
        case .kill: "kill"
        case .killed: "killed"
        case .noproc: "noproc"
        case .seven: "b7"
        case .eight: "b8"
        }
    }
}

struct SignalProgram {
    static let slots = 6
    static let names = 3
    /// The number of the first step.
    static let first = 3

    var steps: [SignalStep]

    /// Ends with every mailbox.
    var allSteps: [SignalStep] { steps + (0..<SignalProgram.slots).map { .drain($0) } }

    /// A line for signals.escript, which adds the drains itself.
    var line: String {
        steps.map { $0.words.map(String.init).joined(separator: " ") }.joined(separator: ";")
    }

    static func random(_ source: inout SplitMix64) -> SignalProgram {
        var steps: [SignalStep] = []
        var monitors: [Int] = []
        var aliases: [Int] = []
        for number in first..<first + Int.random(in: 5...60, using: &source) {
            // Mostly a few, so that they meet often.
            let own = Int.random(in: 0..<(Int.random(in: 0..<4, using: &source) > 0 ? 3 : slots), using: &source)
            let other = Int.random(in: 0..<(Int.random(in: 0..<4, using: &source) > 0 ? 3 : slots), using: &source)
            let name = Int.random(in: 0..<names, using: &source)
            let coin = Bool.random(using: &source)
            let reason = SignalReason.allCases.randomElement(using: &source) ?? .normal
            switch Int.random(in: 0..<36, using: &source) {
            case 0...5:
                let monitor = Bool.random(using: &source)
                if monitor {
                    monitors.append(number)
                    aliases.append(number)
                }
                let traps = Int.random(in: 0..<3, using: &source) == 0
                steps.append(.spawn(by: own, slot: other, link: coin, monitor: monitor, traps: traps))
            case 6...9: steps.append(.link(own, other))
            case 10, 11: steps.append(.unlink(own, other))
            case 12...14:
                monitors.append(number)
                if coin { aliases.append(number) }
                // A monitor of oneself never fires, and in Erlang has no alias either; here it has one.
                steps.append(.monitor(own, other, alias: coin && own != other))
            case 15, 16: steps.append(.demonitor(monitors.suffix(3).randomElement(using: &source) ?? 0, flush: coin))
            case 17, 18: steps.append(.trap(own, Int.random(in: 0..<3, using: &source) > 0))
            case 19, 20: steps.append(.end(own, reason))
            case 21...23: steps.append(.exit(own, other, reason))
            case 24: steps.append(.send(own, other))
            case 25: steps.append(.sendToName(own, name))
            case 26, 27, 34: steps.append(.sendToAlias(own, aliases.suffix(2).randomElement(using: &source) ?? 0))
            case 28: steps.append(.register(own, name: name, other))
            case 29: steps.append(coin ? .unregister(own, name: name) : .whereis(own, name: name))
            case 30:
                aliases.append(number)
                steps.append(.alias(own))
            case 31: steps.append(.unalias(aliases.suffix(2).randomElement(using: &source) ?? 0))
            case 32, 33: steps.append(.drain(own))
            default: steps.append(.isAlive(own, other))
            }
        }
        return SignalProgram(steps: steps)
    }

    /// The program with nothing in place of some of its steps, from many of them to each one.
    var smaller: [SignalProgram] {
        let left = steps.indices.filter { steps[$0] != .nothing }
        var found: [SignalProgram] = []
        var length = left.count / 2
        while length > 0 {
            for start in stride(from: 0, to: left.count, by: length) {
                var program = self
                for index in left[start..<min(start + length, left.count)] { program.steps[index] = .nothing }
                found.append(program)
            }
            length /= 2
        }
        return found
    }

    /// Its steps with the outcomes that each side has, one a line.
    func report(_ expected: String, _ actual: String) -> String {
        let (expected, actual) = (expected.split(separator: ";"), actual.split(separator: ";"))
        let texts = allSteps.map { "\($0)" } + (0..<SignalProgram.names).map { "name \($0) at the end" }
        return texts.indices.filter { $0 >= allSteps.count || allSteps[$0] != .nothing }.map { index in
            let sides = [expected, actual].map { index < $0.count ? String($0[index]) : "nothing" }
            let outcome = sides[0] == sides[1] ? sides[0] : "\(sides[0]) in Erlang, \(sides[1]) here"
            return "  \(index + SignalProgram.first). \(texts[index]): \(outcome)"
        }.joined(separator: "\n")
    }
}

/// A message as a drain shows it.
struct SignalItem {
    let sender: Int
    /// The monitor's number, of a DOWN.
    var monitor: Int?
    let text: String

    static func data(_ sender: Int, _ number: Int) -> SignalItem {
        SignalItem(sender: sender, text: "d\(sender):\(number)")
    }

    static func exit(_ sender: Int, _ reason: String) -> SignalItem {
        SignalItem(sender: sender, text: "x\(sender):\(reason)")
    }

    static func down(_ sender: Int, _ monitor: Int, _ reason: String) -> SignalItem {
        SignalItem(sender: sender, monitor: monitor, text: "w\(sender):\(monitor):\(reason)")
    }

    /// Between senders there is no order, and a death's DOWNs come in any; all else keeps its order.
    static func text(_ items: [SignalItem]) -> String {
        var ordered = Dictionary(grouping: items, by: \.sender).sorted { $0.key < $1.key }.flatMap(\.value)
        var start = ordered.startIndex
        while start < ordered.endIndex {
            let sender = ordered[start].sender
            let end =
                ordered[start...].firstIndex { $0.monitor == nil || $0.sender != sender } ?? ordered.endIndex
            ordered[start..<end].sort { ($0.monitor ?? 0) < ($1.monitor ?? 0) }
            start = max(end, start + 1)
        }
        return "[" + ordered.map(\.text).joined(separator: " ") + "]"
    }
}
