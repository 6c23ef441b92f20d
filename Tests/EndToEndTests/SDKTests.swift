// Every call of each SDK under a policy, and what servers promise, in three languages.

import Foundation
import Testing

@Suite("The SDKs")
struct SDKTests {
    /// Runs a guest under the policy, with a port and a directory for sockets, which is the guest's argument.
    static func run(_ guest: String) throws -> Outcome {
        let scratch = try Scratch()
        try scratch.makeDirectory("run")
        let directory = scratch.path("run")
        let policy = Self.policy.replacingOccurrences(of: "PORT", with: "\(UInt16.random(in: 20_000...30_000))")
            .replacingOccurrences(of: "DIRECTORY", with: directory)
        return try scratch.run(guest, policy: policy, arguments: [directory])
    }

    static let policy =
        GuestTests.streams + """
            random = true
            args = true
            [process]
            spawn = 1_000
            register = ["calls.*"]
            lookup = ["calls.*"]
            [net]
            listen = ["tcp://127.0.0.1:PORT", "udp://127.0.0.1:PORT", "unix://DIRECTORY/*"]
            connect = ["tcp://127.0.0.1:PORT", "udp://127.0.0.1:PORT", "unix://DIRECTORY/*"]
            resolve = ["localhost"]
            [limits]
            fds = 4000

            """

    /// What every SDK's guest must show.
    static let everywhere = [
        "argument", "receive-timeout", "send", "mailbox-full", "limit-memory", "monitor-normal", "monitor-trap",
        "monitor-bytes", "monitor-shutdown-with", "exit-shutdown", "alive", "monitor-noproc", "exit-kill", "demonitor",
        "link", "trap-exit",
        "unlink", "register", "register-twice", "whereis", "unregister", "register-denied", "whereis-denied",
        "without-spawn", "policy-denied", "tcp-listen", "tcp-echo", "tcp-denied", "resolve", "resolve-denied",
    ]

    /// What those of C and Rust must show, too.
    static let beyondSwift = [
        "unix-absent", "unix-listen", "unix-connect", "unix-accept", "unix-echo", "unix-in-use", "unix-denied",
        "start-ack-nobody", "start-ack-size",
    ]

    static let ofLanguage: [String: [String]] = [
        "c": beyondSwift + [
            "spawn", "spawn-bad-flags", "spawn-no-module", "tags", "message-size", "reserved-tag", "bad-handle",
            "bad-pointer", "monitor-code", "name-released", "duplicate", "alias", "abi-version", "sleep", "tcp-connect",
            "tcp-accept", "descriptor-moved", "close",
        ],
        "rust": beyondSwift + [
            "monitor-code", "exit-invalid", "event", "tcp-accept", "wire-format", "wire-round-trips", "wire-bounded",
        ],
        "swift": ["monitor-error", "exit-invalid", "event", "wire-format", "wire-round-trips", "wire-bounded"],
    ]

    @Test("do what their calls promise", arguments: ["c", "rust", "swift"])
    func calls(_ language: String) throws {
        let outcome = try Self.run("sdk-calls-\(language)")
        #expect(outcome.status == 0, "\(outcome.stderr)")
        let wanted = Self.everywhere + (Self.ofLanguage[language] ?? [])
        #expect(Set(outcome.lines) == Set(wanted.map { $0 + ": ok" } + ["done"]), "\(outcome.stdout)")
    }

    static let promises = [
        "call", "cast", "info", "call-timeout", "late-reply", "large-request", "deferred-reply", "nested-call", "stop",
        "call-dead",
        "callee-dies", "nothing-left",
    ]

    @Test("have servers that keep gen_server's promises on both kinds of process", arguments: ["c", "rust", "swift"])
    func servers(_ language: String) throws {
        let outcome = try Self.run("sdk-servers-\(language)")
        #expect(outcome.status == 0, "\(outcome.stderr)")
        let special = language == "c" ? ["large-reply"] : []
        // First on a blocking process, then on a handler.
        let both = (Self.promises + special).flatMap { [$0, $0] }
        let once = ["call-self"] + (language == "c" ? ["handler", "handler-ends"] : [])
        #expect(
            outcome.lines.sorted() == ((both + once).map { $0 + ": ok" } + ["done"]).sorted(), "\(outcome.stdout)")
    }

    @Test("send and receive datagrams", arguments: ["c", "rust", "swift"])
    func datagrams(_ language: String) throws {
        let outcome = try Self.run("sdk-datagrams-\(language)")
        let special = language == "rust" ? [] : ["udp-bind", "udp-connect"]
        let wanted = special + ["udp-send", "udp-receive", "udp-denied"]
        #expect(Set(outcome.lines) == Set(wanted.map { $0 + ": ok" } + ["done"]), "\(outcome.stderr)")
    }

    @Test("listen and connect at paths, where the SDK has unix sockets")
    func unixSockets() throws {
        let scratch = try Scratch()
        try scratch.makeDirectory("run")
        try scratch.makeDirectory("data")
        try scratch.write(scratch.path("run"), to: "data/directory")
        let policy =
            GuestTests.streams + """
                [process]
                spawn = 10
                [net]
                connect = ["unix://\(scratch.path("run"))/*"]
                listen = ["unix://\(scratch.path("run"))/*"]

                """ + GuestTests.mount("read-only")
        let outcome = try scratch.run("sdk-unix-swift", policy: policy)
        let wanted = ["unix-listen", "unix-connect", "unix-echo", "unix-taken", "unix-free", "unix-denied"]
        #expect(outcome.lines == wanted.map { $0 + ": ok" } + ["done"], "\(outcome.stdout)\(outcome.stderr)")
    }
}
