// Runs one guest from spawn to the last byte: relays its streams, hears its claims, keeps its time, sees its end.

import AuditLog
package import CapabilityModel
import CellProtocol
import Glibc
import LinuxKernel

/// Hears what happens, in order. Called on the thread that runs the cell.
package protocol RunObserver: AnyObject {
    func event(_ event: AuditEvent)

    /// When `tick` wants to be called, CLOCK_MONOTONIC in nanoseconds; nil while there is nothing to do.
    var deadline: UInt64? { get }
    func tick()
}

package final class CellRun {
    private let observer: any RunObserver
    private let link: CellLink
    private let spare: SpareCell
    private let streams: GuestStreams
    private let signals: SignalFD
    /// nil where the policy gives a whole CPU.
    private let throttle: CellThrottle?
    private let started: UInt64
    private let processors = UInt64(max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    /// What the cell says became of its guest.
    private var claim: ExitReason?
    private var results: [String] = []
    private var isInterrupted = false
    /// Told a second time to end: whoever reads what the guest printed is not waited for.
    private var isAbandoned = false

    private var policy: CompiledPolicy { link.policy }
    private var verdict: ExitReason? { link.verdict }

    /// Gives a waiting cell its plan.
    package init(
        _ request: CellRequest, in spare: SpareCell, observer: any RunObserver
    ) throws(CellError) {
        let streams = try GuestStreams(
            request.policy.capabilities.stdio, name: request.name,
            outputLimit: request.policy.capabilities.limits.output)
        do throws(SystemError) {
            // Before a guest runs, so that no signal can slip between.
            signals = try SignalFD([SIGINT, SIGTERM, SIGHUP, SIGTSTP, Signal.cpuTimer])
            try Signal.ignore(SIGPIPE)
            let share = request.policy.capabilities.limits.cpuShare
            throttle = share < 100 ? try CellThrottle(percent: share, cell: spare.process) : nil
        } catch {
            throw .system(error, doing: "handle signals and the cell's CPU clock")
        }
        let plan = try CellPlan(request, streams: streams.kinds, cell: spare.process.pid)
        do throws(SystemError) {
            var descriptors = [request.code.rawValue] + streams.cellEnds
            descriptors += request.mounts.rawValues + request.listeners.rawValues
            descriptors += request.moduleCode.rawValues + request.places.rawValues
            try spare.hand(plan, descriptors)
        } catch {
            throw .system(error, doing: "instruct the cell")
        }
        streams.closeCellEnds()
        self.spare = spare
        self.streams = streams
        self.observer = observer
        let broker = Broker(
            capabilities: request.policy.capabilities, policies: plan.policies, listeners: request.listeners.rawValues,
            control: spare.control)
        link = CellLink(spare, name: request.name, policy: request.policy, broker: broker, observer: observer)
        started = Clock.monotonicNow()
        link.report(
            .started(
                module: request.name, moduleDigest: request.moduleDigest,
                arguments: request.arguments.dropFirst().map { String(decoding: $0, as: UTF8.self) }), isClaim: false)
        link.reportWeaknesses()
    }

    /// Serves the cell until it has ended and everything it printed has been passed on.
    package func run() throws(CellError) -> CellOutcome {
        do throws(SystemError) {
            var ended: (exit: ProcessExit, usage: ProcessUsage)?
            while ended == nil || (!isAbandoned && (link.isOpen || !streams.isDrained)) {
                try serve(isRunning: ended == nil)
                if ended == nil {
                    ended = try spare.process.poll()
                    if ended != nil { hearTheRest() }
                }
            }
            link.broker.close()
            link.reportRefusals()
            // A cell that did not end as one that reports does has nothing to say about its guest.
            let believed = ended?.exit == .exited(code: 0) ? claim : nil
            let reason = verdict ?? believed ?? link.reasonOfDeath(ended?.exit, hadReport: claim != nil)
            link.reportDrops()
            link.report(.exited(reason), isClaim: verdict == nil && believed != nil)
            return CellOutcome(
                reason: reason, results: results, usage: ended?.usage, stopped: throttle?.stopped ?? 0,
                failures: streams.failures)
        } catch {
            throw .system(error, doing: "watch the cell")
        }
    }

    /// One round: waits for whatever comes first and deals with all that is ready.
    private func serve(isRunning: Bool) throws(SystemError) {
        var entries = [PollEntry(raw: signals.descriptor.rawValue, events: .read)]
        if isRunning {
            entries.append(PollEntry(raw: spare.process.descriptor.rawValue, events: .read))
        }
        if link.isOpen {
            entries.append(PollEntry(raw: spare.control.socket.descriptor.rawValue, events: .read))
        }
        if let notice = link.broker.notice {
            entries.append(PollEntry(raw: notice, events: .read))
        }
        entries += streams.relays.compactMap(\.interest)
        let check = isRunning && verdict == nil ? nextCheck() : nil
        _ = try Poll.wait(&entries, deadline: [check, observer.deadline].compactMap { $0 }.min())
        observer.tick()
        link.reportRefusals()
        let ready = Set(entries.lazy.filter { !$0.ready.isEmpty }.map(\.raw))
        if ready.contains(signals.descriptor.rawValue) {
            try heedSignals()
        }
        if link.isOpen, ready.contains(spare.control.socket.descriptor.rawValue) {
            link.hear(heed)
        }
        streams.advance(ready: ready)
        if isRunning, verdict == nil {
            checkLimits()
        }
        // Not after a verdict: SIGKILL ends a stopped process too.
        if isRunning, verdict == nil, let throttle, let first = try throttle.step(spare.process) {
            link.report(.limitReached(.cpuShare, used: first.used, allowed: first.allowed), isClaim: false)
        }
    }

    // MARK: Limits

    /// When a time limit could be reached at the earliest. All processors at once use up CPU time so many times as fast as
    /// wall time passes.
    private func nextCheck() -> UInt64? {
        let limits = policy.capabilities.limits
        let now = Clock.monotonicNow()
        let wall = limits.wall.map { started.addingClamped($0) }
        // At least a millisecond: a guest that sleeps just short of its limit must not keep us awake.
        let cpu = limits.cpu.map { (limit: UInt64) -> UInt64 in
            let left = limit - min(limit, Clock.cpuTime(ofProcess: spare.process.pid))
            return now.addingClamped(max(left / processors, 1_000_000))
        }
        return [wall, cpu, throttle?.deadline].compactMap { $0 }.min()
    }

    private func checkLimits() {
        let limits = policy.capabilities.limits
        let elapsed = Clock.monotonicNow() - started
        let output = streams.output
        if let wall = limits.wall, elapsed >= wall {
            link.end(.limit(.wall, used: elapsed, allowed: wall))
        } else if let cpu = limits.cpu, case let used = Clock.cpuTime(ofProcess: spare.process.pid), used >= cpu {
            link.end(.limit(.cpu, used: used, allowed: cpu))
        } else if output > limits.output {
            link.end(.limit(.output, used: output, allowed: limits.output))
        }
    }

    /// The first signal ends the guest; after a second one its last output is not waited for. The terminal's
    /// suspend key stops the cell with us, for it would not hear of it: it is in a process group of its own.
    private func heedSignals() throws(SystemError) {
        while let (signal, _) = try signals.next() {
            if signal == SIGTSTP {
                try? spare.process.send(signal: SIGSTOP)
                raise(SIGSTOP)
                if throttle?.deadline == nil {
                    try? spare.process.send(signal: SIGCONT)
                }
                continue
            }
            if signal == Signal.cpuTimer {
                throttle?.timerFired()
                continue
            }
            isAbandoned = isInterrupted
            isInterrupted = true
            link.end(.killedBySignal(signal))
        }
    }

    // MARK: The cell's word

    /// The cell has ended, and all that it said and printed is in our buffers. Whoever it left behind with its ends of them
    /// is not waited for.
    private func hearTheRest() {
        link.hearTheRest(heed)
        streams.endSources()
    }

    private func heed(_ message: CellMessage) {
        switch message {
        case .results(let values):
            results = Array(values.prefix(1000))
        case .exited(let said):
            guard claim == nil else { return }
            let reason = said.claimed()
            claim = reason
            if case .limit(let kind, let used, let allowed) = reason {
                link.report(.limitReached(kind, used: used, allowed: allowed), isClaim: true)
            }
        case .denied, .dropped, .request, .released, .processExited: break
        case .started, .startIgnored, .startFailed, .ended, .probed, .inspected:
            link.distrust("tells of children that it was not given")
        }
    }
}
