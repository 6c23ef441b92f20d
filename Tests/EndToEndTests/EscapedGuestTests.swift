// What code that broke out of Wasm gains in the shipped cell: calls injected into a running one by ptrace(2).

import Foundation
import Glibc
import LinuxKernel
import Testing

@Suite struct EscapedGuestTests {
    private static let atWorkingDirectory = "-100"
    /// openat2(2); the number is the same on every architecture.
    private static let openat2 = 437
    private static let socket = 41
    private static let execve = 59
    private static let ptrace = 101
    private static let sendmsg = 46
    private static let fcntl = 72

    private static let withDirectory = """
        stdio = { stdin = "inherit", stdout = "inherit" }
        [[fs]]
        guest = "/data"
        host = "data"
        access = "read-only"
        """
    private static let withoutDirectory = """
        stdio = { stdin = "inherit", stdout = "inherit" }
        """

    /// A cell whose guest waits for input that never comes. `body` says whether the cell has been killed; one that lives
    /// is ended by a signal to its supervisor.
    private func withCell(
        _ policy: String, _ body: (CellProbe, Scratch) throws -> Bool
    ) throws -> Outcome {
        let scratch = try Scratch()
        try scratch.makeDirectory("data")
        try scratch.write("granted", to: "data/granted.txt")
        try scratch.write("secret", to: "secret.txt")
        let command = try scratch.start("cat", policy: policy, stdin: nil)
        defer { command.terminate() }
        let cell = try #require(CellProbe(of: scratch), "no cell came up")
        if try !body(cell, scratch) {
            // The supervisor itself: timeout(1) may have inherited a mask that blocks the signal.
            kill(Int32(cell.supervisor), SIGTERM)
        }
        return try command.wait()
    }

    private func open(_ path: String, in cell: CellProbe) throws -> String? {
        try cell.inject(Self.openat2, [Self.atWorkingDirectory, "s:\(path)", "how:0,0,0", "24"])
    }

    @Test(.enabled(if: Landlock.isSupported)) func aGrantedDirectoryIsAllThatCanBeOpened() throws {
        _ = try withCell(Self.withDirectory) { cell, scratch in
            guard let granted = try open(scratch.path("data/granted.txt"), in: cell) else {
                print("cells cannot be traced here; not tried")
                return false
            }
            // A descriptor: so the injection works, and the answers below are the kernel's.
            #expect(Int(granted.dropFirst("returned ".count)).map { $0 >= 0 } == true, "\(granted)")
            for path in [scratch.path("secret.txt"), "/etc/passwd", "/proc/self/mem", scratch.path("state/key")] {
                #expect(try open(path, in: cell) == "returned -13", "\(path)")
            }
            #expect(try open(scratch.path("data/../secret.txt"), in: cell) == "returned -13")
            return false
        }
    }

    /// Without a directory the call itself is outside the profile.
    @Test func withoutADirectoryOpeningEndsTheCell() throws {
        let outcome = try withCell(Self.withoutDirectory) { cell, scratch in
            guard let answer = try open(scratch.path("secret.txt"), in: cell) else {
                print("cells cannot be traced here; not tried")
                return false
            }
            #expect(answer == "killed by signal 31")
            return answer == "killed by signal 31"
        }
        #expect(outcome.status != 0)
    }

    #if arch(x86_64)
        /// sendmsg(2) is allowed on the control socket's number, which is the limit of descriptors: 64 of the guest and 288 of
        /// the cell. Nothing can be given that number, even once it is free.
        @Test func noDescriptorGetsTheControlSocketsNumber() throws {
            _ = try withCell(Self.withDirectory) { cell, _ in
                guard let copied = try cell.inject(Self.fcntl, ["0", "1030", "352"]) else {
                    print("cells cannot be traced here; not tried")
                    return false
                }
                #expect(copied == "returned -22")
                #expect(
                    try cell.inject(Self.fcntl, ["352", "1", "0"]) == "returned 1", "the control socket is not there")
                return false
            }
        }

        @Test(arguments: [
            (socket, ["2", "1", "0"]), (execve, ["s:/bin/sh", "0", "0"]), (ptrace, ["0", "0", "0", "0"]),
            (sendmsg, ["3", "0", "0"]), (sendmsg, ["5", "0", "0"]),
        ])
        func aCallOutsideTheProfileEndsTheCell(_ number: Int, _ arguments: [String]) throws {
            var isTried = false
            let outcome = try withCell(Self.withDirectory) { cell, _ in
                guard let answer = try cell.inject(number, arguments) else {
                    print("cells cannot be traced here; not tried")
                    return false
                }
                isTried = answer == "killed by signal 31"
                #expect(isTried, "\(answer)")
                return isTried
            }
            if isTried {
                #expect(outcome.status == 70)
                #expect(outcome.stderr.contains("outside the profile"), "\(outcome.stderr)")
            }
        }
    #endif
}
