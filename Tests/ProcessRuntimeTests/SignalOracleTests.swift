// The runtime's signals against Erlang's own: random programs run on both, step by step, and every outcome is compared.

import Testing

@Suite struct SignalOracleTests {
    /// Programs, and what Erlang does with them; nil where there is no Erlang.
    private static func ask(_ count: Int) throws -> (seed: UInt64, programs: [SignalProgram], traces: [String])? {
        guard let executable = ErlangOracle.executable else {
            print("signals: no Erlang here (no escript on PATH), so nothing is compared with it")
            return nil
        }
        let seed = testSeed()
        print("signals against Erlang: seed \(seed), \(count) programs")
        var source = SplitMix64(seed: seed)
        let programs = (0..<count).map { _ in SignalProgram.random(&source) }
        return (seed, programs, try ErlangOracle.run(programs, executable))
    }

    /// The smallest program that shows the difference, and the report of it; one attempt for each round of candidates.
    private static func shrink(
        _ program: SignalProgram, _ run: ([SignalProgram]) throws -> [String]
    ) throws -> String {
        guard let executable = ErlangOracle.executable else { return "" }
        var smallest = program
        while true {
            let candidates = smallest.smaller
            let (expected, actual) = (try ErlangOracle.run(candidates, executable), try run(candidates))
            guard let index = candidates.indices.first(where: { expected[$0] != actual[$0] }) else { break }
            smallest = candidates[index]
        }
        let (expected, actual) = (try ErlangOracle.run([smallest], executable), try run([smallest]))
        return smallest.report(expected[0], actual[0])
    }

    @Test(arguments: Machine.all) func everyOutcomeIsErlangs(_ machine: Machine) throws {
        // Where others run at the same time, a step takes as many messages as there are processes, several times.
        let count = machine.workers == 1 ? longRun(5_000, 200_000) : longRun(300, 20_000)
        guard let (seed, programs, expected) = try Self.ask(count) else { return }
        let actual = try RuntimeSignals.run(programs, on: machine)
        guard let index = programs.indices.first(where: { expected[$0] != actual[$0] }) else { return }
        let report = try Self.shrink(programs[index]) { try RuntimeSignals.run($0, on: machine) }
        let whole = programs[index].report(expected[index], actual[index])
        // What needs two workers may not come again.
        Issue.record("seed \(seed), program \(index):\n\(report.contains(" here") ? report : whole)")
    }

    /// A model that says the same as Erlang shows which rules the programs are able to tell.
    @Test func aRuleThatIsBrokenIsFound() throws {
        guard let (seed, programs, expected) = try Self.ask(longRun(6_000, 20_000)) else { return }
        if let index = programs.indices.first(where: { SequentialSignals.run(programs[$0]) != expected[$0] }) {
            let report = try Self.shrink(programs[index]) { $0.map { SequentialSignals.run($0) } }
            Issue.record("seed \(seed), program \(index):\n\(report)")
            return
        }
        for fault in SequentialSignals.Fault.allCases {
            let isFound = programs.indices.contains {
                SequentialSignals.run(programs[$0], fault: fault) != expected[$0]
            }
            #expect(isFound, "seed \(seed): \(fault) makes no difference")
        }
    }
}
