// Everything that processes can do, at random, in one program: afterwards nothing may be left of it, in the budgets, in the
// descriptors of cell and supervisor, or in their memory. BULKHEAD_SOAK_SECONDS makes it long, BULKHEAD_SOAK_SEED repeats one.

import Foundation
import Testing

@Suite struct SoakTests {
    @Test func afterEverythingAtRandomNothingIsLeft() throws {
        let environment = ProcessInfo.processInfo.environment
        let seconds = environment["BULKHEAD_SOAK_SECONDS"].flatMap { Int($0) } ?? 10
        let seed = environment["BULKHEAD_SOAK_SEED"].flatMap { UInt32($0) } ?? .random(in: 1...UInt32.max)
        let port = try #require(FreePort.any())
        print("soak: \(seconds) s, seed \(seed)")
        let scratch = try Scratch()
        try scratch.makeDirectory("data")
        let running = try scratch.start(
            "soak", policy: Self.policy(port: port), arguments: ["\(seconds)", "\(seed)", "\(port)"],
            seconds: seconds + 300)
        let seen = Watch.samples(of: running, scratch: scratch)
        let outcome = try running.wait()
        print(outcome.stdout)
        #expect(outcome.status == 0, "\(outcome.stderr)")
        #expect(!outcome.stdout.contains("LEAKED") && !outcome.stdout.contains("lost:"))

        let calm = try #require(seen.last { $0.phase == .calm }, "the cell was seen before")
        let quiet = try #require(seen.last { $0.phase == .quiet }, "and after")
        for sample in seen.enumerated() where sample.offset % max(1, seen.count / 20) == 0 { print(sample.element) }
        print(quiet)
        #expect(quiet.cellDescriptors <= calm.cellDescriptors)
        // The broker makes a few of its own with the first request.
        #expect(quiet.supervisorDescriptors <= calm.supervisorDescriptors + 4)
        // Half of the time is warming up; from then on memory may waver, and not climb.
        let busy = seen.filter { $0.phase == .busy }
        let half = busy.suffix(busy.count / 2)
        let early = half.prefix(half.count / 2).map(\.memory).max() ?? 0
        let late = half.suffix(half.count / 2).map(\.memory).max() ?? 0
        #expect(late <= early + early / 4 + (8 << 20), "memory grew from \(early) to \(late)")
    }

    static func policy(port: Int) -> String {
        """
        args = true

        [clocks]
        monotonic = true

        [[fs]]
        guest = "/data"
        host = "data"
        access = "read-write"

        [net]
        listen = ["tcp://127.0.0.1:\(port)"]
        connect = ["tcp://127.0.0.1:\(port)"]

        [stdio]
        stdout = "inherit"
        stderr = "inherit"

        [process]
        spawn = 400
        register = ["*"]
        lookup = ["*"]

        [limits]
        memory = "256 MiB"
        cpu = "unlimited"
        wall = "unlimited"
        fds = 4000
        """
    }
}

/// A port of this machine that nobody listens on at the moment.
enum FreePort {
    static func any() -> Int? {
        // proc(5), /proc/net/tcp: the second field is the local address and port, in hexadecimal.
        let taken = Set(
            ["/proc/net/tcp", "/proc/net/tcp6"].flatMap { path in
                CellProbe.text(path).map { $0.split(separator: "\n").dropFirst() } ?? []
            }.compactMap { line -> Int? in
                let fields = line.split(separator: " ")
                guard fields.count > 1 else { return nil }
                return fields[1].split(separator: ":").last.flatMap { Int($0, radix: 16) }
            })
        return (20_000...30_000).shuffled().first { !taken.contains($0) }
    }
}

/// What cell and supervisor hold, as seen from outside while they run.
struct Watch {
    enum Phase: String {
        case starting, calm, busy, quiet
    }

    struct Sample: CustomStringConvertible {
        var phase: Phase
        /// Since the watch began.
        var seconds: Double
        /// Resident, with page tables, of both together.
        var memory: Int
        var cellDescriptors: Int
        var supervisorDescriptors: Int
        var threads: Int

        var description: String {
            "soak: \(Int(seconds)) s, \(phase.rawValue): \(memory >> 10) KiB, \(cellDescriptors) and "
                + "\(supervisorDescriptors) descriptors, \(threads) threads"
        }
    }

    /// Looks twice a second for as long as the command runs.
    static func samples(of running: RunningCommand, scratch: Scratch) -> [Sample] {
        guard let cell = CellProbe(of: scratch) else { return [] }
        let begin = Date()
        var samples: [Sample] = []
        while running.isRunning {
            if let sample = sample(cell, running.outputSoFar, since: begin) { samples.append(sample) }
            Thread.sleep(forTimeInterval: 0.5)
        }
        return samples
    }

    private static func sample(_ cell: CellProbe, _ printed: String, since begin: Date) -> Sample? {
        // What is printed is read first: a phase that ends meanwhile makes a sample late, never early.
        let lines = printed.split(separator: "\n")
        let phase: Phase =
            lines.contains("quiet")
            ? .quiet : lines.contains("server: ok") ? .busy : lines.contains("calm") ? .calm : .starting
        let keys = ["VmRSS:", "VmPTE:"]
        let both = [cell.pid, cell.supervisor]
        let memory = both.flatMap { pid in keys.map { CellProbe.status(pid, $0) * 1024 } }.reduce(0, +)
        let descriptors = both.map { CellProbe.targets(ofProcess: $0).count }
        let threads = both.map { CellProbe.status($0, "Threads:") }.reduce(0, +)
        // Gone while it was looked at.
        guard descriptors.allSatisfy({ $0 > 0 }), memory > 0 else { return nil }
        return Sample(
            phase: phase, seconds: Date().timeIntervalSince(begin), memory: memory, cellDescriptors: descriptors[0],
            supervisorDescriptors: descriptors[1], threads: threads)
    }
}
