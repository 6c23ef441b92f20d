// A guest on a terminal: it is told so, and yet its cell holds none.

import Foundation
import Testing

@Suite struct TerminalTests {
    /// Runs `bulkhead run GUEST` with a pseudo-terminal for its standard streams, by script(1).
    private func onTerminal(_ guest: String, in scratch: Scratch, stdin: Data?) throws -> RunningCommand {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
        let line = "'\(Built.program("bulkhead"))' run '\(Built.guest(guest))'"
        process.arguments = ["--kill-after=5", "120", "script", "-qec", line, "/dev/null"]
        var environment = ProcessInfo.processInfo.environment
        environment["BULKHEAD_STATE_DIR"] = scratch.path("state")
        environment["BULKHEAD_CACHE_DIR"] = scratch.path("cache")
        process.environment = environment
        return try RunningCommand(process, scratch: scratch, stdin: stdin)
    }

    @Test func theGuestIsToldOfTheTerminal() throws {
        let scratch = try Scratch()
        let outcome = try onTerminal("stdio", in: scratch, stdin: Data()).wait()
        // What goes to standard error may come between two writes of a line.
        let text = outcome.stdout.replacing(/to stderr\r?\n/, with: "")
        // 2 is a character device (preview 1, `filetype`).
        for fd in 0...2 {
            #expect(text.contains("\(fd): type 2"), "\(outcome.stdout)\(outcome.stderr)")
        }
    }

    /// With a terminal's descriptor an escaped guest could push characters into the user's shell (TIOCSTI).
    @Test func theCellHoldsNoTerminal() throws {
        let scratch = try Scratch()
        let command = try onTerminal("cat", in: scratch, stdin: nil)
        defer { command.terminate() }
        let found = try #require(CellProbe(of: scratch), "no cell came up")
        // The supervisor does hold the terminal: else this test would pass wherever there is none.
        #expect(CellProbe.targets(ofProcess: found.supervisor).contains { isTerminal($0) })
        let held = CellProbe.targets(ofProcess: found.pid)
        #expect(!held.isEmpty)
        #expect(held.allSatisfy { !isTerminal($0) }, "\(held)")
    }

    private func isTerminal(_ target: String) -> Bool {
        target.hasPrefix("/dev/pts/") || target.hasPrefix("/dev/tty") || target == "/dev/ptmx"
    }
}
