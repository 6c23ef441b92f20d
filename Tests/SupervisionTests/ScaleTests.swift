// How fast the machine is by itself. BULKHEAD_BENCHMARK=1 runs it and prints; figures mean something in a release build only.
// The two cases of OTP's suite about scale are here too: what they do is done in every run, and is timed in this one.

import CapabilityModel
import Supervision
import Testing

extension SupervisorSuite {
    @Suite("scale", .serialized) struct Scale {
        static let isTimed = Environment()["BULKHEAD_BENCHMARK"] == "1"

        /// Runs it `rounds` times, and prints the least time for one of `count`.
        private func measure(_ name: String, _ count: Int, rounds: Int = 5, _ body: () throws -> Void) rethrows {
            guard Self.isTimed else { return try body() }
            var least = UInt64.max
            for _ in 0..<rounds {
                let begin = Environment.cpuTime()
                try body()
                least = min(least, Environment.cpuTime() - begin)
            }
            print("supervision \(name): \(least / UInt64(count)) ns each of \(count)")
        }

        private static let start = StartKey(rawValue: 7)

        private func begun(_ flags: SupervisorFlags, _ children: [ChildSpec]) throws -> Bench {
            var bench = Bench(try Supervisor(flags: flags, children: children))
            bench.handle(.begin)
            return bench
        }

        private func dynamic(_ restart: RestartType, _ count: Int) throws -> Bench {
            let flags = SupervisorFlags(strategy: .simpleOneForOne, intensity: 1_000_000, period: 1)
            var bench = try begun(flags, [ChildSpec(id: "child", start: Self.start, restart: restart)])
            for _ in 0..<count { bench.startDynamic() }
            return bench
        }

        @Test func startChildOnSimpleOneForOne() throws {
            let count = 20_000
            let empty = try dynamic(.temporary, 0)
            measure("simple_one_for_one start_child", count) {
                var bench = empty
                for _ in 0..<count { bench.startDynamic() }
                #expect(bench.replies == count)
            }
        }

        @Test(arguments: [Strategy.oneForOne, .simpleOneForOne])
        func restartOfEachChild(_ strategy: Strategy) throws {
            let count = 20_000
            let full: Bench
            if strategy == .simpleOneForOne {
                full = try dynamic(.permanent, count)
            } else {
                let specs = (0..<count).map { ChildSpec(id: ChildID("child\($0)"), start: Self.start) }
                full = try begun(SupervisorFlags(intensity: 1_000_000, period: 1), specs)
            }
            #expect(full.processes == UInt64(count))
            measure("\(strategy) exit and restart", count) {
                var bench = full
                for number in 1...UInt64(count) { bench.handle(.exited(ProcessKey(rawValue: number), .killed)) }
                #expect(bench.processes == UInt64(2 * count))
                #expect(bench.machine.isIdle)
            }
        }

        @Test func simple_one_for_one_scale_many_temporary_children() throws {
            for count in [1_000, 10_000] {
                let full = try dynamic(.temporary, count)
                measure("simple_one_for_one terminate_child", count) {
                    var bench = full
                    for number in 1...UInt64(count) {
                        let process = ProcessKey(rawValue: number)
                        bench.handle(.call(CallKey(rawValue: 1), .terminateChild(.process(process))))
                        bench.handle(.exited(process, .shutdown))
                        bench.handle(.down(process, .shutdown))
                    }
                    #expect(bench.replies == 2 * count)
                }
            }
        }

        @Test(arguments: [1_000, 100_000])
        func scale_start_stop_many_children(_ count: Int) throws {
            for restart in [RestartType.permanent, .temporary] {
                let empty = try begun(SupervisorFlags(), [])
                let names = (0..<count).map { ChildID("child\($0)") }
                measure("one_for_one start_child, terminate_child, delete_child, \(restart)", count, rounds: 2) {
                    var bench = empty
                    for name in names { bench.start(ChildSpec(id: name, start: Self.start, restart: restart)) }
                    for (index, name) in names.enumerated() {
                        let process = ProcessKey(rawValue: UInt64(index + 1))
                        bench.handle(.call(CallKey(rawValue: 1), .terminateChild(.id(name))))
                        bench.handle(.exited(process, .shutdown))
                        bench.handle(.down(process, .shutdown))
                        if restart == .permanent { bench.handle(.call(CallKey(rawValue: 1), .deleteChild(name))) }
                    }
                    #expect(bench.replies == count * (restart == .permanent ? 3 : 2))
                }
            }
        }

        // All die at once while the supervisor is deaf: the stop takes each reason out of the middle of the mailbox.
        @Test(arguments: [Strategy.oneForAll, .simpleOneForOne])
        func allDieAtOnce(_ strategy: Strategy) throws {
            let count = 20_000
            let full: Bench
            if strategy == .simpleOneForOne {
                full = try dynamic(.permanent, count)
            } else {
                let specs = (0..<count).map { ChildSpec(id: ChildID("child\($0)"), start: Self.start) }
                full = try begun(SupervisorFlags(strategy: strategy), specs)
            }
            measure("\(strategy) end of all, dead in the order of their start", count, rounds: 3) {
                var bench = full
                bench.handle(.parentExited(.shutdown))
                for number in 1...UInt64(count) { bench.handle(.exited(ProcessKey(rawValue: number), .killed)) }
                for number in (1...UInt64(count)).reversed() {
                    bench.handle(.down(ProcessKey(rawValue: number), .noproc))
                }
                #expect(bench.machine.isEnded)
                #expect(bench.reports == (strategy == .simpleOneForOne ? 1 : count))
            }
        }
    }

    /// A driver whose starts succeed at once.
    struct Bench {
        var machine: Supervisor
        private var actions: [Action] = []
        var processes: UInt64 = 0
        var replies = 0
        var reports = 0

        init(_ machine: Supervisor) { self.machine = machine }

        mutating func handle(_ event: Event) {
            machine.handle(event, now: 1_000 * .second, into: &actions)
            var next = 0
            while next < actions.count {
                switch actions[next] {
                case .start(let attempt, _, _, _):
                    processes += 1
                    machine.handle(
                        .started(attempt, .ok(ProcessKey(rawValue: processes))), now: 1_000 * .second, into: &actions)
                case .reply, .inquire: replies += 1
                case .report: reports += 1
                case .ready, .monitor, .signal, .unlink, .setTimer, .cancelTimer, .retryLater, .discard, .end: break
                }
                next += 1
            }
            actions.removeAll(keepingCapacity: true)
        }

        mutating func startDynamic() { handle(.call(CallKey(rawValue: 1), .startDynamicChild(extra: []))) }

        mutating func start(_ spec: ChildSpec) { handle(.call(CallKey(rawValue: 1), .startChild(spec))) }
    }
}
