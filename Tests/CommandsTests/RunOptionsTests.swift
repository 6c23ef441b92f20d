// The quick reading of `bulkhead run`'s words says what ArgumentParser says, or nothing.

import ArgumentParser
import Testing

@testable import Commands

@Suite struct RunOptionsTests {
    /// What ArgumentParser makes of the words; nil when it refuses them or they are not for `run`.
    private func parsed(_ words: [String]) -> RunOptions? {
        (try? BulkheadCommand.parseAsRoot(["run"] + words) as? RunCommand)?.options
    }

    @Test(arguments: [
        ["hello.wasm"],
        ["hello.wasm", "one", "two"],
        ["hello.wasm", "--", "--policy", "x"],
        ["hello.wasm", "--"],
        ["hello.wasm", "one", "--policy", "x"],
        ["hello.wasm", "--", "--"],
        ["hello.wasm", ""],
        ["--policy", "a.toml", "--policy", "b.toml", "hello.wasm"],
        ["--dir", "a::b:ro", "--env", "A=b", "--listen", "tcp://127.0.0.1:1", "--connect", "tcp://a:1", "m.wasm", "-"],
        ["--max-memory", "1MiB", "--timeout", "2s", "--profile", "heavy", "--invoke", "add", "m.wasm", "2", "3"],
        ["--print-policy", "--dir", "a::b", "m.wasm"],
    ])
    func commonLinesAreReadQuickly(words: [String]) throws {
        // A word after the module that could be an option may be left to ArgumentParser.
        let quick = RunOptions(quickly: words)
        if words.last != "-" { #expect(quick != nil) }
        if let quick { #expect(quick == parsed(words)) }
    }

    @Test(arguments: [
        [], ["--help"], ["-h"], ["--version"], ["--policy"], ["--policy", "--dir", "m.wasm"], ["--nonsense", "m.wasm"],
        ["--policy=a.toml", "m.wasm"], ["--timeout", "1s", "--timeout", "2s", "m.wasm"], ["m.wasm", "--policy", "x"],
        ["m.wasm", "--help"], ["--", "m.wasm"], [""], ["-"], ["--print-policy", "--print-policy", "m.wasm"],
        ["--generate-completion-script", "bash"], ["---policy", "a", "m.wasm"],
    ])
    func whatIsUnusualIsLeftToArgumentParser(words: [String]) {
        #expect(RunOptions(quickly: words) == nil)
    }

    /// Lines of random words: wherever the quick reading answers, it answers the same.
    @Test func answersAreArgumentParsers() {
        let seed = UInt64.random(in: .min ... .max)
        var state = seed
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(bound))
        }
        let pool = [
            "--policy", "--dir", "--env", "--timeout", "--profile", "--invoke", "--print-policy", "--max-memory",
            "--listen", "--connect", "--", "-", "m.wasm", "a", "b=c", "--help", "-h", "--policy=x", "", "-x", "run",
            "é",
        ]
        var answers = 0
        for _ in 0..<2000 {
            let words = (0..<next(6)).map { _ in pool[next(pool.count)] }
            guard let quick = RunOptions(quickly: words) else { continue }
            answers += 1
            #expect(quick == parsed(words), "seed \(seed), words \(words)")
        }
        #expect(answers > 0, "seed \(seed)")
    }
}
