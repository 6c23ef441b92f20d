// A scenario: a tree of supervisors and workers, and what befalls it, step by step. Both sides run it: OTP by
// Tests/Oracle/oracle.erl, ours in `World`.

import Supervision

/// A reason or an info in the words of the traces: an atom, or `shutdown(x)` for `{shutdown, x}`.
typealias Word = String

/// What a worker does with the exit signal `shutdown`.
enum StopBehaviour: Hashable, Sendable {
    /// It does not trap exits.
    case die
    /// It traps, and exits with this reason.
    case trap(Word)
    /// It traps, and stays until it is told to exit, or killed.
    case hold
}

/// How long a child may take to end; real time on OTP's side, virtual time on ours.
enum ShutdownTime: Hashable, Sendable, CaseIterable {
    case brutalKill, infinity
    /// Expires in a step `settle`, unless the child is told to exit before; see `World.short`.
    case short
    /// Never expires in a scenario.
    case long
}

/// What a start function does.
indirect enum Outcome: Hashable, Sendable {
    case ok
    case info(Word)
    case ignore
    /// `{error, E}`.
    case error(Word)
    /// exit(E).
    case exit(Word)
    /// It returns `{bad, T}`, which no start function may.
    case bad(Word)
    /// `{ok, Pid}` of a process that has exited by then, with this reason.
    case dead(Word)
    /// It waits until a step lets it go on.
    case hold(Outcome)
}

enum Body: Hashable, Sendable {
    /// One that is not linked has undone the link in its init, as the suite's naughty_child.
    case worker(StopBehaviour, linked: Bool)
    case supervisor(Tree)
}

struct Node: Hashable, Sendable {
    var id: String
    var restart: RestartType
    var significant: Bool
    var shutdown: ShutdownTime
    /// What the specification says, which nothing need heed.
    var kind: ChildKind
    var body: Body
    /// What the first starts come to, one after the other, whoever asks for them; later ones are ok.
    var script: [Outcome]
}

struct Tree: Hashable, Sendable {
    var strategy: Strategy
    var intensity: Int
    /// In seconds: 1, or so many that it never ends in a scenario.
    var period: Int
    var autoShutdown: AutoShutdown
    var children: [Node]
}

/// A living process of a path (`r` is the root, `r.a` its child `a`): number k of them, modulo how many there are.
struct Target: Hashable, Sendable {
    var path: String
    var index = 0
}

/// A child as requests name it.
enum Who: Hashable, Sendable {
    case id(String)
    /// The n-th process that was started for a path, living or not; a living stranger if there was none.
    case process(path: String, number: Int)
}

enum Ask: Hashable, Sendable {
    case start(Node)
    case startExtra(UInt8)
    case terminate(Who)
    case restart(String)
    case delete(String)
    case get(Who)
    case which
    case count
}

enum Step: Hashable, Sendable {
    /// It ends itself with this reason.
    case crash(Target, Word)
    /// exit(Pid, kill) from outside.
    case kill(Target)
    /// An exit signal from a process that is neither parent nor child.
    case stranger(Target, Word)
    /// An exit signal from the root's parent.
    case parent(Word)
    /// The supervisor runs no more until it is resumed; its mailbox fills.
    case suspend(Target)
    case resume(Target)
    /// The oldest start function of this path that waits goes on.
    case go(String)
    case call(Target, Ask)
    /// All timers that can expire do, in their order.
    case settle
    /// More time than a period of 1 s may last.
    case sleep
}

struct Scenario: Hashable, Sendable {
    var root: Tree
    var steps: [Step]

    /// How much there is in it, for shrinking.
    var weight: Int { root.weight + steps.count * 4 + steps.reduce(0) { $0 + $1.weight } }
}

extension Tree {
    var weight: Int {
        children.reduce(3) { $0 + $1.weight } + (strategy == .oneForOne ? 0 : 1) + (autoShutdown == .never ? 0 : 1)
    }

    /// Whether any node, at any depth, has it.
    func contains(where has: (Node) -> Bool) -> Bool {
        children.contains { node in
            if has(node) { return true }
            if case .supervisor(let tree) = node.body { return tree.contains(where: has) }
            return false
        }
    }

    func contains(tree has: (Tree) -> Bool) -> Bool {
        has(self)
            || children.contains {
                if case .supervisor(let tree) = $0.body { tree.contains(tree: has) } else { false }
            }
    }
}

extension Node {
    var weight: Int {
        var weight = 6 + script.reduce(0) { $0 + $1.weight }
        if restart != .permanent { weight += 1 }
        if significant { weight += 1 }
        if shutdown != .long { weight += 1 }
        switch body {
        case .worker(.die, linked: true): break
        case .worker(.die, linked: false): weight += 1
        case .worker: weight += 2
        case .supervisor(let tree): weight += tree.weight
        }
        if (kind == .worker) != (body.isWorker) { weight += 1 }
        return weight
    }
}

extension Body {
    var isWorker: Bool {
        if case .worker = self { true } else { false }
    }
}

extension Outcome {
    var weight: Int {
        switch self {
        case .ok: 1
        case .error: 2
        case .info, .ignore, .exit, .bad, .dead: 3
        case .hold(let then): 1 + then.weight
        }
    }
}

extension Step {
    var weight: Int {
        if case .call(_, .start(let node)) = self { node.weight } else { 0 }
    }
}
