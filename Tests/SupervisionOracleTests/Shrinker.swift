// Smaller scenarios than one that fails: each differs from it by one thing left out or made plain.

import Supervision

extension Scenario {
    /// All simpler scenarios that are one change away, the boldest first.
    var simpler: [Scenario] {
        var result: [Scenario] = []
        if steps.count > 3 {
            for half in [steps.prefix(steps.count / 2), steps.suffix(steps.count / 2)] {
                result.append(Scenario(root: root, steps: Array(half)))
            }
        }
        for place in steps.indices {
            var copy = self
            copy.steps.remove(at: place)
            result.append(copy)
        }
        result += root.simpler.map { Scenario(root: $0, steps: steps) }
        for place in steps.indices {
            for step in steps[place].simpler {
                var copy = self
                copy.steps[place] = step
                result.append(copy)
            }
        }
        return result.filter { $0.weight < weight }
    }
}

extension Tree {
    var simpler: [Tree] {
        var result: [Tree] = []
        for place in children.indices {
            var copy = self
            copy.children.remove(at: place)
            result.append(copy)
        }
        if strategy != .oneForOne {
            var copy = self
            copy.strategy = .oneForOne
            result.append(copy)
        }
        if autoShutdown != .never {
            var copy = self
            copy.autoShutdown = .never
            for place in copy.children.indices { copy.children[place].significant = false }
            result.append(copy)
        }
        for place in children.indices {
            for node in children[place].simpler {
                var copy = self
                copy.children[place] = node
                result.append(copy)
            }
        }
        return result
    }
}

extension Node {
    var simpler: [Node] {
        var result: [Node] = []
        func with(_ change: (inout Node) -> Void) {
            var copy = self
            change(&copy)
            if copy != self { result.append(copy) }
        }
        with { $0.body = .worker(.die, linked: true) }
        if case .supervisor(let tree) = body {
            for simpler in tree.simpler { with { $0.body = .supervisor(simpler) } }
        }
        with { $0.script = [] }
        with { if !$0.script.isEmpty { $0.script.removeLast() } }
        for place in script.indices {
            with { $0.script[place] = .ok }
            if case .hold(let then) = script[place] { with { $0.script[place] = then } }
            if script[place] != .ok { with { $0.script[place] = .error("e1") } }
        }
        with { $0.significant = false }
        with { $0.shutdown = .long }
        with { if !$0.significant { $0.restart = .permanent } }
        with { $0.kind = $0.body.isWorker ? .worker : .supervisor }
        return result
    }
}

extension Step {
    var simpler: [Step] {
        switch self {
        case .call(let target, .start(let node)): node.simpler.map { .call(target, .start($0)) }
        case .crash, .kill, .stranger, .parent, .suspend, .resume, .go, .call, .settle, .sleep: []
        }
    }
}
