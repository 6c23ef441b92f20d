// Filters in force: each shipped profile's shape is installed in a process of its own, which then does what a cell
// does, and what it must die of.

import CapabilityModel
import Glibc
import KernelVictims
import LinuxKernel
import Testing

/// A call that no profile allows in this form.
struct Forbidden: Sendable, CustomTestStringConvertible {
    var name: String
    var arguments: [UInt64] = []

    var testDescription: String { "\(name)\(arguments)" }

    static let all: [Forbidden] = [
        Forbidden(name: "socket", arguments: [2, 1, 0]), Forbidden(name: "connect", arguments: [0]),
        Forbidden(name: "bind"), Forbidden(name: "listen"), Forbidden(name: "execve"), Forbidden(name: "ptrace"),
        Forbidden(name: "io_uring_setup"), Forbidden(name: "openat"), Forbidden(name: "open"),
        Forbidden(name: "memfd_create"), Forbidden(name: "unshare"), Forbidden(name: "setns"),
        Forbidden(name: "kill", arguments: [0, 0]), Forbidden(name: "prctl", arguments: [38, 1]),
        // A fork, a signal to init, an executable mapping, MSG_FASTOPEN, TIOCSTI, F_SETOWN.
        Forbidden(name: "clone", arguments: [17]), Forbidden(name: "tgkill", arguments: [1, 1, 0]),
        Forbidden(name: "mmap", arguments: [0, 4096, 5, 0x22, .max]),
        Forbidden(name: "mprotect", arguments: [0, 0, 4]),
        Forbidden(name: "sendmsg", arguments: [3, 0, 0x2000_0000]), Forbidden(name: "sendmsg", arguments: [4, 0, 0]),
        Forbidden(name: "sendto", arguments: [.max, 0, 0, 0, 4096, 16]),
        Forbidden(name: "ioctl", arguments: [.max, 0x5412]), Forbidden(name: "fcntl", arguments: [.max, 8]),
    ].filter { SyscallFilter.number(of: $0.name) != nil }
}

struct SealedProcessTests {
    private func run(_ arguments: String...) throws -> (exit: ProcessExit, message: String) {
        try Victim.run(arguments)
    }

    @Test(arguments: Profiles.names)
    func everyRuleHolds(_ name: String) throws {
        let ended = try run("rules", name)
        #expect(ended.exit == .exited(code: 0), "\(ended.message)")
    }

    @Test(arguments: Profiles.names)
    func aCellsWorkGoesOn(_ name: String) throws {
        let ended = try run("work", name)
        #expect(ended.exit == .exited(code: 0), "\(ended.message)")
    }

    /// Under the widest profile; the others are subsets of it.
    @Test(arguments: Forbidden.all)
    func itDies(_ call: Forbidden) throws {
        let exit = try Victim.run(["call", "full-wasi", call.name] + call.arguments.map { "\($0)" }).exit
        #expect(isSignal(exit, SIGSYS), "\(exit)")
    }

    @Test(arguments: ["openat2", "unlinkat", "accept4", "sendto", "recvfrom", "getdents64"])
    func whatAGrantWouldAllow(_ name: String) throws {
        let denied = try run("call", "pure-compute", name).exit
        #expect(isSignal(denied, SIGSYS), "\(denied)")
        #expect(try run("call", "full-wasi", name, "\(UInt64.max)").exit == .exited(code: 0))
    }

    /// A Swift trap is SIGILL on x86_64 and SIGTRAP on aarch64; SIGSYS would hide what happened.
    @Test(arguments: Profiles.names)
    func aFatalErrorIsATrap(_ name: String) throws {
        let ended = try run("trap", name)
        #expect(isSignal(ended.exit, SIGILL) || isSignal(ended.exit, SIGTRAP), "\(ended.exit)")
        #expect(ended.message.contains("as it should be"))
    }

    @Test func anAbortIsAnAbort() throws {
        let exit = try run("abort", "pure-compute").exit
        #expect(isSignal(exit, SIGABRT), "\(exit)")
    }

    @Test(arguments: ["again", "notified"])
    func theFilterItself(_ probe: String) throws {
        let ended = try run(probe)
        #expect(ended.exit == .exited(code: 0), "\(ended.message)")
    }

    /// Whether the process died of the signal, with a core or without.
    private func isSignal(_ exit: ProcessExit, _ number: Int32) -> Bool {
        if case .signaled(number, _) = exit { true } else { false }
    }
}
