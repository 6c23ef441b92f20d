// What the engine's binding costs by itself, in this process: host calls, instances, calls of exports.

import BenchmarkSupport
import CapabilityModel
import WasmEngine

struct EngineCosts {
    let turns: Int

    private final class Nothing {}

    private struct Unexpected: Error, CustomStringConvertible {
        let description: String
    }

    private static let text = """
        (module
          (import "bench" "now" (func $now (param i32) (result i32)))
          (import "bench" "ready" (func $ready (param i32) (result i32)))
          (memory (export "memory") 1)
          (func (export "none"))
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
    }

    private func instance(of linked: LinkedModule) -> Store {
        Store(linked, limits: StoreLimits(memoryBytes: 1 << 20, tableElements: 1 << 10), context: Nothing())
    }

    private func finish(_ store: inout Store) throws {
        let progress = store.poll()
        guard case .finished = progress else { throw Unexpected(description: "the engine answered \(progress)") }
    }
}
