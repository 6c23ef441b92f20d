// What the engine's binding costs by itself, in this process: host calls, instances, calls of exports.

import BenchmarkSupport
import CapabilityModel
import WasmEngine

struct EngineCosts {
    let turns: Int

    private final class Nothing {}

    /// A context whose calls of `waits` wait each second time.
    private final class Waiting {
        var isReady = false
    }

    private struct Unexpected: Error, CustomStringConvertible {
        let description: String
    }

    private static let text = """
        (module
          (import "bench" "now" (func $now (param i32) (result i32)))
          (import "bench" "ready" (func $ready (param i32) (result i32)))
          (import "bench" "waits" (func $waits (param i32) (result i32)))
          (memory (export "memory") 1)
          (func (export "none"))
          (func (export "count") (result i32)
            (i32.store (i32.const 1024) (i32.add (i32.load (i32.const 1024)) (i32.const 1))) (i32.const 0))
          (func (export "ask") (result i32) (drop (call $ready (i32.const 1))) (i32.const 0))
          (func (export "waits") (param i32)
            (loop $again
              (drop (call $waits (local.get 0)))
              (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
              (br_if $again (local.get 0))))
          (func (export "empty") (param i32)
            (loop $again
              (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
              (br_if $again (local.get 0))))
          (func (export "now") (param i32)
            (loop $again
              (drop (call $now (local.get 0)))
              (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
              (br_if $again (local.get 0))))
          (func (export "ready") (param i32)
            (loop $again
              (drop (call $ready (local.get 0)))
              (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
              (br_if $again (local.get 0)))))
        """

    func add(to report: inout Report) throws {
        let engine = try Engine(EngineConfiguration(profile: .dense))
        let linker = Linker(engine: engine)
        let type = FunctionType([.i32], [.i32])
        try linker.define(ImportName("bench", "now"), type) { _, call in
            call.setResult(i32: call.i32(0))
            return .done
        }
        try linker.defineWaiting(ImportName("bench", "ready"), type) { _, call in
            call.setResult(i32: call.i32(0))
            return .done
        }
        try linker.defineWaiting(ImportName("bench", "waits"), type) { context, call in
            guard let waiting = context as? Waiting, waiting.isReady else { return .wait }
            waiting.isReady = false
            call.setResult(i32: call.i32(0))
            return .done
        }
        let linked = try linker.link(
            Module(compiling: Module.binary(fromText: Array(Self.text.utf8)), engine: engine))

        let calls: UInt32 = 1_000_000
        var loops = Sides(count: 3)
        var store = instance(of: linked)
        try finish(&store)
        for _ in 0..<turns {
            for (side, name) in ["empty", "now", "ready"].enumerated() {
                let start = ChildProcess.now()
                try store.call(name, [.i32(calls)])
                try finish(&store)
                loops.add((ChildProcess.now() - start) / Double(calls), side: side)
            }
        }
        let empty = loops.samples[0].median
        report.add(Row("host call, answers at once", ours: loops.samples[1].median - empty))
        report.add(Row("host call that might wait, ready", ours: loops.samples[2].median - empty))

        let rounds = 20_000
        var lives = Sides(count: 2)
        for _ in 0..<turns {
            var start = ChildProcess.now()
            for _ in 0..<rounds {
                var fresh = instance(of: linked)
                try finish(&fresh)
            }
            lives.add((ChildProcess.now() - start) / Double(rounds), side: 0)
            start = ChildProcess.now()
            for _ in 0..<rounds {
                try store.call("none")
                try finish(&store)
            }
            lives.add((ChildProcess.now() - start) / Double(rounds), side: 1)
        }
        report.add(Row("make an instance and drop it", ours: lives.samples[0].median))
        report.add(Row("call an export on a fiber", ours: lives.samples[1].median))
        try addProcesses(linked, to: &report)
    }

    /// What processes are made of: waits, direct calls, used instances, parking.
    private func addProcesses(_ linked: LinkedModule, to report: inout Report) throws {
        let rounds = 100_000
        let waiting = Waiting()
        let pool = InstancePool(linked)
        var store = instance(of: linked, waiting)
        try finish(&store)
        let exports = try ["count", "ask", "waits"].map { try store.prepare($0) }
        var sides = Sides(count: 5)
        for _ in 0..<turns {
            waiting.isReady = false
            try store.call(exports[2], [.i32(UInt32(rounds))])
            _ = store.poll()
            var start = ChildProcess.now()
            var progress = CallProgress.waiting
            while case .waiting = progress {
                waiting.isReady = true
                progress = store.poll()
            }
            sides.add((ChildProcess.now() - start) / Double(rounds), side: 0)
            for side in 1...2 {
                start = ChildProcess.now()
                for _ in 0..<rounds {
                    guard case .returned = try store.callDirect(exports[side - 1]) else {
                        throw Unexpected(description: "a direct call did not return")
                    }
                }
                sides.add((ChildProcess.now() - start) / Double(rounds), side: side)
            }
            start = ChildProcess.now()
            for _ in 0..<rounds {
                var used = pool.take(limits: Self.limits, context: waiting)
                try used.call(exports[0])
                try finish(&used)
                pool.give(used)
            }
            sides.add((ChildProcess.now() - start) / Double(rounds), side: 3)
            start = ChildProcess.now()
            var awake = pool.take(limits: Self.limits, context: waiting)
            for _ in 0..<rounds / 10 {
                _ = try awake.callDirect(exports[0])
                guard let parked = awake.park() else { throw Unexpected(description: "it could not be parked") }
                pool.give(awake)
                awake = pool.unpark(parked, limits: Self.limits, context: waiting)
            }
            sides.add((ChildProcess.now() - start) / Double(rounds / 10), side: 4)
        }
        let names = [
            "wait in a host call, and go on", "call an export directly", "the same, with a host call that might wait",
            "take a used instance, call, give it back", "park an instance, and wake it for a direct call",
        ]
        let goals: [Goal?] = [nil, .atMost(nanoseconds: 60), nil, .atMost(nanoseconds: 700), nil]
        for (side, name) in names.enumerated() {
            report.add(Row(name, ours: sides.samples[side].median, goal: goals[side]))
        }
    }

    private static let limits = StoreLimits(memoryBytes: 1 << 20, tableElements: 1 << 10)

    private func instance(of linked: LinkedModule, _ context: AnyObject = Nothing()) -> Store {
        Store(linked, limits: Self.limits, context: context)
    }

    private func finish(_ store: inout Store) throws {
        let progress = store.poll()
        guard case .finished = progress else { throw Unexpected(description: "the engine answered \(progress)") }
    }
}
