// A hello-world from posix_spawn to waitpid, everything cached that can be.

import BenchmarkSupport

struct StartToExit {
    let programs: Programs
    /// How often each side runs.
    let turns: Int

    private static let warmUps = 5

    func add(to report: inout Report) throws(ProgramFailed) {
        let sides = [
            [programs.bulkhead, "run", programs.guest("hello")],
            [programs.wasmtime, "run", programs.guest("hello")],
            [programs.bulkhead, "run", programs.precompiled("hello")],
            [programs.wasmtime, "run", "--allow-precompiled", programs.native("hello")],
            ["/bin/true"],
        ]
        var times = Sides(count: sides.count)
        for turn in 0..<(turns + Self.warmUps) {
            for (side, words) in sides.enumerated() {
                let time = try programs.run(words).nanoseconds
                if turn >= Self.warmUps { times.add(time, side: side) }
            }
        }
        let all = times.samples
        report.add(
            Row(
                "hello from .wasm, cached: median", ours: all[0].median, theirs: all[1].median,
                goal: .atMost(nanoseconds: 10_000_000)))
        report.add(Row("  p99", ours: all[0].quantile(0.99), theirs: all[1].quantile(0.99)))
        report.add(Row("hello from native code: median", ours: all[2].median, theirs: all[3].median))
        report.add(Row("  p99", ours: all[2].quantile(0.99), theirs: all[3].quantile(0.99)))
        report.add(Row("  (starting /bin/true, for comparison)", ours: all[4].median))
    }
}
