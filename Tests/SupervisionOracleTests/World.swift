// A world of processes, links, monitors, start functions and timers in which our supervisors run a scenario: what
// oracle.erl has from the Erlang machine. Single-threaded; a queue stands for the signals under way, in the order in which
// they were sent, and a step ends when it is empty.

import CapabilityModel
import Supervision

final class World {
    /// A unit of the scenario's time, in nanoseconds.
    static let unit: UInt64 = 100_000_000
    /// Timers closer to each other than this may expire in either order on a real machine.
    static let tie: UInt64 = unit * 6 / 10
    static let forever: UInt64 = 3_600_000_000_000

    final class Process {
        let key: ProcessKey
        let path: String
        let number: Int
        /// The supervisor that started it; nil for the root, whose parent is a process of the test.
        let parent: ProcessKey?
        /// nil for a supervisor.
        let stop: StopBehaviour?
        var isLinked: Bool
        var isAlive = true
        /// It traps, was told to shut down, and stays.
        var isHeld = false
        var watchers: [ProcessKey] = []
        var calls: [CallKey] = []
        // Of supervisors.
        var machine: Supervisor?
        /// Whom to tell that its children are started: the attempt, and the info that its start function returns.
        var attempt: StartAttempt?
        var info: Word?
        var isReady = false
        var isSuspended = false
        var pending: [Event] = []
        /// Its start function may go on once it runs again.
        var pendingStart: HeldStart?
        var linkedChildren: [ProcessKey] = []

        init(key: ProcessKey, path: String, number: Int, parent: ProcessKey?, stop: StopBehaviour?, isLinked: Bool) {
            self.key = key
            self.path = path
            self.number = number
            self.parent = parent
            self.stop = stop
            self.isLinked = isLinked
        }

        var name: String { "\(path)#\(number)" }

        var isWorker: Bool { stop != nil }

        var isSimple: Bool { machine?.flags.strategy == .simpleOneForOne }
    }

    /// Which of those that have something to do is next. What a scenario comes to must not depend on it.
    enum Schedule {
        /// Who has waited longest.
        case fair
        /// Who was started first, or last.
        case eldest, youngest
        case random(SplitMix64)
    }

    struct HeldStart {
        let path: String
        /// As it was when the start was asked for.
        let node: Node
        let number: Int
        let supervisor: ProcessKey
        let attempt: StartAttempt?
        let outcome: Outcome
    }

    struct ArmedTimer {
        let due: UInt64
        let supervisor: ProcessKey
        let key: TimerKey
    }

    var trace = Trace()
    var coverage = Coverage()
    /// The order of events depends on times that are too close to each other to be certain.
    var isRacy = false
    /// A supervisor did more than any scenario asks for.
    var isRunaway = false
    private(set) var now: UInt64 = 1_000 * 1_000_000_000 + 300_000_000
    var step = 0
    var processes: [ProcessKey: Process] = [:]
    var byPath: [String: [ProcessKey]] = [:]
    var definitions: [String: Node] = [:]
    /// Start keys are places in this.
    var paths: [String] = []
    var pathPlaces: [String: Int] = [:]
    var counts: [String: Int] = [:]
    var heldStarts: [HeldStart] = []
    var timers: [ArmedTimer] = []
    var queue: [(ProcessKey, Event)] = []
    var callSteps: [CallKey: Int] = [:]
    private var handled = 0
    private var schedule = Schedule.fair

    // MARK: A scenario

    /// Runs it; `isRacy` if another order of what happens at the same time in different processes gives another trace.
    static func run(_ scenario: Scenario) -> World {
        let world = run(scenario, schedule: .fair)
        let isNested = scenario.root.contains { !$0.body.isWorker }
        if isNested, !world.isRacy, !world.isRunaway {
            for schedule in [Schedule.eldest, .youngest, .random(SplitMix64(state: 1))] where !world.isRacy {
                let other = run(scenario, schedule: schedule)
                world.isRacy = other.isRacy || other.trace.canonical != world.trace.canonical
            }
        }
        return world
    }

    static func run(_ scenario: Scenario, schedule: Schedule) -> World {
        let world = World()
        world.schedule = schedule
        world.define(
            "r",
            Node(
                id: "r", restart: .permanent, significant: false, shutdown: .infinity, kind: .supervisor,
                body: .supervisor(scenario.root), script: []))
        world.startFunction("r", extra: [], supervisor: nil, attempt: nil)
        world.settleQueue()
        for step in scenario.steps {
            world.step += 1
            world.perform(step)
            world.settleQueue()
        }
        world.step += 1
        world.finish()
        return world
    }

    func define(_ path: String, _ node: Node) {
        definitions[path] = node
        if pathPlaces[path] == nil {
            pathPlaces[path] = paths.count
            paths.append(path)
        }
        guard case .supervisor(let tree) = node.body else { return }
        if tree.strategy == .simpleOneForOne { trace.simplePaths.insert(path) }
        for child in tree.children { define("\(path).\(child.id)", child) }
    }

    private func perform(_ step: Step) {
        switch step {
        case .crash(let target, let word): on(target) { if $0.isWorker { end($0, ExitReason(word)) } }
        case .kill(let target): on(target) { end($0, .killed) }
        case .stranger(let target, let word):
            on(target) { if !$0.isWorker { deliver($0, .exited(ProcessKey(rawValue: 0), ExitReason(word))) } }
        case .parent(let word): parentExits(ExitReason(word))
        case .suspend(let target): on(target) { if !$0.isWorker { $0.isSuspended = true } }
        case .resume(let target): on(target) { resume($0) }
        case .go(let path):
            if let held = heldStarts.filter({ $0.path == path }).min(by: { $0.number < $1.number }) { go(held) }
        case .call(let target, let ask): on(target) { if !$0.isWorker { call($0, ask) } }
        case .settle:
            while let next = timers.filter({ $0.due < now + World.forever / 2 }).min(by: { $0.due < $1.due }) {
                if timers.contains(where: { $0.key != next.key && $0.due < next.due + World.tie }) { isRacy = true }
                timers.removeAll { $0.supervisor == next.supervisor && $0.key == next.key }
                now = max(now, next.due)
                // A timer that was set since then has had time to be set.
                deliver(next.supervisor, .timer(next.key))
                settleQueue()
                if isRunaway { return }
            }
        case .sleep: now += 2_300_000_000
        }
    }

    private func finish() {
        for process in suspensions {
            resume(process)
            settleQueue()
        }
        release { self.isRootStarted }
        parentExits(.shutdown)
        settleQueue()
        release { false }
    }

    /// Whether the root's start_link has returned: until then its parent is in it.
    private var isRootStarted: Bool {
        guard let root = byPath["r"]?.first.flatMap({ processes[$0] }) else { return true }
        return root.isReady || !root.isAlive
    }

    /// What is held is let go, one by one, until that is enough.
    private func release(until isEnough: () -> Bool) {
        while !isRunaway, !isEnough() {
            if let held = heldStarts.min(by: { ($0.path, $0.number) < ($1.path, $1.number) }) {
                go(held)
            } else if let held = processes.values.filter({ $0.isAlive && $0.isHeld })
                .min(by: { ($0.path, $0.number) < ($1.path, $1.number) })
            {
                end(held, .shutdown)
            } else {
                return
            }
            settleQueue()
        }
    }

    private func parentExits(_ reason: ExitReason) {
        if isRootStarted, let root = byPath["r"]?.first { deliver(root, .parentExited(reason)) }
    }

    /// In the order of their suspension.
    private var suspensions: [Process] = []

    private func on(_ target: Target, _ body: (Process) -> Void) {
        let living = (byPath[target.path] ?? []).compactMap { processes[$0] }.filter(\.isAlive)
            .sorted { $0.number < $1.number }
        guard !living.isEmpty else { return }
        let process = living[target.index % living.count]
        body(process)
        if process.isSuspended, !suspensions.contains(where: { $0 === process }) { suspensions.append(process) }
    }

    private func resume(_ process: Process) {
        guard process.isSuspended else { return }
        process.isSuspended = false
        suspensions.removeAll { $0 === process }
        guard process.isAlive else { return }
        if let held = process.pendingStart {
            process.pendingStart = nil
            evaluate(held)
        }
        for event in process.pending { queue.append((process.key, event)) }
        process.pending = []
    }

    // MARK: Signals

    func deliver(_ process: Process, _ event: Event) { deliver(process.key, event) }

    func deliver(_ key: ProcessKey, _ event: Event) { queue.append((key, event)) }

    private func settleQueue() {
        while !queue.isEmpty, !isRunaway {
            let next = nextInQueue()
            let (key, event) = queue.remove(at: next)
            if let process = processes[key], process.isAlive { receive(process, event) }
        }
        if isRunaway { queue = [] }
    }

    /// The first signal under way to whoever is next.
    private func nextInQueue() -> Int {
        let receiver: ProcessKey?
        switch schedule {
        case .fair: return 0
        case .eldest: receiver = queue.map(\.0).min { $0.rawValue < $1.rawValue }
        case .youngest: receiver = queue.map(\.0).max { $0.rawValue < $1.rawValue }
        case .random(var random):
            receiver = queue.randomElement(using: &random)?.0
            schedule = .random(random)
        }
        return queue.firstIndex { $0.0 == receiver } ?? 0
    }

    private func receive(_ process: Process, _ event: Event) {
        if process.isSuspended {
            process.pending.append(event)
            return
        }
        handled += 1
        isRunaway = handled > 20_000
        coverage.count(process.machine?.stateKind, event.kind)
        var actions: [Action] = []
        process.machine?.handle(event, now: now, into: &actions)
        for action in actions { perform(action, of: process) }
    }

    func isAlive(_ key: ProcessKey) -> Bool { processes[key]?.isAlive ?? false || key == World.strangerKey }

    /// A living process that no supervisor knows: on OTP's side, the root's parent.
    static let strangerKey = ProcessKey(rawValue: 1)

    /// Its death: links first, then monitors, then whoever waits for a reply.
    func end(_ process: Process, _ reason: ExitReason) {
        guard process.isAlive else { return }
        process.isAlive = false
        trace.add(step, "ended", "\(process.name) \(reason.word)")
        heldStarts.removeAll { $0.supervisor == process.key }
        timers.removeAll { $0.supervisor == process.key }
        for key in process.linkedChildren {
            if let child = processes[key], child.isAlive, child.isLinked { linkBroken(child, reason) }
        }
        if process.isLinked, let parent = process.parent { deliver(parent, .exited(process.key, reason)) }
        for watcher in process.watchers { deliver(watcher, .down(process.key, reason)) }
        process.watchers = []
        if let attempt = process.attempt, !process.isReady, let parent = process.parent {
            deliver(parent, .started(attempt, .error(reason)))
        } else if process.parent == nil, !process.isReady, process.machine != nil {
            trace.add(step, "parent", "root error \(reason.word)")
        }
        for call in process.calls {
            trace.add(step, "reply", "\(callSteps[call] ?? 0) exit \(reason.word)")
        }
        process.calls = []
    }

    /// The exit signal of its parent's end.
    private func linkBroken(_ child: Process, _ reason: ExitReason) {
        switch child.stop {
        case nil: deliver(child, .parentExited(reason))
        case .die?: if reason != .normal { end(child, reason) }
        case .trap, .hold: if reason == .shutdown { shutDown(child) } else { end(child, reason) }
        }
    }

    func shutDown(_ child: Process) {
        switch child.stop {
        case nil: deliver(child, .parentExited(.shutdown))
        case .die?: end(child, .shutdown)
        case .trap(let word)?: if !child.isHeld { end(child, ExitReason(word)) }
        case .hold?: child.isHeld = true
        }
    }
}
