// Processes within a program, through the host interface: each guest checks one area of SDK/abi.md line by line.

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

    @Test("messages", arguments: [("process-messages", 58)])
    func messages(guest: String, lines: Int) throws {
        Self.expectAllHold(try Scratch().run(guest, policy: Self.policy()), lines)
    }

    @Test("links, monitors, aliases, exits", arguments: [("process-signals", 134)])
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
