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
        // 2 is a character device (preview 1, `filetype`).
        for fd in 0...2 {
            #expect(outcome.stdout.contains("\(fd): type 2"), "\(outcome.stdout)\(outcome.stderr)")
        }
    }

    /// With a terminal's descriptor an escaped guest could push characters into the user's shell (TIOCSTI).
    @Test func theCellHoldsNoTerminal() throws {
        let scratch = try Scratch()
        let command = try onTerminal("cat", in: scratch, stdin: nil)
        defer { command.terminate() }
        var cell: (pid: Int, supervisor: Int)?
        for _ in 0..<600 where cell == nil {
            Thread.sleep(forTimeInterval: 0.1)
            cell = findCell(of: scratch)
        }
        let found = try #require(cell, "no cell came up")
        // The supervisor does hold the terminal: else this test would pass wherever there is none.
        #expect(targets(ofProcess: found.supervisor).contains { isTerminal($0) })
        let held = targets(ofProcess: found.pid)
        #expect(!held.isEmpty)
        #expect(held.allSatisfy { !isTerminal($0) }, "\(held)")
    }

    private func isTerminal(_ target: String) -> Bool {
        target.hasPrefix("/dev/pts/") || target.hasPrefix("/dev/tty") || target == "/dev/ptmx"
    }

    /// What a process's descriptors lead to.
    private func targets(ofProcess pid: Int) -> [String] {
        let directory = "/proc/\(pid)/fd"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return names.compactMap { try? FileManager.default.destinationOfSymbolicLink(atPath: "\(directory)/\($0)") }
    }

    /// The cell whose supervisor keeps its state in this scratch directory, once it runs its guest.
    private func findCell(of scratch: Scratch) -> (pid: Int, supervisor: Int)? {
        let pids = ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { Int($0) }
        for pid in pids {
            guard let name = text("/proc/\(pid)/comm"), name == "bulkhead-cell\n",
                let status = text("/proc/\(pid)/status"),
                // Under its filter: the guest is about to run, and nothing more is handed to it.
                status.contains("Seccomp:\t2"),
                let line = status.split(separator: "\n").first(where: { $0.hasPrefix("PPid:") }),
                let parent = Int(line.dropFirst("PPid:".count).trimmingCharacters(in: .whitespaces)),
                let environment = text("/proc/\(parent)/environ"), environment.contains(scratch.path("state"))
            else { continue }
            return (pid, parent)
        }
        return nil
    }

    private func text(_ path: String) -> String? {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
    }
}
