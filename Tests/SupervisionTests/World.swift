// A world to test supervisors in: processes that are scripts or real `Supervisor` values, exit signals and links between
// them as Erlang has them, callers, and a clock that only moves when nothing else does.

import CapabilityModel
import Supervision

typealias Pid = ProcessKey

extension ProcessKey: CustomStringConvertible {
    package var description: String { "<\(rawValue)>" }
}

extension UInt64 {
    static let millisecond: UInt64 = 1_000_000
    static let second: UInt64 = 1_000_000_000
}

final class World {
    enum Signal {
        case linkExit(Pid, ExitReason)
        /// exit/2.
        case exit(Pid, ExitReason)
        case kill(Pid)
        case down(Pid, ExitReason)
        case call(CallKey, Request)
        case retry(ChildKey)
    }

    enum Delivery {
        case signal(Signal, to: Pid)
        case timer(TimerKey, of: Pid)
        case answer(StartAttempt, StartOutcome, to: Pid)
        /// A process ends itself.
        case end(Pid, ExitReason)
    }

    enum CallResult: Equatable {
        case reply(Reply)
        case down(ExitReason)
        /// Nothing can answer it any more.
        case never
    }

    /// What happened, for tests of order.
    enum Trace: Equatable {
        case start(ChildID)
        /// A child's process ended.
        case end(ChildID, ExitReason)
        case report(Report)
        case ready(Pid)
        case supervisorEnd(Pid, ExitReason)
    }

    private(set) var now: UInt64
    private var soon: [Delivery] = []
    private var soonHead = 0
    private var later = TimeQueue()
    var processes: [Pid: Actor] = [:]
    var scripts: [StartKey: Script] = [:]
    var results: [CallKey: CallResult] = [:]
    var trace: [Trace] = []
    private var numbers: UInt64 = 0
    /// The test itself: parent of what it starts, and trapping exits.
    let tester: Pid
    /// Keeps a call of every event for `Coverage`.
    let coverage: Coverage?
    /// Chooses among the deliveries that may be next, by their number; nil: in the order of sending.
    var choice: ((Int) -> Int)?
    /// Whom each process was started by and for, where a start function did it.
    var owners: [Pid: (supervisor: Pid, child: ChildID)] = [:]
    /// Sees each action before it is done.
    var inspect: ((Pid, Action) -> Void)?
    /// Hears of each supervisor that takes an event up when it was idle.
    var listens: ((Pid) -> Void)?

    init(start: UInt64 = 1_000 * .second, coverage: Coverage? = .all) {
        now = start
        self.coverage = coverage
        tester = Pid(rawValue: 1)
        numbers = 1
        processes[tester] = Actor(tester, .tester, traps: true)
    }

    // MARK: Time

    func send(_ delivery: Delivery, after delay: UInt64 = 0) {
        if delay == 0 { soon.append(delivery) } else { later.insert(delivery, at: now + delay) }
    }

    /// Does what is due now; false when there was nothing.
    @discardableResult
    func step() -> Bool {
        guard soonHead < soon.count else { return false }
        if let choice { bringForward(choice) }
        let delivery = soon[soonHead]
        soonHead += 1
        if soonHead == soon.count {
            soon.removeAll(keepingCapacity: true)
            soonHead = 0
        }
        deliver(delivery)
        return true
    }

    /// Any may be next that nothing of the same sender to the same receiver precedes.
    private func bringForward(_ choice: (Int) -> Int) {
        var lanes: Set<[Pid]> = []
        var candidates: [Int] = []
        for index in soonHead..<soon.count where lanes.insert(soon[index].lane).inserted { candidates.append(index) }
        let chosen = candidates[choice(candidates.count)]
        let delivery = soon.remove(at: chosen)
        soon.insert(delivery, at: soonHead)
    }

    func settle() {
        while step() {}
    }

    /// Lets time go on to the next thing that happens, by the limit at most; false when nothing does.
    func tick(limit: UInt64) -> Bool {
        guard let (time, delivery) = later.popFirst(before: limit) else { return false }
        now = max(now, time)
        soon.append(delivery)
        return true
    }

    func sleep(_ duration: UInt64) {
        let end = now + duration
        settle()
        while tick(limit: end) { settle() }
        now = end
    }

    /// Runs until nothing can happen any more, for an hour at most.
    func rest() { sleep(3_600 * .second) }

    /// Runs until the condition holds, for an hour at most.
    @discardableResult
    func run(until condition: () -> Bool) -> Bool {
        let end = now + 3_600 * .second
        while !condition() {
            if step() { continue }
            guard tick(limit: end) else { return condition() }
        }
        return true
    }

    func number() -> UInt64 {
        numbers += 1
        return numbers
    }

    // MARK: Requests

    func post(_ supervisor: Pid, _ request: Request) -> CallKey {
        let call = CallKey(rawValue: number())
        if isAlive(supervisor) {
            send(.signal(.call(call, request), to: supervisor))
        } else {
            results[call] = .down(.noproc)
        }
        return call
    }

    /// Runs until it is answered.
    func call(_ supervisor: Pid, _ request: Request) -> CallResult {
        let call = post(supervisor, request)
        run { results[call] != nil }
        return results[call] ?? .never
    }

    func exit(_ process: Pid, _ reason: ExitReason) {
        send(.signal(reason == .kill ? .kill(tester) : .exit(tester, reason), to: process))
    }

    /// The process ends by itself; all that follows at once is done.
    func terminate(_ process: Pid, _ reason: ExitReason) {
        send(.end(process, reason))
        settle()
    }

    func isAlive(_ process: Pid) -> Bool { processes[process]?.isAlive ?? false }
}

extension World.Delivery {
    /// Sender and receiver.
    var lane: [Pid] {
        switch self {
        case .signal(.linkExit(let from, _), let to), .signal(.exit(let from, _), let to),
            .signal(.kill(let from), let to), .signal(.down(let from, _), let to):
            [from, to]
        case .signal(.call(let call, _), let to): [Pid(rawValue: 1 << 60 | call.rawValue), to]
        case .signal(.retry, let to), .answer(_, _, let to): [to, to]
        case .timer(let timer, let of): [Pid(rawValue: 1 << 61 | timer.rawValue), of]
        case .end(let pid, _): [pid, pid]
        }
    }
}

/// Deliveries by time, and by order of insertion within it: a binary heap.
struct TimeQueue {
    private var heap: [(time: UInt64, order: UInt64, delivery: World.Delivery)] = []
    private var orders: UInt64 = 0

    mutating func insert(_ delivery: World.Delivery, at time: UInt64) {
        orders += 1
        heap.append((time, orders, delivery))
        var child = heap.count - 1
        while child > 0, isBefore(child, (child - 1) / 2) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func popFirst(before limit: UInt64) -> (UInt64, World.Delivery)? {
        guard let first = heap.first, first.time <= limit else { return nil }
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && isBefore(child, least) {
                least = child
            }
            if least == parent { break }
            heap.swapAt(parent, least)
            parent = least
        }
        return (first.time, first.delivery)
    }

    private func isBefore(_ a: Int, _ b: Int) -> Bool {
        (heap[a].time, heap[a].order) < (heap[b].time, heap[b].order)
    }
}
