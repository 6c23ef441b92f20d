// The programs in Examples that are made of processes, each under its own policy, driven from outside by a client.

import Foundation
import Testing

@Suite("The examples with processes", .serialized)
struct ProcessExampleTests {
    static let languages = ["c", "rust", "swift"]

    /// All languages at the same time, for they mostly sleep; the Swift one to its end, the others until all of their sleepers have
    /// begun again.
    @Test("20,000 sleepers wake ten times a second")
    func sleepers() throws {
        let commands = try Self.languages.map { language in
            (language, try Example(named: "sleepers").begin("sleepers-\(language)"))
        }
        let expected = [10, 20, 30].map { "20000 processes have slept \($0) times each\n" }
        for (language, command) in commands {
            let isWhole = language == "swift"
            let text = expected.prefix(isWhole ? 3 : 2).joined()
            while command.isRunning && (isWhole || command.outputSoFar.count < text.count) { usleep(10_000) }
            if !isWhole { command.terminate() }
            let outcome = try command.wait()
            #expect(outcome.stdout.hasPrefix(text), "\(language): \(outcome.stdout)\(outcome.stderr)")
            #expect(!isWhole || outcome.status == 0, "\(outcome.stderr)")
        }
    }

    @Test("the echo server serves a thousand connections, each by a process", arguments: languages)
    func echo(_ language: String) throws {
        Connection.allowDescriptors(4_000)
        let server = try Example(named: "echo-server", port: 1337).start("echo-server-\(language)")
        let connections = try (0..<1_000).map { _ in try Connection(port: server.port) }
        for round in 1...3 {
            for (index, connection) in connections.enumerated() {
                try connection.send("connection \(index), round \(round)\n")
            }
            for (index, connection) in connections.enumerated() {
                // An expectation costs a millisecond, so only what is wrong becomes one.
                let line = try connection.line()
                if line != "connection \(index), round \(round)" { throw Wrong(line: line, at: index) }
            }
        }
        #expect(server.isRunning)
        server.stop()
    }

    @Test("a crash in C closes one connection, and nothing else", arguments: languages)
    func crash(_ language: String) throws {
        Connection.allowDescriptors(4_000)
        let seed = UInt64.random(in: 1...(1 << 40))
        var random = SplitMix(state: seed)
        let server = try Example(named: "crashing-c", port: 1338).start("crashing-c-\(language)")
        let names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
        var open = try (0..<1_000).map { _ in try Connection(port: server.port) }
        for _ in 0..<5 {
            let asked = open.map { _ in Int.random(in: 0...10, using: &random) }
            for (connection, number) in zip(open, asked) {
                // 4 GiB further on there is no memory.
                try connection.send(number == 10 ? "1000000000\n" : "\(number)\n")
            }
            var kept: [Connection] = []
            for (connection, number) in zip(open, asked) {
                let answer = try connection.line()
                if answer != (number == 10 ? nil : names[number]) {
                    Issue.record("seed \(seed): \(number) was answered by \(answer ?? "the end")")
                    return
                }
                if number != 10 { kept.append(connection) }
            }
            #expect(kept.count < open.count, "seed \(seed)")
            open = kept
        }
        let late = try Connection(port: server.port)
        try late.send("7\n")
        #expect(try late.line() == "seven")
        #expect(server.isRunning)
        server.stop()
    }

    @Test("a child without fs is denied by the import table, with a line in the audit log", arguments: languages)
    func withoutFS(_ language: String) throws {
        let example = try Example(named: "spawn-without-fs")
        let outcome = try example.run("spawn-without-fs-\(language)")
        #expect(
            outcome.lines == ["parent: read 28 bytes", "child: not granted by the policy", "the child ended: normal"],
            "\(outcome.stderr)")
        #expect(try example.scratch.isDenied("path_open", by: "spawn.without.fs"))
    }

    @Test("a token goes round a ring of a thousand")
    func ring() throws {
        let outcome = try Example(named: "ring").run("ring-swift")
        #expect(outcome.lines == ["100000 hops around a ring of 1000"], "\(outcome.stderr)")
    }

    @Test("the chat has rooms, and they hear who leaves")
    func chat() throws {
        let server = try Example(named: "chat", port: 1339).start("chat-swift")
        func enter(_ name: String) throws -> Connection {
            let connection = try Connection(port: server.port)
            #expect(try connection.line() == "What is your name?")
            try connection.send(name + "\n")
            return connection
        }
        let ann = try enter("ann")
        #expect(try ann.line() == "* ann has come to lobby, where 1 are now")
        var bob: Connection? = try enter("bob")
        #expect(try bob?.line() == "* bob has come to lobby, where 2 are now")
        #expect(try ann.line() == "* bob has come to lobby, where 2 are now")
        try ann.send("hello\n")
        #expect(try bob?.line() == "ann: hello")
        #expect(try ann.line() == "ann: hello")
        try bob?.send("/join garden\n")
        #expect(try ann.line() == "* bob has gone elsewhere")
        #expect(try bob?.line() == "* bob has come to garden, where 1 are now")
        try ann.send("/join garden\n")
        #expect(try bob?.line() == "* ann has come to garden, where 2 are now")
        #expect(try ann.line() == "* ann has come to garden, where 2 are now")
        // Without a word.
        bob = nil
        #expect(try ann.line() == "* bob has left")
        server.stop()
    }
}

/// A folder of Examples, in a scratch directory of its own: with its policy, on a port that is free.
struct Example {
    let scratch: Scratch
    private let port: UInt16?
    private let name: String

    /// `port` is the one that the policy names.
    init(named name: String, port: UInt16? = nil) throws {
        scratch = try Scratch()
        self.name = name
        self.port = port
        let folder = Built.root.appendingPathComponent("Examples/\(name)")
        for file in ["policy.toml", "data"] where FileManager.default.fileExists(atPath: folder.path + "/" + file) {
            try FileManager.default.copyItem(atPath: folder.path + "/" + file, toPath: scratch.path(file))
        }
    }

    func run(_ guest: String) throws -> Outcome {
        try scratch.run(guest, options: ["--policy", scratch.path("policy.toml")])
    }

    /// Starts a program without waiting for anything it says.
    func begin(_ guest: String) throws -> RunningCommand {
        try scratch.start(guest, options: ["--policy", scratch.path("policy.toml")])
    }

    /// Starts a server, and waits until it says that it listens. A port that is taken is another's; then it tries the next.
    func start(_ guest: String) throws -> RunningServer {
        let text = try scratch.read("policy.toml")
        for chosen in (0..<10).map({ _ in UInt16.random(in: 20_000...30_000) }) {
            try scratch.write(text.replacingOccurrences(of: ":\(port ?? 0)", with: ":\(chosen)"), to: "policy.toml")
            let command = try scratch.start(guest, options: ["--policy", scratch.path("policy.toml")])
            while command.isRunning {
                if command.outputSoFar.hasSuffix(":\(chosen)\n") { return RunningServer(command, port: chosen) }
                usleep(10_000)
            }
            let outcome = try command.wait()
            guard outcome.stdout.contains("errno 3") || outcome.stderr.contains("errno 3") else {
                throw DidNotStart(outcome: outcome)
            }
        }
        throw DidNotStart(outcome: nil)
    }
}

struct DidNotStart: Error {
    let outcome: Outcome?
}

/// A server under way; it ends with its last reference at the latest.
final class RunningServer {
    let port: UInt16
    private let command: RunningCommand

    init(_ command: RunningCommand, port: UInt16) {
        self.command = command
        self.port = port
    }

    deinit { stop() }

    var isRunning: Bool { command.isRunning }

    func stop() {
        guard command.isRunning else { return }
        command.terminate()
        _ = try? command.wait()
    }
}

struct Wrong: Error {
    let line: String?
    let at: Int
}

struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
