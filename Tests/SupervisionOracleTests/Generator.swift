// Scenarios at random, the same for the same seed and number. What would be decided by chance on a real machine is left
// out: short timers together with suspended supervisors or with windows of a second; children of an inner supervisor that
// are dead when their start returns, since it sees to that while its parent goes on.

import Supervision

struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

struct Generator {
    private var random: SplitMix64
    /// Steps that make OTP's side wait for long; few are enough.
    private var waits = 0
    private let usesShort: Bool
    private let usesSuspension: Bool
    private let usesShortPeriod: Bool
    /// Reasons that children end with.
    private static let reasons: [Word] = ["normal", "shutdown", "shutdown(x)", "oops", "kill", "e2"]

    static func scenario(seed: UInt64, number: Int) -> Scenario {
        var random = SplitMix64(state: seed &+ UInt64(number) &* 0xD134_2543_DE82_EF95)
        _ = random.next()
        var generator = Generator(random)
        return generator.scenario()
    }

    private init(_ random: SplitMix64) {
        var random = random
        let kind = Int.random(in: 0..<100, using: &random)
        usesShort = kind < 30
        usesSuspension = (30..<80).contains(kind)
        usesShortPeriod = (76..<84).contains(kind)
        self.random = random
    }

    private mutating func scenario() -> Scenario {
        let root = tree(depth: 0)
        return Scenario(root: root, steps: steps(root))
    }

    // MARK: Chance

    private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

    private mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

    private mutating func pick<Value>(_ values: [Value]) -> Value {
        values[Int.random(in: 0..<values.count, using: &random)]
    }

    private mutating func weighted<Value>(_ choices: [(Int, Value)]) -> Value {
        var at = Int.random(in: 0..<choices.reduce(0) { $0 + $1.0 }, using: &random)
        for (weight, value) in choices {
            if at < weight { return value }
            at -= weight
        }
        return choices[0].1
    }

    // MARK: Trees

    private mutating func tree(depth: Int) -> Tree {
        let strategy = weighted([
            (28, Strategy.oneForOne), (27, .oneForAll), (27, .restForOne), (depth == 0 ? 16 : 20, .simpleOneForOne),
        ])
        let autoShutdown = weighted([(55, AutoShutdown.never), (24, .anySignificant), (21, .allSignificant)])
        let isSimple = strategy == .simpleOneForOne
        let count =
            isSimple ? (chance(97) ? 1 : pick([0, 2])) : weighted([(3, 0), (15, 1), (32, 2), (30, 3), (20, 4)])
        var children = (0..<count).map { place in
            node(["a", "b", "c", "d"][place], isSimple: isSimple, autoShutdown, depth: depth)
        }
        if children.count > 1, chance(1) { children[1].id = children[0].id }
        return Tree(
            strategy: strategy, intensity: weighted([(10, 0), (25, 1), (30, 2), (20, 3), (10, 4), (5, 7)]),
            period: usesShortPeriod ? 1 : 3600, autoShutdown: autoShutdown, children: children)
    }

    private mutating func node(_ id: String, isSimple: Bool, _ autoShutdown: AutoShutdown, depth: Int) -> Node {
        let restart = weighted([(45, RestartType.permanent), (35, .transient), (20, .temporary)])
        let maySignify = autoShutdown != .never && restart != .permanent
        let isSupervisor = depth < 2 && chance(depth == 0 ? 32 : 22)
        let body: Body =
            isSupervisor
            ? .supervisor(tree(depth: depth + 1))
            : .worker(
                weighted([
                    (58, StopBehaviour.die), (24, .trap(pick(Self.reasons + ["shutdown"]))),
                    (usesShort ? 50 : 18, .hold),
                ]), linked: chance(93))
        let short: ShutdownTime = usesShort && chance(80) ? .short : .long
        return Node(
            id: id, restart: restart, significant: chance(maySignify ? 55 : 1),
            shutdown: weighted([(30, ShutdownTime.long), (20, .infinity), (20, .brutalKill), (30, short)]),
            kind: chance(92) == isSupervisor ? .supervisor : .worker, body: body,
            // simple_one_for_one and a restart that is ignored: see the notes on what is not generated.
            script: chance(42) ? [] : script(mayIgnore: !isSimple || restart == .temporary, depth: depth))
    }

    private mutating func script(mayIgnore: Bool, depth: Int) -> [Outcome] {
        let count = weighted([(3, 1), (4, 2), (4, 3), (3, 4), (2, 6)])
        let fails = chance(usesSuspension ? 35 : 20)
        return (0..<count).map { place in
            // Most trees come up; some then fail for a while.
            if place == 0, chance(84) { return .ok }
            if fails, place > 0, chance(80) { return .error(pick(["e1", "shutdown"])) }
            return outcome(mayIgnore: mayIgnore, depth: depth)
        }
    }

    private mutating func outcome(mayIgnore: Bool, depth: Int) -> Outcome {
        let plain: Outcome = weighted([
            (38, .ok), (26, .error(pick(["e1", "shutdown(x)"]))), (5, .exit("e1")), (3, .bad("t")), (8, .info("i1")),
            (mayIgnore ? 10 : 0, .ignore), (depth == 0 ? 12 : 0, .dead(pick(Self.reasons))),
        ])
        return chance(9) ? .hold(plain) : plain
    }

    // MARK: Steps

    private struct Place {
        var path: String
        var node: Node?
        var tree: Tree?
        var parent: Tree?
    }

    private func places(_ tree: Tree, _ path: String) -> [Place] {
        [Place(path: path, node: nil, tree: tree)]
            + tree.children.flatMap { node in
                let child = "\(path).\(node.id)"
                if case .supervisor(let inner) = node.body { return places(inner, child) }
                return [Place(path: child, node: node, tree: nil, parent: tree)]
            }
    }

    private mutating func steps(_ root: Tree) -> [Step] {
        let places = places(root, "r")
        let supervisors = places.filter { $0.tree != nil }
        let workers = places.filter { $0.tree == nil }
        var steps: [Step] = []
        for place in supervisors where place.tree?.strategy == .simpleOneForOne {
            for extra in 0..<number(0...3) {
                steps.append(.call(Target(path: place.path), .startExtra(UInt8(extra))))
            }
        }
        for _ in 0..<number(1...9) {
            if usesSuspension, chance(18) {
                let target = Target(path: pick(supervisors).path, index: number(0...1))
                steps.append(.suspend(target))
                let inside = places.filter { $0.path.hasPrefix(target.path) }
                // What is asked of a child between its failed restarts.
                let about = supervisors.first { $0.path == target.path }?.tree?.children.filter(\.body.isWorker) ?? []
                if !about.isEmpty, chance(50), let place = supervisors.first(where: { $0.path == target.path }) {
                    let id = pick(about).id
                    steps.append(.crash(Target(path: "\(target.path).\(id)"), pick(["oops", "e2", "kill"])))
                    for _ in 0..<number(1...3) { steps.append(.call(target, ask(place, about: id))) }
                    steps.append(.resume(target))
                    continue
                }
                for _ in 0..<number(1...4) {
                    steps.append(
                        chance(45)
                            ? .call(target, ask(supervisors.first { $0.path == target.path } ?? supervisors[0]))
                            : step(inside.filter { $0.tree != nil }, inside.filter { $0.tree == nil }))
                }
                if chance(90) { steps.append(.resume(target)) }
            } else {
                steps.append(step(supervisors, workers))
            }
        }
        // Crashes that a window keeps apart.
        if usesShortPeriod, chance(60), let place = workers.randomElement(using: &random) {
            let crash = Step.crash(Target(path: place.path), "oops")
            for _ in 0..<2 { steps += Array(repeating: crash, count: number(1...2)) + [.sleep] }
            steps.append(crash)
            waits += 2
        }
        // So that the end has its timers expire.
        if usesShort, chance(60) { steps += [.parent("shutdown"), .settle] }
        return steps
    }

    private mutating func step(_ supervisors: [Place], _ workers: [Place]) -> Step {
        enum Kind { case crash, call, kill, go, settle, sleep, stranger, parent }
        let supervisor = pick(supervisors)
        let kind = weighted([
            (workers.isEmpty ? 0 : 42, Kind.crash), (32, .call), (7, .kill), (7, .go),
            (usesShort && waits < 2 ? 14 : 0, .settle), (usesShortPeriod && waits < 2 ? 16 : 0, .sleep), (3, .stranger),
            (2, .parent),
        ])
        if kind == .settle || kind == .sleep { waits += 1 }
        let places = supervisors + workers
        switch kind {
        case .crash: return .crash(Target(path: pick(workers).path, index: number(0...2)), pick(Self.reasons))
        case .call: return .call(Target(path: supervisor.path, index: number(0...1)), ask(supervisor))
        case .kill: return .kill(Target(path: pick(places).path, index: number(0...2)))
        case .go: return .go(pick(places.filter { $0.path != "r" } + [supervisor]).path)
        case .settle: return .settle
        case .sleep: return .sleep
        case .stranger:
            return .stranger(Target(path: supervisor.path), pick(["normal", "shutdown", "shutdown(x)", "oops"]))
        case .parent: return .parent(pick(["normal", "shutdown", "shutdown(x)", "oops"]))
        }
    }

    private mutating func ask(_ place: Place, about wanted: String? = nil) -> Ask {
        guard let tree = place.tree else { return .count }
        if tree.strategy == .simpleOneForOne {
            let path = "\(place.path).\(tree.children.first?.id ?? "a")"
            let who: Who = chance(85) ? .process(path: path, number: number(0...4)) : .id(chance(70) ? "a" : "z")
            return weighted([
                (40, Ask.startExtra(UInt8(number(0...9)))), (24, .terminate(who)), (6, .restart("a")),
                (6, .delete("a")),
                (8, .get(who)), (8, .which), (8, .count),
            ])
        }
        let id = wanted ?? (chance(92) ? pick(tree.children.map(\.id) + ["n"]) : "z")
        let who: Who = chance(92) ? .id(id) : .process(path: "\(place.path).\(id)", number: number(0...2))
        return weighted([
            (18, Ask.start(newcomer(chance(60) && wanted == nil ? "n" : id, tree))),
            (2, .startExtra(1)), (22, .terminate(who)), (20, .restart(id)), (12, .delete(id)), (7, .get(who)),
            (10, .which),
            (9, .count),
        ])
    }

    /// A child that a request brings.
    private mutating func newcomer(_ id: String, _ tree: Tree) -> Node {
        var node = node(id, isSimple: false, tree.autoShutdown, depth: 2)
        if chance(30) {
            node.script = [
                pick([.ignore, .ignore, .error("e1"), .info("i1"), .hold(.ok), .exit("e1"), .bad("t")]), .ok,
            ]
        }
        return node
    }
}
