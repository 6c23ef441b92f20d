// The timer wheel against a sorted model, from one thread and from several.

import LinuxKernel
import ProcessRuntime
import Synchronization
import Testing

/// Nodes for tests, in memory that stays where it is.
// SAFETY: allocated in init, freed in deinit; the wheels that hold the nodes go away before or with it.
@safe private final class Nodes: @unchecked Sendable {
    private let storage: UnsafeMutablePointer<TimerNode>
    let count: Int

    init(_ count: Int) {
        self.count = count
        unsafe storage = .allocate(capacity: count)
        for index in 0..<count { unsafe (storage + index).initialize(to: TimerNode()) }
    }

    deinit {
        unsafe storage.deinitialize(count: count)
        unsafe storage.deallocate()
    }

    func arm(_ index: Int, in wheel: TimerWheel, deadline: UInt64) -> Bool {
        precondition(index < count)
        return unsafe wheel.arm(storage + index, process: ProcessID(rawValue: UInt64(index)), deadline: deadline)
    }

    func cancel(_ index: Int) {
        precondition(index < count)
        unsafe TimerWheel.cancel(storage + index)
    }

    func isStanding(_ index: Int) -> Bool {
        precondition(index < count)
        return unsafe storage[index].isStanding
    }
}

private func collectAll(_ wheel: TimerWheel, now: UInt64, room: Int = 64) -> [ProcessID] {
    var all: [ProcessID] = []
    var buffer = [ProcessID](repeating: .outside, count: room)
    while true {
        var span = buffer.mutableSpan
        let count = wheel.collect(now: now, into: &span)
        all.append(contentsOf: buffer[..<count])
        if count < room { return all }
    }
}

private let tick: UInt64 = 1 << TimerWheel.tickShift

@Suite struct TimerWheelTests {
    /// Random arms, re-arms and cancels over every span from nanoseconds to centuries: a node is named after its deadline
    /// and within a tick of it, once for each arm, and never when it was cancelled.
    @Test(arguments: 0..<4)
    func agreesWithASortedModel(_ round: Int) {
        let seed = testSeed() &+ UInt64(round)
        var random = SplitMix64(seed: seed)
        let nodes = Nodes(500)
        // Below a quarter of the range, past which time no longer goes on here.
        var now: UInt64 = random.next() >> random.next(in: 3...40)
        let wheel = TimerWheel(now: now)
        var model: [Int: UInt64] = [:]
        var fired = 0
        for step in 0..<longRun(60_000, 10_000_000) {
            let index = Int(random.next(in: 0...499))
            switch random.next(in: 0...9) {
            case 0...5:
                let delay = random.next() >> random.next(in: 2...63)
                let deadline = now &+ min(delay, .max / 2 - min(now, .max / 2))
                _ = nodes.arm(index, in: wheel, deadline: deadline)
                model[index] = max(deadline, 1)
            case 6:
                nodes.cancel(index)
                model[index] = nil
            default:
                let earliest = model.values.min()
                if let deadline = wheel.nextDeadline {
                    guard deadline <= (earliest ?? .max - tick) + tick else {
                        Issue.record("seed \(seed), step \(step): the wheel would sleep past a deadline")
                        return
                    }
                } else if earliest != nil {
                    Issue.record("seed \(seed), step \(step): the wheel thinks that it is empty")
                    return
                }
                now += min(random.next() >> random.next(in: 3...63), (.max / 4 - min(now, .max / 4)) / 64)
                // Up to a tick past it, or what lies within the tick would stay there once time stands still.
                if random.next(in: 0...3) == 0, let earliest { now = max(now, earliest + random.next(in: 0...tick)) }
                for process in collectAll(wheel, now: now, room: Int(random.next(in: 1...20))) {
                    let index = Int(process.rawValue)
                    guard let deadline = model.removeValue(forKey: index), deadline <= now else {
                        Issue.record("seed \(seed), step \(step): \(index) is early, or was not armed")
                        return
                    }
                    fired += 1
                }
                if let late = model.first(where: { $0.value + tick <= now }) {
                    Issue.record("seed \(seed), step \(step): \(late.key) is late by \(now - late.value) ns")
                    return
                }
            }
        }
        #expect(fired > 1000, "seed \(seed)")
    }

    @Test func aLaterDeadlineLeavesTheNodeWhereItIs() {
        let nodes = Nodes(1)
        let wheel = TimerWheel(now: 0)
        #expect(nodes.arm(0, in: wheel, deadline: 100 * tick))
        for later in 101..<200 as Range<UInt64> {
            #expect(!nodes.arm(0, in: wheel, deadline: later * tick))
        }
        #expect(collectAll(wheel, now: 198 * tick).isEmpty)
        #expect(collectAll(wheel, now: 199 * tick).count == 1)
        #expect(wheel.nextDeadline == nil && !nodes.isStanding(0))
    }

    @Test func anEarlierDeadlineMovesIt() {
        let nodes = Nodes(2)
        let wheel = TimerWheel(now: 0)
        #expect(nodes.arm(0, in: wheel, deadline: 100_000 * tick))
        #expect(nodes.arm(0, in: wheel, deadline: 5 * tick))
        #expect(!nodes.arm(1, in: wheel, deadline: 5 * tick + 1))
        #expect(collectAll(wheel, now: 5 * tick) == [ProcessID(rawValue: 0)])
        #expect(collectAll(wheel, now: 6 * tick) == [ProcessID(rawValue: 1)])
    }

    @Test func aCancelledNodeLeavesTheWheelWhenItIsDue() {
        let nodes = Nodes(1)
        let wheel = TimerWheel(now: 0)
        _ = nodes.arm(0, in: wheel, deadline: 70 * tick)
        nodes.cancel(0)
        #expect(nodes.isStanding(0))
        #expect(collectAll(wheel, now: 70 * tick).isEmpty)
        #expect(!nodes.isStanding(0) && wheel.nextDeadline == nil)
    }

    @Test func isDueSaysWhatCollectFinds() {
        let nodes = Nodes(1)
        let wheel = TimerWheel(now: 7)
        #expect(!wheel.isDue(at: .max))
        _ = nodes.arm(0, in: wheel, deadline: tick)
        #expect(!wheel.isDue(at: tick - 1) && wheel.isDue(at: tick))
    }

    /// Owners arm and cancel while two threads collect: every deadline that stands in the end is named, none early.
    @Test func ownersAndCollectorsMayRace() throws {
        let count = 64
        let nodes = Nodes(count)
        let wheel = TimerWheel(now: Clock.monotonicNow())
        let seed = testSeed()
        let isDone = Atomic<Int>(0)
        // Each process's last deadline, 0 once it was named after it.
        let awaited = (0..<count).map { _ in AtomicBox() }
        let early = Atomic<Int>(0)
        let turns = longRun(20_000, 2_000_000)
        let owners = try (0..<2).map { owner in
            ThreadBox(
                try spawnThread(name: "owner") {
                    var random = SplitMix64(seed: seed &+ UInt64(owner))
                    for _ in 0..<turns {
                        let index = Int(random.next(in: 0...31)) * 2 + owner
                        let deadline = Clock.monotonicNow() + random.next(in: 0...3_000_000)
                        awaited[index].value.store(deadline, ordering: .sequentiallyConsistent)
                        _ = nodes.arm(index, in: wheel, deadline: deadline)
                        if random.next(in: 0...7) == 0 {
                            nodes.cancel(index)
                            awaited[index].value.store(0, ordering: .sequentiallyConsistent)
                        }
                    }
                    isDone.wrappingAdd(1, ordering: .sequentiallyConsistent)
                })
        }
        let collectors = try (0..<2).map { _ in
            ThreadBox(
                try spawnThread(name: "collector") {
                    while isDone.load(ordering: .sequentiallyConsistent) < 2
                        || awaited.contains(where: { $0.value.load(ordering: .sequentiallyConsistent) != 0 })
                    {
                        let before = Clock.monotonicNow()
                        for process in collectAll(wheel, now: before, room: 8) {
                            let box = awaited[Int(process.rawValue)]
                            let deadline = box.value.load(ordering: .sequentiallyConsistent)
                            // A later one that was set after the wheel looked is named again when its time comes.
                            if deadline <= before {
                                _ = box.value.compareExchange(
                                    expected: deadline, desired: 0, ordering: .sequentiallyConsistent)
                            } else if isDone.load(ordering: .sequentiallyConsistent) == 2 && deadline > before {
                                early.wrappingAdd(1, ordering: .relaxed)
                            }
                        }
                        if isDone.load(ordering: .sequentiallyConsistent) == 2 {
                            var none: [PollEntry] = []
                            _ = try? Poll.wait(&none, deadline: before + 200_000)
                        }
                    }
                })
        }
        for thread in owners + collectors { thread.join() }
        // At most what was named between an owner's last look and its end.
        #expect(early.load(ordering: .relaxed) <= count, "seed \(seed)")
        #expect(awaited.allSatisfy { $0.value.load(ordering: .relaxed) == 0 }, "seed \(seed)")
    }

    /// Insert and expiry of 20,000 sleepers; printed, not judged: machines differ.
    @Test func showsWhatATimerCosts() {
        let sleepers = 20_000
        let nodes = Nodes(sleepers)
        var now: UInt64 = 1 << 40
        let wheel = TimerWheel(now: now)
        let period: UInt64 = 100_000_000
        for index in 0..<sleepers {
            _ = nodes.arm(index, in: wheel, deadline: now + UInt64(index) * period / UInt64(sleepers))
        }
        var buffer = [ProcessID](repeating: .outside, count: 256)
        var fired = 0
        let start = Clock.threadCPUTime()
        while fired < 10 * sleepers {
            now += tick
            while true {
                var span = buffer.mutableSpan
                let count = wheel.collect(now: now, into: &span)
                for index in 0..<count {
                    _ = nodes.arm(Int(buffer[index].rawValue), in: wheel, deadline: now + period)
                }
                fired += count
                if count < buffer.count { break }
            }
        }
        let each = (Clock.threadCPUTime() - start) / UInt64(fired)
        print("timer wheel: \(each) ns for insert and expiry, \(sleepers) sleepers")
        #expect(fired >= 10 * sleepers)
    }
}
