// Used instances: what is kept, what it costs nobody, and that nothing of one process reaches the next.

import CapabilityModel
import Synchronization
import Testing

@testable import WasmEngine

/// Runs programs of random actions in instances of one module, and looks for what they left.
struct InstancePoolTests {
    /// Memory of 20 pages of the host and more, of which data fills some; two globals of each type.
    private static let module = """
        (module
          (import "test" "wait" (func $wait (param i32) (result i32)))
          (memory (export "memory") 3)
          (data (i32.const 100) "the first words")
          (data (i32.const 70000) "\\01\\02\\03\\04")
          (table 4 funcref) (elem (i32.const 1) $nop $nop)
          (global $a (mut i32) (i32.const 11)) (global $b (mut i64) (i64.const -12))
          (global $c (mut f32) (f32.const 1.5)) (global $d (mut f64) (f64.const -2.5))
          (global $e (mut v128) (v128.const i32x4 1 2 3 4)) (global $constant i32 (i32.const 3))
          (func $nop)
          (func (export "write") (param i32 i32) (i32.store8 (local.get 0) (local.get 1)))
          (func (export "fill") (param i32 i32 i32) (memory.fill (local.get 0) (local.get 1) (local.get 2)))
          (func (export "grow") (param i32) (drop (memory.grow (local.get 0))))
          (func (export "globals") (param i32)
            (global.set $a (local.get 0)) (global.set $b (i64.extend_i32_u (local.get 0)))
            (global.set $c (f32.convert_i32_s (local.get 0))) (global.set $d (f64.convert_i32_s (local.get 0)))
            (global.set $e (i32x4.splat (local.get 0))))
          (func (export "wait") (param i32) (drop (call $wait (local.get 0))))
          (func (export "trap") unreachable)
          (func (export "read") (param i32) (result i64) (i64.load (local.get 0)))
          (func (export "sum") (result i64)
            (i64.add (i64.add (i64.extend_i32_u (global.get $a)) (global.get $b))
              (i64.add (i64.trunc_f64_s (f64.mul (f64.const 4) (global.get $d)))
                (i64.add (i64.extend_i32_s (i32.trunc_f32_s (f32.mul (f32.const 4) (global.get $c))))
                  (i64x2.extract_lane 0 (global.get $e))))))
          (func (export "tables") (result i32) (table.size))
          (func (export "size") (result i32) (memory.size)))
        """

    static func pool(_ text: String = module, capacity: Int = 64) throws -> InstancePool {
        let engine = try Guest.engine()
        return try InstancePool(Guest.linker(engine).link(Guest.module(text, engine: engine)), capacity: capacity)
    }

    static func take(
        _ pool: InstancePool, context: AnyObject = Recorder(), charge: (any MemoryCharge)? = nil
    ) -> Process {
        Process(adopting: pool.take(limits: Guest.generous, context: context, charge: charge))
    }

    struct View: Equatable {
        var values: [UInt64]
        var memory: [UInt8]
    }

    /// All that a guest can see of its state.
    static func view(_ process: Process) throws -> View {
        try View(values: values(process), memory: process.copyMemory())
    }

    /// Whether it looks as `expected`; makes no page present that was not.
    static func looks(_ process: Process, as expected: View, but place: Int? = nil) throws -> Bool {
        try values(process) == expected.values && process.holds(expected.memory, but: place)
    }

    private static func values(_ process: Process) throws -> [UInt64] {
        var seen: [UInt64] = []
        func call(_ name: String, _ arguments: [WasmValue] = []) throws -> UInt64 {
            try process.call(name, arguments)
            guard case .finished(let values) = process.finish() else { return .max }
            switch values.first {
            case .i64(let value): return value
            case .i32(let value): return UInt64(value)
            default: return .max
            }
        }
        seen.append(try call("sum"))
        seen.append(try call("tables"))
        seen.append(try call("size"))
        return seen
    }

    @Test func nothingOfAProcessReachesTheNext() throws {
        let seed = environment("BULKHEAD_FUZZ_SEED").flatMap { UInt64($0) } ?? UInt64.random(in: 0...UInt64.max)
        print("nothingOfAProcessReachesTheNext: seed \(seed)")
        var generator = SplitMix(state: seed)
        let pool = try Self.pool()
        let expected = try Self.view(Self.take(pool))
        #expect(expected.memory[100] == 0x74 && expected.memory.count == 3 << 16)
        var reused = 0
        for round in 0..<fuzzCount(100) {
            // Several at a time, so that batches mix what is known of their pages and what is not.
            let processes = (0..<Int.random(in: 1...20, using: &generator)).map { _ in
                let before = pool.count
                let process = Self.take(pool)
                if pool.count < before { reused += 1 }
                return process
            }
            for process in processes {
                #expect(!process.isBusy)
                if Int.random(in: 0..<4, using: &generator) == 0 {
                    let isNew = try Self.looks(process, as: expected)
                    #expect(isNew, "round \(round)")
                }
                for _ in 0..<Int.random(in: 0...4, using: &generator) {
                    try Self.act(process, &generator)
                }
                pool.give(try process.release())
            }
        }
        #expect(reused > 0)
    }

    static func act(_ process: Process, _ generator: inout SplitMix) throws {
        let bytes: UInt32 = 3 << 16
        let value = WasmValue.i32(UInt32.random(in: 1...255, using: &generator))
        let place = UInt32.random(in: 0..<bytes, using: &generator)
        switch Int.random(in: 0..<12, using: &generator) {
        case 0...5: try process.call("write", [.i32(place), value])
        case 6:
            let length = UInt32.random(in: 0...(bytes - place), using: &generator)
            try process.call("fill", [.i32(place), value, .i32(min(length, 20_000))])
        case 7: try process.call("fill", [.i32(0), value, .i32(bytes)])
        case 8, 9: try process.call("globals", [value])
        case 10: try process.call("grow", [.i32(UInt32.random(in: 0...2, using: &generator))])
        default: try process.call("wait", [value])
        }
        guard case .finished = process.finish() else { Issue.record("it did not return"); return }
    }

    @Test func whatCannotBePutBackIsNotKept() throws {
        let pool = try Self.pool()
        func after(_ name: String, _ arguments: [WasmValue] = []) throws -> Int {
            let process = Self.take(pool)
            try process.call(name, arguments)
            _ = process.finish()
            let before = pool.count
            pool.give(try process.release())
            return pool.count - before
        }
        #expect(try after("globals", [.i32(1)]) == 1)
        #expect(try after("trap") == 0)
        #expect(try after("grow", [.i32(1)]) == 0)
        let recorder = Recorder()
        recorder.waitsLeft = 1
        let waiting = Self.take(pool, context: recorder)
        try waiting.call("wait", [.i32(1)])
        #expect(waiting.poll() == .waiting)
        let count = pool.count
        pool.give(try waiting.release())
        #expect(pool.count == count)
        for (body, obstacle) in RewriterTests.obstacles
        where obstacle != nil && obstacle != .imports && obstacle != .collection {
            let pool = try Self.pool("(module \(body))")
            let process = Self.take(pool)
            _ = process.isBusy ? process.finish() : .finished([])
            pool.give(try process.release())
            #expect(pool.count == 0, "\(body)")
        }
    }

    @Test func keptInstancesAreBoundedAndCostNobody() throws {
        let pool = try Self.pool(capacity: 20)
        let purse = Purse(bytes: 1 << 30)
        let processes = (0..<50).map { _ in Self.take(pool, charge: purse) }
        #expect(purse.left == (1 << 30) - 50 * (3 << 16 + 32))
        for process in processes { pool.give(try process.release()) }
        #expect(pool.count == 20)
        #expect(purse.left == 1 << 30)
        let empty = Purse(bytes: 1000)
        do {
            let process = Self.take(pool, charge: empty)
            #expect(process.isBusy)
            guard case .failed = process.finish() else {
                Issue.record("it was made")
                return
            }
            #expect(process.memoryDenial?.isByCharge == true)
        }
        #expect(empty.left == 1000)
    }

    @Test func aContextIsLetGoWhenItsProcessEnds() throws {
        let pool = try Self.pool()
        weak var seen: Recorder?
        do {
            let recorder = Recorder()
            seen = recorder
            pool.give(try Self.take(pool, context: recorder).release())
        }
        #expect(seen == nil)
        #expect(pool.count == 1)
    }

    @Test func aModuleThatDoesNotStartSaysWhy() throws {
        let pool = try Self.pool("(module (memory 100))")
        let process = Process(
            adopting: pool.take(limits: StoreLimits(memoryBytes: 1 << 16, tableElements: 1), context: Recorder()))
        #expect(process.isBusy)
        guard case .failed = process.poll() else {
            Issue.record("it started")
            return
        }
        pool.give(try process.release())
        #expect(pool.count == 0)
    }

    /// Processes that another thread may take over between any two calls.
    private final class Exchange: Sendable {
        private struct Lot: @unchecked Sendable {
            // One thread has it at a time: who took it out.
            var process: Process
        }

        private let lots = Mutex<[Lot]>([])

        func swap(_ process: Process, at random: Int) -> Process {
            let given = Lot(process: process)
            return lots.withLock { lots in
                lots.append(given)
                guard lots.count > 8 else { return nil as Lot? }
                return lots.remove(at: random % lots.count)
            }?.process ?? swapBack()
        }

        private func swapBack() -> Process {
            lots.withLock { lots in lots.removeLast() }.process
        }
    }

    @Test func processesThatMoveBetweenThreadsLeaveNothing() throws {
        let pool = try Self.pool()
        let expected = try Self.view(Self.take(pool))
        let exchange = Exchange()
        let failures = runThreads(4) { index in
            var generator = SplitMix(state: UInt64(index))
            var failures = 0
            do {
                for _ in 0..<fuzzCount(30) {
                    var processes = (0..<8).map { _ in Self.take(pool) }
                    for place in processes.indices {
                        if try !Self.looks(processes[place], as: expected) { failures += 1 }
                        try Self.act(processes[place], &generator)
                        processes[place] = exchange.swap(processes[place], at: Int(generator.next() >> 40))
                        try Self.act(processes[place], &generator)
                    }
                    for process in processes { pool.give(try process.release()) }
                }
            } catch { failures += 1 }
            return failures
        }
        #expect(failures == 0)
    }

    /// Another thread's share in a test that must not fault pages in: it is there before, and nothing is allocated.
    private final class Helper: Sendable {
        private struct Job: @unchecked Sendable {
            // Handed over by `isSet`, and back.
            var process: Process?
        }

        private let job = Mutex(Job())
        private let isSet = Atomic(false)
        private let isEnding = Atomic(false)

        /// Lets the other thread write to the process, and waits until it has.
        func write(_ process: Process) {
            job.withLock { $0.process = process }
            isSet.store(true, ordering: .releasing)
            while isSet.load(ordering: .acquiring) { yieldThread() }
        }

        func end() { isEnding.store(true, ordering: .releasing) }

        func run() -> Int {
            while !isEnding.load(ordering: .acquiring) {
                guard isSet.load(ordering: .acquiring) else {
                    yieldThread()
                    continue
                }
                job.withLock { job in
                    _ = try? job.process?.call("write", [.i32(100_000), .i32(99)])
                    _ = job.process?.finish()
                    job.process = nil
                }
                isSet.store(false, ordering: .releasing)
            }
            return 0
        }
    }

    @Test func whatAnotherThreadTouchedIsFoundToo() throws {
        let pool = try Self.pool()
        let expected = try Self.view(Self.take(pool))
        let helper = Helper()
        let failures = runThreads(2) { index in
            guard index == 0 else { return helper.run() }
            defer { helper.end() }
            var failures = 0
            do {
                for round in 0..<50 {
                    let processes = (0..<20).map { _ in Self.take(pool) }
                    for (place, process) in processes.enumerated() {
                        try process.call("write", [.i32(8), .i32(7)])
                        _ = process.finish()
                        if round % 5 == 4, place == 3 { helper.write(process) }
                        if round % 5 == 0, try !Self.looks(process, as: expected, but: 8) { failures += 1 }
                    }
                    for process in processes { pool.give(try process.release()) }
                }
            } catch { failures += 1 }
            return failures
        }
        #expect(failures == 0)
        #expect(pool.trustedCount > 0)
    }
}
