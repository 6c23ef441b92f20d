// A share of a CPU: the guest gets no more, is held and not ended, and stays in hand while it is held.

import Foundation
import Testing

@Suite("A guest with a share of a CPU")
struct ThrottleTests {
    static let base = "args = true\nclocks = { monotonic = true, cpu = true }\n" + GuestTests.streams

    static func policy(share: Int) -> String { base + "[limits]\ncpu_share = \"\(share)%\"\n" }

    @Test("uses no more than its share, and one without uses more")
    func share() throws {
        let limited = try Scratch()
        let whole = try Scratch()
        let held = try limited.run("burn", policy: Self.policy(share: 5), arguments: ["2000"])
        let free = try whole.run("burn", policy: Self.policy(share: 100), arguments: ["2000"])
        #expect(held.status == 0, "\(held.stderr)")
        #expect(free.status == 0, "\(free.stderr)")
        let heldShare = try #require(held.lines.first.flatMap { Int($0) })
        let freeShare = try #require(free.lines.first.flatMap { Int($0) })
        // Thousandths: 50 are granted. A busy machine gives less to both.
        #expect(heldShare <= 100)
        #expect(freeShare >= 2 * heldShare)
        // It is told once, however often it was held.
        #expect(try limited.auditEvents("limit_reached").map(\.limit) == ["cpuShare"])
        #expect(try whole.auditEvents("limit_reached").isEmpty)
    }

    @Test("that is idle is not held")
    func idle() throws {
        let scratch = try Scratch()
        // A share that no start-up of a cell uses up: what is held here would be held for sleeping.
        let outcome = try scratch.run("sleep", policy: Self.policy(share: 99))
        #expect(outcome.lines == ["sleep: ok"], "\(outcome.stderr)")
        #expect(outcome.status == 0)
    }

    @Test("ends at its wall time though it is held, and is told so")
    func wall() throws {
        let scratch = try Scratch()
        let outcome = try scratch.run("spin", policy: Self.policy(share: 1) + "wall = \"2s\"\n")
        #expect(outcome.status == 124, "\(outcome.stderr)")
        #expect(outcome.stderr.contains("wall time"), "\(outcome.stderr)")
        #expect(outcome.stderr.contains("held back for"), "\(outcome.stderr)")
        #expect(outcome.stderr.contains("limits.cpu_share at "), "\(outcome.stderr)")
    }

    @Test("is ended by a signal to its supervisor though it is held")
    func signal() throws {
        let scratch = try Scratch()
        try scratch.write(Self.policy(share: 1), to: "share.toml")
        // Held for 99 of 100 ms from its first one, so it is held, or about to be, when the signal comes.
        let words = ["run", "--policy", scratch.path("share.toml"), Built.guest("spin")]
        let outcome = try scratch.command(words, stdin: Data(), seconds: 3).wait()
        #expect(outcome.status == 128 + 15)
        #expect(try scratch.auditEvents("limit_reached").map(\.limit) == ["cpuShare"])
    }
}
