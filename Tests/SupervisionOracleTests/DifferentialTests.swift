// Our supervisor against OTP's: the same scenarios, the same traces.
//
//   BULKHEAD_ORACLE_SEED=…    the seed, as an earlier run printed it
//   BULKHEAD_ORACLE_COUNT=…   how many scenarios (5,600, of which a few are too uncertain to be run)
//   BULKHEAD_ORACLE_ONLY=…    one scenario of that seed, by its number
//   BULKHEAD_ORACLE_KEEP=…    a file to keep OTP's traces in
//   BULKHEAD_ORACLE_TRACES=…  such a file, to be used instead of OTP; stops at the first difference
//   BULKHEAD_NO_ERLANG=1      skips the test

import Foundation
import Supervision
import Testing

private func setting(_ name: String) -> String? { ProcessInfo.processInfo.environment["BULKHEAD_\(name)"] }

@Suite struct DifferentialTests {
    @Test(.enabled(if: setting("NO_ERLANG") != "1", "BULKHEAD_NO_ERLANG is set"))
    func sameAsOTP() throws {
        let seed = setting("ORACLE_SEED").flatMap { UInt64($0) } ?? UInt64.random(in: 0..<1_000_000_000)
        let only = setting("ORACLE_ONLY").flatMap { Int($0) }
        let count = setting("ORACLE_COUNT").flatMap { Int($0) } ?? 5_600
        print("supervision against OTP: seed \(seed)")

        let known = try setting("ORACLE_TRACES").map { try ErlangRun.read(URL(filePath: $0)) }
        let numbers = only.map { [$0] } ?? Array(0..<count)
        var ours: [Int: Trace] = [:]
        var scenarios: [(Int, Scenario)] = []
        var coverage = Coverage()
        var racy = 0
        let clock = ContinuousClock()
        let begin = clock.now
        for number in numbers {
            let scenario = Generator.scenario(seed: seed, number: number)
            if let known {
                guard let lines = known[number] else { continue }
                let otp = World.trace(lines, like: scenario)
                let trace = World.run(scenario, schedule: .fair).trace
                guard trace.canonical == otp.canonical else {
                    Issue.record("seed \(seed), scenario \(number) differs")
                    return
                }
                continue
            }
            let world = World.run(scenario)
            if world.isRacy {
                racy += 1
                continue
            }
            #expect(!world.isRunaway, "seed \(seed), scenario \(number): our supervisors never come to rest")
            ours[number] = world.trace
            coverage.add(world.coverage)
            scenarios.append((number, scenario))
        }
        if known != nil { return }
        let oursDone = clock.now
        let erlang = try ErlangRun()
        defer { erlang.remove() }
        let theirs = try erlang.traces(of: scenarios, keep: setting("ORACLE_KEEP").map { URL(filePath: $0) })
        let theirsDone = clock.now
        var failures: [(Int, Scenario)] = []
        for (number, scenario) in scenarios {
            let otp = try #require(theirs[number], "OTP's side left scenario \(number) out")
            if ours[number]?.canonical != World.trace(otp, like: scenario).canonical {
                failures.append((number, scenario))
            }
        }
        let unsteady = try steady(&failures, erlang)
        let rate = Double(scenarios.count) / max(0.001, (theirsDone - oursDone) / .seconds(1))
        print(
            """
            supervision against OTP: \(scenarios.count) scenarios the same but for \(failures.count); \
            \(racy) left out as uncertain, \(unsteady) not the same twice on OTP's side; ours in \((oursDone - begin).formatted(.units(allowed: [.milliseconds]))), \
            OTP's in \((theirsDone - oursDone).formatted(.units(allowed: [.milliseconds]))), \(Int(rate)) a second
            """)
        print("events by the state that they met:\n\(coverage.table)")
        if setting("ORACLE_LIST") != nil { print("differ: \(failures.map(\.0))") }
        if let (number, scenario) = failures.min(by: { $0.1.weight < $1.1.weight }) {
            let first = Trace.difference(
                otp: theirs[number].map { World.trace($0, like: scenario).canonical } ?? [],
                ours: ours[number]?.canonical ?? [])
            let (small, difference) = try shrink(scenario, erlang) ?? (scenario, "only the first time:\n\(first)")
            Issue.record(
                """
                \(failures.count) scenarios differ; seed \(seed), scenario \(number), made small:
                \(small.readable)
                \(small.term(number: number))
                - OTP's supervisor, + ours (step, who: what):
                \(difference)
                """)
        }
        if only == nil, setting("ORACLE_COUNT") == nil {
            #expect(scenarios.count >= 5_000)
            #expect(unsteady < scenarios.count / 100)
        }
    }

    /// Runs what differs once more, and takes out what does not differ again: a machine under load can make OTP's side
    /// look away too early. A fault of ours differs every time.
    private func steady(_ failures: inout [(Int, Scenario)], _ erlang: ErlangRun) throws -> Int {
        let before = failures.count
        guard before > 0 else { return 0 }
        let theirs = try erlang.traces(of: failures)
        failures.removeAll { number, scenario in
            let otp = theirs[number].map { World.trace($0, like: scenario).canonical }
            return otp == World.run(scenario).trace.canonical
        }
        return before - failures.count
    }

    /// The smallest scenario that still differs and that single changes lead to, and how it differs; nil if it does not
    /// differ again.
    private func shrink(_ scenario: Scenario, _ erlang: ErlangRun) throws -> (Scenario, String)? {
        func differences(_ candidates: [Scenario]) throws -> [(Scenario, String)] {
            var runs: [(Int, Scenario)] = []
            var traces: [Int: Trace] = [:]
            for (number, candidate) in candidates.enumerated() {
                let world = World.run(candidate)
                guard !world.isRacy else { continue }
                traces[number] = world.trace
                runs.append((number, candidate))
            }
            let theirs = try erlang.traces(of: runs)
            return runs.compactMap { number, candidate in
                guard let lines = theirs[number], let ours = traces[number] else { return nil }
                let otp = World.trace(lines, like: candidate).canonical
                guard otp != ours.canonical else { return nil }
                return (candidate, Trace.difference(otp: otp, ours: ours.canonical))
            }
        }
        guard var smallest = try differences([scenario]).first else { return nil }
        for _ in 0..<60 {
            let candidates = smallest.0.simpler
            guard !candidates.isEmpty else { break }
            guard let better = try differences(candidates).min(by: { $0.0.weight < $1.0.weight }) else { break }
            smallest = better
        }
        return smallest
    }
}

extension World {
    /// OTP's lines, to be put in canonical order as ours are.
    static func trace(_ lines: [Trace.Line], like scenario: Scenario) -> Trace {
        let world = World()
        world.define(
            "r",
            Node(
                id: "r", restart: .permanent, significant: false, shutdown: .infinity, kind: .supervisor,
                body: .supervisor(scenario.root), script: []))
        for case .call(let target, .start(let node)) in scenario.steps {
            world.define("\(target.path).\(node.id)", node)
        }
        return Trace(lines: lines, simplePaths: world.trace.simplePaths)
    }
}
