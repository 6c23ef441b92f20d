// What commands say, and which status they end with, when they are given what they cannot use.

import Foundation
import Testing

@Suite("Commands that are given rubbish")
struct CommandErrorTests {
    /// Words, the exit status and a part of the message; WORK stands for a scratch directory with some rubbish in it.
    static let cases: [(words: String, status: Int32, message: String)] = [
        ("run", 64, "no module given"),
        ("run WORK/none.wasm", 66, "cannot read WORK/none.wasm"),
        (
            "run WORK/noise.wasm", 65,
            "WORK/noise.wasm: the module cannot be compiled: neither a WebAssembly binary nor text"
        ),
        ("run WORK/empty.wasm", 65, "the module is empty"),
        ("run WORK/half.wat", 65, "expected `)`"),
        ("run --policy WORK/none.toml WORK/half.wat", 78, "No such file or directory"),
        ("run --policy nofs WORK/half.wat", 78, "did you mean `no-fs`?"),
        ("run --policy WORK/typo.toml WORK/half.wat", 78, "did you mean `stdout`?"),
        ("run --timeout soon WORK/half.wat", 78, "is not a duration"),
        ("run --module x WORK/half.wat", 64, "--module takes NAME=PATH"),
        ("run --workers 0 WORK/half.wat", 64, "--workers is 1 to 1024"),
        ("run --workers 100000 WORK/half.wat", 64, "--workers is 1 to 1024"),
        ("run --frob WORK/half.wat", 64, "Unknown option '--frob'"),
        ("compile WORK/none.wasm", 66, "bulkhead: cannot read WORK/none.wasm"),
        ("compile WORK/noise.wasm", 65, "bulkhead: WORK/noise.wasm: the module cannot be compiled"),
        ("policy init WORK/none.wasm", 66, "bulkhead: cannot read WORK/none.wasm"),
        ("policy init WORK/noise.wasm", 65, "bulkhead: WORK/noise.wasm: the module cannot be compiled"),
        ("policy check WORK/none.toml", 78, "No such file or directory"),
        ("policy diff no-fs", 64, "Missing expected argument"),
        ("audit --frob", 64, "Unknown option '--frob'"),
        ("cache frob", 64, "Unexpected argument 'frob'"),
        ("frob", 64, "Unexpected argument 'frob'"),
    ]

    @Test("each ends with its status and says why", arguments: cases)
    func refusal(_ each: (words: String, status: Int32, message: String)) throws {
        let scratch = try Scratch()
        try Data([0xff, 0xfe, 0x80, 0x41]).write(to: scratch.directory.appendingPathComponent("noise.wasm"))
        try scratch.write("", to: "empty.wasm")
        try scratch.write("(module (func", to: "half.wat")
        try scratch.write("stdio = { stdot = \"inherit\" }\n", to: "typo.toml")
        let work = scratch.directory.path
        let words = each.words.replacing("WORK", with: work).split(separator: " ").map(String.init)
        let outcome = try scratch.bulkhead(words)
        #expect(outcome.status == each.status, "\(outcome.stderr)")
        #expect(outcome.stderr.contains(each.message.replacing("WORK", with: work)), "\(outcome.stderr)")
        #expect(outcome.stdout.isEmpty, "\(outcome.stdout)")
    }
}
