// What a guest sees of the world under a policy, one behaviour a test.

import Foundation
import Testing

@Suite("A guest under a policy")
struct GuestTests {
    /// Streams and nothing else.
    static let streams = #"stdio = { stdin = "inherit", stdout = "inherit", stderr = "inherit" }"# + "\n"

    static func mount(_ access: String) -> String {
        """
        [[fs]]
        guest = "/data"
        host = "data"
        access = "\(access)"

        """
    }

    @Test("prints and ends well without a policy")
    func hello() throws {
        let outcome = try Scratch().run("hello")
        #expect(outcome.stdout == "hello\n")
        #expect(outcome.stderr.isEmpty)
        #expect(outcome.status == 0)
    }

    @Test("sees its arguments only where they are granted", arguments: [true, false])
    func arguments(granted: Bool) throws {
        let outcome = try Scratch().run(
            "args", policy: "args = \(granted)\n" + Self.streams, arguments: ["one", "two words", "--three"])
        #expect(outcome.status == 0)
        #expect(Array(outcome.lines.dropFirst()) == (granted ? ["one", "two words", "--three"] : []))
    }

    @Test("sees only the variables that are granted")
    func environment() throws {
        let outcome = try Scratch().run("env", policy: Self.streams + #"env = { set = { A = "1" } }"# + "\n")
        #expect(outcome.lines == ["A=1"])
        #expect(try Scratch().run("env", policy: Self.streams).lines == [])
    }

    @Test("ends with its own exit code", arguments: [(0, 0), (1, 1), (9, 9), (255, 255), (256, 1)])
    func exitCode(code: Int, status: Int32) throws {
        let outcome = try Scratch().run("exit-code", policy: "args = true\n", arguments: ["\(code)"])
        #expect(outcome.status == status)
    }

    @Test("reads standard input to its end")
    func standardInput() throws {
        let text = Data((0..<200_000).map { UInt8(truncatingIfNeeded: 32 + $0 % 90) })
        let outcome = try Scratch().run("cat", stdin: text)
        #expect(Data(outcome.stdout.utf8) == text)
        #expect(outcome.status == 0)
    }

    @Test("never holds a terminal, and its streams stay apart")
    func standardStreams() throws {
        let outcome = try Scratch().run("stdio")
        #expect(outcome.lines.first == "to stdout")
        #expect(outcome.stderr == "to stderr\n")
        // 2 is a character device, which is what isatty asks for.
        #expect(outcome.lines.count == 4)
        #expect(!outcome.lines.contains { $0.hasSuffix("type 2") })
    }

    @Test("reads the clocks that are granted")
    func clocks() throws {
        let policy = Self.streams + "clocks = { realtime = true, monotonic = true, cpu = true }\n"
        let outcome = try Scratch().run("clocks", policy: policy)
        #expect(outcome.lines.prefix(8).allSatisfy { $0.hasSuffix(": ok") }, "\(outcome.stdout)")
        #expect(outcome.lines.suffix(2) == ["unknown: EINVAL", "resolution unknown: EINVAL"])
    }

    @Test("reads no clock that is not granted")
    func clocksDenied() throws {
        let scratch = try Scratch()
        let outcome = try scratch.run("clocks", policy: Self.streams)
        #expect(outcome.lines.prefix(8).allSatisfy { $0.hasSuffix(": ENOTCAPABLE") }, "\(outcome.stdout)")
        #expect(try scratch.isDenied("clock_time_get", by: "clocks"))
    }

    @Test("reads one clock and not the others, where one is granted")
    func oneClock() throws {
        let scratch = try Scratch()
        let outcome = try scratch.run("clocks", policy: Self.streams + "clocks = { monotonic = true }\n")
        #expect(
            outcome.lines.prefix(4) == [
                "realtime: ENOTCAPABLE", "resolution realtime: ENOTCAPABLE", "monotonic: ok",
                "resolution monotonic: ok",
            ])
        #expect(try scratch.isDenied("clock_time_get", by: "clocks.realtime"))
    }

    @Test("sleeps")
    func sleep() throws {
        let outcome = try Scratch().run("sleep", policy: Self.streams + "clocks = { monotonic = true }\n")
        #expect(outcome.lines == ["sleep: ok"])
    }

    @Test("waits for input or for time")
    func pollInput() throws {
        let policy = Self.streams + "clocks = { monotonic = true }\n"
        #expect(try Scratch().run("poll-stdin", policy: policy, stdin: Data("x".utf8)).lines.contains("readable"))
        let silent = try Scratch().start("poll-stdin", policy: policy, stdin: nil)
        #expect(try silent.wait().lines == ["timeout"])
    }

    @Test("draws random numbers only where they are granted", arguments: [true, false])
    func random(granted: Bool) throws {
        let scratch = try Scratch()
        let outcome = try scratch.run("random", policy: "random = \(granted)\n" + Self.streams)
        #expect(outcome.lines == [granted ? "random: ok" : "random: ENOTCAPABLE"])
        #expect(outcome.status == 0)
        #expect(try scratch.isDenied("random_get", by: "random") == !granted)
    }

    @Test("works with files in a mount as any program does")
    func files() throws {
        let scratch = try Scratch()
        try scratch.makeDirectory("data")
        let outcome = try scratch.run("files", policy: Self.streams + Self.mount("read-write"))
        #expect(outcome.lines.count == 11)
        #expect(outcome.lines.allSatisfy { $0.hasSuffix(": ok") }, "\(outcome.stdout)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path("data")) == [])
    }

    @Test("reads what is mounted, and writes only where that is granted", arguments: ["read-only", "read-write"])
    func access(_ access: String) throws {
        let scratch = try Scratch()
        try scratch.makeDirectory("data")
        try scratch.write("content", to: "data/file")
        let policy = "args = true\n" + Self.streams + Self.mount(access)
        #expect(try scratch.run("read-file", policy: policy, arguments: ["file"]).stdout == "content")
        let writing = try scratch.run("write-file", policy: policy, arguments: ["file", "changed"])
        #expect(writing.lines == [access == "read-write" ? "write-file: ok" : "write-file: ENOTCAPABLE"])
        #expect(try scratch.read("data/file") == (access == "read-write" ? "changed" : "content"))
        #expect(try scratch.isDenied("path_open", by: #"fs["/data"].access"#) == (access == "read-only"))
    }

    @Test("may do what all of several policies allow")
    func meet() throws {
        let scratch = try Scratch()
        try scratch.write("random = true\n" + Self.streams, to: "wide.toml")
        try scratch.write(Self.streams, to: "narrow.toml")
        let words = ["run", "--policy", scratch.path("wide.toml"), "--policy", scratch.path("narrow.toml")]
        let outcome = try scratch.bulkhead(words + [Built.guest("random")])
        #expect(outcome.lines == ["random: ENOTCAPABLE"])
    }

    @Test("that is a reactor is called by the name of an export")
    func reactor() throws {
        let scratch = try Scratch()
        func invoke(_ words: String...) throws -> Outcome {
            try scratch.bulkhead(["run", "--invoke", words[0], Built.guest("reactor")] + words.dropFirst())
        }
        #expect(try invoke("add", "2", "40").lines == ["42"])
        #expect(try invoke("add64", "-1", "-2").lines == ["-3"])
        #expect(try invoke("half", "5").lines == ["2.5"])
        // 101: _initialize ran first, once.
        #expect(try invoke("count").lines == ["101"])
        #expect(try invoke("greet").lines == ["greetings"])
        #expect(try invoke("fail").status == 134)
        #expect(try invoke("absent").status != 0)
    }

    @Test("that needs an import nobody has is refused, and the import is named")
    func missingImport() throws {
        let outcome = try Scratch().run("missing-import")
        #expect(outcome.status == 78, "\(outcome.stderr)")
        #expect(outcome.stderr.contains("nobody_has_this"))
    }

    @Test("that is another module than the policy pins is refused")
    func pinned() throws {
        let pin = "[module]\nsha256 = \"\(String(repeating: "0", count: 64))\"\n"
        let outcome = try Scratch().run("hello", policy: Self.streams + pin)
        #expect(outcome.status == 78)
        #expect(outcome.stdout.isEmpty)
    }
}
