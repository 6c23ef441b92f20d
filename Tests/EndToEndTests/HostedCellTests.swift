// Cells that host supervised children: real ones, served as the driver of a tree would.

import CapabilityModel
import CellProtocol
import Foundation
import LinuxKernel
import Testing

@testable import CellSupervisor

@Suite("A hosted cell")
struct HostedCellTests {
    @Test("starts a thousand children of one module, and ends them")
    func crowd() throws {
        let bench = try HostedBench()
        let begin = Clock.monotonicNow()
        let numbers = try (0..<1000).map { _ in try bench.start("idle") }
        var processes: Set<UInt64> = []
        for number in numbers { processes.insert(try bench.started(number)) }
        let took = Clock.monotonicNow() - begin
        print("hosted: 1000 children started in \(took / 1_000_000) ms")
        #expect(processes.count == 1000)
        for number in numbers { bench.cell.signal(number, .shutdown) }
        var ends: [UInt64: ExitReason] = [:]
        while ends.count < 1000 {
            let (number, reason) = try bench.next {
                if case .ended(let number, let why) = $0 { (number, why) } else { nil }
            }
            #expect(ends.updateValue(reason, forKey: number) == nil)
        }
        #expect(ends.values.allSatisfy { $0 == .shutdown })
        #expect(bench.cell.living.isEmpty)
        try bench.close()
    }

    @Test("tells how children end, and the others go on")
    func ends() throws {
        let bench = try HostedBench()
        let other = try bench.start("serve")
        #expect(try bench.ended(bench.start("none")) == .normal)
        #expect(try bench.ended(bench.start("status")) == .exited(code: 3))
        guard case .trap(let kind, _, let backtrace) = try bench.ended(bench.start("trap")) else {
            Issue.record("no trap")
            return
        }
        #expect(kind.contains("unreachable") && !backtrace.isEmpty)
        let unknown = ChildOrder(number: 100, label: "x", module: "nothing")
        #expect(throws: OrderError.noSuchModule("nothing")) { try bench.cell.start(unknown) }
        #expect(throws: OrderError.numberUsed(other)) {
            try bench.cell.start(ChildOrder(number: other, label: "x", module: "hosted"))
        }
        let probe = try #require(bench.cell.probe(other, payload: [1]))
        try bench.heard { $0 == .probed(other, id: probe) ? true : nil }
        #expect(bench.cell.living == [other])
        // Facts and claims alike are in the log, under the children's labels.
        #expect(
            bench.events.contains { event in
                if case .exited(.exited(code: 3)) = event.kind { event.process.hasPrefix("child-3/") } else { false }
            })
        try bench.close()
        #expect(bench.seen.contains(.ended(other, .killed)))
    }

    @Test("passes signals on: shutdown can be trapped, kill cannot")
    func signals() throws {
        let bench = try HostedBench()
        let trapping = try bench.start("traps-exits")
        try bench.printed(trapping, "ready")
        bench.cell.signal(trapping, .shutdown)
        #expect(try bench.ended(trapping) == .shutdown)
        #expect(bench.output(of: trapping).contains("exit signal 1"))
        let stubborn = try bench.start("traps-exits")
        try bench.printed(stubborn, "ready")
        bench.cell.signal(stubborn, .bytes([1]))
        #expect(try bench.ended(stubborn) == .normal)
        let killed = try bench.start("traps-exits")
        try bench.printed(killed, "ready")
        bench.cell.signal(killed, .kill, kill: true)
        #expect(try bench.ended(killed) == .killed)
        let spinning = try bench.start("spin")
        try bench.started(spinning)
        bench.cell.signal(spinning, .shutdown)
        #expect(try bench.ended(spinning) == .shutdown)
        // It has ended: nothing comes of these.
        bench.cell.signal(spinning, .kill, kill: true)
        #expect(bench.cell.probe(spinning) == nil)
        try bench.close()
    }

    @Test("waits for acknowledgements where it is told to")
    func acknowledgements() throws {
        let bench = try HostedBench()
        let ready = try bench.start("acknowledges", acknowledges: true)
        let info = try bench.heard { if case .started(ready, _, let info) = $0 { info } else { nil } }
        #expect(String(decoding: info, as: UTF8.self) == "port 7")
        try bench.printed(ready, "ack: ENOENT")
        let ignoring = try bench.start("ignores", acknowledges: true)
        try bench.heard { $0 == .ignored(ignoring) ? true : nil }
        #expect(try bench.failed(bench.start("fails", acknowledges: true)) == .bytes(Array("no disk".utf8)))
        guard case .trap = try bench.failed(bench.start("trap", acknowledges: true)) else {
            Issue.record("no trap")
            return
        }
        #expect(try bench.failed(bench.start("none", acknowledges: true)) == .normal)
        let never = try bench.start("idle", acknowledges: true)
        bench.cell.signal(never, .kill, kill: true)
        #expect(try bench.failed(never) == .killed)
        // Ready, and over at once: first the one, then the other.
        for _ in 0..<100 {
            let brief = try bench.start("acknowledges-ends", acknowledges: true)
            try bench.started(brief)
            #expect(try bench.ended(brief) == .normal)
        }
        // Nobody waits for this one's.
        let unasked = try bench.start("acknowledges")
        try bench.printed(unasked, "ack: ENOENT")
        try bench.close()
    }

    @Test("marks output with whose it is, that of descendants too")
    func output() throws {
        let bench = try HostedBench()
        let numbers = try (0..<50).map { try bench.start("print", "text \($0)") }
        let error = try bench.start("error", "oops")
        for number in numbers + [error] { _ = try bench.ended(number) }
        for (index, number) in numbers.enumerated() { #expect(bench.output(of: number) == "text \(index)\n") }
        #expect(bench.output(of: error, stream: 2) == "oops")
        let long = try bench.start("long")
        _ = try bench.ended(long)
        #expect(bench.output(of: long) == String(repeating: "l", count: 20_000))
        // More than the socket holds, before anybody reads.
        let crowd = try (0..<40).map { _ in try bench.start("long") }
        Thread.sleep(forTimeInterval: 0.3)
        for number in crowd {
            #expect(try bench.ended(number) == .normal)
            #expect(bench.output(of: number).utf8.count == 20_000)
        }
        let surroundings = try bench.start("surroundings", "a b")
        _ = try bench.ended(surroundings)
        #expect(bench.output(of: surroundings) == "hosted|surroundings|a b|CHILD=\(surroundings)|\n")
        try bench.close()
    }

    @Test("counts descendants, which stay when they are not linked")
    func descendants() throws {
        let bench = try HostedBench(policy: "[process]\nspawn = 10\n")
        let family = try bench.start("family", name: "family")
        let process = try bench.started(family)
        try bench.printed(family, "descendant\n")
        try bench.printed(family, "parent")
        while bench.output(of: family).components(separatedBy: "descendant").count < 3 { try bench.turn() }
        // One of the two has ended, or is about to.
        var report: ProcessReport?
        while report == nil || report?.descendants == 2 {
            let id = try #require(bench.cell.inspect(family))
            report = try bench.heard { if case .inspected(family, id, let report) = $0 { report } else { nil } }
        }
        #expect(report?.process == process)
        #expect(report?.descendants == 1)
        #expect(report?.names == ["family"])
        #expect(report?.limits.processes == 10)
        #expect(report?.used.contains { $0.limit == .memory && $0.value > 0 } == true)
        let writers = Set(
            bench.seen.compactMap { if case .output(let output) = $0 { output.process } else { nil } })
        #expect(writers.count == 3 && writers.contains(process))
        // The name is free again when its end is known, and not before.
        #expect(
            try bench.failed(bench.start("idle", name: "family")) == .refused(message: "its registered name is taken"))
        bench.cell.signal(family, .shutdown)
        #expect(try bench.ended(family) == .shutdown)
        try bench.started(bench.start("idle", name: "family"))
        try bench.close()
    }

    @Test("has limits for each child, and what one uses up is not another's")
    func limits() throws {
        let bench = try HostedBench(policy: "[limits]\noutput = 10_000\nmemory = \"8 MiB\"\n")
        let others = try ["serve", "serve"].map { try bench.start($0) }
        guard case .limit(.output, let used, 10_000) = try bench.ended(bench.start("flood")) else {
            Issue.record("no limit of output")
            return
        }
        #expect(used > 10_000)
        let flooded = try #require(bench.seen.compactMap { if case .ended(let n, _) = $0 { n } else { nil } }.last)
        #expect(bench.output(of: flooded).utf8.count == 10_000)
        guard case .trap = try bench.ended(bench.start("memory")) else {
            Issue.record("memory without end")
            return
        }
        let spinning = try bench.start("spin", limits: [.init(.cpu, 50_000_000)])
        guard case .limit(.cpu, _, 50_000_000) = try bench.ended(spinning) else {
            Issue.record("no limit of CPU time")
            return
        }
        let waiting = try bench.start("idle", limits: [.init(.wall, 50_000_000)])
        guard case .limit(.wall, _, 50_000_000) = try bench.ended(waiting) else {
            Issue.record("no limit of time")
            return
        }
        let curbed = try bench.start("flood", limits: [.init(.output, 100)])
        guard case .limit(.output, _, 100) = try bench.ended(curbed) else {
            Issue.record("no narrower limit of output")
            return
        }
        #expect(bench.cell.living == others)
        try bench.close()
    }

    @Test("probes: who serves answers, who hangs does not")
    func probes() throws {
        let bench = try HostedBench()
        let (serving, deaf, spinning) = (try bench.start("serve"), try bench.start("deaf"), try bench.start("spin"))
        for number in [serving, deaf, spinning] { try bench.started(number) }
        for number in [deaf, spinning] { for _ in 0..<20 { bench.cell.probe(number) } }
        for _ in 0..<100 {
            let id = try #require(bench.cell.probe(serving, payload: [UInt8](repeating: 1, count: 9999)))
            try bench.heard { $0 == .probed(serving, id: id) ? true : nil }
        }
        let answered = Set(bench.seen.compactMap { if case .probed(let number, _) = $0 { number } else { nil } })
        #expect(answered == [serving])
        for number in [deaf, spinning] {
            bench.cell.signal(number, .kill, kill: true)
            #expect(try bench.ended(number) == .killed)
        }
        try bench.close()
    }

    @Test("serves handlers too, and says whose a denial is")
    func handlers() throws {
        let bench = try HostedBench(modules: ["hosted", "hosted-handler"])
        try bench.cell.start(
            ChildOrder(number: 1, label: "handler", module: "hosted-handler", acknowledges: true))
        let process = try bench.started(1)
        for _ in 0..<100 {
            let id = try #require(bench.cell.probe(1))
            try bench.heard { $0 == .probed(1, id: id) ? true : nil }
        }
        bench.cell.signal(1, .shutdown)
        #expect(try bench.ended(1) == .shutdown)
        let denials = bench.events.filter { event in
            if case .denied(let denial, _) = event.kind { denial.process == process } else { false }
        }
        #expect(denials.map(\.process) == ["handler/\(bench.cell.pid)"])
        try bench.close()
    }

    @Test("hands listeners to each incarnation, and connections in the backlog survive a crash")
    func listeners() throws {
        let bench = try HostedBench(policy: "[net]\nlisten = [\"tcp://127.0.0.1:0-65535\"]\n")
        let loopback = try #require(IPAddress(text: "127.0.0.1"))
        let listener = try StreamSocket.listen(at: .ip(loopback, port: 0))
        let port = try #require(try StreamSocket.localAddress(listener.rawValue)?.port)
        let address = SocketAddress.ip(loopback, port: port)
        let first = try bench.start("accepts", "first", listeners: [listener.rawValue])
        try bench.started(first)
        #expect(try Self.ask(address, "?") == "first")
        // While nobody accepts.
        let crashing = try Self.connect(address, "x")
        guard case .trap = try bench.ended(first) else {
            Issue.record("no crash")
            return
        }
        let waiting = try Self.connect(address, "?")
        let open = CellProbe.targets(ofProcess: Int(bench.cell.pid)).count
        let second = try bench.start("accepts", "second", listeners: [listener.rawValue])
        #expect(try Self.answer(waiting) == "second")
        // A start that fails leaves nothing open, and nor does one that ends.
        for _ in 0..<10 {
            #expect(
                try bench.failed(bench.start("fails", acknowledges: true, listeners: [listener.rawValue]))
                    == .bytes(Array("no disk".utf8)))
            _ = try bench.ended(bench.start("none", listeners: [listener.rawValue, listener.rawValue]))
        }
        #expect(try Self.ask(address, "?") == "second")
        bench.cell.signal(second, .kill, kill: true)
        #expect(try bench.ended(second) == .killed)
        #expect(CellProbe.targets(ofProcess: Int(bench.cell.pid)).count == open)
        _ = crashing.rawValue
        try bench.close()
    }

    @Test("makes its children's connections through the broker")
    func connections() throws {
        let loopback = try #require(IPAddress(text: "127.0.0.1"))
        let listener = try StreamSocket.listen(at: .ip(loopback, port: 0))
        let port = try #require(try StreamSocket.localAddress(listener.rawValue)?.port)
        let net = "[net]\nconnect = [\"tcp://127.0.0.1:\(port)\"]\nlisten = [\"tcp://127.0.0.1:\(port)\"]\n"
        let bench = try HostedBench(policy: net, modules: ["hosted", "tcp-connect"])
        try bench.started(bench.start("accepts", "pong", listeners: [listener.rawValue]))
        func order(_ number: UInt64, _ port: UInt16) -> ChildOrder {
            ChildOrder(
                number: number, label: "client-\(number)", module: "tcp-connect",
                arguments: ["tcp-connect", "127.0.0.1", "\(port)"].map { Array($0.utf8) })
        }
        for number in 2...41 as ClosedRange<UInt64> { try bench.cell.start(order(number, port)) }
        try bench.cell.start(order(42, port ^ 1))
        for number in 2...41 as ClosedRange<UInt64> {
            _ = try bench.ended(number)
            #expect(bench.output(of: number).hasPrefix("tcp-connect: connected\n"))
        }
        #expect(try bench.ended(42) == .exited(code: 1))
        #expect(bench.output(of: 42) == "tcp-connect: denied ENOTCAPABLE\n")
        let denials = bench.events.filter { if case .denied = $0.kind { true } else { false } }
        #expect(denials.map(\.process) == ["client-42/\(bench.cell.pid)"] && denials.allSatisfy { !$0.isClaim })
        try bench.close()
    }

    private static func connect(_ address: SocketAddress, _ text: String) throws -> OwnedFileDescriptor {
        let socket = try StreamSocket.connect(to: address, deadline: Clock.monotonicNow() + 60_000_000_000)
        try Descriptor.writeAll(socket.rawValue, Array(text.utf8).span)
        return socket
    }

    private static func answer(_ socket: borrowing OwnedFileDescriptor) throws -> String {
        var entries = [PollEntry(raw: socket.rawValue, events: .read)]
        _ = try Poll.wait(&entries, deadline: Clock.monotonicNow() + 60_000_000_000)
        var buffer = [UInt8](repeating: 0, count: 100)
        var span = buffer.mutableSpan
        let count = try Descriptor.read(socket.rawValue, into: &span)
        return String(decoding: buffer[..<count], as: UTF8.self)
    }

    private static func ask(_ address: SocketAddress, _ text: String) throws -> String {
        let socket = try connect(address, text)
        return try answer(socket)
    }

    @Test("dies with all its children")
    func death() throws {
        let bench = try HostedBench()
        let (running, starting) = (try bench.start("idle"), try bench.start("idle", acknowledges: true))
        try bench.started(running)
        kill(bench.cell.pid, SIGKILL)
        let reason = try bench.died()
        guard case .cellFailed(let message) = reason else {
            Issue.record("\(reason)")
            return
        }
        #expect(message.contains("SIGKILL"))
        #expect(bench.seen.contains(.ended(running, reason)) && bench.seen.contains(.failed(starting, reason)))
        #expect(bench.cell.death == reason && bench.cell.living.isEmpty && bench.cell.deadline == nil)
        #expect(throws: OrderError.closed) { try bench.start("idle") }
        #expect(bench.cell.probe(running) == nil)
        bench.cell.signal(running, .shutdown)
        bench.cell.close()
        #expect(bench.cell.serve().isEmpty)
    }

    @Test("with a module that cannot be linked dies, and says why")
    func badModule() throws {
        let bench = try HostedBench(modules: ["hosted", "missing-import"])
        let number = try bench.start("idle")
        guard case .refused(let message) = try bench.died() else {
            Issue.record("\(bench.seen)")
            return
        }
        #expect(message.contains("missing-import"))
        #expect(bench.seen.contains { if case .failed(number, .refused) = $0 { true } else { false } })
    }

    @Test("is killed where it is told to, with that reason")
    func killed() throws {
        let bench = try HostedBench()
        let number = try bench.start("idle")
        try bench.started(number)
        bench.cell.kill(.killed)
        #expect(try bench.died() == .killed)
        #expect(bench.seen.contains(.ended(number, .killed)))
    }
}
