// Everything at random on the real runtime: spawn, message, link, monitor, kill, crash, names, aliases, direct calls. While it goes
// on each process judges what it sees; then all stand still and their bonds are compared; in the end nothing may be left.

import CapabilityModel
import LinuxKernel
import Synchronization
import Testing

@testable import ProcessRuntime

@Suite(.serialized) struct SoakTests {
    /// BULKHEAD_SOAK_SECONDS for a longer one.
    private static let seconds = environment("BULKHEAD_SOAK_SECONDS").flatMap { UInt64($0) } ?? 2

    /// Small tables use a block again at once, so that what is late meets another process.
    @Test(arguments: [(1, 1 << 20), (2, 48), (4, 48), (4, 1 << 20)])
    func anythingAtRandom(workers: Int, maximumProcesses: Int) throws {
        let seed = testSeed()
        print("soak, \(workers) workers, at most \(maximumProcesses) processes: seed \(seed)")
        let share = max(Self.seconds * 1_000_000_000 / 4, 100_000_000)
        let account = Account(limits: .roomy, lanes: workers)
        var firstSize: UInt64?
        let start = Clock.monotonicNow()
        var source = SplitMix64(seed: seed)
        var totals = (spawned: 0, rounds: 0)
        repeat {
            let round = SoakRound(
                workers: workers, maximumProcesses: maximumProcesses, seed: source.next(), account: account,
                nanoseconds: min(share, 500_000_000))
            let outcome = try round.run()
            guard outcome.problems.isEmpty else {
                Issue.record("seed \(seed): \(outcome.problems.joined(separator: "\n"))")
                return
            }
            totals.spawned += outcome.spawned
            totals.rounds += 1
            // The first rounds fill caches.
            if totals.rounds == 5 { firstSize = residentBytes() }
        } while Clock.monotonicNow() - start < share
        #expect(account.used(.processes) == 0 && account.used(.mailboxBytes) == 0 && account.used(.memory) == 0)
        let size = residentBytes()
        print("soak: \(totals.spawned) processes in \(totals.rounds) rounds, \(size >> 20) MiB resident")
        #expect(totals.spawned > 50, "a soak in which nothing happens tests nothing")
        if let firstSize, totals.rounds >= 20 { #expect(size < firstSize + 32 << 20, "memory grows") }
    }
}

/// One runtime from its start to its end.
private struct SoakRound {
    let workers: Int
    let maximumProcesses: Int
    let seed: UInt64
    let account: Account
    let nanoseconds: UInt64

    func run() throws -> (problems: [String], spawned: Int) {
        let runtime = try Runtime(
            Runtime.Configuration(
                workers: workers, maximumProcesses: maximumProcesses, spareThreads: 2, seed: seed | 1))
        let field = SoakField(most: min(40, maximumProcesses - 8))
        let root = SoakRoot(field, seed: seed, end: Clock.monotonicNow() + nanoseconds)
        let request = SpawnRequest(account: account, trapsExits: true)
        let spawned = try runtime.spawn(request) { StepBody(copy $0) { process, _ in root.step(process) } }.get()
        let reason = runtime.run(root: spawned.process)
        runtime.shutDown()
        var problems = field.complaints
        if reason != .normal { problems.append("the root ended with \(reason)") }
        if runtime.processCount != 0 { problems.append("\(runtime.processCount) processes are left") }
        if field.spawned.value != field.ended.value {
            problems.append("\(field.spawned.value) began, \(field.ended.value) ended")
        }
        if runtime.names.count != 0 { problems.append("\(runtime.names.count) names are left") }
        return (problems, field.spawned.value)
    }
}

/// Keeps the field populated, then judges it.
// SAFETY: used by one thread at a time, the one that runs the root process.
private final class SoakRoot: @unchecked Sendable {
    private enum Stage {
        case busy
        /// How often everyone has still to answer.
        case still(rounds: Int)
        case ending
    }

    private let field: SoakField
    private var source: SplitMix64
    private let end: UInt64
    private var stage = Stage.busy
    private var awaited: Set<ProcessID> = []
    private var monitors: [MonitorID: ProcessID] = [:]

    init(_ field: SoakField, seed: UInt64, end: UInt64) {
        self.field = field
        self.end = end
        source = SplitMix64(seed: seed)
    }

    func step(_ process: Process) -> Suspension {
        while let message = process.nextMessage() {
            let sender = ProcessID(rawValue: message.sender)
            switch message.kind {
            case .data: awaited.remove(sender)
            case .exit: break
            case .down(let monitor, _):
                if monitors.removeValue(forKey: monitor) != sender { field.complain("root: a DOWN too many") }
                awaited.remove(sender)
            }
            process.remove(message)
        }
        let now = Clock.monotonicNow()
        switch stage {
        case .busy:
            if now < end {
                while field.spawned.value - field.ended.value < 6 { spawn(process) }
                return .waiting(Wait(messages: true, deadline: now + 500_000))
            }
            field.phase.store(SoakField.Phase.still.rawValue, ordering: .releasing)
            return ask(process, rounds: 6)
        case .still(let rounds):
            if !awaited.isEmpty { return .awaitingMessage }
            if rounds > 0 { return ask(process, rounds: rounds - 1) }
            judge(process)
            for victim in living(process) {
                monitors[process.monitor(victim).0] = victim
                process.exit(victim, .normal, kill: true)
            }
            stage = .ending
            return .yielded
        case .ending:
            return monitors.isEmpty ? .finished(.normal) : .awaitingMessage
        }
    }

    private func spawn(_ process: Process) {
        let (field, seed) = (field, source.next())
        let request = SpawnRequest(
            parent: process, link: false, monitor: true, account: process.account, trapsExits: seed % 3 == 0)
        if case .success(let spawned) = process.runtime.spawn(request, body: { SoakActor(copy $0, field, seed: seed) }),
            let monitor = spawned.monitor
        {
            monitors[monitor] = spawned.process
        }
    }

    private func living(_ process: Process) -> [ProcessID] {
        field.population.withLock { Array($0.diaries.keys) }.filter { process.isAlive($0) }
    }

    /// Everyone is to answer: who does has handled all signals that were sent to it before.
    private func ask(_ process: Process, rounds: Int) -> Suspension {
        stage = .still(rounds: rounds)
        for peer in living(process) {
            if !monitors.values.contains(peer) { monitors[process.monitor(peer).0] = peer }
            awaited.insert(peer)
            process.send(0, to: peer, tag: SoakField.ping)
        }
        return .yielded
    }

    /// Nothing is under way.
    private func judge(_ process: Process) {
        let living = Set(living(process))
        for own in living {
            guard let diary = field.diary(own), let report = diary.report else {
                field.complain("\(own) did not report")
                continue
            }
            for peer in report.links
            where field.diary(peer)?.report?.links.contains(own) != true || !living.contains(peer) {
                field.complain(
                    "\(own) is linked to \(peer), which \(living.contains(peer) ? "is not to it" : "is gone")")
            }
            if report.watched != Set(diary.monitors.keys) {
                field.complain("\(own) watches \(report.watched), as it knows \(diary.monitors)")
            }
            for (monitor, target) in diary.monitors {
                if !living.contains(target) {
                    field.complain("\(own) has heard nothing of the end of \(target)")
                } else if field.diary(target)?.report?.watchers.contains(monitor) != true {
                    field.complain("\(target) does not know that \(own) watches it")
                }
            }
            let aliases = report.records - report.links.count - report.watchers.count - report.watched.count
            // Monitors may have an alias each.
            if aliases < diary.aliases.count || aliases > diary.aliases.count + diary.monitors.count {
                field.complain("\(own) has \(aliases) aliases and unlinks unanswered, of \(diary.aliases.count)")
            }
        }
    }
}
