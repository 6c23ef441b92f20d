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
    private let policy: CompiledPolicy
    private let observer: any RunObserver
    private let process: String
    private let spare: SpareCell
    private let streams: GuestStreams
    private let broker: Broker
    private let signals: SignalFD
    /// nil where the policy gives a whole CPU.
    private let throttle: CellThrottle?
    private let started: UInt64
    private let processors = UInt64(max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    /// Why we killed the cell; nil while we have not.
    private var verdict: ExitReason?
    /// What the cell says became of its guest.
    private var claim: ExitReason?
    private var results: [String] = []
    private var isControlOpen = true
    private var hasEnded = false
    private var isInterrupted = false
    /// Told a second time to end: whoever reads what the guest printed is not waited for.
    private var isAbandoned = false
    /// Denials that the cell says it could not keep apart; one event, for it could send any number of these.
    private var claimedDrops: UInt64 = 0
    /// Ends of processes that may still be written.
    private var exits = EventBudget()
    private var buffer = [UInt8](repeating: 0, count: controlMessageLimit)

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
            let planFile = try OwnedFileDescriptor(memoryNamed: "bulkhead-plan", sealable: true)
            try planFile.writeAll(plan.encoded())
            try planFile.seal()
            try HostFile.rewind(planFile)
            var descriptors = [planFile.rawValue, request.code.rawValue] + streams.cellEnds
            descriptors += request.mounts.rawValues + request.listeners.rawValues
            descriptors += request.moduleCode.rawValues + request.places.rawValues
            try spare.control.socket.send(SupervisorMessage.run.encoded(), descriptors: descriptors)
        } catch {
            throw .system(error, doing: "instruct the cell")
        }
        streams.closeCellEnds()
        self.spare = spare
        self.streams = streams
        self.observer = observer
        policy = request.policy
        process = "\(request.name)/\(spare.process.pid)"
        broker = Broker(
            capabilities: request.policy.capabilities, policies: plan.policies, listeners: request.listeners.rawValues,
            control: spare.control)
        started = Clock.monotonicNow()
        report(
            .started(
                module: request.name, moduleDigest: request.moduleDigest,
                arguments: request.arguments.dropFirst().map { String(decoding: $0, as: UTF8.self) }), isClaim: false)
        if !Landlock.isSupported {
            report(.weakened(what: "this kernel has no Landlock: paths are checked by WASI alone"), isClaim: false)
        }
        if policy.seccomp == .log {
            report(.weakened(what: "cell.seccomp = \"log\": system calls outside the profile are made"), isClaim: false)
        }
    }

    /// Serves the cell until it has ended and everything it printed has been passed on.
    package func run() throws(CellError) -> CellOutcome {
        do throws(SystemError) {
            var ended: (exit: ProcessExit, usage: ProcessUsage)?
            while ended == nil || (!isAbandoned && (isControlOpen || !streams.isDrained)) {
                try serve(isRunning: ended == nil)
                if ended == nil {
                    ended = try spare.process.poll()
                    if ended != nil { hearTheRest() }
                }
            }
            broker.close()
            reportRefusals()
            // A cell that did not end as one that reports does has nothing to say about its guest.
            let believed = ended?.exit == .exited(code: 0) ? claim : nil
            let reason = verdict ?? believed ?? reasonOfDeath(ended?.exit)
            if claimedDrops > 0 {
                report(.dropped(count: claimedDrops), isClaim: true)
            }
            report(.exited(reason), isClaim: verdict == nil && believed != nil)
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
        if isControlOpen {
            entries.append(PollEntry(raw: spare.control.socket.descriptor.rawValue, events: .read))
        }
        if let notice = broker.notice {
            entries.append(PollEntry(raw: notice, events: .read))
        }
        entries += streams.relays.compactMap(\.interest)
        let check = isRunning && verdict == nil ? nextCheck() : nil
        _ = try Poll.wait(&entries, deadline: [check, observer.deadline].compactMap { $0 }.min())
        observer.tick()
        reportRefusals()
        let ready = Set(entries.lazy.filter { !$0.ready.isEmpty }.map(\.raw))
        if ready.contains(signals.descriptor.rawValue) {
            try heedSignals()
        }
        if isControlOpen, ready.contains(spare.control.socket.descriptor.rawValue) {
            try hear()
        }
        streams.advance(ready: ready)
        if isRunning, verdict == nil {
            checkLimits()
        }
        // Not after a verdict: SIGKILL ends a stopped process too.
        if isRunning, verdict == nil, let throttle, let first = try throttle.step(spare.process) {
            report(.limitReached(.cpuShare, used: first.used, allowed: first.allowed), isClaim: false)
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
            end(.limit(.wall, used: elapsed, allowed: wall))
        } else if let cpu = limits.cpu, case let used = Clock.cpuTime(ofProcess: spare.process.pid), used >= cpu {
            end(.limit(.cpu, used: used, allowed: cpu))
        } else if output > limits.output {
            end(.limit(.output, used: output, allowed: limits.output))
        }
    }

    private func end(_ reason: ExitReason) {
        if verdict == nil {
            verdict = reason
            if case .limit(let kind, let used, let allowed) = reason {
                report(.limitReached(kind, used: used, allowed: allowed), isClaim: false)
            }
        }
        // It may have ended in this very moment; then there is nothing to kill.
        try? spare.process.send(signal: SIGKILL)
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
            end(.killedBySignal(signal))
        }
    }

    // MARK: The cell's word

    /// Hears a bounded number of messages, so that a cell that never stops talking cannot keep us from our limits.
    private func hear() throws(SystemError) {
        for _ in 0..<64 where isControlOpen {
            var span = buffer.mutableSpan
            let received: (count: Int, isTruncated: Bool)
            do {
                guard let message = try spare.control.socket.receive(into: &span, maximumDescriptors: 0, wait: false)
                else {
                    return
                }
                received = (message.count, message.isTruncated)
            } catch {
                return distrust("sent descriptors, or the control socket failed: \(error)")
            }
            guard received.count > 0 else {
                isControlOpen = false
                return
            }
            guard !received.isTruncated, let message = try? CellMessage(decoding: Array(buffer[..<received.count]))
            else {
                return distrust("sent a message that is none")
            }
            heed(message)
        }
    }

    /// The cell has ended, and all that it said and printed is in our buffers. Whoever it left behind with its ends of them
    /// is not waited for.
    private func hearTheRest() {
        hasEnded = true
        // More messages than a socket's buffer holds, however small they are.
        for _ in 0..<32 where isControlOpen {
            var one = [PollEntry(raw: spare.control.socket.descriptor.rawValue, events: .read)]
            guard let ready = try? Poll.wait(&one, deadline: 0), ready > 0 else { break }
            try? hear()
        }
        isControlOpen = false
        streams.endSources()
    }

    private func heed(_ message: CellMessage) {
        switch message {
        case .denied(let denial):
            let denial = denial.bounded()
            report(.denied(denial, origins: policy.origins(of: denial.key)), isClaim: true)
        case .dropped(let count):
            claimedDrops = claimedDrops.addingClamped(count)
        case .request(let request):
            if hasEnded { return }
            switch broker.submit(request) {
            case .accepted: break
            case .denied(let denial): report(.denied(denial, origins: policy.origins(of: denial.key)), isClaim: false)
            case .tooMany: distrust("has more than \(BrokerRequest.concurrencyLimit) requests under way")
            }
        case .released(let socket):
            broker.release(socket: socket)
        case .processExited(let process, let said):
            guard exits.spend(now: Clock.monotonicNow()) else {
                return claimedDrops = claimedDrops.addingClamped(1)
            }
            let reason = said.claimed()
            report(.processExited(process: process, reason: reason.name, detail: reason.detail), isClaim: true)
        case .results(let values):
            results = Array(values.prefix(1000))
        case .exited(let said):
            guard claim == nil else { return }
            let reason = said.claimed()
            claim = reason
            if case .limit(let kind, let used, let allowed) = reason {
                report(.limitReached(kind, used: used, allowed: allowed), isClaim: true)
            }
        }
    }

    /// What the broker found out after it had resolved a name.
    private func reportRefusals() {
        for denial in broker.takeDenials() {
            report(.denied(denial, origins: policy.origins(of: denial.key)), isClaim: false)
        }
    }

    /// A cell that breaks the protocol is not ours any more.
    private func distrust(_ what: String) {
        isControlOpen = false
        end(.cellFailed(message: "the cell \(what)"))
    }

    private func reasonOfDeath(_ exit: ProcessExit?) -> ExitReason {
        var text = [UInt8](repeating: 0, count: 2048)
        var span = text.mutableSpan
        let count = (try? spare.lastWords.read(into: &span)) ?? 0
        let words = EscapedText.forTerminal(bytes: text.prefix(count))
        if case .signaled(Signal.badSystemCall, _)? = exit {
            return .cellFailed(
                message: "the kernel ended it (SIGSYS): it made a system call outside the profile of its policy")
        }
        let ending = exit.map { "\($0)" } ?? "unknown"
        let how = claim == nil ? "without a report" : "otherwise than it had reported"
        return .cellFailed(message: "the cell ended \(how) (\(ending))" + (words.isEmpty ? "" : ": \(words)"))
    }

    private func report(_ kind: AuditEvent.Kind, isClaim: Bool) {
        observer.event(AuditEvent(process: process, policyDigest: policy.digest, isClaim: isClaim, kind: kind))
    }
}

extension UInt64 {
    fileprivate func addingClamped(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
