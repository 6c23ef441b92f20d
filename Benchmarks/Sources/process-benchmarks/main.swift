// process-benchmarks ROOT [options] [GROUP...]: what Bulkhead's processes cost, against Erlang's and Go's in the same run. `ROOT`
// is the source tree; what is measured is what `make install` laid out in it. The machine's load shows on all sides alike; a ratio
// holds where a time does not.

import BenchmarkSupport
import Glibc

guard let options = Options(Array(CommandLine.arguments.dropFirst())) else {
    print(Options.usage, terminator: "")
    exit(64)
}
private let contenders = Contenders(root: options.root, peers: options.peers)
private var report = Report(machine: Machine.description)
report.failures = contenders.absences
for group in options.groups {
    for cores in options.cores {
        let trials = Trials(contenders: contenders, options: options, cores: cores)
        switch group {
        case "spawn": trials.spawn(&report)
        case "memory": trials.memory(&report, count: options.isQuick ? 10_000 : 100_000)
        case "million":
            guard cores == .all else { continue }
            trials.memory(&report, count: 1_000_000)
            trials.memory(&report, count: 2_000_000)
        case "messages": trials.messages(&report)
        case "ring": trials.ring(&report)
        case "sleepers": trials.sleepers(&report)
        case "call": trials.call(&report)
        case "echo": trials.echo(&report)
        default: trials.fairness(&report)
        }
    }
}
print(options.asksJSON ? report.json : report.table, terminator: "")
exit(report.rows.contains { $0.median(.bulkhead) != nil } ? 0 : 1)
