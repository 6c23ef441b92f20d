// Engines and modules: features, profiles, types, linking, preemption, density.

import CapabilityModel
import Testing

@testable import WasmEngine

struct EngineTests {
    @Test(arguments: ExecutionProfile.allCases)
    func finishedProposalsAreOn(profile: ExecutionProfile) throws {
        let engine = try Guest.engine(profile)
        let modules = [
            "(func (result v128) (i32x4.add (v128.const i32x4 1 2 3 4) (v128.const i32x4 1 2 3 4)))",
            "(func (param v128) (result v128) (i8x16.relaxed_swizzle (local.get 0) (local.get 0)))",
            "(memory 1) (memory 1)", "(memory i64 1)",
            "(func $f (return_call $f))", "(func (result i32 i32) i32.const 1 i32.const 2)",
            "(type $t (func)) (func (param (ref $t)) (call_ref $t (local.get 0)))",
            "(table 1 externref)", "(global (mut i32) (i32.const 0))",
            "(func (result i32) (i32.extend8_s (i32.const 1)))",
            "(func (result i32) (i32.trunc_sat_f32_s (f32.const 1)))",
        ]
        for body in modules {
            #expect(throws: Never.self, "\(body)") { try Guest.module("(module \(body))", engine: engine) }
        }
    }

    @Test(arguments: ExecutionProfile.allCases)
    func exceptionsAreThrownAndCaught(profile: ExecutionProfile) throws {
        let text = """
            (module (tag $e (param i32))
              (func $thrower (param i32) (throw $e (local.get 0)))
              (func (export "run") (param i32) (result i32)
                (block $caught (result i32)
                  (try_table (catch $e $caught) (call $thrower (local.get 0)))
                  (i32.const -1))))
            """
        #expect(try Guest.run(text, "run", [.i32(77)], profile: profile) == .finished([.i32(77)]))
    }

    @Test(arguments: ExecutionProfile.allCases)
    func sharedMemoriesAreRefused(profile: ExecutionProfile) throws {
        let engine = try Guest.engine(profile)
        for body in ["(memory 1 1 shared)", "(import \"a\" \"b\" (memory 1 1 shared))"] {
            #expect(throws: EngineError.self) { try Guest.module("(module \(body))", engine: engine) }
        }
    }

    @Test func collectedTypesAreRefusedInTheDenseProfileOnly() throws {
        let text = """
            (module (type $pair (struct (field i32)))
              (func (export "run") (result i32) (struct.get $pair 0 (struct.new $pair (i32.const 5)))))
            """
        #expect(throws: EngineError.self) { try Guest.module(text, engine: Guest.engine(.dense)) }
        #expect(try Guest.run(text, profile: .heavy) == .finished([.i32(5)]))
    }

    @Test func anInvalidModuleSaysWhere() throws {
        let engine = try Guest.engine()
        let invalid = #expect(throws: EngineError.self) {
            try Module(compiling: [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 9, 9], engine: engine)
        }
        guard case .invalidModule(let binary) = invalid else { return }
        #expect(binary.contains("offset 0xa"))
        let misspelt = #expect(throws: EngineError.self) {
            try Module.binary(fromText: Array("(module\n (funk))".utf8))
        }
        guard case .invalidModule(let text) = misspelt else { return }
        #expect(text.contains("2:3"))
    }

    @Test func typesAreSpelt() throws {
        let engine = try Guest.engine(.heavy)
        let module = try Guest.module(
            """
            (module (type $s (struct))
              (import "a" "f" (func (param i32 i64) (result f32)))
              (import "a" "g" (global i32)) (import "a" "m" (memory 1)) (import "a" "t" (table 1 funcref))
              (import "a" "e" (tag)) (import "a" "r" (func (param externref funcref (ref $s) (ref func) v128)))
              (func (export "none")) (func (export "two") (result i32 f64) i32.const 1 f64.const 1))
            """, engine: engine)
        #expect(
            module.imports.map(\.type.description) == [
                "func (i32, i64) -> f32", "global", "memory", "table", "tag",
                "func (externref, funcref, ref, ref, v128)",
            ])
        #expect(module.exports["none"]?.description == "func ()")
        #expect(module.exports["two"]?.description == "func () -> (i32, f64)")
    }

    @Test func unresolvedImportsAreNamedBeforeAnythingRuns() throws {
        let engine = try Guest.engine()
        let module = try Guest.module(
            """
            (module (import "test" "add" (func (param i32 i32) (result i32)))
              (import "test" "record" (func (param i32))) (import "else" "where" (func))
              (import "test" "exit" (memory 1)))
            """, engine: engine)
        let expected = [
            UnresolvedImport(name: ImportName("test", "record"), type: "func (i32)", found: "func (i64)"),
            UnresolvedImport(name: ImportName("else", "where"), type: "func ()", found: nil),
            UnresolvedImport(name: ImportName("test", "exit"), type: "memory", found: "func (i32)"),
        ]
        #expect(throws: EngineError.unresolvedImports(expected)) { try Guest.linker(engine).link(module) }
    }

    @Test func warmingUpTouchesWhatEndingsNeed() {
        #expect(WarmUp.run() > HostPage.size)
    }

    @Test func aNameIsDefinedOnce() throws {
        let linker = try Guest.linker(Guest.engine())
        #expect(throws: EngineError.self) {
            try linker.define(ImportName("test", "add"), FunctionType([])) { _, _ in .done }
        }
    }

    @Test func callsThatDoNotFitBeginNothing() throws {
        let process = try Guest.process(
            """
            (module (memory (export "memory") 1) (func (export "run") (param i32) (result i32) (local.get 0))
              (func (export "vector") (result v128) (v128.const i32x4 0 0 0 0)))
            """)
        #expect(throws: EngineError.notReady) { try process.call("run", [.i32(1)]) }
        #expect(process.finish() == .finished([]))
        #expect(throws: EngineError.noSuchExport("walk")) { try process.call("walk") }
        #expect(throws: EngineError.notAFunction("memory", type: "memory")) { try process.call("memory") }
        #expect(throws: EngineError.argumentMismatch("run", type: "func (i32) -> i32")) { try process.call("run") }
        #expect(throws: EngineError.argumentMismatch("run", type: "func (i32) -> i32")) {
            try process.call("run", [.f32(1)])
        }
        #expect(throws: EngineError.unsupportedSignature("vector", type: "func () -> v128")) {
            try process.call("vector")
        }
        for value in [UInt32(1), 2, 3] {
            try process.call("run", [.i32(value)])
            #expect(process.finish() == .finished([.i32(value)]))
        }
    }

    @Test func anEndlessLoopYieldsToTicksFromAnotherThreadAndCanBeKilled() throws {
        let engine = try Guest.engine()
        let process = try Guest.process("(module (func (export \"run\") (loop $l (br $l))))", engine: engine)
        #expect(process.finish() == .finished([]))
        try process.call("run")
        let ticker = try #require(Ticker(engine))
        for _ in 0..<5 { #expect(process.poll() == .yielded) }
        ticker.stop()
    }

    @Test func tenThousandProcessesNeedNoMappingsOfTheirOwn() throws {
        let engine = try Guest.engine()
        let linked = try Guest.linker(engine).link(
            Guest.module(
                """
                (module (import "test" "wait" (func $wait (param i32) (result i32)))
                  (memory (export "memory") 1)
                  (func (export "run") (param i32) (result i32)
                    (i32.store (i32.const 100) (local.get 0)) (drop (call $wait (i32.const 1)))
                    (i32.load (i32.const 100))))
                """, engine: engine))
        let recorder = Recorder()
        recorder.waitsLeft = 10_000
        let before = mappingCount()
        let processes = (0..<10_000).map { _ in Process(linked, context: recorder) }
        for (index, process) in processes.enumerated() {
            #expect(process.finish() == .finished([]))
            try process.call("run", [.i32(UInt32(index))])
            #expect(process.poll() == .waiting)
        }
        let added = mappingCount() - before
        if HostPage.hasGuardMarkers { #expect(added < 200) }
        for (index, process) in processes.enumerated() {
            #expect(process.poll() == .finished([.i32(UInt32(index))]))
        }
    }

    @Test func nativeCodeLoadsOnlyIntoItsProfile() throws {
        let dense = try Guest.engine(.dense, stackBytes: 256 << 10)
        let native = try Guest.module("(module (func (export \"run\") (result i32) i32.const 5))", engine: dense)
            .serialized()
        let path = try temporaryFile(native)
        defer { removeFile(path) }
        let module = try Module(deserializingFile: path, engine: Guest.engine(.dense, stackBytes: 2 << 20))
        #expect(module.exports["run"]?.description == "func () -> i32")
        #expect(throws: EngineError.self) { try Module(deserializingFile: path, engine: Guest.engine(.heavy)) }
        let garbage = try temporaryFile([1, 2, 3])
        defer { removeFile(garbage) }
        #expect(throws: EngineError.self) { try Module(deserializingFile: garbage, engine: dense) }
    }

    @Test(arguments: [
        ("5", ValueType.i32, WasmValue.i32(5)), ("-1", .i32, .i32(.max)), ("4294967295", .i32, .i32(.max)),
        ("0xff", .i32, .i32(255)), ("-2147483648", .i32, .i32(0x8000_0000)), ("-1", .i64, .i64(.max)),
        ("18446744073709551615", .i64, .i64(.max)), ("1.5", .f32, .f32(1.5)), ("-2e3", .f64, .f64(-2000)),
    ])
    func valuesAreReadFromText(text: String, type: ValueType, value: WasmValue) {
        #expect(WasmValue(text, as: type) == value)
    }

    @Test(arguments: [
        ("4294967296", ValueType.i32), ("-2147483649", .i32), ("", .i32), ("-", .i64), ("0x", .i32), ("--1", .i32),
        ("1.5", .i64), ("18446744073709551616", .i64), ("x", .f32), ("0", .funcref), ("+-1", .i32),
    ])
    func valuesThatDoNotFitAreRefused(text: String, type: ValueType) {
        #expect(WasmValue(text, as: type) == nil)
    }
}
