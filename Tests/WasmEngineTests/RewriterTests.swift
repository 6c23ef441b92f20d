// What is added to a module before it is compiled: reserved exports, what they say, and that nothing else changes.

import CapabilityModel
import Testing

@testable import WasmEngine

struct RewriterTests {
    static let obstacles: [(String, StateObstacle?)] = [
        ("", nil),
        ("(memory 1) (func (export \"f\") (memory.fill (i32.const 0) (i32.const 1) (i32.const 9)))", nil),
        ("(memory 1) (func (drop (memory.grow (i32.const 1))))", nil),
        ("(memory 1) (data $d \"x\") (func (memory.init $d (i32.const 0) (i32.const 0) (i32.const 1)))", nil),
        ("(table 4 funcref) (elem (i32.const 0) $f) (func $f (call_indirect (i32.const 0)))", nil),
        ("(global (mut i32) (i32.const 1)) (func (global.set 0 (i32.const 2)))", nil),
        ("(global (mut externref) (ref.null extern)) (func (drop (global.get 0)))", nil),
        (
            "(func (param v128) (result v128) (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 "
                + "(local.get 0) (v128.const i32x4 1 2 3 4)))", nil
        ),
        ("(func $s) (start $s)", .startFunction),
        ("(memory 1) (memory 1)", .memories),
        ("(import \"a\" \"b\" (memory 1))", .imports),
        ("(import \"a\" \"b\" (global i32))", .imports),
        ("(import \"a\" \"b\" (table 1 funcref))", .imports),
        ("(table 1 funcref) (func (table.set (i32.const 0) (ref.null func)))", .tables),
        ("(table 1 funcref) (func (drop (table.grow (ref.null func) (i32.const 1))))", .tables),
        ("(table 1 funcref) (func (table.fill (i32.const 0) (ref.null func) (i32.const 1)))", .tables),
        ("(table 2 funcref) (func (table.copy (i32.const 0) (i32.const 1) (i32.const 1)))", .tables),
        (
            "(table 1 funcref) (elem $e func 0) (func (table.init $e (i32.const 0) (i32.const 0) (i32.const 1)))",
            .tables
        ),
        ("(elem $e func 0) (func (elem.drop $e))", .segments),
        ("(memory 1) (data $d \"x\") (func (data.drop $d))", .segments),
        ("(global (mut funcref) (ref.null func)) (func (global.set 0 (ref.null func)))", .references),
        ("(tag $e) (func (throw $e))", .exceptions),
        ("(func (drop (ref.i31 (i32.const 1))))", .collection),
        (
            (0..<65).map { "(global (mut i32) (i32.const 0)) (func (global.set \($0) (i32.const 2)))" }.joined(),
            .tooManyGlobals
        ),
    ]

    private static func binary(_ body: String) throws -> [UInt8] {
        try Module.binary(fromText: Array("(module \(body))".utf8))
    }

    @Test(arguments: obstacles.indices)
    func whatCannotBePutBackIsFound(index: Int) throws {
        let (body, obstacle) = Self.obstacles[index]
        let (_, facts) = try #require(try ModuleRewriter.rewrite(Self.binary(body)))
        #expect(facts.obstacle == obstacle, "\(body)")
        let engine = try Guest.engine(.heavy)
        let module = try Guest.module("(module \(body))", engine: engine)
        #expect(module.facts == facts)
        #expect(module.obstacle == obstacle)
    }

    @Test func additionsAreNotSeen() throws {
        let engine = try Guest.engine()
        let text = """
            (module (global (mut i32) (i32.const 1)) (memory (export "memory") 1)
              (func (export "run") (result i32) (global.set 0 (i32.const 2)) (global.get 0)))
            """
        let module = try Guest.module(text, engine: engine)
        #expect(module.exports.keys.sorted() == ["memory", "run"])
        let summary = module.summary(memory: DeclaredMemory(readingBinary: []))
        #expect(summary.exports.map(\.name) == ["memory", "run"])
        #expect(summary.unrestorable == nil)
        let process = try Guest.process(text, engine: engine)
        #expect(process.finish() == .finished([]))
        let facts = try #require(module.facts)
        for name in [facts.yieldName, ModuleFacts.memoryName, ModuleFacts.globalName(0)] {
            #expect(throws: EngineError.noSuchExport(name)) { try process.call(name) }
            #expect(throws: EngineError.noSuchExport(name)) { try process.prepare(name) }
        }
    }

    @Test func reservedNamesAreRefused() throws {
        let engine = try Guest.engine()
        for name in ["\\01bulkhead1.", "\\01bulkhead1.yield;00000000;0;1;0;0;;", "\\01bulkhead1.memory"] {
            #expect(throws: EngineError.invalidModule("the module exports a name that is reserved")) {
                try Guest.module("(module (func (export \"\(name)\")))", engine: engine)
            }
        }
        #expect(throws: Never.self) { try Guest.module("(module (func (export \"bulkhead1.\")))", engine: engine) }
    }

    @Test func factsComeBackFromTheNameTheyAreIn() {
        var facts = ModuleFacts()
        #expect(ModuleFacts(yieldName: facts.yieldName) == facts)
        let length = facts.yieldName.utf8.count
        facts.codeShift = 0x1234
        #expect(facts.yieldName.utf8.count == length)
        facts.hasStart = true
        facts.hasMemory = true
        facts.fixedElements = .max
        facts.growingTables = [1, .max]
        facts.globalCount = 7
        for obstacle in StateObstacle.allCases {
            facts.obstacle = obstacle
            #expect(ModuleFacts(yieldName: facts.yieldName) == facts)
        }
        #expect(ModuleFacts(yieldName: "memory") == nil)
        #expect(ModuleFacts(yieldName: ModuleFacts.prefix + "yield;1;2") == nil)
    }

    @Test func offsetsInBacktracesAreTheOriginals() throws {
        let text = """
            (module (func $f (export "run") (param i32) (result i32)
              (i32.div_u (i32.add (local.get 0) (i32.const 7)) (local.get 0))))
            """
        let binary = try Module.binary(fromText: Array(text.utf8))
        guard case .trapped(let trap) = try Guest.run(text, "run", [.i32(0)]) else {
            Issue.record("no trap")
            return
        }
        let frame = try #require(trap.backtrace.first)
        // 0x6e is i32.div_u.
        #expect(binary[Int(frame.moduleOffset)] == 0x6e)
    }

    @Test func anIndexThatOnlyTheAdditionWouldMakeValidIsRefused() throws {
        let engine = try Guest.engine()
        let bodies: [[UInt8]] = [
            // A function of type 1, of 1 types; an export of function 1, of 1.
            [1, 4, 1, 0x60, 0, 0, 3, 2, 1, 1, 10, 4, 1, 2, 0, 0x0b],
            [1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 7, 5, 1, 1, 0x78, 0, 1, 10, 4, 1, 2, 0, 0x0b],
        ]
        for body in bodies {
            #expect(throws: EngineError.self) {
                try Module(compiling: [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0] + body, engine: engine)
            }
        }
    }

    @Test func tablesAreCountedByWhatTheyMayGrowTo() throws {
        let body = """
            (table 7 funcref) (table 5 100 externref) (table 1 funcref)
            (func (drop (table.grow 1 (ref.null extern) (i32.const 1))) (drop (table.grow 2 (ref.null func) (i32.const 1))))
            """
        let (_, facts) = try #require(try ModuleRewriter.rewrite(Self.binary(body)))
        #expect(facts.chargedElements(limit: 1000) == 7 + 100 + 1000)
        #expect(facts.chargedElements(limit: 10) == 7 + 10 + 10)
    }

    /// Sections in every place, with and without, and custom ones between.
    @Test func whatIsValidStaysValid() throws {
        let engine = try Guest.engine(.heavy)
        let custom: [UInt8] = [0, 3, 1, 0x78, 0x79]
        for (body, _) in Self.obstacles {
            let plain = try Self.binary(body)
            let layout = try ModuleLayout(plain, reservedPrefix: Array(ModuleFacts.prefix.utf8))
            var padded = Array(plain[..<8]) + custom
            for section in layout.sections {
                var size = section.content.count
                padded.append(section.identifier)
                repeat {
                    padded.append(UInt8(size & 0x7f) | (size >= 0x80 ? 0x80 : 0))
                    size >>= 7
                } while size > 0
                padded += plain[section.content] + custom
            }
            for binary in [plain, padded] {
                let rewritten = try #require(try ModuleRewriter.rewrite(binary)).binary
                #expect(Module.complaint(about: rewritten, engine) == nil, "\(body)")
            }
        }
    }

    /// Whatever is done to a binary, the rewriter neither traps nor makes a valid module invalid.
    @Test func damagedBinariesAreReadSafely() throws {
        let engine = try Guest.engine(.heavy)
        let seeds = try Self.obstacles.map { try Self.binary($0.0) }
        let seed = UInt64.random(in: 0...UInt64.max)
        print("damagedBinariesAreReadSafely: seed \(seed)")
        var generator = SplitMix(state: seed)
        var accepted = 0
        for _ in 0..<fuzzCount(5_000) {
            var bytes = seeds.randomElement(using: &generator) ?? []
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let at = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: bytes[at] = UInt8.random(in: 0...255, using: &generator)
                case 1: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: at)
                default: bytes.remove(at: at)
                }
            }
            // What is invalid is not rewritten (Module), but read safely.
            guard let rewritten = try ModuleRewriter.rewrite(bytes), Module.complaint(about: bytes, engine) == nil
            else { continue }
            let complaint = Module.complaint(about: rewritten.binary, engine)
            #expect(complaint == nil, "\(bytes)")
            accepted += 1
        }
        #expect(accepted > 0)
    }

    private static let corpus = environment("BULKHEAD_WASM_CORPUS") ?? ""

    /// Real programs, by their paths, separated by colons: all are understood, and stay valid.
    @Test(.enabled(if: !corpus.isEmpty)) func realProgramsAreUnderstood() throws {
        let engine = try Guest.engine(.heavy)
        for path in Self.corpus.split(separator: ":") {
            let binary = try readFile(String(path))
            // A component.
            if binary[6] != 0 { continue }
            guard let (rewritten, facts) = try ModuleRewriter.rewrite(binary) else {
                Issue.record("\(path) was not understood")
                continue
            }
            #expect(facts.obstacle != .unknownCode, "\(path)")
            #expect(Module.complaint(about: rewritten, engine) == nil, "\(path)")
            print(path, facts.obstacle?.rawValue ?? "can be put back", facts.globalCount)
        }
    }
}
