// Figures that an observer takes: memory of waiting processes, CPU time of sleepers, requests of an echo server.

import BenchmarkSupport

extension Trials {
    /// What `count` waiting processes take, and how long starting them took.
    func memory(_ report: inout Report, count: Int) {
        let isMillion = count >= 1_000_000
        let shown = isMillion ? "\(fixed(Double(count) / 1e6, 0))M" : "\(count / 1000)k"
        for kind in isMillion && count > 1_000_000 ? ["handler"] : ["blocking", "handler"] {
            let isBlocking = kind == "blocking"
            func figure(
                _ name: String, _ unit: Unit, _ key: String, erlang: String = "", go: String = "", scale: Double = 1,
                goal: Goal? = nil
            ) -> Trial.Figure {
                Trial.Figure(name: named("\(shown) idle, \(kind): \(name)"), unit: unit, goal: goal) {
                    switch $0 {
                    case .bulkhead: $1[key]
                    case .erlang: $1[erlang].map { $0 * scale }
                    case .go: $1[go].map { $0 * scale }
                    }
                }
            }
            var figures = [
                figure(
                    "each", .bytes, "each", erlang: "rss_bytes_per_proc", go: "rss_bytes_per_goroutine",
                    goal: isBlocking ? .atMost(17 * 1024) : nil),
                figure(
                    "spawned in", .nanoseconds, "spawned-ns", erlang: "spawn_all_ms", go: "spawn_all_ms", scale: 1e6,
                    goal: isBlocking && count == 100_000 ? .atMost(2e9) : nil),
            ]
            if isMillion {
                figures.append(
                    figure("cell in all", .bytes, "total", goal: isBlocking ? .atMost(Double(20 << 30)) : nil))
            }
            let ours: Trial.Side = (.bulkhead, { () throws(ProgramFailed) in try idle(kind, count) })
            Trial(
                sides: [ours] + peers(erlang: ["idle", "\(count)", "plain"], go: ["idle", "\(count)"]),
                figures: figures
            ).run(rounds: isMillion ? 1 : max(1, options.rounds / 2), report: &report)
        }
    }

    private func idle(_ kind: String, _ count: Int) throws(ProgramFailed) -> Readings {
        let program = try LiveProgram(contenders.ours("bench-idle", [kind, "\(count)", "30"], on: cores))
        defer { program.stop() }
        var readings = Readings()
        _ = try program.line("baseline")
        pause(0.7)
        let before = cellMemory(program)
        _ = try program.line("starting")
        let begin = ChildProcess.now()
        _ = try program.line("waiting") { readings.add($0) }
        readings["spawned-ns"] = settled(program) - begin
        let after = cellMemory(program)
        guard before > 0, after > before else { throw ProgramFailed(description: "no cell to look at") }
        readings["each"] = (after - before) / Double(count)
        readings["total"] = after
        return readings
    }

    /// When the cell last used any CPU time: the one that says that all have started need not be the last to run.
    private func settled(_ program: LiveProgram) -> Double {
        var used = processorTime(program)
        var last = ChildProcess.now()
        // Longer than the kernel's hundredths of a second, and than a busy machine lets a thread wait.
        while ChildProcess.now() - last < 5e8 {
            pause(0.02)
            let now = processorTime(program)
            if now > used { last = ChildProcess.now() }
            used = now
        }
        return last
    }

    private func cellMemory(_ program: LiveProgram) -> Double {
        program.processes(["bulkhead-cell"]).map(\.memory).reduce(0, +)
    }

    /// CPU time a wake-up of 20,000 sleepers: the cell's and the supervisor's together.
    func sleepers(_ report: inout Report) {
        let key = "ticks_cpu_us_per_wakeup"
        let ours: Trial.Side = (
            .bulkhead,
            { () throws(ProgramFailed) in
                let seconds = options.isQuick ? "3" : "20"
                let program = try LiveProgram(contenders.ours("bench-sleepers", ["20000", seconds], on: cores))
                defer { program.stop() }
                var readings = Readings()
                _ = try program.line("measuring")
                let before = processorTime(program)
                readings.add(try program.line("wakeups")[...])
                let used = processorTime(program) - before
                guard let wakeups = readings["wakeups"], wakeups > 0 else {
                    throw ProgramFailed(description: "nobody woke up")
                }
                readings.add(try program.line("window-ns")[...])
                readings["each"] = used / wakeups
                // Ten each, for so many seconds: fewer means that they came late.
                readings["missed"] = 1 - wakeups / (200_000 * (readings["window-ns"] ?? 0) / 1e9)
                return readings
            }
        )
        Trial(
            sides: [ours] + peers(erlang: ["ticks"], go: ["ticks"]),
            figures: [
                Trial.Figure(
                    name: named("20,000 sleepers of 100 ms, CPU a wake-up"), unit: .nanoseconds, goal: .asGoodAs(.go)
                ) { contender, readings in
                    contender == .bulkhead ? readings["each"] : readings[key].map { $0 * 1000 }
                },
                Trial.Figure(name: named("  wake-ups a second"), unit: .perSecond) { contender, readings in
                    contender == .bulkhead
                        ? readings["missed"].map { (1 - $0) * 200_000 } : readings["ticks_per_s"]
                },
            ]
        ).run(rounds: max(1, options.rounds / 2), report: &report)
    }

    private func processorTime(_ program: LiveProgram) -> Double {
        program.processes(["bulkhead", "bulkhead-cell"]).map(\.processorTime).reduce(0, +)
    }

    /// Requests a second of an echo server, and the CPU time of each.
    func echo(_ report: inout Report) {
        let port = "7777"
        for connections in [50, 1000] {
            let servers: [(Contender, [String], Set<String>)] = [
                (.bulkhead, contenders.ours("bench-echo", [port], on: cores), ["bulkhead", "bulkhead-cell"]),
                (.erlang, contenders.erlang(["echo", port, "raw"], on: cores), ["beam.smp"]),
                (.go, contenders.go(["echo", port], on: cores), ["peer_go"]),
            ]
            let sides: [Trial.Side] = servers.filter {
                $0.0 == .bulkhead || contenders.peers.contains($0.0)
            }.map { contender, words, names in
                (contender, { () throws(ProgramFailed) in try load(words, names, port, connections) })
            }
            Trial(
                sides: sides,
                figures: [
                    Trial.Figure(
                        name: named("echo, \(connections) connections"), unit: .perSecond, goal: .asGoodAs(.go)
                    ) { $1["requests-per-s"] },
                    Trial.Figure(name: named("  latency, p99"), unit: .nanoseconds) {
                        $1["p99-us"].map { $0 * 1000 }
                    },
                    Trial.Figure(name: named("  server's CPU a request"), unit: .nanoseconds) {
                        $1["server-cpu-us-per-request"].map { $0 * 1000 }
                    },
                ]
            ).run(rounds: max(1, options.rounds / 2), report: &report)
        }
    }

    /// Puts a server under load; with one core for the server, the clients get another.
    private func load(
        _ server: [String], _ names: Set<String>, _ port: String, _ connections: Int
    ) throws(ProgramFailed) -> Readings {
        let program = try LiveProgram(server)
        defer { program.stop() }
        _ = try program.line("ready", within: 20)
        let pids = program.processes(names).flatMap { ["--pid", "\($0.pid)"] }
        var words = [contenders.load, port, "\(connections)", options.isQuick ? "1" : "5"] + pids
        if cores == .one { words = ["taskset", "-c", "1"] + words }
        return try read(words)
    }
}
