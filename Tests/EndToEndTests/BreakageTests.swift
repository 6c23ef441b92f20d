// What breaks around a program of many processes: its cell, its supervisor, its connections, the disk of its log.

import Foundation
import Testing

@Suite("A program of many processes")
struct BreakageTests {
    /// Under load of every kind, for longer than any of these tests needs.
    private func soaking(in scratch: Scratch) throws -> (running: RunningCommand, cell: CellProbe) {
        let port = try #require(FreePort.any())
        try scratch.makeDirectory("data")
        let running = try scratch.start(
            "soak", policy: SoakTests.policy(port: port), arguments: ["600", "1", "\(port)"], seconds: 120)
        let cell = try #require(CellProbe(of: scratch))
        while running.isRunning && !running.outputSoFar.contains("server: ok") { Thread.sleep(forTimeInterval: 0.05) }
        return (running, cell)
    }

    @Test("whose cell is killed ends, and its log is whole")
    func killedCell() throws {
        let scratch = try Scratch()
        let (running, cell) = try soaking(in: scratch)
        kill(Int32(cell.pid), SIGKILL)
        let outcome = try running.wait()
        #expect(outcome.status != 0)
        #expect(!CellProbe.exists(cell.pid))
        #expect(try scratch.bulkhead(["audit", "verify"]).status == 0)
    }

    @Test("whose supervisor is killed takes nothing along but its cell")
    func killedSupervisor() throws {
        let scratch = try Scratch()
        let (running, cell) = try soaking(in: scratch)
        kill(Int32(cell.supervisor), SIGKILL)
        _ = try running.wait()
        // The kernel's doing, some moments later.
        for _ in 0..<600 where CellProbe.exists(cell.pid) { Thread.sleep(forTimeInterval: 0.05) }
        #expect(!CellProbe.exists(cell.pid))
        // The next run goes on with the same log.
        #expect(try scratch.run("hello").status == 0)
        #expect(try scratch.bulkhead(["audit", "verify"]).status == 0)
    }

    @Test(
        "serves others while connections crash",
        arguments: [(1000, "crash"), (50, "memory"), (ResourceLimits.descriptors > 11_000 ? 10_000 : 500, "crash")])
    func crashingConnections(connections: Int, text: String) throws {
        let scratch = try Scratch()
        let generator = try LoadGenerator(in: scratch)
        let port = try #require(FreePort.any())
        let server = try scratch.start(
            "echo-crash", policy: Self.serving(port: port), arguments: ["\(port)"], seconds: 120)
        defer { server.terminate() }
        while server.isRunning && server.outputSoFar.isEmpty { Thread.sleep(forTimeInterval: 0.02) }
        #expect(server.outputSoFar == "listen: ok\n")
        let outcome = try generator.run(port: port, connections: connections, seconds: 2, crashes: 50, text: text)
        // Any connection that closes without having asked for it makes this a failure.
        #expect(outcome.status == 0, "\(outcome.stderr)")
        #expect(server.isRunning)
        print("load: \(connections) connections, \(outcome.stdout.split(separator: "\n").joined(separator: ", "))")
    }

    private static func serving(port: Int) -> String {
        """
        args = true

        [net]
        listen = ["tcp://127.0.0.1:\(port)"]

        [stdio]
        stdout = "inherit"
        stderr = "inherit"

        [process]
        spawn = 20_000

        [limits]
        memory = "4 GiB"
        fds = 12_000
        """
    }

    @Test("prints from a thousand processes at once, all of it")
    func crowd() throws {
        let outcome = try Scratch().run(
            "crowd-writes",
            policy: "args = true\n" + GuestTests.streams + "[process]\nspawn = 2000\n[limits]\nfds = 10_000\n",
            arguments: ["1000", "50"])
        #expect(outcome.status == 0, "\(outcome.stderr)")
        #expect(outcome.lines.count == 50_000)
        #expect(outcome.stdout.utf8.count == 50_000 * 32)
        // Each line is whole, and each process's are in order.
        var next: [Substring: Int] = [:]
        var wrong = 0
        for line in outcome.lines {
            let parts = line.split(separator: ":").map { $0.prefix { $0 != "." } }
            guard parts.count == 2, line.utf8.count == 31, Int(parts[1]) == next[parts[0], default: 0] else {
                wrong += 1
                continue
            }
            next[parts[0], default: 0] += 1
        }
        #expect(wrong == 0)
    }

    @Test("goes on when the disk of the log is full, and says so")
    func fullLog() throws {
        let scratch = try Scratch()
        // A file system of 64 KiB for the log, in name spaces of its own; 77 where that is not allowed.
        let port = try #require(FreePort.any())
        try scratch.makeDirectory("data")
        try scratch.makeDirectory("small")
        try scratch.write(SoakTests.policy(port: port), to: "soak.toml")
        let outcome = try scratch.shell(
            """
            unshare -Urm bash -c 'mount -t tmpfs -o size=64k none small || exit 77
            export BULKHEAD_STATE_DIR=$PWD/small/state
            "$BULKHEAD" run --policy soak.toml "$GUESTS/soak.wasm" -- 3 1 \(port)'
            """)
        if outcome.status == 77 || outcome.stderr.contains("unshare") { return }
        #expect(outcome.status == 0, "\(outcome.stdout) \(outcome.stderr)")
        #expect(outcome.stderr.contains("full"))
    }
}

/// Limits of this process.
enum ResourceLimits {
    static var descriptors: Int {
        let text = CellProbe.text("/proc/self/limits") ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("Max open files") } ?? ""
        // Soft limit, hard limit, unit.
        return line.split(separator: " ").dropLast(2).last.flatMap { Int($0) } ?? 0
    }
}

/// The benchmarks' load generator, built on the spot.
struct LoadGenerator {
    private let scratch: Scratch

    init(in scratch: Scratch) throws {
        self.scratch = scratch
        let source = Built.root.appendingPathComponent("Benchmarks/Sources/load/main.c").path
        let outcome = try scratch.shell("clang -O2 -o load '\(source)'")
        guard outcome.status == 0 else { throw BuildFailed(output: outcome.stderr) }
    }

    struct BuildFailed: Error {
        let output: String
    }

    func run(port: Int, connections: Int, seconds: Int, crashes: Int, text: String) throws -> Outcome {
        try scratch.shell("./load \(port) \(connections) \(seconds) --crash \(crashes) \(text)")
    }
}
