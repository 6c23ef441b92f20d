// Processes within a program, through the host interface: each guest checks one area of SDK/abi.md line by line.

import Foundation
import Testing

@Suite("Processes of a program")
struct ProcessTests {
    /// Streams, arguments, and as many processes as these guests want.
    static func policy(_ process: String = "spawn = 100", limits: String = "") -> String {
        GuestTests.streams + """
            args = true
            [process]
            \(process)
            [limits]
            fds = 1000
            mailbox_messages = 500
            mailbox_bytes = "1MiB"
            \(limits)
            """
    }

    /// All lines end with `: ok`, and the last one says that none is missing.
    static func expectAllHold(_ outcome: Outcome, _ count: Int) {
        #expect(outcome.lines.last == "done")
        #expect(outcome.lines.dropLast().filter { !$0.hasSuffix(": ok") } == [])
        #expect(outcome.lines.count == count + 1)
        #expect(outcome.status == 0, "\(outcome.stderr)")
    }

    @Test("messages", arguments: [("process-messages", 60)])
    func messages(guest: String, lines: Int) throws {
        Self.expectAllHold(try Scratch().run(guest, policy: Self.policy()), lines)
    }

    @Test("links, monitors, aliases, exits", arguments: [("process-signals", 143)])
    func signals(guest: String, lines: Int) throws {
        Self.expectAllHold(try Scratch().run(guest, policy: Self.policy()), lines)
    }

    @Test("spawn and what it refuses", arguments: [("process-spawn", 38)])
    func spawn(guest: String, lines: Int) throws {
        let scratch = try Scratch()
        Self.expectAllHold(try scratch.run(guest, policy: Self.policy()), lines)
        #expect(try scratch.isDenied("bulkhead.spawn", by: "limits.processes"))
        #expect(try scratch.isDenied("bulkhead.spawn", by: "process.policies"))
    }

    @Test("nothing is left to the next process", arguments: [("process-reuse", 9)])
    func reuse(guest: String, lines: Int) throws {
        Self.expectAllHold(try Scratch().run(guest, policy: Self.policy()), lines)
    }

    @Test("handlers", arguments: [("process-handler", 10)])
    func handlers(guest: String, lines: Int) throws {
        Self.expectAllHold(try Scratch().run(guest, policy: Self.policy()), lines)
    }

    @Test("names, under the names that the policy grants", arguments: [("process-names", 22)])
    func names(guest: String, lines: Int) throws {
        let scratch = try Scratch()
        let policy = Self.policy("spawn = 10\nregister = [\"svc.*\"]\nlookup = [\"svc.*\"]")
        Self.expectAllHold(try scratch.run(guest, policy: policy), lines)
        #expect(try scratch.isDenied("bulkhead.register", by: "process.register"))
        #expect(try scratch.isDenied("bulkhead.whereis", by: "process.lookup"))
    }
}

extension ProcessTests {
    @Test("limits that a parent sets", arguments: [("process-limits", 18)])
    func limits(guest: String, lines: Int) throws {
        let scratch = try Scratch()
        Self.expectAllHold(try scratch.run(guest, policy: Self.policy()), lines)
        #expect(try scratch.isDenied("bulkhead.handle_duplicate", by: "spawn.limits.fds"))
        #expect(try scratch.isDenied("bulkhead.monitor", by: "spawn.limits.memory"))
        #expect(try scratch.isDenied("bulkhead.spawn", by: "spawn.limits.processes"))
    }

    /// Policies for more than a few processes.
    static let crowd = policy("spawn = 20000", limits: "memory = \"4GiB\"").replacing("fds = 1000", with: "fds = 50000")
        .replacing("mailbox_messages = 500", with: "mailbox_messages = 20000")
        .replacing("1MiB", with: "64MiB")

    @Test("ten thousand at once; crashes and a fork bomb beside them", arguments: [("process-crowd", 6)])
    func crowd(guest: String, lines: Int) throws {
        let size = ProcessInfo.processInfo.environment["BULKHEAD_CROWD"] ?? "10000"
        Self.expectAllHold(try Scratch().run(guest, policy: Self.crowd, arguments: [size]), lines)
    }

    @Test("any number of workers", arguments: [1, 2, 3, 40])
    func workers(count: Int) throws {
        let scratch = try Scratch()
        #expect(try scratch.run("hello", options: ["--workers", "\(count)"]).stdout == "hello\n")
        let outcome = try scratch.run(
            "process-crowd", policy: Self.crowd, options: ["--workers", "\(count)"], arguments: ["1000"])
        Self.expectAllHold(outcome, 6)
    }

    @Test("random calls of every function get errnos, and nothing worse")
    func hostile() throws {
        let factor = ProcessInfo.processInfo.environment["BULKHEAD_FUZZ_FACTOR"].flatMap(Int.init) ?? 1
        let seed = ProcessInfo.processInfo.environment["BULKHEAD_SEED"] ?? "0"
        let policy = "random = true\n" + Self.policy("spawn = 200\nregister = [\"*\"]\nlookup = [\"*\"]")
        let outcome = try Scratch().run("process-hostile", policy: policy, arguments: [seed, "\(100 * factor)"])
        print("process fuzz: \(outcome.lines.first ?? "no seed"), \(outcome.lines.dropLast().last ?? "no calls")")
        #expect(outcome.status == 0, "\(outcome.stderr)")
        #expect(outcome.lines.last == "done")
        #expect(outcome.lines.filter { $0.contains("FAILED") || $0.hasPrefix("round") } == [])
        #expect(outcome.lines.count == 7)
    }

    /// What the program of the next two tests holds, and three policies that each lack some of it.
    private func narrowable() throws -> (Scratch, policy: String) {
        let scratch = try Scratch()
        try scratch.makeDirectory("data")
        try scratch.write("abcdefgh", to: "data/file")
        func document(access: String, clocks: Bool, args: Bool, random: Bool) -> String {
            GuestTests.streams + """
                args = \(args)
                random = \(random)
                clocks = { \(clocks ? "realtime = true, monotonic = true" : "") }
                env = { set = { A = "1" } }
                [net]
                connect = ["tcp://127.0.0.1:9"]
                [process]
                spawn = 100
                policies = ["./read-only.toml", "./no-clocks.toml", "./no-args.toml"]
                [limits]
                fds = 500
                [[fs]]
                guest = "/data"
                host = "\(scratch.path("data"))"
                access = "\(access)"

                """
        }
        func child(_ text: String) -> String {
            text.split(separator: "\n").filter { !$0.hasPrefix("policies") }.joined(separator: "\n")
        }
        try scratch.write(
            child(document(access: "read-only", clocks: true, args: true, random: true)), to: "read-only.toml")
        try scratch.write(
            child(document(access: "read-write", clocks: false, args: true, random: false)), to: "no-clocks.toml")
        try scratch.write(
            child(document(access: "read-write", clocks: true, args: false, random: true)), to: "no-args.toml")
        return (scratch, document(access: "read-write", clocks: true, args: true, random: true))
    }

    /// By the order in which the guest tries them: the areas of `without` that end each, and the policies that do.
    private static let probes: [(without: Int, policies: Set<Int>)] = [
        (1, []), (1, [1]), (2, []), (4, []), (8, [3]), (16, [2]), (32, [2]), (64, []), (128, []),
    ]

    @Test("no chain of narrowings is wider than any of its links")
    func narrowing() throws {
        let factor = ProcessInfo.processInfo.environment["BULKHEAD_FUZZ_FACTOR"].flatMap(Int.init) ?? 1
        let seed =
            ProcessInfo.processInfo.environment["BULKHEAD_SEED"].flatMap(UInt64.init) ?? .random(in: 1 ... .max / 2)
        print("process narrowing: seed \(seed)")
        let (scratch, policy) = try narrowable()
        let outcome = try scratch.run(
            "process-narrowing", policy: policy, arguments: ["\(seed)", "\(100 * factor)"])
        #expect(outcome.status == 0, "\(outcome.stderr)")
        #expect(outcome.lines.last == "done")
        #expect(outcome.lines.count == 100 * factor + 1)
        for line in outcome.lines.dropLast() {
            let words = line.split(separator: " ")
            #expect(words.first == "chain", "\(line)")
            let links = words.dropFirst().prefix { $0 != "=" }.map { $0.split(separator: "/").compactMap { Int($0) } }
            let withheld = links.reduce(0) { $0 | $1[0] }
            let policies = Set(links.map { $0[1] })
            var expected = 0
            for (bit, probe) in Self.probes.enumerated()
            where withheld & probe.without == 0 && policies.isDisjoint(with: probe.policies) {
                expected |= 1 << bit
            }
            // None of the three policies lets its holder give any: a second one ends the chain.
            let isStopped = links.count { $0[1] != 0 } > 1
            #expect(words.last == (isStopped ? "stopped" : "\(expected)"), "\(line), seed \(seed)")
        }
        // Each link of a chain that takes something away is what the log names.
        let keys = Set(try scratch.auditEvents("denied").compactMap(\.key))
        #expect(keys.contains("spawn.without.fs") && keys.contains("spawn.without.clocks"), "\(keys)")
        #expect(keys.contains("process.policies[\"no-clocks\"].clocks"), "\(keys)")
    }

    @Test("descriptors in messages", arguments: [("process-files", 12)])
    func descriptors(guest: String, lines: Int) throws {
        let (scratch, policy) = try narrowable()
        Self.expectAllHold(try scratch.run(guest, policy: policy), lines)
        #expect(try scratch.auditEvents("denied").contains { $0.call == "bulkhead.receive" })
    }

    @Test("parked handlers come back as they were", arguments: [("process-handler", 10)])
    func parking(guest: String, lines: Int) throws {
        let policy = Self.policy("spawn = 100\npark_after = \"1ms\"")
        Self.expectAllHold(try Scratch().run(guest, policy: policy), lines)
    }
}
