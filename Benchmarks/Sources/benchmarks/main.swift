// benchmarks ROOT [--json] [--runs N] [start] [calls] [compute] [engine]: Bulkhead's release build against wasmtime's command
// line, the sides taken in turns within one run. Without a group, all of them. The machine's load shows in both sides alike; a
// ratio holds where a time does not.

import BenchmarkSupport
import Glibc

private let groups = ["start", "calls", "compute", "engine"]

private func usage() -> Never {
    print("usage: benchmarks ROOT [--json] [--runs N] [\(groups.joined(separator: "] ["))]")
    exit(64)
}

private var words = CommandLine.arguments.dropFirst()
guard let root = words.popFirst() else { usage() }
private var asksJSON = false
private var runs = 200
private var chosen: [String] = []
while let word = words.popFirst() {
    switch word {
    case "--json": asksJSON = true
    case "--runs":
        guard let count = words.popFirst().flatMap({ Int($0) }), count > 0 else { usage() }
        runs = count
    case _ where groups.contains(word): chosen.append(word)
    default: usage()
    }
}
if chosen.isEmpty { chosen = groups }

private let programs = Programs(root: root)
private var report = Report()
do {
    try programs.prepare()
    let inside = InsideGuest(programs: programs, turns: 9)
    for group in chosen {
        switch group {
        case "start": try StartToExit(programs: programs, turns: runs).add(to: &report)
        case "calls": try inside.addCalls(to: &report)
        case "compute": try inside.addComputing(to: &report)
        default: try EngineCosts(turns: 9).add(to: &report)
        }
    }
} catch {
    print("benchmarks: \(error)")
    exit(1)
}
print(asksJSON ? report.json : report.table, terminator: "")
