// Programs that print their own figures: spawning, messages, rings, calls, fairness.

import BenchmarkSupport

/// Makes and runs the trials of one set of cores.
struct Trials {
    let contenders: Contenders
    let options: Options
    let cores: Cores

    /// `full`, or less where a quick run was asked for.
    func scaled(_ full: Int, by factor: Int = 10) -> String { "\(options.isQuick ? full / factor : full)" }

    func named(_ name: String) -> String { "\(name), \(cores.name)" }

    /// Runs a program to its end and reads what it printed.
    func read(_ words: [String]) throws(ProgramFailed) -> Readings {
        Readings(try ChildProcess.run(words, output: contenders.output).output)
    }

    /// The peers that are there: one program each.
    func peers(erlang: [String], go: [String]?) -> [Trial.Side] {
        var sides: [Trial.Side] = []
        if contenders.peers.contains(.erlang) {
            sides.append((.erlang, { () throws(ProgramFailed) in try read(contenders.erlang(erlang, on: cores)) }))
        }
        if let go, contenders.peers.contains(.go) {
            sides.append((.go, { () throws(ProgramFailed) in try read(contenders.go(go, on: cores)) }))
        }
        return sides
    }

    /// Our side: `guest` as blocking processes and as handlers. Keys of the latter begin with `handler.`.
    private func bothKinds(_ guest: String, _ key: String, _ arguments: [String]) -> Trial.Side {
        (
            .bulkhead,
            { () throws(ProgramFailed) in
                var readings = try read(contenders.ours(guest, ["blocking"] + arguments, on: cores))
                readings["handler." + key] = try read(contenders.ours(guest, ["handler"] + arguments, on: cores))[key]
                return readings
            }
        )
    }

    /// A figure that our guests give in picoseconds a turn, and the peers under names of their own.
    private func figure(
        _ name: String, _ unit: Unit, key: String, erlang: String, go: String = "", goal: Goal? = nil
    ) -> Trial.Figure {
        Trial.Figure(name: named(name), unit: unit, goal: goal) { contender, readings in
            switch contender {
            case .bulkhead: readings[key].map { unit == .perSecond ? 1e12 / $0 : $0 / 1000 }
            case .erlang: readings[erlang]
            case .go: readings[go]
            }
        }
    }

    func spawn(_ report: inout Report) {
        let one = ["one", scaled(300_000)]
        Trial(
            sides: [
                (.bulkhead, { () throws(ProgramFailed) in try read(contenders.ours("bench-spawn", one, on: cores)) })
            ]
                + peers(erlang: ["spawn_seq"], go: ["spawn_seq"]),
            figures: [
                figure(
                    "spawn + exit, one at a time", .perSecond, key: "spawn-exit", erlang: "spawn_exit_seq_per_s",
                    go: "spawn_exit_seq_per_s", goal: .asGoodAs(.erlang))
            ]
        ).run(rounds: options.rounds, report: &report)
        let spawners = cores == .one ? 1 : 2
        let flood = ["flood", scaled(500_000), "\(spawners)"]
        let erlang = spawners == 1 ? "spawn_flood" : "spawn_flood2"
        Trial(
            sides: [
                (.bulkhead, { () throws(ProgramFailed) in try read(contenders.ours("bench-spawn", flood, on: cores)) })
            ] + peers(erlang: [erlang], go: ["spawn_flood"]),
            figures: [
                figure(
                    "spawn + exit, flood", .perSecond, key: "flood",
                    erlang: "spawn_flood\(spawners)_all_gone_per_s", go: "spawn_flood_per_s", goal: .asGoodAs(.erlang))
            ]
        ).run(rounds: options.rounds, report: &report)
    }

    func messages(_ report: inout Report) {
        let key = "round-trip"
        Trial(
            sides: [bothKinds("bench-pingpong", key, [scaled(1_000_000)])]
                + peers(erlang: ["pp_free"], go: ["pp_free"]),
            figures: [
                figure(
                    "ping-pong, blocking", .nanoseconds, key: key, erlang: "pingpong_unbound_ns",
                    go: "pingpong_free_ns", goal: .asGoodAs(.erlang)),
                figure(
                    "ping-pong, handlers", .nanoseconds, key: "handler." + key, erlang: "pingpong_unbound_ns",
                    go: "pingpong_free_ns", goal: .asGoodAs(.go)),
            ]
        ).run(rounds: options.rounds, report: &report)
    }

    func ring(_ report: inout Report) {
        for (tokens, laps) in [(1, 2000), (100, 50)] {
            let name = tokens == 1 ? "1 token" : "\(tokens) tokens"
            let theirs = "ring_\(tokens)_tokens_hops_per_s"
            Trial(
                sides: [bothKinds("bench-ring", "hop", ["1000", "\(tokens)", scaled(laps)])]
                    + peers(erlang: ["ring\(tokens)"], go: ["ring\(tokens)"]),
                figures: [
                    figure(
                        "ring of 1000, \(name), blocking", .perSecond, key: "hop", erlang: theirs, go: theirs,
                        goal: .asGoodAs(.erlang)),
                    figure(
                        "ring of 1000, \(name), handlers", .perSecond, key: "handler.hop", erlang: theirs, go: theirs,
                        goal: .asGoodAs(.erlang)),
                ]
            ).run(rounds: options.rounds, report: &report)
        }
    }

    func call(_ report: inout Report) {
        Trial(
            sides: [bothKinds("bench-call", "call", [scaled(500_000)])] + peers(erlang: ["gscall"], go: nil),
            figures: [
                figure("GenServer call, blocking", .nanoseconds, key: "call", erlang: "gen_server_call_ns"),
                figure("GenServer call, handler", .nanoseconds, key: "handler.call", erlang: "gen_server_call_ns"),
            ]
        ).run(rounds: options.rounds, report: &report)
    }

    /// Four spinning processes for each worker there may be.
    func fairness(_ report: inout Report) {
        let spinners = cores == .one ? "4" : "16"
        for kind in ["blocking", "handler"] {
            let arguments = [kind, spinners, scaled(1000)]
            let figures = [
                ("sleeper's lateness, \(spinners) \(kind) spinners, p50", "late-p50-ns", nil),
                ("  p99", "late-p99-ns", Goal.atMost(10_000_000)),
                ("message there and back, same spinners, p50", "trip-p50-ns", nil),
                ("  p99", "trip-p99-ns", nil),
            ]
            Trial(
                sides: [
                    (
                        .bulkhead,
                        { () throws(ProgramFailed) in
                            try read(contenders.ours("bench-fairness", arguments, on: cores))
                        }
                    )
                ],
                figures: figures.map { name, key, goal in
                    Trial.Figure(name: named(name), unit: .nanoseconds, goal: goal) { $1[key] }
                }
            ).run(rounds: max(1, options.rounds / 2), report: &report)
        }
    }
}
