// Figures that a guest takes itself, by its clock: starting up does not count.

import BenchmarkSupport

struct InsideGuest {
    let programs: Programs
    /// How often each side runs; the medians are compared.
    let turns: Int

    private struct Figure {
        var key: String
        var name: String
        var goal: Goal?

        init(_ key: String, _ name: String, goal: Goal? = nil) {
            self.key = key
            self.name = name
            self.goal = goal
        }
    }

    func addCalls(to report: inout Report) throws(ProgramFailed) {
        try add(
            to: &report, guest: "bench-calls",
            [Figure("clock_time_get", "clock_time_get"), Figure("fd_prestat_get", "fd_prestat_get, no system call")])
        try add(
            to: &report, guest: "bench-files",
            [
                Figure("fd_read", "fd_read, 4 KiB"), Figure("fd_write", "fd_write, 4 KiB"),
                Figure("fd_pread", "fd_pread, 4 KiB"), Figure("fd_pwrite", "fd_pwrite, 4 KiB"),
                Figure("open-close", "path_open + fd_close"),
            ])
    }

    func addComputing(to report: inout Report) throws(ProgramFailed) {
        for (profile, goal) in [("heavy", Goal.ratio(1 / 0.97)), ("dense", nil)] {
            try add(
                to: &report, guest: "bench-compute", profile: profile,
                [
                    Figure("compute", "compute, \(profile) profile", goal: goal), Figure("sieve", "  sieve"),
                    Figure("matrix", "  matrix product"), Figure("mixing", "  integer mixing"),
                    Figure("wandering", "  scattered reads"),
                ])
        }
    }

    private func add(
        to report: inout Report, guest: String, profile: String = "auto", _ figures: [Figure]
    ) throws(ProgramFailed) {
        let sides = [
            [
                programs.bulkhead, "run", "--policy", programs.policy, "--profile", profile, programs.guest(guest),
            ],
            [
                programs.wasmtime, "run", "--allow-precompiled", "--dir", "\(programs.data)::/data",
                programs.native(guest),
            ],
        ]
        var times = figures.map { _ in Sides(count: sides.count) }
        for _ in 0..<turns {
            for (side, words) in sides.enumerated() {
                let output = try programs.run(words).output
                for (index, figure) in figures.enumerated() {
                    guard let picoseconds = number(after: figure.key, in: output) else {
                        throw ProgramFailed(description: "\(guest) did not print \(figure.key)")
                    }
                    times[index].add(picoseconds / 1000, side: side)
                }
            }
        }
        for (figure, times) in zip(figures, times) {
            report.add(
                Row(
                    figure.name, ours: times.samples[0].median, theirs: times.samples[1].median, goal: figure.goal))
        }
    }

    private func number(after key: String, in output: String) -> Double? {
        for line in output.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 2, words[0] == key { return Double(words[1]) }
        }
        return nil
    }
}
