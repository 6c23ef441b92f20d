// Standard streams that are closed, full or gone: nothing lands in the wrong file, and lost output is never a success.

import Foundation
import Testing

@Suite("Standard streams that fail, and words that are not text")
struct StreamFailureTests {
    @Test(
        "that are closed do not become the audit log",
        arguments: ["<&-", ">&-", "2>&-", "<&- >&-", ">&- 2>&-", "<&- >&- 2>&-"])
    func closed(_ closing: String) throws {
        let scratch = try Scratch()
        for guest in ["hello", "trap"] {
            _ = try scratch.shell("\"$BULKHEAD\" run \"$GUESTS/\(guest).wasm\" \(closing)")
        }
        #expect(try scratch.bulkhead(["audit", "verify"]).status == 0)
        let log = try scratch.read("state/audit/audit.jsonl")
        #expect(!log.split(separator: "\n").contains { !$0.hasPrefix("{") }, "\(log)")
    }

    @Test("that are full or closed make a guest's success a failure", arguments: [">/dev/full", ">&-"])
    func lostOutput(_ redirection: String) throws {
        let outcome = try Scratch().shell("\"$BULKHEAD\" run \"$GUESTS/hello.wasm\" \(redirection)")
        #expect(outcome.status == 74)
        #expect(outcome.stderr.contains("stdout"), "\(outcome.stderr)")
    }

    @Test("fail the commands that print", arguments: ["--help", "policy explain no-fs", "policy schema", "audit"])
    func commands(_ words: String) throws {
        let scratch = try Scratch()
        _ = try scratch.run("hello")
        let outcome = try scratch.shell("\"$BULKHEAD\" \(words) >/dev/full")
        #expect(outcome.status != 0)
        #expect(outcome.stderr.contains("write: "), "\(outcome.stderr)")
    }

    @Test("a reader that has had enough ends a flood by the guest's own doing")
    func enough() throws {
        let outcome = try Scratch().shell("\"$BULKHEAD\" run \"$GUESTS/output-flood.wasm\" | head -c 5")
        #expect(outcome.stdout == "xxxxx")
        #expect(!outcome.stderr.contains("lost its cell"), "\(outcome.stderr)")
    }

    @Test("arguments and variables reach the guest byte for byte")
    func bytes() throws {
        let scratch = try Scratch()
        try scratch.write("args = true\nenv = { allow = [\"ODD\"] }\n" + GuestTests.streams, to: "p.toml")
        let options = "run --policy p.toml"
        let arguments = try scratch.shell(
            "\"$BULKHEAD\" \(options) \"$GUESTS/args.wasm\" -- -- $'a\\xff' | tail -n 2 | od -An -tx1")
        #expect(
            arguments.stdout.split(separator: " ").map { $0.filter(\.isHexDigit) } == [
                "2d", "2d", "0a", "61", "ff", "0a",
            ])
        let variables = try scratch.shell(
            "ODD=$'\\xfe' \"$BULKHEAD\" \(options) \"$GUESTS/env.wasm\" | od -An -tx1")
        #expect(
            variables.stdout.split(separator: " ").map { $0.filter(\.isHexDigit) } == [
                "4f", "44", "44", "3d", "fe", "0a",
            ])
    }

    @Test("an audit log that cannot take the first event lets nothing start")
    func logOnFullDisk() throws {
        let scratch = try Scratch()
        // The log may not grow past 16 KiB, which is enough for the module and the key.
        let outcome = try scratch.shell(
            """
            until [ "$(stat -c %s state/audit/audit.jsonl 2>/dev/null || echo 0)" -gt 16384 ]; do
                "$BULKHEAD" run "$GUESTS/hello.wasm" >/dev/null || exit
            done
            (ulimit -f 16; trap '' XFSZ; "$BULKHEAD" run "$GUESTS/hello.wasm" 2>&1; echo "status $?") | cat
            """)
        #expect(outcome.lines.last == "status 70", "\(outcome.stdout)")
        #expect(!outcome.lines.contains("hello"))
        #expect(outcome.stdout.contains("audit log"), "\(outcome.stdout)")
    }

    @Test("what a hostile module or name quotes cannot steer a terminal", arguments: ["compile", "policy init", "run"])
    func escapes(_ words: String) throws {
        let scratch = try Scratch()
        try scratch.write("(module \u{1b}[31m", to: "m.wat")
        for file in ["m.wat", "no\u{1b}[31m"] {
            let outcome = try scratch.bulkhead(words.split(separator: " ").map(String.init) + [file])
            #expect(outcome.status != 0)
            #expect(outcome.stderr.contains("\\u{1b}[31m"), "\(outcome.stderr)")
            #expect(!outcome.stderr.contains("\u{1b}"))
        }
    }

    @Test("a policy that mounts more than its guest may hold is wrong, and says where")
    func mountsPastTheLimit() throws {
        let scratch = try Scratch()
        var policy = "[limits]\nfds = 10\n"
        for number in 0..<11 {
            policy += "[[fs]]\nguest = \"/\(number)\"\nhost = \".\"\naccess = \"read-only\"\n"
        }
        let outcome = try scratch.run("hello", policy: policy)
        #expect(outcome.status == 78)
        #expect(outcome.stderr.contains(":2:") && outcome.stderr.contains("limits.fds"), "\(outcome.stderr)")
    }
}
