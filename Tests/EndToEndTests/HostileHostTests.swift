// A hosted cell that was taken over: whatever it says, its supervisor goes on, each child's end is told once, and the rest is
// bounded. And a supervisor that is killed leaves no cell.

import CapabilityModel
import CellProtocol
import Foundation
import LinuxKernel
import Testing

@testable import CellSupervisor

@Suite("A hosted cell that was taken over")
struct HostileHostTests {
    /// Two children, of which the cell is told one after the other; ends when it has died.
    private func run(_ behaviour: String, seed: UInt64 = 1, closes: Bool = false) throws -> (HostedBench, ExitReason) {
        let bench = try HostedBench(policy: "[limits]\noutput = 1_000_000\n", program: "hostile-cell")
        bench.environment = ["HOSTILE=\(behaviour):\(seed)"]
        let number = try bench.start("idle")
        if closes { bench.cell.close() }
        let reason = try bench.died()
        let context = Comment(rawValue: "\(behaviour), seed \(seed): \(bench.seen.suffix(5))")
        let ends = bench.seen.filter { event in
            switch event {
            case .ended, .failed, .ignored: true
            default: false
            }
        }
        #expect(ends.count == 1, context)
        #expect(bench.cell.living.isEmpty && bench.cell.death == reason, context)
        #expect(!bench.seen.contains { if case .started(let other, _, _) = $0 { other != number } else { false } })
        #expect(bench.output(of: number).utf8.count <= 1_000_000, context)
        // One start and one end of the child, one end of the cell, and what is folded.
        #expect(bench.events.count < 300, context)
        return (bench, reason)
    }

    @Test(
        "is killed when it breaks the protocol",
        arguments: [
            "unordered", "nothing", "twice", "ends-unstarted", "ends-twice", "fails-started", "ignored-started",
            "answers", "reports", "results", "oversized", "garbage", "descriptors", "frame-short", "frame-order",
            "frame-nobody", "frame-stream", "frame-length", "frame-long", "frame-huge", "frame-descriptors",
            "frame-garbage", "mute",
        ])
    func distrusted(behaviour: String) throws {
        let (bench, reason) = try run(behaviour)
        guard case .cellFailed(let message) = reason else {
            Issue.record("\(behaviour): \(reason)")
            return
        }
        #expect(message.hasPrefix("the cell "))
        // A child that the cell had ended already keeps its reason; any other has the cell's.
        if behaviour != "ends-twice" {
            #expect(
                bench.seen.contains { event in
                    switch event {
                    case .ended(1, reason), .failed(1, reason): true
                    default: false
                    }
                })
        }
    }

    @Test("that will not close is killed", arguments: ["silent", "stopped", "frame-empty", "frame-flood"])
    func closing(behaviour: String) throws {
        let (bench, reason) = try run(behaviour, closes: true)
        #expect(reason == .cellFailed(message: "the cell did not close in time"))
        if behaviour == "frame-flood" {
            #expect(
                bench.events.filter { if case .limitReached(.output, _, _) = $0.kind { true } else { false } }.count
                    == 1)
        }
    }

    @Test("that does not end a child which it was told to kill is killed")
    func unkilled() throws {
        let bench = try HostedBench(program: "hostile-cell", killTime: 100_000_000)
        bench.environment = ["HOSTILE=starts:1"]
        let number = try bench.start("idle")
        try bench.started(number)
        bench.cell.signal(number, .shutdown, kill: true)
        let reason = try bench.died()
        #expect(reason == .cellFailed(message: "the cell does not end a child that it was told to kill"))
        #expect(try bench.ended(number) == reason)
        // So it is with limits that the supervisor keeps.
        let other = try HostedBench(program: "hostile-cell", killTime: 100_000_000)
        other.environment = ["HOSTILE=starts:1"]
        let timed = try other.start("idle", limits: [.init(.wall, 1_000_000)])
        guard case .cellFailed = try other.died() else {
            Issue.record("\(other.seen)")
            return
        }
        guard case .limit(.wall, _, 1_000_000) = try other.ended(timed) else {
            Issue.record("\(other.seen)")
            return
        }
    }

    @Test("cannot claim what only its supervisor can know")
    func claims() throws {
        let (bench, _) = try run("claims-signal", closes: true)
        #expect(
            bench.seen.contains {
                if case .ended(1, .cellFailed(let text)) = $0 { text.contains("signal 11") } else { false }
            })
        let (_, left) = try run("leaves")
        guard case .cellFailed(let text) = left else {
            Issue.record("\(left)")
            return
        }
        #expect(text.contains("signal 11"))
    }

    @Test("does anything at all")
    func anything() throws {
        let environment = ProcessInfo.processInfo.environment
        let seed = environment["BULKHEAD_FUZZ_SEED"].flatMap(UInt64.init) ?? .random(in: 0 ... .max / 2)
        let turns = 40 * (environment["BULKHEAD_FUZZ_FACTOR"].flatMap(UInt64.init) ?? 1)
        print("hostile host: seed \(seed)")
        for turn in 0..<turns {
            let bench = try HostedBench(program: "hostile-cell")
            bench.environment = ["HOSTILE=anything:\(seed + turn)"]
            let numbers = try (0..<3).map { _ in try bench.start("idle") }
            for number in numbers { bench.cell.probe(number) }
            // Long enough for most to have said all they will.
            let end = Clock.monotonicNow() + 50_000_000
            while bench.cell.death == nil && Clock.monotonicNow() < end { try bench.turn(until: end) }
            bench.cell.kill(.killed)
            _ = try bench.died()
            for number in numbers {
                let ends = bench.seen.filter { event in
                    switch event {
                    case .ended(number, _), .failed(number, _), .ignored(number): true
                    default: false
                    }
                }
                #expect(ends.count == 1, "seed \(seed + turn)")
            }
        }
    }

    @Test("a supervisor that is killed leaves no cell")
    func killedSupervisor() throws {
        let scratch = try Scratch()
        let words = ["bulkhead-cell", "bulkhead-compiler"].map(Built.program)
        let running = try scratch.command(
            words + [scratch.directory.path, Built.guest("hosted"), "20", "spin"], stdin: Data(),
            program: Built.program("hosting-supervisor"))
        while running.isRunning && !running.outputSoFar.contains("\n") { Thread.sleep(forTimeInterval: 0.02) }
        let cell = try #require(running.outputSoFar.split(separator: " ").first.flatMap { Int($0) })
        #expect(CellProbe.exists(cell))
        let supervisor = CellProbe.status(cell, "PPid:")
        #expect(CellProbe.text("/proc/\(supervisor)/comm") == "hosting-supervi\n")
        kill(Int32(supervisor), SIGKILL)
        _ = try running.wait()
        // The kernel's doing, some moments later.
        for _ in 0..<600 where CellProbe.exists(cell) { Thread.sleep(forTimeInterval: 0.05) }
        #expect(!CellProbe.exists(cell))
    }
}
