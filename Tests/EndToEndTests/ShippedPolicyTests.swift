// Every policy in policies/, by name and as it stands: guests do what it allows, and are denied what it takes away.

import Foundation
import Testing

/// One guest under one shipped policy.
struct Exercise: CustomTestStringConvertible {
    let policy: String
    let guest: String
    var arguments: [String] = []
    /// What it prints.
    let lines: [String]
    /// A call and the key that must be in the audit log; nil is no denial at all.
    var denial: (call: String, key: String)?

    var testDescription: String { "\(policy): \(guest) \(arguments.joined(separator: " "))" }
}

@Suite("A shipped policy")
struct ShippedPolicyTests {
    static let noPath = ("path_open", "fs")
    /// Nothing listens on port 9 (discard); an answer other than ENOTCAPABLE means that the broker tried.
    static let nobody = ["127.0.0.1", "9"]
    static let tried = ["tcp-connect: denied ECONNREFUSED"]
    static let untried = ["tcp-connect: denied ENOTCAPABLE"]

    static let exercises = [
        Exercise(policy: "full-wasi", guest: "random", lines: ["random: ok"]),
        Exercise(policy: "full-wasi", guest: "args", arguments: ["one"], lines: ["one"]),
        Exercise(policy: "full-wasi", guest: "tcp-connect", arguments: nobody, lines: tried),

        Exercise(policy: "no-fs", guest: "random", lines: ["random: ok"]),
        Exercise(policy: "no-fs", guest: "tcp-connect", arguments: nobody, lines: tried),
        Exercise(
            policy: "no-fs", guest: "read-file", arguments: ["etc/passwd", "/"],
            lines: ["read-file: denied ENOTCAPABLE"], denial: noPath),

        Exercise(policy: "no-net", guest: "random", lines: ["random: ok"]),
        Exercise(
            policy: "no-net", guest: "tcp-connect", arguments: nobody, lines: untried,
            denial: ("tcp_connect", "net.connect")),
        Exercise(
            policy: "no-net", guest: "echo-once", arguments: ["3"], lines: ["accept: denied ENOTCAPABLE"],
            denial: ("sock_accept", "net.listen")),

        Exercise(policy: "pure-compute", guest: "args", arguments: ["one"], lines: ["one"]),
        Exercise(
            policy: "pure-compute", guest: "random", lines: ["random: ENOTCAPABLE"], denial: ("random_get", "random")),
        Exercise(
            policy: "pure-compute", guest: "tcp-connect", arguments: nobody, lines: untried,
            denial: ("tcp_connect", "net.connect")),
        Exercise(
            policy: "pure-compute", guest: "read-file", arguments: ["etc/passwd", "/"],
            lines: ["read-file: denied ENOTCAPABLE"], denial: noPath),

        Exercise(policy: "read-only-data", guest: "read-file", arguments: ["file"], lines: ["content"]),
        Exercise(
            policy: "read-only-data", guest: "write-file", arguments: ["file", "changed"],
            lines: ["write-file: ENOTCAPABLE"], denial: ("path_open", #"fs["/data"].access"#)),
        Exercise(
            policy: "read-only-data", guest: "read-file", arguments: ["link"], lines: ["read-file: denied ENOTCAPABLE"],
            denial: ("path_open", #"fs["/data"].symlinks"#)),
        Exercise(
            policy: "read-only-data", guest: "read-file", arguments: ["../secret"],
            lines: ["read-file: denied ENOTCAPABLE"], denial: ("path_open", #"fs["/data"]"#)),
        Exercise(
            policy: "read-only-data", guest: "random", lines: ["random: ENOTCAPABLE"], denial: ("random_get", "random")),

        Exercise(policy: "limited-fd", guest: "random", lines: ["random: ok"]),
        Exercise(policy: "limited-fd", guest: "tcp-connect", arguments: nobody, lines: tried),

        Exercise(
            policy: "actors", guest: "random", lines: ["random: ENOTCAPABLE"], denial: ("random_get", "random")),
        Exercise(
            policy: "actors", guest: "tcp-connect", arguments: nobody, lines: untried,
            denial: ("tcp_connect", "net.connect")),
        Exercise(
            policy: "actors", guest: "echo-once", arguments: ["3"], lines: ["accept: denied ENOTCAPABLE"],
            denial: ("sock_accept", "net.listen")),
        Exercise(
            policy: "actors", guest: "read-file", arguments: ["etc/passwd", "/"],
            lines: ["read-file: denied ENOTCAPABLE"], denial: noPath),

        Exercise(policy: "http-client", guest: "random", lines: ["random: ok"]),
        Exercise(
            policy: "http-client", guest: "tcp-connect", arguments: ["127.0.0.1", "80"], lines: untried,
            denial: ("tcp_connect", "net.connect")),
        Exercise(
            policy: "http-client", guest: "tcp-connect", arguments: ["localhost", "443"], lines: untried,
            denial: ("tcp_connect", "net.connect")),
        Exercise(
            policy: "http-client", guest: "read-file", arguments: ["etc/passwd", "/"],
            lines: ["read-file: denied ENOTCAPABLE"], denial: noPath),
    ]

    /// A directory with `data/file`, a link beside it, and a file outside.
    static func surroundings() throws -> Scratch {
        let scratch = try Scratch()
        try scratch.makeDirectory("data")
        try scratch.write("content", to: "data/file")
        try scratch.write("inside", to: "data/inside.txt")
        try scratch.write("secret", to: "secret")
        try scratch.link("data/link", to: "file")
        return scratch
    }

    static func text(of policy: String) throws -> String {
        String(
            decoding: try Data(contentsOf: Built.root.appendingPathComponent("policies/\(policy).toml")), as: UTF8.self)
    }

    @Test("allows what it says and takes away what it says", arguments: exercises)
    func exercised(_ exercise: Exercise) throws {
        let scratch = try Self.surroundings()
        let outcome = try scratch.run(
            exercise.guest, options: ["--policy", exercise.policy], arguments: exercise.arguments)
        // `args` prints its own name first.
        let lines = exercise.guest == "args" ? Array(outcome.lines.dropFirst()) : outcome.lines
        #expect(lines == exercise.lines, "\(outcome.stderr)")
        if let denial = exercise.denial {
            #expect(try scratch.isDenied(denial.call, by: denial.key))
        } else {
            #expect(try scratch.auditEvents("denied").isEmpty)
        }
        #expect(try scratch.read("data/file") == "content")
    }

    @Test("is exercised, whichever it is")
    func complete() throws {
        let files = try FileManager.default.contentsOfDirectory(
            atPath: Built.root.appendingPathComponent("policies").path)
        let shipped = Set(files.filter { $0.hasSuffix(".toml") }.map { String($0.dropLast(5)) })
        #expect(shipped == Set(Self.exercises.map(\.policy)).union(["tcp-service"]))
    }

    @Test(
        "full-wasi shows the guest the whole host, and no-net leaves files alone", arguments: ["full-wasi", "no-net"])
    func wholeHost(_ policy: String) throws {
        let scratch = try Self.surroundings()
        let path = String(scratch.path("secret").dropFirst())
        let options = ["--policy", policy]
        #expect(try scratch.run("read-file", options: options, arguments: [path, "/"]).stdout == "secret")
        #expect(try scratch.run("env", options: options).lines.contains("BULKHEAD_STATE_DIR=\(scratch.path("state"))"))
    }

    @Test("limited-fd narrows another policy to sixteen descriptors")
    func limitedDescriptors() throws {
        let scratch = try Self.surroundings()
        let options = ["--policy", "limited-fd"]
        let own = GuestTests.streams + GuestTests.mount("read-only")
        let outcome = try scratch.run("escape-fds", policy: own, options: options)
        // Three streams and the mount are open before it starts.
        #expect(outcome.lines.prefix(2) == ["fds: denied EMFILE", "opened 12"], "\(outcome.stderr)")
        #expect(try scratch.isDenied("path_open", by: "limits.fds"))
    }

    @Test("no-fs takes another policy's mounts away")
    func noMounts() throws {
        let scratch = try Self.surroundings()
        let own = "args = true\n" + GuestTests.streams + GuestTests.mount("read-only")
        let outcome = try scratch.run(
            "read-file", policy: own, options: ["--policy", "no-fs"], arguments: ["data/file", "/"])
        #expect(outcome.lines == ["read-file: denied ENOTCAPABLE"], "\(outcome.stderr)")
        #expect(try scratch.isDenied("path_open", by: "fs"))
    }

    @Test("http-client reaches a private address once a rule names its range")
    func privateRange() throws {
        let client = try Self.text(of: "http-client")
        let scratch = try Self.surroundings()
        let served = try EchoService.exchange(
            in: scratch,
            serving: { GuestTests.streams + "[net]\nlisten = [\"tcp://127.0.0.1:\($0)\"]\n" },
            connecting: { port in
                client.replacingOccurrences(of: "connect = [", with: "connect = [\"tcp://127.0.0.0/8:\(port)\", ")
            })
        #expect(served == "echoed 5")
        #expect(try scratch.auditEvents("denied").isEmpty)
    }

    @Test("tcp-service serves, and connects nowhere")
    func service() throws {
        let text = try Self.text(of: "tcp-service")
        #expect(text.contains("tcp://127.0.0.1:8080"))
        let scratch = try Self.surroundings()
        // The port it ships with first; another one only where that is taken.
        let served = try EchoService.exchange(
            in: scratch, ports: [8080],
            serving: { text.replacingOccurrences(of: "127.0.0.1:8080", with: "127.0.0.1:\($0)") },
            connecting: { "args = true\n" + GuestTests.streams + "[net]\nconnect = [\"tcp://127.0.0.1:\($0)\"]\n" })
        #expect(served == "echoed 5")

        func tryOut(_ guest: String, _ arguments: [String]) throws -> [String] {
            let free = text.replacingOccurrences(of: ":8080", with: ":\(UInt16.random(in: 20_000...30_000))")
            return try scratch.run(guest, policy: free, arguments: arguments).lines
        }
        #expect(try tryOut("tcp-connect", Self.nobody) == Self.untried)
        #expect(try scratch.isDenied("tcp_connect", by: "net.connect"))
        // With a listener there is no absent root to ask beneath.
        #expect(try tryOut("read-file", ["etc/passwd", "/"]) == ["no preopened /"])
        #expect(try tryOut("random", []) == ["random: ok"])
    }
}
