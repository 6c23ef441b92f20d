// Sockets over the reactor: what was noted before a try decides whether to wait, and nothing that arrives is missed.

import CapabilityModel
import LinuxKernel
import ProcessRuntime
import Synchronization
import Testing

@testable import WASIPreview1

private struct Random {
    var state: UInt64

    mutating func next(_ bound: UInt64) -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return (state >> 33) % bound
    }
}

/// A guest whose waits the reactor ends, polled by a thread of its own.
private final class Waiter: Sendable {
    static let process = ProcessID(rawValue: 1 << 24)
    let parts: HostParts
    let wakeUp = LinuxKernel.Semaphore()
    private let isDone = Atomic<Bool>(false)
    private let poller = Lock<ThreadOnce?>(nil)

    init() throws {
        parts = try HostParts()
        let thread = ThreadOnce(
            try spawnThread(name: "poller") { [self] in
                var events = Reactor.Events()
                while !isDone.load(ordering: .acquiring) {
                    _ = try? parts.reactor.poll(&events, deadline: nil) { _ in wakeUp.signal() }
                }
            })
        poller.withLock { $0 = thread }
    }

    func guest() -> Guest {
        let wakeUp = wakeUp
        let host = parts.host { _ in wakeUp.signal() }
        let template = WASITemplate(WASITemplate.Configuration(), WASITemplate.Files(limit: 64, host: host))
        return Guest(template, process: Waiter.process)
    }

    /// As the runtime does: it arms, sleeps until woken, and has the call made again.
    func run(_ guest: Guest, _ name: String, _ arguments: [UInt64]) -> Answer {
        while true {
            let answer = guest.call(name, arguments)
            guard case .wait(let wait) = answer else { return answer }
            if wait == .atOnce { continue }
            let isReady = wait.descriptors.contains {
                parts.reactor.arm($0.raw, $0.interest, process: Waiter.process, seen: $0.seen)
            }
            if !isReady { wakeUp.wait() }
            for descriptor in wait.descriptors {
                parts.reactor.disarm(descriptor.raw, descriptor.interest, process: Waiter.process)
            }
        }
    }

    func finish() {
        isDone.store(true, ordering: .releasing)
        parts.reactor.interrupt()
        poller.withLock { $0 }?.join()
        parts.pool.close()
    }
}

@Suite struct ReadinessTests {
    /// Data and the end come in pieces of any size at any time, with reads that are longer and shorter than they are: all of it
    /// arrives, by any of the three calls.
    @Test(arguments: ["fd_read", "sock_recv", "poll_oneoff"])
    func nothingThatArrivesIsMissed(_ call: String) throws {
        let seed = UInt64.random(in: 0 ... .max)
        var random = Random(state: seed)
        let waiter = try Waiter()
        for _ in 0..<(Scratch.environment("BULKHEAD_LONG_TESTS") == nil ? 60 : 5000) {
            let guest = waiter.guest()
            let listener = try StreamSocket.listen(
                at: .ip(try #require(IPAddress(bytes: [127, 0, 0, 1])), port: 0))
            let place = try #require(try StreamSocket.localAddress(listener.rawValue))
            let server = UInt64(try guest.process.insertSocket(listener, origin: nil))
            let total = Int(random.next(3000))
            let (pause, piece) = (random.next(3), 1 + Int(random.next(400)))
            let client = ThreadOnce(
                try spawnThread(name: "client") {
                    guard let socket = try? StreamSocket.connect(to: place, deadline: nil) else { return }
                    var none: [PollEntry] = []
                    var sent = 0
                    while sent < total {
                        let count = min(piece, total - sent)
                        let bytes = (sent..<(sent + count)).map { UInt8(truncatingIfNeeded: $0) }
                        try? socket.writeAll(bytes)
                        sent += count
                        if pause > 0 { _ = try? Poll.wait(&none, deadline: Clock.monotonicNow() + pause * 5_000) }
                    }
                })
            #expect(waiter.run(guest, "sock_accept", [server, 0, 0x88]) == .errno(.success))
            let fd = UInt64(guest.get(UInt32.self, at: 0x88))
            let length = 1 + Int(random.next(500))
            let received = Self.receive(waiter, guest, fd, length, call)
            client.join()
            #expect(received == (0..<total).map { UInt8(truncatingIfNeeded: $0) }, "seed \(seed)")
        }
        waiter.finish()
    }

    private static func receive(_ waiter: Waiter, _ guest: Guest, _ fd: UInt64, _ length: Int, _ call: String)
        -> [UInt8]
    {
        var received: [UInt8] = []
        guest.put(UInt32(0x1000), at: 0x200)
        guest.put(UInt32(length), at: 0x204)
        while true {
            let answer: Answer
            switch call {
            case "sock_recv":
                answer = waiter.run(guest, "sock_recv", [fd, 0x200, 1, 0, 0x88, 0x90])
            case "poll_oneoff":
                guest.put([UInt8](repeating: 0, count: 48), at: 0x400)
                guest.put(UInt8(1), at: 0x408)
                guest.put(UInt32(fd), at: 0x410)
                guard waiter.run(guest, "poll_oneoff", [0x400, 0x500, 1, 0x98]) == .errno(.success) else { return [] }
                fallthrough
            default:
                answer = waiter.run(guest, "fd_read", [fd, 0x200, 1, 0x88])
            }
            let count = Int(guest.get(UInt32.self, at: 0x88))
            guard answer == .errno(.success), count > 0 else { return received }
            received.append(contentsOf: guest.memory[0x1000..<(0x1000 + count)])
        }
    }

    /// After a read that left nothing the next one waits without asking the kernel, and hears of what comes.
    @Test func aShortReadIsFollowedByAWait() throws {
        let reactor = try HostParts().reactor
        let wakeUp = LinuxKernel.Semaphore()
        let host = WASIHost(
            reactor: reactor, pool: BlockingPool(), mayBlock: { true }, wake: { _ in wakeUp.signal() })
        let guest = Guest(WASITemplate(WASITemplate.Configuration(), WASITemplate.Files(limit: 64, host: host)))
        let listener = try StreamSocket.listen(at: .ip(try #require(IPAddress(bytes: [127, 0, 0, 1])), port: 0))
        let place = try #require(try StreamSocket.localAddress(listener.rawValue))
        let client = try StreamSocket.connect(to: place, deadline: nil)
        let accepted = try SocketCalls.accept(listener.rawValue)
        let raw = accepted.rawValue
        let fd = UInt64(try guest.process.insertSocket(accepted))
        // The first wait registers it.
        guard case .wait(let first) = guest.read(fd).0, let waiting = first.descriptor else {
            Issue.record("nothing was sent")
            return
        }
        #expect(!reactor.arm(raw, .read, process: Waiter.process, seen: waiting.seen))
        var events = Reactor.Events()
        _ = try reactor.poll(&events, deadline: 0) { _ in }
        try client.writeAll(Array("abc".utf8))
        _ = try reactor.poll(&events, deadline: nil) { #expect($0 == Waiter.process) }
        #expect(guest.read(fd) == (.errno(.success), "abc"))
        // Nobody polls now, so what arrives is not known: a try would find it, and there is none.
        try client.writeAll(Array("def".utf8))
        guard case .wait(let second) = guest.read(fd).0, let again = second.descriptor else {
            Issue.record("the kernel was asked")
            return
        }
        #expect(!reactor.arm(raw, .read, process: Waiter.process, seen: again.seen))
        _ = try reactor.poll(&events, deadline: nil) { #expect($0 == Waiter.process) }
        #expect(guest.read(fd) == (.errno(.success), "def"))
        // A guest that does not wait gets the kernel's answer.
        #expect(guest.call("fd_fdstat_set_flags", fd, UInt64(DescriptorFlags.nonBlocking.rawValue)) == .errno(.success))
        try client.writeAll(Array("ghi".utf8))
        #expect(guest.read(fd) == (.errno(.success), "ghi"))
        #expect(guest.read(fd).0 == .errno(.again))
    }
}
