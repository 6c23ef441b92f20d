// Epoll, poll, timers, signals, clocks, threads.

import Glibc
import LinuxKernel
import Synchronization
import Testing

struct EventTests {
    @Test func tokensKeepDescriptorAndRegistration() throws {
        let epoll = try Epoll()
        let pipe = try Pipe(nonBlocking: true)
        let token = EpollToken(raw: pipe.readEnd.rawValue, registration: .max)
        try epoll.add(token, .read)
        var buffer = EpollBuffer(capacity: 4)
        #expect(try epoll.wait(into: &buffer, deadline: 0) == 0)
        try pipe.writeEnd.writeAll([1])
        #expect(try epoll.wait(into: &buffer, deadline: nil) == 1)
        let event = buffer[0]
        #expect(event.token == token && event.events == .read)
        try epoll.modify(token, [])
        #expect(try epoll.wait(into: &buffer, deadline: 0) == 0)
        try epoll.remove(pipe.readEnd.rawValue)
        #expect(throws: SystemError("epoll_ctl", errno: ENOENT)) { try epoll.remove(pipe.readEnd.rawValue) }
    }

    @Test func aRegularFileCannotBeWatched() throws {
        let epoll = try Epoll()
        let file = try OwnedFileDescriptor(opening: "/proc/self/exe", flags: O_RDONLY)
        let token = EpollToken(raw: file.rawValue, registration: 1)
        #expect(throws: SystemError("epoll_ctl", errno: EPERM)) { try epoll.add(token, .read) }
    }

    @Test func eventsWakeAndDrain() throws {
        let event = try EventFD()
        let untouched = event.drain()
        event.signal()
        event.signal()
        let (signalled, drained) = (event.drain(), event.drain())
        #expect(!untouched && signalled && !drained)
    }

    @Test func aDeadlineEndsAPoll() throws {
        let pipe = try Pipe()
        var entries = [
            PollEntry(raw: pipe.readEnd.rawValue, events: .read), PollEntry(raw: -1, events: .read),
            PollEntry(raw: pipe.writeEnd.rawValue, events: .write),
        ]
        #expect(try Poll.wait(&entries, deadline: nil) == 1)
        #expect(entries.map(\.ready) == [[], [], .write])
        entries.removeLast()
        let deadline = Clock.monotonicNow() + 2_000_000
        #expect(try Poll.wait(&entries, deadline: deadline) == 0)
        #expect(Clock.monotonicNow() >= deadline)
        var many = [PollEntry](repeating: PollEntry(raw: -1, events: .read), count: 65_537)
        #expect(throws: SystemError("ppoll", errno: EINVAL)) { _ = try Poll.wait(&many, deadline: 0) }
    }

    @Test func aTimerFires() throws {
        let timer = try TimerFD()
        var entries = [PollEntry(raw: timer.descriptor.rawValue, events: .read)]
        #expect(try Poll.wait(&entries, deadline: 0) == 0)
        try timer.arm(at: 0)
        #expect(try Poll.wait(&entries, deadline: nil) == 1)
        try timer.arm(at: nil)
        #expect(try Poll.wait(&entries, deadline: 0) == 0)
    }

    @Test func signalsArriveAsData() async {
        await #expect(processExitsWith: .success) {
            let signals = try SignalFD([SIGUSR1, SIGTERM])
            #expect(try signals.next() == nil)
            let me = try PidFD(opening: getpid())
            // Other threads of the test process were there before and do not block it, so aim at this one.
            raise(SIGUSR1)
            let next = try #require(try signals.next())
            #expect(next.signal == SIGUSR1 && next.pid == getpid())
            _ = consume me
        }
    }

    @Test func clocksMove() throws {
        let (first, cpu) = (Clock.monotonicNow(), Clock.threadCPUTime())
        var sum: UInt64 = 0
        while Clock.threadCPUTime() < cpu + 1_000_000 { sum &+= 1 }
        #expect(Clock.monotonicNow() > first)
        #expect(Clock.processCPUTime() >= 1_000_000)
        #expect(Clock.realtimeNow() > 1_700_000_000_000_000_000)
        #expect(sum > 0)
    }

    @Test func threadsRunOnceWithTheirName() throws {
        let seen = Mutex("")
        try withExtendedLifetime(seen) {
            let runs = Atomic<Int>(0)
            let names = Names()
            let thread = try spawnThread(name: "a name that is far too long", stackSize: 100_000) {
                names.add((try? String(decoding: Descriptor.contents("/proc/thread-self/comm"), as: UTF8.self)) ?? "")
            }
            thread.join()
            runs.add(1, ordering: .relaxed)
            #expect(names.all == ["a name that is \n"])
        }
    }
}

final class Names: Sendable {
    private let list = Mutex<[String]>([])

    func add(_ name: String) { list.withLock { $0.append(name) } }

    var all: [String] { list.withLock { $0 } }
}

extension Descriptor {
    static func contents(_ path: String) throws(SystemError) -> [UInt8] {
        let file = try OwnedFileDescriptor(opening: path, flags: O_RDONLY)
        return try file.readToEnd(limit: 1 << 20) ?? []
    }
}
