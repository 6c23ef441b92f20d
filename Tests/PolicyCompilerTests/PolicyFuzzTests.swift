// Mutated policies and random bytes: the reader answers each with a policy or with errors that have places.

import CapabilityModel
import PolicyCompiler
import Testing

@Suite struct PolicyFuzzTests {
    private static let everyKey = """
        description = "x"
        on_denied = "trap"
        args = true
        random = true
        clocks = { realtime = "1ms", monotonic = true, cpu = false }
        [[fs]]
        guest = "/d"
        host = "./d"
        access = ["read", "write"]
        symlinks = "refuse"
        quota_bytes = "1 MiB"
        quota_files = 10
        [net]
        connect = ["tcp://10.0.0.0/8:1-2", "tcp://*.a.b:*", "unix:///x", "tcp://[::1]:1"]
        listen = ["tcp://127.0.0.1:0"]
        resolve = ["*"]
        [env]
        allow = ["A", "B_*"]
        set = { C = "d" }
        secret = { E = { file = "f" }, G = { fd = 9 } }
        [stdio]
        stdin = "null"
        stdout = { file = "o" }
        stderr = "log"
        [process]
        spawn = 1
        policies = ["pure-compute", "no-*"]
        park_after = "30s"
        register = ["r"]
        lookup = ["*"]
        [limits]
        memory = "1 MiB"
        tables = 1
        cpu = "unlimited"
        wall = "1h"
        cpu_share = "20%"
        fds = 9
        output = 5
        stack = "1 MiB"
        mailbox_messages = 1
        mailbox_bytes = "1 KiB"
        [cell]
        profile = "dense"
        require = ["seccomp"]
        seccomp = "kill"
        """

    /// A message without what it quotes: what kind of error it is.
    private static func kind(_ error: PolicyError) -> String {
        let parts = error.message.split(separator: "`", omittingEmptySubsequences: false)
        return stride(from: 0, to: parts.count, by: 2).map { parts[$0].filter { !$0.isNumber } }.joined()
    }

    /// What became of one text; nil when an error has no place.
    private func outcome(_ text: String, _ kinds: inout Set<String>) -> Bool? {
        do throws(PolicyErrors) {
            var document = try PolicyDocument.parse(text: text, file: "f", baseDirectory: "/b")
            try closedLoader.complete(&document)
            let policy = try PolicyCompiler.compile([document])
            _ = Explanation(policy, documents: [document]).text
            let again = try PolicyDocument.parse(text: document.tomlText, file: "g", baseDirectory: "/b")
            return again.tomlText == document.tomlText ? true : nil
        } catch {
            kinds.formUnion(error.errors.map(PolicyFuzzTests.kind))
            let hasPlaces = error.errors.allSatisfy { $0.origin.line > 0 || $0.origin.file != "f" }
            return error.errors.isEmpty || !hasPlaces || error.description.isEmpty ? nil : false
        }
    }

    @Test func mutatedPoliciesAreReadOrRefused() {
        let seed = testSeed("policy fuzz")
        var source = SplitMix(state: seed)
        let corpus = ShippedPolicies.texts.map(\.text) + [PolicyFuzzTests.everyKey]
        var counts = (read: 0, refused: 0)
        var kinds: Set<String> = []
        for round in 0..<TOMLMutation.rounds / 8 {
            let text = TOMLMutation.mutate(source.pick(corpus), &source)
            switch outcome(text, &kinds) {
            case true: counts.read += 1
            case false: counts.refused += 1
            case nil:
                Issue.record("seed \(seed) round \(round): \(text.debugDescription)")
                return
            }
        }
        print(
            "policy fuzz: \(counts.read + counts.refused) executions, \(counts.read) read, \(counts.refused) refused, "
                + "\(kinds.count) kinds of error")
        #expect(counts.read > 0 && counts.refused > 0 && kinds.count > 10)
    }

    @Test func randomBytesAreRefused() {
        let seed = testSeed("random bytes")
        var source = SplitMix(state: seed)
        var kinds: Set<String> = []
        for round in 0..<TOMLMutation.rounds {
            let bytes = (0..<Int.random(in: 1...200, using: &source)).map { _ in
                UInt8.random(in: 0...255, using: &source)
            }
            if outcome(String(decoding: bytes, as: UTF8.self), &kinds) == nil {
                Issue.record("seed \(seed) round \(round): \(bytes)")
                return
            }
        }
        print("random bytes: \(TOMLMutation.rounds) executions, \(kinds.count) kinds of error")
    }

    /// Shapes that overrun a stack or take quadratic time in a careless reader.
    @Test(arguments: [
        String(repeating: "[", count: 200_000), "a = " + String(repeating: "[", count: 200_000),
        "a = " + String(repeating: "{a=", count: 80_000), String(repeating: "a.", count: 120_000) + "a = 1",
        "[" + String(repeating: "a.", count: 120_000) + "a]", String(repeating: "[[fs]]\n", count: 30_000),
        String(repeating: "\n", count: 250_000), "a = \"" + String(repeating: "\\", count: 250_000),
        "[env]\nallow = [" + String(repeating: "\"A\",", count: 60_000) + "]",
        String(repeating: "a\n", count: 100_000),
    ])
    func hugeTextsAreAnswered(text: String) {
        #expect(failureOf(text) || text.utf8.allSatisfy { $0 == UInt8(ascii: "\n") })
    }

    private func failureOf(_ text: String) -> Bool {
        var kinds: Set<String> = []
        return outcome(text, &kinds) == false
    }
}
