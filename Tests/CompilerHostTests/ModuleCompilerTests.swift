// What the compiler answers, and how it is spoken to: descriptors in, descriptors out.

import CapabilityModel
import CellProtocol
import Testing
import WasmEngine

@testable import CompilerHost

struct ModuleCompilerTests {
    static func compile(_ text: String, _ profile: ExecutionProfile? = nil) -> CompileOutcome {
        ModuleCompiler.compile(Array(text.utf8), profile: profile)
    }

    static func binary(_ text: String) throws -> [UInt8] {
        try Module.binary(fromText: Array(text.utf8))
    }

    @Test func aModuleIsDescribed() throws {
        let outcome = Self.compile(
            """
            (module (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
              (memory (export "memory") 2 10) (memory 1 1)
              (func (export "_start")))
            """)
        guard case .success(let native, let summary) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(native.starts(with: [0x7f, 0x45, 0x4c, 0x46]))
        let expected = ModuleSummary(
            imports: [
                ModuleSummary.Import(
                    name: ImportName("wasi_snapshot_preview1", "fd_write"), type: "func (i32, i32, i32, i32) -> i32")
            ],
            exports: [
                ModuleSummary.Export(name: "memory", type: "memory"),
                ModuleSummary.Export(name: "_start", type: "func ()"),
            ], memoryMinimum: 3 << 16, memoryMaximum: 11 << 16, profile: .dense,
            unrestorable: "several memories")
        #expect(summary == expected)
    }

    @Test func textAndItsBinaryCompileToTheSame() throws {
        let text = "(module (memory 1) (func (export \"f\") (result i32) i32.const 3))"
        #expect(Self.compile(text) == ModuleCompiler.compile(try Self.binary(text), profile: nil))
    }

    @Test(arguments: [
        ("", "empty"), ("(module\n  (funk))", "2:4"), ("\u{0}ELF", "neither"), ("\u{0}asm\u{1}\u{0}\u{0}\u{0}x", "0x"),
        ("\u{0}asm\u{d}\u{0}\u{1}\u{0}", "component"), ("(component)", "component"),
        ("(module (memory 1 1 shared))", "threads"), ("(module (func (result i32)))", "offset"),
    ])
    func whatIsNoModuleIsSaidClearly(source: String, word: String) {
        guard case .failure(let message) = Self.compile(source) else {
            Issue.record("\(source) compiled")
            return
        }
        #expect(message.contains(word))
    }

    @Test func messagesAreBounded() {
        let name = String(repeating: "a", count: 100_000)
        guard case .failure(let message) = Self.compile("(module (\(name)))") else {
            Issue.record("it compiled")
            return
        }
        #expect(message.utf8.count <= ModuleCompiler.maximumMessageBytes + 8)
    }

    @Test(arguments: [
        ("(memory 1)", ExecutionProfile.dense), ("(memory 256)", .dense), ("(memory 257)", .heavy),
        ("(import \"a\" \"b\" (memory 300))", .heavy), ("(memory 128) (memory 129)", .heavy),
        ("(memory i64 300)", .heavy),
        ("", .dense),
    ])
    func theProfileFollowsTheDeclaredMemory(body: String, profile: ExecutionProfile) throws {
        let declared = DeclaredMemory(readingBinary: try Self.binary("(module \(body))"))
        #expect(ModuleCompiler.choose(for: declared) == profile)
    }

    @Test func muchCodeThatMayGrowLargeIsHeavy() throws {
        let function = "(func (drop (i64.const 0x7fffffffffffffff)))"
        let code = String(repeating: function, count: 90_000)
        for (memory, profile) in [("1", ExecutionProfile.heavy), ("1 16384", .dense), ("1 16385", .heavy)] {
            let declared = DeclaredMemory(readingBinary: try Self.binary("(module (memory \(memory)) \(code))"))
            #expect(declared.codeBytes > 1 << 20)
            #expect(ModuleCompiler.choose(for: declared) == profile)
        }
    }

    @Test func readingAnUnvalidatedBinaryNeverTraps() throws {
        let valid = try Self.binary(
            "(module (import \"a\" \"b\" (memory 1 2)) (memory 1) (memory i64 3 5) (func (export \"f\")))")
        let seed = UInt64.random(in: 0...UInt64.max)
        print("readingAnUnvalidatedBinaryNeverTraps: seed \(seed)")
        var generator = SplitMix(state: seed)
        for _ in 0..<20_000 {
            var bytes = valid
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            bytes = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &generator)))
            _ = DeclaredMemory(readingBinary: bytes)
        }
    }

    @Test func theProcessSpeaksOverDescriptors() throws {
        let input = try Pipe()
        let report = try Pipe()
        let native = try Pipe()
        input.write(Array("(module (memory 1) (func (export \"_start\")))".utf8))
        input.closeWriteEnd()
        #expect(
            CompilerMain.run(
                arguments: ["--profile", "heavy"], input: input.readEnd, native: native.writeEnd,
                report: report.writeEnd) == 0)
        native.closeWriteEnd()
        report.closeWriteEnd()
        #expect(native.readAll().starts(with: [0x7f, 0x45, 0x4c, 0x46]))
        guard case .success(let summary) = try CompileResult(decoding: report.readAll()) else {
            Issue.record("it did not compile")
            return
        }
        #expect(summary.profile == .heavy)
    }

    @Test(arguments: [[], ["--profile"], ["--profile", "fast"], ["--profile", "dense", "x"]])
    func otherArgumentsAreUsageErrors(arguments: [String]) {
        #expect(CompilerMain.run(arguments: arguments, input: -1, native: -1, report: -1) == 64)
    }

    @Test func aClosedInputIsAnInputError() {
        #expect(CompilerMain.run(arguments: ["--profile", "auto"], input: -1, native: -1, report: -1) == 74)
    }
}

/// A small generator whose state can be printed and given again.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = (state ^ (state >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
