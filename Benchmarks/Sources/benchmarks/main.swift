// benchmarks ROOT [RUNS]: Bulkhead's release build against wasmtime's command line, taken in turns in the same run.

import Glibc

let root = CommandLine.arguments.count > 1 ? CommandLine.arguments[1] : "."
let runs = CommandLine.arguments.count > 2 ? Int(CommandLine.arguments[2]) ?? 200 : 200
let bulkhead = root + "/.build/release/bulkhead"
let wasmtime = root + "/.deps/peers/wasmtime"
let scratch = root + "/.build/bench"
let outputPath = scratch + "/output"

func guest(_ name: String) -> String { "\(root)/.build/guests/\(name).wasm" }
func native(_ name: String) -> String { "\(scratch)/\(name).cwasm" }

func row(_ cells: [String]) {
    let widths = [34, 24, 24, 8]
    print(zip(cells, widths).map { $0.0 + String(repeating: " ", count: max(1, $0.1 - $0.0.count)) }.joined())
}

/// One figure of a guest's own: the number after `name`.
func figure(_ name: String, in output: String) -> UInt64? {
    for line in output.split(separator: "\n") {
        let words = line.split(separator: " ")
        if words.count == 2, words[0] == name { return UInt64(words[1]) }
    }
    return nil
}

func startToExit() throws {
    var ours = Samples()
    var theirs = Samples()
    for turn in 0..<(runs + 5) {
        let first = try ChildProcess.run([bulkhead, "run", guest("hello")], output: outputPath)
        let second = try ChildProcess.run(
            [wasmtime, "run", "--allow-precompiled", native("hello")], output: outputPath)
        // The first turns warm the cache.
        guard turn >= 5 else { continue }
        ours.add(first.nanoseconds)
        theirs.add(second.nanoseconds)
    }
    row(["hello, start to exit, median", shown(ours.median), shown(theirs.median), ratio(ours.median, theirs.median)])
    row(["hello, start to exit, p99", shown(ours.quantile(0.99)), shown(theirs.quantile(0.99)), ""])
}

/// Figures that a guest takes itself, the median of a few turns each.
func inside(
    _ name: String, figures: [String], label: String = "", ours: [String], theirs: [String], turns: Int = 5
) throws {
    var samples: [String: (ours: Samples, theirs: Samples)] = [:]
    for _ in 0..<turns {
        let first = try ChildProcess.run(ours, output: outputPath).output
        let second = try ChildProcess.run(theirs, output: outputPath).output
        for figureName in figures {
            guard let mine = figure(figureName, in: first), let other = figure(figureName, in: second) else {
                throw SpawnFailed(description: "\(name) did not print \(figureName)")
            }
            samples[figureName, default: (Samples(), Samples())].ours.add(mine)
            samples[figureName, default: (Samples(), Samples())].theirs.add(other)
        }
    }
    for figureName in figures {
        guard let pair = samples[figureName] else { continue }
        row([
            figureName + label, shown(pair.ours.median), shown(pair.theirs.median),
            ratio(pair.ours.median, pair.theirs.median),
        ])
    }
}

do {
    ChildProcess.makeDirectory(scratch)
    ChildProcess.makeDirectory(scratch + "/data")
    for name in ["hello", "bench-files", "bench-compute"] {
        _ = try ChildProcess.run([wasmtime, "compile", guest(name), "-o", native(name)], output: outputPath)
    }
    row(["", "bulkhead", "wasmtime (precompiled)", "ratio"])
    try startToExit()
    let policy = root + "/Benchmarks/policy.toml"
    try inside(
        "bench-files", figures: ["write", "read", "open-close"], label: ", a call",
        ours: [bulkhead, "run", "--policy", policy, guest("bench-files")],
        theirs: [wasmtime, "run", "--allow-precompiled", "--dir", "\(scratch)/data::/data", native("bench-files")])
    for profile in ["heavy", "dense"] {
        try inside(
            "bench-compute", figures: ["compute"], label: ", \(profile) profile",
            ours: [bulkhead, "run", "--policy", policy, "--profile", profile, guest("bench-compute")],
            theirs: [wasmtime, "run", "--allow-precompiled", native("bench-compute")])
    }
} catch {
    print("benchmarks: \(error)")
    exit(1)
}
