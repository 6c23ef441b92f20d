// Modules that aim at the cell's own code: each is refused, traps or goes on, and none of them costs the cell its report.

import Foundation
import Testing

@Suite("A module that aims at its cell")
struct HostileModuleTests {
    private func run(_ text: String, policy: String = GuestTests.streams, in scratch: Scratch) throws -> Outcome {
        try scratch.write(text, to: "module.wat")
        try scratch.write(policy, to: "policy.toml")
        return try scratch.bulkhead(["run", "--policy", scratch.path("policy.toml"), scratch.path("module.wat")])
    }

    @Test(
        "imports a denied function by another type",
        arguments: [
            ("wasi_snapshot_preview1", "path_open", "(func $f)"), ("wasi_snapshot_preview1", "random_get", "(func $f)"),
            ("wasi_snapshot_preview1", "clock_time_get", "(func $f (result f32))"),
            ("bulkhead", "tcp_connect", "(func $f)"),
            ("wasi_snapshot_preview1", "path_open", "(func $f (result externref))"),
        ])
    func mistyped(_ module: String, _ name: String, _ type: String) throws {
        let drop = type.contains("result") ? "drop" : "nop"
        let outcome = try run(
            """
            (module (import "\(module)" "\(name)" \(type)) (memory (export "memory") 1)
              (func (export "_start") call $f \(drop)))
            """, in: try Scratch())
        #expect(outcome.status == 78, "\(outcome.stderr)")
        #expect(outcome.stderr.contains(name) && outcome.stderr.contains("but it is"), "\(outcome.stderr)")
    }

    @Test("has names longer than any message") func longNames() throws {
        let long = String(repeating: "n", count: 100_000)
        let trap = "(module (memory (export \"memory\") 1) (func $\(long) (export \"_start\") unreachable))"
        let outcome = try run(trap, in: try Scratch())
        #expect(outcome.status == 134 && outcome.stderr.contains("unreachable"), "\(outcome.stderr.prefix(1000))")
        let missing = "(module (import \"env\" \"\(long)\" (func)) (func (export \"_start\")))"
        let refused = try run(missing, in: try Scratch())
        #expect(refused.status == 78 && refused.stderr.contains("nnn"), "\(refused.stderr.prefix(1000))")
    }

    @Test("declares memories of nearly 2^64 bytes together", arguments: ["0xffffffffffff", "0x800000000000"])
    func memories(_ pages: String) throws {
        let text = "(module (memory 2) (memory i64 \(pages)) (func (export \"_start\")))"
        let outcome = try run(text, in: try Scratch())
        #expect([65, 78, 134].contains(outcome.status), "\(outcome.status) \(outcome.stderr)")
    }

    @Test("comes with a policy that writes to terminals") func hostilePolicy() throws {
        let policy = "[[fs]]\nguest = \"/x\"\nhost = \"/none\\u001b[31m\"\naccess = \"read-only\"\n"
        let outcome = try run("(module)", policy: policy, in: try Scratch())
        #expect(outcome.status == 78 && !outcome.stderr.contains("\u{1b}"), "\(outcome.stderr.debugDescription)")
        #expect(outcome.stderr.contains("/none\\u{1b}"), "\(outcome.stderr.debugDescription)")
    }

    @Test("waits for more descriptors than a few") func manyDescriptors() throws {
        let scratch = try Scratch()
        try scratch.makeDirectory("data")
        let mkfifo = try Process.run(
            URL(fileURLWithPath: "/usr/bin/mkfifo"), arguments: [scratch.path("data/fifo")])
        mkfifo.waitUntilExit()
        let text = """
            (module
              (import "wasi_snapshot_preview1" "path_open"
                (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
              (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
              (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
              (memory (export "memory") 2) (data (i32.const 0) "fifo")
              (func (export "_start") (local $i i32) (local $at i32) (local $errno i32)
                ;; The last of the subscriptions is a clock, 10 ms.
                (i64.store (i32.const 17416) (i64.const 10000000))
                (i32.store (i32.const 17408) (i32.const 1))
                (local.set $at (i32.const 2992))
                (loop $next
                  (local.set $errno (call $open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 0)
                    (i64.const 2) (i64.const 0) (i32.const 4) (i32.add (local.get $at) (i32.const 16))))
                  (if (local.get $errno) (then (call $exit (local.get $errno))))
                  (i32.store8 (i32.add (local.get $at) (i32.const 8)) (i32.const 1))
                  (local.set $at (i32.add (local.get $at) (i32.const 48)))
                  (local.set $i (i32.add (local.get $i) (i32.const 1)))
                  (br_if $next (i32.lt_u (local.get $i) (i32.const 300))))
                (call $exit (call $poll (i32.const 2992) (i32.const 40000) (i32.const 301) (i32.const 100)))))
            """
        let policy = """
            [[fs]]
            guest = "/"
            host = "\(scratch.path("data"))"
            access = ["read"]
            [limits]
            fds = 400
            """
        let outcome = try run(text, policy: policy, in: scratch)
        #expect(outcome.status == 0, "\(outcome.status) \(outcome.stderr)")
    }
}
