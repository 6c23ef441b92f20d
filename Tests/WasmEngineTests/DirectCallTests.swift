// Calls on the caller's own stack: waiting, slices, endings, and taking turns with calls on a fiber.

import CapabilityModel
import Testing

@testable import WasmEngine

struct DirectCallTests {
    /// Counts what the hooks were asked.
    private final class Hooked {
        var waits = 0
        var waitsAllowed = Int.max
        var slices = 0
        var slicesAllowed = Int.max
        /// How many more attempts of `test.wait` answer `.wait`.
        var waitsLeft = 0
        var direct: [Bool] = []
    }

    private static let text = """
        (module
          (import "test" "wait" (func $wait (param i32) (result i32)))
          (import "test" "end" (func $end))
          (import "test" "exit" (func $exit (param i32)))
          (memory (export "memory") 1)
          (tag $e)
          (func (export "none"))
          (func (export "half") (param i32) (result i32) (i32.shr_u (local.get 0) (i32.const 1)))
          (func (export "wait") (param i32) (result i32) (i32.add (call $wait (local.get 0)) (i32.const 1)))
          (func (export "spin") (loop $again (br $again)))
          (func (export "trap") unreachable)
          (func (export "throw") (throw $e))
          (func $down (export "down") (param i32) (result i32) (i32.add (call $down (local.get 0)) (i32.const 1)))
          (func (export "end") (call $end) unreachable)
          (func (export "exit") (param i32) (call $exit (local.get 0)) unreachable)
          (func (export "pair") (param i32 i32))
          (func (export "wide") (result i64) (i64.const 1)))
        """

    private static func store(
        _ hooked: Hooked, engine: Engine? = nil, profile: ExecutionProfile = .dense
    ) throws -> Process {
        let engine = try engine ?? Guest.engine(profile)
        let linker = Linker(engine: engine)
        linker.hooks = DirectHooks { context in
            guard let hooked = context as? Hooked else { return false }
            hooked.waits += 1
            return hooked.waits <= hooked.waitsAllowed
        } onDirectSlice: { context in
            guard let hooked = context as? Hooked else { return false }
            hooked.slices += 1
            return hooked.slices <= hooked.slicesAllowed
        }
        try linker.defineWaiting(ImportName("test", "wait"), FunctionType([.i32], [.i32])) { context, call in
            guard let hooked = context as? Hooked else { return .trap("wrong context") }
            hooked.direct.append(call.isDirect)
            guard hooked.waitsLeft == 0 else {
                hooked.waitsLeft -= 1
                return .wait
            }
            call.setResult(i32: call.i32(0) &* 2)
            return .done
        }
        try linker.define(ImportName("test", "end"), FunctionType([])) { _, _ in .end }
        try linker.define(ImportName("test", "exit"), FunctionType([.i32])) { _, call in .exit(call.i32(0)) }
        let store = Process(try linker.link(Guest.module(text, engine: engine)), context: hooked)
        #expect(store.poll() == .finished([]))
        return store
    }

    private static func direct(_ store: Process, _ name: String, _ argument: UInt32 = 0) throws -> DirectProgress {
        try store.callDirect(store.prepare(name), argument)
    }

    @Test func aDirectCallReturnsAndCanBeRepeated() throws {
        let store = try Self.store(Hooked())
        let half = try store.prepare("half")
        for value in [UInt32(0), 2, 9, .max] {
            #expect(try store.callDirect(half, value) == .returned(value / 2))
            #expect(try Self.direct(store, "none") == .returned(0))
        }
        #expect(!store.isBusy)
    }

    @Test func whatWaitsAsksTheHookBetweenAttempts() throws {
        let hooked = Hooked()
        let store = try Self.store(hooked)
        for waits in [0, 1, 5] {
            hooked.waitsLeft = waits
            hooked.waits = 0
            #expect(try Self.direct(store, "wait", 20) == .returned(41))
            #expect(hooked.waits == waits)
        }
        #expect(hooked.direct == Array(repeating: true, count: 9))
    }

    @Test func aHookThatForbidsWaitingEndsTheProcess() throws {
        let hooked = Hooked()
        hooked.waitsLeft = .max
        hooked.waitsAllowed = 3
        let store = try Self.store(hooked)
        #expect(try Self.direct(store, "wait") == .ended(.ended))
        #expect(hooked.waits == 4)
        #expect(throws: EngineError.notReady) { try Self.direct(store, "none") }
    }

    @Test func withoutHooksNothingWaitsDirectly() throws {
        let engine = try Guest.engine()
        let recorder = Recorder()
        recorder.waitsLeft = 1
        let linked = try Guest.linker(engine).link(Guest.module(HostCallTests.waiting, engine: engine))
        let store = Process(linked, context: recorder)
        #expect(store.poll() == .finished([]))
        #expect(try store.callDirect(store.prepare("run"), 1) == .ended(.ended))
    }

    @Test func directCallsAndFibersTakeTurnsInOneStore() throws {
        let hooked = Hooked()
        let store = try Self.store(hooked)
        for _ in 0..<10 {
            hooked.waitsLeft = 2
            try store.call(store.prepare("wait"), [.i32(4)])
            #expect(store.poll() == .waiting)
            #expect(throws: EngineError.notReady) { try Self.direct(store, "none") }
            #expect(store.poll() == .waiting)
            #expect(store.poll() == .finished([.i32(9)]))
            hooked.waitsLeft = 2
            #expect(try Self.direct(store, "wait", 5) == .returned(11))
        }
        #expect(hooked.direct.filter { $0 }.count == 30)
        #expect(hooked.direct.filter { !$0 }.count == 30)
    }

    @Test func aSpinningDirectCallIsAskedAtEachSliceAndCanBeEnded() throws {
        let hooked = Hooked()
        hooked.slicesAllowed = 5
        let engine = try Guest.engine()
        let store = try Self.store(hooked, engine: engine)
        let ticker = try #require(Ticker(engine))
        #expect(try Self.direct(store, "spin") == .ended(.ended))
        ticker.stop()
        #expect(hooked.slices == 6)
    }

    @Test(arguments: [TrapKind.unreachable, .uncaughtException, .stackOverflow])
    func trapsAreTheSameAsOnAFiber(kind: TrapKind) throws {
        let names: [TrapKind: String] = [.unreachable: "trap", .uncaughtException: "throw", .stackOverflow: "down"]
        let name = try #require(names[kind])
        let store = try Self.store(Hooked(), engine: Guest.engine(stackBytes: 128 << 10))
        guard case .ended(.trapped(let trap)) = try Self.direct(store, name) else {
            Issue.record("no trap")
            return
        }
        #expect(trap.kind == kind)
        #expect(!trap.backtrace.isEmpty)
    }

    @Test func hostFunctionsEndDirectCalls() throws {
        var store = try Self.store(Hooked())
        #expect(try Self.direct(store, "exit", 9) == .ended(.exited(9)))
        store = try Self.store(Hooked())
        #expect(try Self.direct(store, "end") == .ended(.ended))
        store = try Self.store(Hooked())
        try store.call("end")
        #expect(store.poll() == .ended)
    }

    @Test func whatCannotBeCalledDirectlyIsRefused() throws {
        let store = try Self.store(Hooked())
        for name in ["pair", "wide"] {
            #expect(throws: EngineError.self) { try Self.direct(store, name) }
        }
        #expect(throws: EngineError.noSuchExport("walk")) { try Self.direct(store, "walk") }
        #expect(throws: EngineError.notAFunction("memory", type: "memory")) { try Self.direct(store, "memory") }
        #expect(try Self.direct(store, "none") == .returned(0))
        let heavy = try Self.store(Hooked(), profile: .heavy)
        #expect(throws: EngineError.self) { try Self.direct(heavy, "none") }
    }

    @Test func preparedExportsOfOneStoreAreNotMixedUp() throws {
        let store = try Self.store(Hooked())
        let exports = try ["half", "wait", "none", "half"].map { try store.prepare($0) }
        let expected: [UInt32] = [4, 17, 0, 4]
        for _ in 0..<3 {
            for (export, value) in zip(exports, expected) {
                #expect(try store.callDirect(export, 8) == .returned(value))
            }
        }
    }

    /// A guest that recurses without end on a thread of `stackBytes`: it traps, or is not called at all; it never gets to the
    /// thread's guard.
    @Test(arguments: [512 << 10, 1 << 20, 2 << 20, 4 << 20])
    func aThreadsStackIsNotOverrun(stackBytes: Int) throws {
        let engine = try Guest.engine(stackBytes: 1 << 20)
        let outcome = runThreads(1, stackBytes: stackBytes) { _ in
            guard let store = try? Self.store(Hooked(), engine: engine) else { return 0 }
            do {
                guard case .ended(.trapped(let trap)) = try Self.direct(store, "down") else { return 1 }
                return trap.kind == .stackOverflow ? 2 : 3
            } catch EngineError.notReady {
                return 4
            } catch { return 5 }
        }
        #expect(outcome == (stackBytes > 1 << 20 ? 2 : 4))
    }
}
