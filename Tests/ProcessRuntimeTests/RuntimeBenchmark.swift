// What the runtime itself costs, with bodies that do next to nothing. Run with BULKHEAD_BENCHMARK=1 in a release build.

import CapabilityModel
import LinuxKernel
import ProcessRuntime
import Testing

@Suite(.serialized, .enabled(if: isSet("BULKHEAD_BENCHMARK"))) struct RuntimeBenchmark {
    /// Under a profiler that slows everything down: BULKHEAD_BENCHMARK=100 does a hundredth.
    private static var divisor: Int { factor("BULKHEAD_BENCHMARK") }

    /// Passes each message on to the process that it knows; counts down on the way.
    final class Member: Resumable {
        let process: Process
        let next: ProcessID?
        let isLast: Bool

        init(_ process: Process, next: ProcessID?, isLast: Bool) {
            self.process = process
            self.next = next
            self.isLast = isLast
        }

        var canRunDirectly: Bool { false }
        func didOverrun() {}
        func abandon() {}

        func resume(_ mode: ResumeMode) -> Suspension {
            while let (left, sender) = process.takeOne() {
                if left == 0 {
                    if isLast { return .finished(.normal) }
                    continue
                }
                process.sendOne(left - 1, to: next ?? sender)
            }
            return .waiting(Wait(messages: true))
        }
    }

    /// Spawns one process after the other.
    final class Spawner: Resumable {
        let process: Process
        var left: Int

        init(_ process: Process, count: Int) {
            self.process = process
            left = count
        }

        var canRunDirectly: Bool { false }
        func didOverrun() {}
        func abandon() {}

        func resume(_ mode: ResumeMode) -> Suspension {
            for _ in 0..<100 where left > 0 {
                left -= 1
                _ = process.runtime.spawn(SpawnRequest(parent: process, account: process.account)) { _ in Nothing() }
            }
            return left > 0 ? .yielded : .finished(.normal)
        }
    }

    final class Nothing: Resumable {
        var canRunDirectly: Bool { false }
        func didOverrun() {}
        func abandon() {}
        func resume(_ mode: ResumeMode) -> Suspension { .finished(.normal) }
    }

    private func measure(_ name: String, workers: Int, count: Int, _ root: (Process) -> any Resumable) throws {
        let runtime = try Runtime(Runtime.Configuration(workers: workers))
        let account = Account(limits: .roomy, parent: nil)
        let process = try runtime.spawn(SpawnRequest(account: account)) { root(copy $0) }.get()
        let start = Clock.monotonicNow()
        let cpu = Clock.processCPUTime()
        #expect(runtime.run(root: process.process) == .normal)
        let wall = Double(Clock.monotonicNow() - start) / Double(count)
        let used = Double(Clock.processCPUTime() - cpu) / Double(count)
        runtime.shutDown()
        print("\(name), \(workers) workers: \(Int(wall * 10) / 10) ns wall, \(Int(used)) ns CPU each")
    }

    /// A body that sets a ring up and then is a member of it.
    final class Root: Resumable {
        let process: Process
        let size: Int
        let tokens: Int
        let hops: UInt64
        var next: ProcessID?
        var ended = 0

        init(_ process: Process, size: Int, tokens: Int, hops: UInt64) {
            self.process = process
            self.size = size
            self.tokens = tokens
            self.hops = hops
        }

        var canRunDirectly: Bool { false }
        func didOverrun() {}
        func abandon() {}

        func resume(_ mode: ResumeMode) -> Suspension {
            if next == nil {
                var following = process.id
                for _ in 1..<size {
                    let request = SpawnRequest(parent: process, account: process.account)
                    let result = process.runtime.spawn(request) { [following] in
                        Member(copy $0, next: following, isLast: false)
                    }
                    if case .success(let spawned) = result { following = spawned.process }
                }
                next = following
                for _ in 0..<tokens { process.sendOne(hops, to: following) }
            }
            guard let next else { return .finished(.normal) }
            while let (left, _) = process.takeOne() {
                if left == 0 || left > hops {
                    ended += 1
                } else {
                    process.sendOne(left - 1, to: next)
                }
            }
            return ended == tokens ? .finished(.normal) : .waiting(Wait(messages: true))
        }
    }

    @Test(arguments: [1, 2]) func pingPong(_ workers: Int) throws {
        let hops = 10_000_000 / Self.divisor
        // An even count ends at the root.
        try measure("ping-pong, a hop", workers: workers, count: hops) {
            Root($0, size: 2, tokens: 1, hops: UInt64(hops) | 1)
        }
    }

    @Test(arguments: [1, 2], [1, 100]) func ring(_ workers: Int, _ tokens: Int) throws {
        let hops = 10_000_000 / tokens / Self.divisor
        // So that the last hop of each token ends at the root.
        let rounded = UInt64(hops / 1_000 * 1_000 + 999)
        try measure("ring of 1,000, \(tokens) tokens, a hop", workers: workers, count: Int(rounded) * tokens) {
            Root($0, size: 1_000, tokens: tokens, hops: rounded)
        }
    }

    @Test(arguments: [1, 2]) func spawnAndExit(_ workers: Int) throws {
        let count = 3_000_000 / Self.divisor
        try measure("spawn and exit", workers: workers, count: count) { Spawner($0, count: count) }
    }
}
