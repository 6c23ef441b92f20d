// A random tree and random things that happen to it, with what must hold whatever happens.

import CapabilityModel
package import Supervision
import Testing

final class RandomWorld {
    let seed: UInt64
    let world = World()
    private(set) var top: Pid?
    private var random: SeededRandom
    private var broken: [String] = []
    private var calls: [CallKey] = []
    private var replies: [CallKey: Int] = [:]
    private var changes: Set<CallKey> = []
    /// Where in its supervisor's order each child stands that is stopped in the sequence under way.
    private var stops: [Pid: [Int]] = [:]
    private var names: [StartKey: ChildID] = [:]
    private var wasSignal = false
    private static let ids: [ChildID] = ["a", "b", "c", "d", "e", "f"]
    private static let reasons: [ExitReason] = [
        .normal, .shutdown, .shutdownWith([1]), .died, .killed, .bytes([2]), .exited(code: 1),
    ]

    init(seed: UInt64) {
        self.seed = seed
        random = SeededRandom(seed)
        if random.chance(50) { world.choice = { [unowned self] in random.below($0) } }
        world.inspect = { [unowned self] in inspect($0, $1) }
        world.listens = { [unowned self] in stops[$0] = nil }
    }

    private func check(_ condition: Bool, _ what: @autoclosure () -> String) {
        if !condition { broken.append(what()) }
    }

    // MARK: Making

    private func behaviour() -> Behaviour {
        var made = Behaviour()
        switch random.below(10) {
        case 0...3: made = .server
        case 4, 5: made = .obedient
        case 6: made.onShutdown = .exits(random.one(Self.reasons), after: UInt64(random.below(30)))
        case 7: made.onShutdown = .exits(nil, after: UInt64(random.below(30)))
        case 8: made.onShutdown = .ignores
        default: made.unlinks = true
        }
        if random.chance(10) { made.life = (UInt64(random.below(3_000)), random.one(Self.reasons)) }
        return made
    }

    private func plan(depth: Int, _ id: ChildID) -> Script.Plan {
        switch random.below(20) {
        case 0: .ignore
        case 1, 2: .error(random.one(Self.reasons))
        case 3: .slow(UInt64(random.below(50)), .ok(behaviour()))
        case 4: .slow(UInt64(random.below(50)), .error(.died))
        case 5: .ok(behaviour(), info: [3])
        case 6: .alreadyStarted(world.tester)
        default: .ok(behaviour())
        }
    }

    private func flags(children: [ChildSpec]) -> SupervisorFlags {
        var flags = SupervisorFlags(
            strategy: random.one([.oneForOne, .oneForAll, .restForOne]), intensity: random.below(6),
            period: 1 + random.below(5),
            autoShutdown: children.contains(where: \.significant)
                ? random.one([.anySignificant, .allSignificant]) : random.one(AutoShutdown.allCases))
        if children.count == 1, random.chance(50) { flags.strategy = .simpleOneForOne }
        if random.chance(15) {
            flags.backoff = Backoff(
                first: UInt64(1 + random.below(20)) * .millisecond, most: 200 * .millisecond, seed: random.next())
        }
        return flags
    }

    private func spec(_ id: ChildID, depth: Int) -> ChildSpec {
        let restart = random.one(RestartType.allCases)
        // Who ignores to be shut down must be killed at some time, or nothing ever comes to rest.
        let shutdown: Shutdown = random.one([
            .brutalKill, .milliseconds(0), .milliseconds(10), .milliseconds(20), .milliseconds(500),
        ])
        let isTree = depth > 0 && random.chance(25)
        let key = world.script()
        names[key] = id
        if isTree {
            let children = Self.ids.prefix(random.below(4)).map { spec(ChildID("\(id)\($0)"), depth: depth - 1) }
            let plan = Script.Plan.supervisor(flags(children: children), children)
            world.scripts[key]?.make = { plan }
        } else {
            world.scripts[key]?.make = { [unowned self] in plan(depth: depth, id) }
        }
        return ChildSpec(
            id: id, start: key, restart: restart, significant: restart != .permanent && random.chance(20),
            shutdown: isTree ? .infinity : shutdown, kind: isTree ? .supervisor : .worker)
    }

    // MARK: Running

    /// What was broken, by name.
    func run(steps: Int) throws -> [String] {
        let children = Self.ids.prefix(random.below(7)).map { spec($0, depth: 2) }
        let (pid, result) = try world.startLink(flags(children: children), children)
        top = pid
        check(result != nil, "the beginning does not end")
        for step in 0..<steps where world.isAlive(pid) {
            act()
            if random.chance(60) { world.settle() }
            if random.chance(30) { world.sleep(UInt64(random.below(2_000)) * .millisecond) }
            if random.chance(30) { rest(step) }
            if !broken.isEmpty { return broken }
        }
        // Those in the world that end by themselves have ended by then.
        world.sleep(100 * .second)
        rest(steps)
        if world.isAlive(pid) {
            world.exit(pid, .shutdown)
            world.rest()
        }
        check(!world.isAlive(pid), "the end does not come")
        for call in calls {
            check(world.results[call] != nil, "a call is not answered")
            check(replies[call, default: 0] <= 1, "a call is answered twice")
        }
        return broken
    }

    private func act() {
        let supervisors = world.processes.values.filter { $0.isAlive && $0.driver != nil }.map(\.pid).sorted()
        let owned = world.owners.keys.filter { world.isAlive($0) }.sorted()
        guard !supervisors.isEmpty else { return }
        let supervisor = random.one(supervisors)
        switch random.below(10) {
        case 0...3: if !owned.isEmpty { world.send(.end(random.one(owned), random.one(Self.reasons))) }
        case 4: if !owned.isEmpty { world.exit(random.one(owned), random.one(Self.reasons + [.kill])) }
        case 5: world.send(.signal(.exit(Pid(rawValue: 1 << 50), random.one(Self.reasons)), to: supervisor))
        default:
            let request = request(owned)
            let call = world.post(supervisor, request)
            calls.append(call)
            if case .change = request { changes.insert(call) }
        }
    }

    private func request(_ owned: [Pid]) -> Request {
        let id = random.one(Self.ids)
        let key: ChildKey = random.chance(50) || owned.isEmpty ? .id(id) : .process(random.one(owned))
        switch random.below(30) {
        case 0...6: return .startChild(spec(id, depth: 1))
        case 7...11: return .startDynamicChild(extra: [UInt8(random.below(9))])
        case 12...15: return .terminateChild(key)
        case 16...18: return .restartChild(id)
        case 19...21: return .deleteChild(id)
        case 22: return .childSpec(key)
        case 23: return .whichChild(key)
        case 24, 25: return .whichChildren
        case 26...28: return .countChildren
        default:
            if random.chance(20) { return .stop(random.one(Self.reasons)) }
            // No trees: a worker that runs and ignores to be shut down would be given all the time there is.
            let children = Self.ids.prefix(random.below(4)).map { spec($0, depth: 0) }
            return .change(flags(children: children), children)
        }
    }

    // MARK: What must hold

    /// At each action of a supervisor.
    private func inspect(_ supervisor: Pid, _ action: Action) {
        guard let machine = world.driver(supervisor)?.machine else { return }
        let isSimple = machine.flags.strategy == .simpleOneForOne
        defer { wasSignal = if case .signal = action { true } else { false } }
        switch action {
        case .start(_, _, _, let child):
            if !isSimple { check(alive(supervisor, child).isEmpty, "\(child) is started while it runs") }
            stops[supervisor] = nil
        case .monitor(let process):
            guard !isSimple, let owner = world.owners[process] else { return }
            if let place = orders[supervisor]?.firstIndex(of: owner.child) {
                stops[supervisor, default: []].append(place)
            }
        case .reply(let call, _), .inquire(let call, _):
            replies[call, default: 0] += 1
            if changes.contains(call) { orders[supervisor] = nil }
            stops[supervisor] = nil
        case .end:
            check(alive(supervisor, nil).isEmpty, "children outlive their supervisor: \(alive(supervisor, nil))")
            let places = stops[supervisor] ?? []
            check(places == places.sorted(), "stopped in the order \(places) of \(orders[supervisor] ?? [])")
        case .report(let report): if report.context == .childTerminated { stops[supervisor] = nil }
        // A pause begins, and a sequence of stops is over.
        case .setTimer: if !wasSignal { stops[supervisor] = nil }
        // It may come back as the newest.
        case .discard(let key): orders[supervisor]?.removeAll { $0 == names[key] }
        case .ready, .signal, .unlink, .cancelTimer, .retryLater: break
        }
    }

    private func alive(_ supervisor: Pid, _ child: ChildID?) -> [Pid] {
        world.owners.filter { $1.supervisor == supervisor && (child == nil || $1.child == child) }.keys
            .filter { world.isAlive($0) }
    }

    /// Identifiers newest first, as which_children gave them last.
    private var orders: [Pid: [ChildID]] = [:]

    /// When nothing moves: every supervisor listens, and says what is so.
    private func rest(_ step: Int) {
        world.sleep(60 * .second)
        for actor in world.processes.values.sorted(by: { $0.pid < $1.pid }) {
            guard actor.isAlive, let driver = actor.driver else { continue }
            let machine = driver.machine
            check(machine.isIdle && machine.waitingCount == 0, "\(machine.stateKind) at rest, after \(step) steps")
            guard machine.isIdle else { continue }
            check(machine.stampCount <= machine.flags.intensity + 1, "\(machine.stampCount) stamps")
            let infos = world.children(actor.pid)
            let counts = world.counts(actor.pid)
            let isSimple = machine.flags.strategy == .simpleOneForOne
            check(isSimple || counts[0] == infos.count, "specs \(counts) of \(infos)")
            check(counts[2] + counts[3] == infos.count, "kinds \(counts) of \(infos)")
            let running = infos.compactMap(\.process.running)
            check(Set(running).count == running.count, "a process twice in \(infos)")
            check(
                counts[1] == (isSimple ? running.count : running.count { world.isAlive($0) }),
                "active \(counts) of \(infos)")
            // None is forgotten; one that is gone, and still listed, had undone its link.
            check(Set(alive(actor.pid, nil)).isSubset(of: running), "forgotten in \(infos)")
            for process in running where !world.isAlive(process) {
                if case .child(_, let behaviour)? = world.processes[process]?.role {
                    check(behaviour.unlinks, "\(process) is dead and listed")
                }
            }
            check(!infos.contains { $0.process.isRestarting }, "a restart under way at rest")
            if !isSimple { orders[actor.pid] = infos.compactMap(\.id) }
        }
        stops.removeAll()
    }
}

extension ProcessKey: Comparable {
    package static func < (a: ProcessKey, b: ProcessKey) -> Bool { a.rawValue < b.rawValue }
}
