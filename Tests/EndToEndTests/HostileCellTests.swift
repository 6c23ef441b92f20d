// A cell that was taken over runs in the place of bulkhead-cell: whatever it says or does, the supervisor stays up, ends in
// bounded time, and its audit log is whole and tells how the guest ended.

import Foundation
import Testing

@Suite("A cell that was taken over")
struct HostileCellTests {
    /// `bulkhead` beside a hostile bulkhead-cell.
    private static func install(in scratch: Scratch) throws -> String {
        try scratch.makeDirectory("bin")
        for (name, program) in [("bulkhead", "bulkhead"), ("bulkhead-cell", "hostile-cell")] {
            let (from, to) = (Built.program(program), scratch.path("bin/\(name)"))
            // A link is quick; between file systems there is none.
            do {
                try FileManager.default.linkItem(atPath: from, toPath: to)
            } catch {
                try FileManager.default.copyItem(atPath: from, toPath: to)
            }
        }
        try scratch.link("bin/bulkhead-compiler", to: Built.program("bulkhead-compiler"))
        return scratch.path("bin/bulkhead")
    }

    private func run(_ behaviour: String, seed: UInt64 = 1, in scratch: Scratch, limits: String = "wall = \"400ms\"")
        throws
        -> Outcome
    {
        let program = try HostileCellTests.install(in: scratch)
        let policy = """
            stdio = { stdin = "inherit", stdout = "inherit", stderr = "inherit" }
            [net]
            connect = ["tcp://localhost:1-65535", "unix:///tmp/bulkhead-hostile/*"]
            listen = ["udp://127.0.0.1:0", "tcp://127.0.0.1:40000-40100"]
            resolve = ["*"]
            [env.set]
            HOSTILE = "\(behaviour):\(seed)"
            [limits]
            \(limits)
            """
        try scratch.write(policy, to: "policy.toml")
        let outcome = try scratch.command(
            ["run", "--policy", scratch.path("policy.toml"), Built.guest("hello")], stdin: Data("input".utf8),
            program: program
        ).wait()
        let context = Comment(
            rawValue: "\(behaviour), seed \(seed): \(outcome.status) \(outcome.stderr.prefix(2000).debugDescription)")
        #expect(!outcome.stderr.contains("Fatal error"), context)
        for stray in ["\u{1b}", "\u{9b}", "\u{202e}", "\r", "\u{7}"] {
            #expect(!outcome.stderr.contains(stray), context)
        }
        let verified = try scratch.bulkhead(["audit", "verify"])
        #expect(verified.status == 0, context)
        let kinds = try scratch.auditEvents().map(\.kind)
        #expect(kinds.filter { $0 == "exited" }.count == 1, context)
        #expect(kinds.last == "exited" || kinds.contains("dropped") || kinds.contains("denied"), context)
        #expect(kinds.count < 2_000, context)
        return outcome
    }

    @Test(
        "ends with the guest's own status only if it ended in order",
        arguments: [
            ("silent", 124), ("stopped", 124), ("deaf", 124), ("empty", 124), ("gone", 70), ("crashed", 70),
            ("oversized", 70), ("garbage", 70), ("descriptors", 70), ("counts", 0), ("killed", 70), ("changing", 0),
            ("liar", 70), ("dropping", 124), ("burying", 124), ("dots", 124), ("flood", 124), ("connecting", 70),
            ("holding", 0),
            ("late", 0), ("orphan", 0),
            ("orphan-floods", 0), ("escapes", 134),
        ] as [(String, Int32)])
    func behaviour(_ name: String, _ status: Int32) throws {
        let scratch = try Scratch()
        // A machine may be busy: who ends by itself has time to.
        let outcome = try run(name, in: scratch, limits: status == 124 ? "wall = \"400ms\"" : "wall = \"30s\"")
        #expect(outcome.status == status, "\(name): \(outcome.stderr.prefix(2000))")
        if name == "dropping" { #expect(try scratch.auditEvents("dropped").count == 1) }
    }

    @Test("prints no more than its limit")
    func printing() throws {
        let outcome = try run("printing", in: try Scratch(), limits: "output = \"1 MiB\"")
        // Each of the two streams may be read once past the limit, 64 KiB at a time; none of that is passed on.
        let isNear = ["used 1.0 MiB of 1 MiB", "used 1.1 MiB of 1 MiB"].contains { outcome.stderr.contains($0) }
        #expect(outcome.status == 134 && isNear, "\(outcome.stderr.suffix(300))")
        #expect(outcome.stdout.utf8.count + outcome.stderr.utf8.count < 1 << 21)
    }

    /// `BULKHEAD_FUZZ_SEED` repeats a run, `BULKHEAD_FUZZ_FACTOR` lengthens it.
    @Test("says anything, in any order") func anything() throws {
        let environment = ProcessInfo.processInfo.environment
        let seed = environment["BULKHEAD_FUZZ_SEED"].flatMap(UInt64.init) ?? .random(in: 0 ... .max)
        let count = 16 * (environment["BULKHEAD_FUZZ_FACTOR"].flatMap(UInt64.init) ?? 1)
        print("hostile cell fuzz: seed \(seed)")
        var statuses: Set<Int32> = []
        var kinds: Set<String> = []
        for index in 0..<count {
            let scratch = try Scratch()
            statuses.insert(try run("anything", seed: seed &+ index, in: scratch).status)
            kinds.formUnion(try scratch.auditEvents().map(\.kind))
        }
        print(
            "hostile cell fuzz: \(count) executions, \(statuses.count) exit statuses \(statuses.sorted()), "
                + "audit events of \(kinds.count) kinds \(kinds.sorted())")
        // How a run ends also depends on how busy the machine is; a fuzzer that reaches one ending only is broken.
        #expect(statuses.count >= 2 && kinds.count >= 4, "seed \(seed): the fuzzer reaches too little")
    }
}
