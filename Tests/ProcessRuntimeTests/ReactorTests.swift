// The reactor: nobody who waits is forgotten, and nobody hears of a descriptor that is gone.

import LinuxKernel
import ProcessRuntime
import Synchronization
import Testing

private let one = ProcessID(rawValue: 1 << 24)
private let two = ProcessID(rawValue: 2 << 24)
private let three = ProcessID(rawValue: 3 << 24)

private func polled(_ reactor: Reactor, deadline: UInt64 = 0) throws -> Set<ProcessID> {
    var events = Reactor.Events()
    var woken: Set<ProcessID> = []
    _ = try reactor.poll(&events, deadline: deadline) { woken.insert($0) }
    return woken
}

/// Reads all there is, as a process does that wants the last byte.
private func drain(_ raw: Int32) {
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
        var span = buffer.mutableSpan
        guard let count = try? Descriptor.read(raw, into: &span), count > 0 else { return }
    }
}

@Suite struct ReactorTests {
    @Test func namesWhoWaitsOnceForEachReport() throws {
        let reactor = try Reactor()
        let pipe = try Pipe(nonBlocking: true)
        let raw = pipe.readEnd.rawValue
        #expect(!reactor.arm(raw, .read, process: one, seen: reactor.readiness(raw, .read)))
        #expect(try polled(reactor).isEmpty)
        try pipe.writeEnd.writeAll([1])
        #expect(try polled(reactor) == [one])
        #expect(try polled(reactor).isEmpty)
        let seen = reactor.readiness(raw, .read)
        drain(raw)
        #expect(!reactor.arm(raw, .read, process: two, seen: seen))
        try pipe.writeEnd.writeAll([1])
        #expect(try polled(reactor) == [two])
    }

    @Test func aReportBetweenTheTryAndTheWaitShows() throws {
        let reactor = try Reactor()
        let pipe = try Pipe(nonBlocking: true)
        let raw = pipe.readEnd.rawValue
        #expect(!reactor.arm(raw, .read, process: one, seen: reactor.readiness(raw, .read)))
        reactor.disarm(raw, .read, process: one)
        let seen = reactor.readiness(raw, .read)
        try pipe.writeEnd.writeAll([1])
        #expect(try polled(reactor).isEmpty)
        #expect(reactor.arm(raw, .read, process: one, seen: seen))
        // It was told at once, so it is not named for that report too.
        try pipe.writeEnd.writeAll([1])
        #expect(try polled(reactor).isEmpty)
    }

    @Test func whatIsReadyAtTheFirstWaitIsReported() throws {
        let reactor = try Reactor()
        let pipe = try Pipe(nonBlocking: true)
        try pipe.writeEnd.writeAll([1])
        let raw = pipe.readEnd.rawValue
        #expect(!reactor.arm(raw, .read, process: one, seen: reactor.readiness(raw, .read)))
        #expect(try polled(reactor) == [one])
    }

    @Test func bothDirectionsOfASocketAreApart() throws {
        let reactor = try Reactor()
        let pair = try UnixSocketPair(nonBlocking: true)
        let raw = pair.first.descriptor.rawValue
        #expect(!reactor.arm(raw, .read, process: one, seen: reactor.readiness(raw, .read)))
        #expect(!reactor.arm(raw, .write, process: two, seen: reactor.readiness(raw, .write)))
        #expect(try polled(reactor) == [two])
        try pair.second.send([1])
        #expect(try polled(reactor) == [one])
    }

    @Test func everyWaiterOfADescriptorIsNamed() throws {
        let reactor = try Reactor()
        let pipe = try Pipe(nonBlocking: true)
        let raw = pipe.readEnd.rawValue
        for process in [one, two, three, two] {
            #expect(!reactor.arm(raw, .read, process: process, seen: reactor.readiness(raw, .read)))
        }
        reactor.disarm(raw, .read, process: two)
        try pipe.writeEnd.writeAll([1])
        #expect(try polled(reactor) == [one, three])
        #expect(try polled(reactor).isEmpty)
    }

    /// Two connections in one report, of which the first waiter takes one: who tried before the report and waits after it
    /// hears of the second.
    @Test func aLateWaiterHearsOfWhatIsLeft() throws {
        let reactor = try Reactor()
        let pipe = try Pipe(nonBlocking: true)
        let raw = pipe.readEnd.rawValue
        #expect(!reactor.arm(raw, .read, process: one, seen: reactor.readiness(raw, .read)))
        let seen = reactor.readiness(raw, .read)
        try pipe.writeEnd.writeAll([1, 2])
        #expect(try polled(reactor) == [one])
        #expect(reactor.arm(raw, .read, process: two, seen: seen))
    }

    @Test func whatNeverBlocksIsAlwaysReady() throws {
        let reactor = try Reactor()
        for path in ["/proc/self/exe", "/dev/null", "/"] {
            let file = try OwnedFileDescriptor(opening: path, flags: 0)
            let seen = reactor.readiness(file.rawValue, .read)
            #expect(reactor.arm(file.rawValue, .read, process: one, seen: seen))
            #expect(reactor.arm(file.rawValue, .read, process: one, seen: seen))
            reactor.forget(file.rawValue, isShared: false) { _ in }
        }
        #expect(reactor.arm(-1, .read, process: one, seen: .unknown))
        #expect(reactor.arm(.max, .read, process: one, seen: .unknown))
    }

    @Test func drainedMeansThatNothingCameSince() throws {
        let reactor = try Reactor()
        let pair = try UnixSocketPair(nonBlocking: true)
        let raw = pair.first.descriptor.rawValue
        var seen = reactor.readiness(raw, .read)
        #expect(!reactor.isStillDrained(raw, since: seen))
        _ = reactor.arm(raw, .read, process: one, seen: seen)
        _ = try polled(reactor)
        seen = reactor.readiness(raw, .read)
        #expect(reactor.isStillDrained(raw, since: seen))
        try pair.second.send([1])
        _ = try polled(reactor)
        #expect(!reactor.isStillDrained(raw, since: seen))
        drain(raw)
        seen = reactor.readiness(raw, .read)
        #expect(reactor.isStillDrained(raw, since: seen))
    }

    @Test func anEndIsNeverMistakenForNothingMore() throws {
        let reactor = try Reactor()
        let (mine, other) = try UnixSocketPair(nonBlocking: true).release()
        let socket = OwnedFileDescriptor(taking: mine)
        #expect(!reactor.arm(mine, .read, process: one, seen: reactor.readiness(mine, .read)))
        try MessageSocket(OwnedFileDescriptor(taking: other)).send([1])
        #expect(try polled(reactor) == [one])
        // Data and end came in one report; the read that takes the data leaves nothing but the end.
        let seen = reactor.readiness(mine, .read)
        #expect(!reactor.isStillDrained(mine, since: seen))
        withExtendedLifetime(socket) {}
    }

    @Test func aStaleEventOfAReusedNumberIsDropped() throws {
        let reactor = try Reactor()
        var writeEnds: [Int32] = []
        let (first, firstWrite) = try Pipe(nonBlocking: true).release()
        writeEnds.append(firstWrite)
        #expect(!reactor.arm(first, .read, process: one, seen: reactor.readiness(first, .read)))
        // A duplicate keeps the open file description, and so the kernel's registration, alive.
        let keeper = try Descriptor.duplicate(first)
        reactor.disarm(first, .read, process: one)
        reactor.forget(first, isShared: false) { _ in Issue.record("nobody waits") }
        _ = OwnedFileDescriptor(taking: first)
        let (second, secondWrite) = try Pipe(nonBlocking: true).release()
        writeEnds.append(secondWrite)
        try #require(second == first, "the lowest free number is the one that was closed")
        #expect(!reactor.arm(second, .read, process: two, seen: reactor.readiness(second, .read)))
        _ = try Descriptor.write(firstWrite, [1].span)
        #expect(try polled(reactor).isEmpty)
        _ = try Descriptor.write(secondWrite, [1].span)
        #expect(try polled(reactor) == [two])
        for raw in writeEnds + [second] { _ = OwnedFileDescriptor(taking: raw) }
        withExtendedLifetime(keeper) {}
    }

    @Test func forgettingASharedDescriptorEndsItsEvents() throws {
        let reactor = try Reactor()
        let pipe = try Pipe(nonBlocking: true)
        let raw = pipe.readEnd.rawValue
        #expect(!reactor.arm(raw, .read, process: one, seen: reactor.readiness(raw, .read)))
        var woken: [ProcessID] = []
        reactor.forget(raw, isShared: true) { woken.append($0) }
        #expect(woken == [one])
        try pipe.writeEnd.writeAll([1])
        var events = Reactor.Events()
        #expect(try reactor.poll(&events, deadline: 0) { _ in } == 0)
        #expect(!reactor.arm(raw, .read, process: two, seen: reactor.readiness(raw, .read)))
        #expect(try polled(reactor) == [two])
    }

    @Test func interruptsEachPollOnce() throws {
        let reactor = try Reactor()
        var events = Reactor.Events()
        reactor.interrupt()
        #expect(try reactor.poll(&events, deadline: nil) { _ in } == 1)
        #expect(try reactor.poll(&events, deadline: 0) { _ in } == 0)
        let thread = try spawnThread(name: "interrupter") { reactor.interrupt() }
        #expect(try reactor.poll(&events, deadline: nil) { _ in } == 1)
        thread.join()
    }

    /// Four processes read bytes from pipes whose numbers are used again and again, while two threads poll: every byte is
    /// read, so no wake-up was lost.
    @Test func noWakeUpIsLostWhileNumbersAreReused() throws {
        let reactor = try Reactor()
        let seed = testSeed()
        let rounds = longRun(300, 20_000)
        let processes = 4
        let wakeUps = (0..<processes).map { _ in Semaphore() }
        let isDone = Atomic<Bool>(false)
        let pollers = try (0..<2).map { _ in
            ThreadBox(
                try spawnThread(name: "poller") {
                    var events = Reactor.Events()
                    while !isDone.load(ordering: .acquiring) {
                        _ = try? reactor.poll(&events, deadline: nil) { wakeUps[Int($0.rawValue >> 24) - 1].signal() }
                    }
                    reactor.interrupt()
                })
        }
        let readers = try (0..<processes).map { index in
            ThreadBox(
                try spawnThread(name: "process") {
                    let process = ProcessID(rawValue: UInt64(index + 1) << 24)
                    var random = SplitMix64(seed: seed &+ UInt64(index))
                    for _ in 0..<rounds {
                        guard let (readEnd, writeEnd) = try? Pipe(nonBlocking: true).release() else { return }
                        let wanted = Int(random.next(in: 1...20))
                        let pauses = random.next(in: 0...3)
                        guard
                            let writer = try? spawnThread(
                                name: "writer", { write(wanted, to: writeEnd, pauses: pauses) })
                        else { return }
                        read(wanted, from: readEnd, reactor, process, wakeUps[index])
                        writer.join()
                        reactor.forget(readEnd, isShared: false) { _ in }
                        _ = OwnedFileDescriptor(taking: readEnd)
                    }
                })
        }
        for thread in readers { thread.join() }
        isDone.store(true, ordering: .releasing)
        reactor.interrupt()
        for thread in pollers { thread.join() }
    }

    /// Many waiters of one descriptor: each byte wakes all, and all bytes are read by someone.
    @Test func noWakeUpIsLostAmongSeveralWaiters() throws {
        let reactor = try Reactor()
        let total = longRun(2_000, 200_000)
        let pipe = try Pipe(nonBlocking: true)
        let raw = pipe.readEnd.rawValue
        let writeEnd = pipe.writeEnd.rawValue
        let processes = 4
        let wakeUps = (0..<processes).map { _ in Semaphore() }
        let left = Atomic<Int>(total)
        let isDone = Atomic<Bool>(false)
        let poller = try spawnThread(name: "poller") {
            var events = Reactor.Events()
            while !isDone.load(ordering: .acquiring) {
                _ = try? reactor.poll(&events, deadline: nil) { wakeUps[Int($0.rawValue >> 24) - 1].signal() }
            }
        }
        let readers = try (0..<processes).map { index in
            ThreadBox(
                try spawnThread(name: "process") {
                    let process = ProcessID(rawValue: UInt64(index + 1) << 24)
                    var byte: [UInt8] = [0]
                    while left.load(ordering: .acquiring) > 0 {
                        let seen = reactor.readiness(raw, .read)
                        var span = byte.mutableSpan
                        if let count = try? Descriptor.read(raw, into: &span), count == 1 {
                            if left.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 {
                                for other in wakeUps { other.signal() }
                            }
                        } else if !reactor.arm(raw, .read, process: process, seen: seen) {
                            wakeUps[index].wait()
                        }
                    }
                })
        }
        write(total, to: writeEnd, pauses: 1, closes: false)
        for thread in readers { thread.join() }
        isDone.store(true, ordering: .releasing)
        reactor.interrupt()
        poller.join()
        let unread = left.load(ordering: .relaxed)
        #expect(unread == 0)
        withExtendedLifetime(pipe) {}
    }
}

private func write(_ count: Int, to raw: Int32, pauses: UInt64, closes: Bool = true) {
    var none: [PollEntry] = []
    for index in 0..<count {
        try? Descriptor.writeAll(raw, [UInt8(truncatingIfNeeded: index)].span)
        if pauses > 0, index % 4 == 0 {
            _ = try? Poll.wait(&none, deadline: Clock.monotonicNow() + pauses * 10_000)
        }
    }
    if closes { _ = OwnedFileDescriptor(taking: raw) }
}

/// As a host call does it: note, try, wait, again.
private func read(_ wanted: Int, from raw: Int32, _ reactor: Reactor, _ process: ProcessID, _ wakeUp: Semaphore) {
    var buffer = [UInt8](repeating: 0, count: 3)
    var got = 0
    var isDrained = false
    var last = Readiness.unknown
    while got < wanted {
        if isDrained && reactor.isStillDrained(raw, since: last) {
            if !reactor.arm(raw, .read, process: process, seen: last) { wakeUp.wait() }
        }
        let seen = reactor.readiness(raw, .read)
        var span = buffer.mutableSpan
        if let count = try? Descriptor.read(raw, into: &span) {
            if count == 0 { return }
            got += count
            isDrained = count < buffer.count
            last = seen
        } else if !reactor.arm(raw, .read, process: process, seen: seen) {
            wakeUp.wait()
        }
    }
}
