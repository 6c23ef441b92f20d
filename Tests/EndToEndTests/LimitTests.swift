// Guests that want too much of something, and guests that trap: each ends, says why, and costs no more than its limit.

import Foundation
import Testing

@Suite("A guest at its limits")
struct LimitTests {
    static let streams = GuestTests.streams

    @Test("traps with a backtrace of names", arguments: ["unreachable", "divide", "bounds", "indirect"])
    func trap(_ kind: String) throws {
        let outcome = try Scratch().run("trap", policy: "args = true\n" + Self.streams, arguments: [kind])
        #expect(outcome.status == 134)
        #expect(outcome.stdout == "about to trap\n")
        var rest = outcome.stderr[...]
        for name in ["innermost", "middle", "outermost"] {
            let found = try #require(rest.range(of: name), "\(outcome.stderr)")
            rest = rest[found.upperBound...]
        }
    }

    @Test("runs out of stack, not of ours")
    func recursion() throws {
        let outcome = try Scratch().run("recurse")
        #expect(outcome.status == 134)
        #expect(outcome.stdout == "recursing\n")
        #expect(outcome.stderr.contains("deeper"))
    }

    @Test("that never ends is ended", arguments: ["wall", "cpu"])
    func spin(_ limit: String) throws {
        let scratch = try Scratch()
        let outcome = try scratch.run("spin", policy: Self.streams + "[limits]\n\(limit) = \"300ms\"\n")
        #expect(outcome.status == 124)
        #expect(outcome.stdout == "spinning\n")
        #expect(outcome.stderr.contains(limit == "wall" ? "wall time" : "CPU time"), "\(outcome.stderr)")
        #expect(try scratch.auditEvents("limit_reached").contains { $0.limit == limit })
    }

    @Test("gets no more memory or table than its limit", arguments: ["memory-bomb", "table-bomb"])
    func growth(_ guest: String) throws {
        let limits = "[limits]\nmemory = \"64 MiB\"\ntables = 200_000\n"
        let outcome = try Scratch().run(guest, policy: Self.streams + limits)
        #expect(outcome.lines == ["\(guest): denied ENOMEM"], "\(outcome.stderr)")
    }

    @Test("writes no more than its limit")
    func output() throws {
        let scratch = try Scratch()
        let outcome = try scratch.run("output-flood", policy: Self.streams + "[limits]\noutput = \"1 MiB\"\n")
        #expect(outcome.status == 134, "\(outcome.stderr)")
        #expect(outcome.stdout.utf8.count <= 1 << 20)
        #expect(outcome.stdout.utf8.count >= 1 << 19)
        #expect(try scratch.auditEvents("limit_reached").contains { $0.limit == "output" })
    }

    @Test("that is denied ten million times costs a bounded log, which says how often")
    func denialFlood() throws {
        let scratch = try Scratch()
        let outcome = try scratch.run("denied-flood", policy: Self.streams)
        #expect(outcome.lines == ["denied 10000000"], "\(outcome.stderr)")
        let denials = try scratch.auditEvents("denied").filter { $0.call?.hasSuffix("path_open") ?? false }
        let counted = denials.compactMap(\.count).reduce(0, +)
        let dropped = try scratch.auditEvents("dropped").compactMap(\.count).reduce(0, +)
        #expect(counted + dropped == 10_000_000)
        #expect(denials.count < 1_000)
        #expect(try scratch.bulkhead(["audit", "verify"]).status == 0)
    }
}
