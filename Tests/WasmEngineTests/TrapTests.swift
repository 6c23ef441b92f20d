// Every kind of trap that a guest can reach, by kind, with names in its backtrace.

import CapabilityModel
import Testing

@testable import WasmEngine

struct TrapTests {
    static let cases: [(TrapKind, String)] = [
        (.unreachable, "(func (export \"run\") unreachable)"),
        (.memoryOutOfBounds, "(memory 1) (func (export \"run\") (drop (i32.load (i32.const 65536))))"),
        (.memoryOutOfBounds, "(memory 1) (func (export \"run\") (drop (i32.load offset=60000 (i32.const 65532))))"),
        (.memoryOutOfBounds, "(memory 0) (func (export \"run\") (i32.store8 (i32.const 0) (i32.const 1)))"),
        (.memoryOutOfBounds, "(memory 1) (func (export \"run\") (i32.store (i32.const -1) (i32.const 1)))"),
        (.memoryOutOfBounds, "(memory i64 1) (func (export \"run\") (drop (i64.load (i64.const 0x7fffffffffff0000))))"),
        (
            .memoryOutOfBounds,
            "(memory 1) (func (export \"run\") (memory.fill (i32.const 1) (i32.const 1) (i32.const 65536)))"
        ),
        (.tableOutOfBounds, "(table 1 funcref) (func (export \"run\") (drop (table.get (i32.const 1))))"),
        (.indirectCallToNull, "(table 1 funcref) (func (export \"run\") (call_indirect (i32.const 0)))"),
        (
            .badSignature,
            """
            (table funcref (elem $f)) (func $f (param i32))
            (func (export \"run\") (call_indirect (i32.const 0)))
            """
        ),
        (.integerDivisionByZero, "(func (export \"run\") (drop (i32.div_u (i32.const 1) (i32.const 0))))"),
        (.integerOverflow, "(func (export \"run\") (drop (i32.div_s (i32.const 0x80000000) (i32.const -1))))"),
        (.badConversionToInteger, "(func (export \"run\") (drop (i32.trunc_f32_s (f32.const nan))))"),
        (.nullReference, "(type $t (func)) (func (export \"run\") (call_ref $t (ref.null $t)))"),
        (.stackOverflow, "(func $f (export \"run\") (call $f) (call $f))"),
        (.uncaughtException, "(tag $e) (func (export \"run\") (throw $e))"),
    ]

    @Test(arguments: cases.indices, ExecutionProfile.allCases)
    func aTrapHasItsKind(index: Int, profile: ExecutionProfile) throws {
        let (kind, body) = Self.cases[index]
        let progress = try Guest.run("(module \(body))", profile: profile)
        guard case .trapped(let trap) = progress else {
            Issue.record("\(body): \(progress)")
            return
        }
        #expect(trap.kind == kind, "\(body)")
        #expect(trap.message == kind.rawValue)
        #expect(!trap.backtrace.isEmpty)
    }

    @Test func aBacktraceNamesItsFunctionsInnermostFirst() throws {
        let progress = try Guest.run(
            """
            (module
              (func $innermost unreachable)
              (func $middle (call $innermost))
              (func $outermost (export "run") (call $middle)))
            """)
        guard case .trapped(let trap) = progress else {
            Issue.record("\(progress)")
            return
        }
        #expect(trap.backtrace.map(\.function) == ["innermost", "middle", "outermost"])
        #expect(trap.backtrace.map(\.functionIndex) == [0, 1, 2])
        #expect(trap.backtrace.allSatisfy { $0.moduleOffset > 0 && $0.moduleOffset < 200 })
    }

    @Test func aBacktraceOfDeepRecursionIsBounded() throws {
        let progress = try Guest.run("(module (func $f (export \"run\") (call $f) (call $f)))")
        guard case .trapped(let trap) = progress else {
            Issue.record("\(progress)")
            return
        }
        #expect(trap.backtrace.count <= WasmTrap.maximumFrames)
        #expect(trap.backtrace.first?.function == "f")
    }

    @Test(arguments: ExecutionProfile.allCases)
    func deepRecursionWithinTheStackReturns(profile: ExecutionProfile) throws {
        let text = """
            (module (func $sum (export "run") (param i32) (result i32)
              (if (result i32) (local.get 0)
                (then (i32.add (local.get 0) (call $sum (i32.sub (local.get 0) (i32.const 1)))))
                (else (i32.const 0)))))
            """
        #expect(try Guest.run(text, "run", [.i32(10_000)], profile: profile) == .finished([.i32(50_005_000)]))
        guard case .trapped(let trap) = try Guest.run(text, "run", [.i32(10_000_000)], profile: profile) else {
            Issue.record("endless recursion returned")
            return
        }
        #expect(trap.kind == .stackOverflow)
    }

    @Test func aLargerStackGoesDeeper() throws {
        let text = """
            (module (func $down (export "run") (param i32)
              (if (local.get 0) (then (call $down (i32.sub (local.get 0) (i32.const 1))) (drop (i32.const 1))))))
            """
        let small = try Guest.engine(stackBytes: 64 << 10)
        let large = try Guest.engine(stackBytes: 8 << 20)
        guard case .trapped = try Guest.run(text, "run", [.i32(50_000)], engine: small) else {
            Issue.record("64 KiB held 50,000 frames")
            return
        }
        #expect(try Guest.run(text, "run", [.i32(50_000)], engine: large) == .finished([]))
    }

    @Test func aHostTrapCarriesItsMessage() throws {
        let progress = try Guest.run(
            "(module (import \"test\" \"trap\" (func $t)) (func $caller (export \"run\") (call $t)))")
        guard case .trapped(let trap) = progress else {
            Issue.record("\(progress)")
            return
        }
        #expect(trap.kind == .host)
        #expect(trap.message == "no such luck")
        #expect(trap.backtrace.first?.function == "caller")
    }

    @Test(arguments: [UInt32(0), 1, 3, 127, .max])
    func exitEndsTheProcessWithItsCode(code: UInt32) throws {
        let progress = try Guest.run(
            "(module (import \"test\" \"exit\" (func $x (param i32))) (func (export \"run\") (param i32) "
                + "(call $x (local.get 0)) unreachable))", "run", [.i32(code)])
        #expect(progress == .exited(code))
    }
}
