// A scenario as an Erlang term in one line, which oracle.erl reads, and in lines for people.

import Supervision

extension Scenario {
    /// `{scenario, Number, Root, Steps}`.
    func term(number: Int) -> String {
        "{scenario, \(number), \(root.term), [\(steps.map(\.term).joined(separator: ", "))]}."
    }

    /// The tree, then the steps by number.
    var readable: String {
        let steps = steps.enumerated().map { "  step \($0.offset + 1): \($0.element.term)" }
        return (["  r: \(root.words)"] + root.lines(indent: "    ") + steps).joined(separator: "\n")
    }
}

private func term(_ word: Word) -> String {
    guard word.hasPrefix("shutdown("), word.hasSuffix(")") else { return word }
    return "{shutdown, \(word.dropFirst(9).dropLast())}"
}

extension Strategy {
    var term: String {
        switch self {
        case .oneForOne: "one_for_one"
        case .oneForAll: "one_for_all"
        case .restForOne: "rest_for_one"
        case .simpleOneForOne: "simple_one_for_one"
        }
    }
}

extension AutoShutdown {
    var term: String {
        switch self {
        case .never: "never"
        case .anySignificant: "any_significant"
        case .allSignificant: "all_significant"
        }
    }
}

extension RestartType {
    var term: String {
        switch self {
        case .permanent: "permanent"
        case .transient: "transient"
        case .temporary: "temporary"
        }
    }
}

extension ShutdownTime {
    var term: String {
        switch self {
        case .brutalKill: "brutal_kill"
        case .infinity: "infinity"
        case .short: "short"
        case .long: "long"
        }
    }
}

extension ChildKind {
    var term: String { self == .worker ? "worker" : "supervisor" }
}

extension Tree {
    var term: String {
        "{sup, \(strategy.term), \(intensity), \(period), \(autoShutdown.term), "
            + "[\(children.map(\.term).joined(separator: ", "))]}"
    }

    var words: String {
        "\(strategy.term), intensity \(intensity), period \(period)"
            + (autoShutdown == .never ? "" : ", auto_shutdown \(autoShutdown.term)")
    }

    func lines(indent: String) -> [String] {
        children.flatMap { node in
            let significant = node.significant ? " significant" : ""
            let script = node.script.isEmpty ? "" : ", starts: \(node.script.map(\.term).joined(separator: ", "))"
            let head = "\(indent)\(node.id): \(node.restart.term)\(significant), shutdown \(node.shutdown.term), "
            switch node.body {
            case .worker:
                return ["\(head)\(node.kind.term) \(node.body.term)\(script)"]
            case .supervisor(let tree):
                return ["\(head)\(node.kind.term) \(tree.words)\(script)"] + tree.lines(indent: indent + "  ")
            }
        }
    }
}

extension Body {
    var term: String {
        switch self {
        case .worker(.die, let linked): "{worker, die, \(linked)}"
        case .worker(.hold, let linked): "{worker, hold, \(linked)}"
        case .worker(.trap(let word), let linked): "{worker, {trap, \(SupervisionOracleTests.term(word))}, \(linked)}"
        case .supervisor(let tree): tree.term
        }
    }
}

extension Outcome {
    var term: String {
        switch self {
        case .ok: "ok"
        case .info(let word): "{ok, \(word)}"
        case .ignore: "ignore"
        case .error(let word): "{error, \(SupervisionOracleTests.term(word))}"
        case .exit(let word): "{exit, \(SupervisionOracleTests.term(word))}"
        case .bad(let word): "{bad, {bad, \(word)}}"
        case .dead(let word): "{dead, \(SupervisionOracleTests.term(word))}"
        case .hold(let then): "{hold, \(then.term)}"
        }
    }
}

extension Node {
    var term: String {
        "{\(id), \(restart.term), \(significant), \(shutdown.term), \(kind.term), \(body.term), "
            + "[\(script.map(\.term).joined(separator: ", "))]}"
    }
}

extension Target {
    var term: String { "'\(path)', \(index)" }
}

extension Who {
    var term: String {
        switch self {
        case .id(let id): id
        case .process(let path, let number): "{pid, '\(path)', \(number)}"
        }
    }
}

extension Ask {
    var term: String {
        switch self {
        case .start(let node): "{start, \(node.term)}"
        case .startExtra(let extra): "{start_extra, \(extra)}"
        case .terminate(let who): "{terminate, \(who.term)}"
        case .restart(let id): "{restart, \(id)}"
        case .delete(let id): "{delete, \(id)}"
        case .get(let who): "{get, \(who.term)}"
        case .which: "which"
        case .count: "count"
        }
    }
}

extension Step {
    var term: String {
        switch self {
        case .crash(let target, let word): "{crash, \(target.term), \(SupervisionOracleTests.term(word))}"
        case .kill(let target): "{kill, \(target.term)}"
        case .stranger(let target, let word): "{stranger, \(target.term), \(SupervisionOracleTests.term(word))}"
        case .parent(let word): "{parent, \(SupervisionOracleTests.term(word))}"
        case .suspend(let target): "{suspend, \(target.term)}"
        case .resume(let target): "{resume, \(target.term)}"
        case .go(let path): "{go, '\(path)'}"
        case .call(let target, let ask): "{call, \(target.term), \(ask.term)}"
        case .settle: "settle"
        case .sleep: "sleep"
        }
    }
}
