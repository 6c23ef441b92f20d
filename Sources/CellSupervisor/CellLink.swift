// A cell as its supervisor deals with it, whatever it runs: hears its claims, keeps its broker, ends it, and knows why it
// ended.

import AuditLog
import CapabilityModel
import CellProtocol
import Glibc
import LinuxKernel

/// What processes of a cell are called that are known by more than their ids.
final class ProcessLabels {
    var table: [UInt64: String] = [:]
}

/// Belongs to the thread that runs the cell.
final class CellLink {
    let policy: CompiledPolicy
    let spare: SpareCell
    let broker: Broker
    /// As events name it.
    let process: String
    private let observer: any RunObserver
    /// Of supervised children.
    var labels: ProcessLabels?
    /// Why we killed the cell; nil while we have not.
    private(set) var verdict: ExitReason?
    private(set) var isOpen = true
    /// Nothing that the cell asks for is done any more.
    private(set) var hasEnded = false
    /// Denials that the cell says it could not keep apart; one event, for it could send any number of these.
    private var claimedDrops: UInt64 = 0
    /// Ends of processes that may still be written.
    private var exits = EventBudget()
    private var buffer = [UInt8](repeating: 0, count: controlMessageLimit)

    init(_ spare: SpareCell, name: String, policy: CompiledPolicy, broker: Broker, observer: any RunObserver) {
        self.spare = spare
        self.policy = policy
        self.broker = broker
        self.observer = observer
        process = "\(name)/\(spare.process.pid)"
    }

    func report(_ kind: AuditEvent.Kind, isClaim: Bool, as name: String? = nil) {
        let process = name.map { "\($0)/\(spare.process.pid)" } ?? process
        observer.event(AuditEvent(process: process, policyDigest: policy.digest, isClaim: isClaim, kind: kind))
    }

    /// Says where the cell runs with less protection than it could.
    func reportWeaknesses() {
        if !Landlock.isSupported {
            report(.weakened(what: "this kernel has no Landlock: paths are checked by WASI alone"), isClaim: false)
        }
        if policy.seccomp == .log {
            report(.weakened(what: "cell.seccomp = \"log\": system calls outside the profile are made"), isClaim: false)
        }
    }

    // MARK: The cell's word

    /// Hears a bounded number of messages, so that a cell that never stops talking cannot keep us from our limits. Those that
    /// are not alike for all cells go to `heed`.
    func hear(_ heed: (CellMessage) -> Void) {
        for _ in 0..<64 where isOpen {
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
                isOpen = false
                return
            }
            guard !received.isTruncated, let message = try? CellMessage(decoding: Array(buffer[..<received.count]))
            else {
                return distrust("sent a message that is none")
            }
            if !settle(message) { heed(message) }
        }
    }

    /// The cell has ended, and all that it said is in our buffers.
    func hearTheRest(_ heed: (CellMessage) -> Void) {
        hasEnded = true
        // More messages than a socket's buffer holds, however small they are.
        for _ in 0..<32 where isOpen {
            var one = [PollEntry(raw: spare.control.socket.descriptor.rawValue, events: .read)]
            guard let ready = try? Poll.wait(&one, deadline: 0), ready > 0 else { break }
            hear(heed)
        }
        isOpen = false
    }

    /// - Returns: whether the message is one that all cells send, and dealt with.
    private func settle(_ message: CellMessage) -> Bool {
        switch message {
        case .denied(let denial):
            let denial = denial.bounded()
            report(
                .denied(denial, origins: policy.origins(of: denial.key)), isClaim: true, as: label(denial.process))
        case .dropped(let count): drop(count)
        case .request(let request):
            if hasEnded { return true }
            switch broker.submit(request) {
            case .accepted: break
            case .denied(let denial):
                report(
                    .denied(denial, origins: policy.origins(of: denial.key)), isClaim: false,
                    as: label(denial.process))
            case .tooMany: distrust("has more than \(BrokerRequest.concurrencyLimit) requests under way")
            }
        case .released(let socket):
            broker.release(socket: socket)
        case .processExited(let process, let said):
            guard exits.spend(now: Clock.monotonicNow()) else {
                drop(1)
                return true
            }
            let reason = said.claimed()
            report(.processExited(process: process, reason: reason.name, detail: reason.detail), isClaim: true)
        case .exited, .results, .started, .startIgnored, .startFailed, .ended, .probed, .inspected: return false
        }
        return true
    }

    private func label(_ process: UInt64?) -> String? {
        process.flatMap { labels?.table[$0] }
    }

    private func drop(_ count: UInt64) {
        claimedDrops = claimedDrops.addingClamped(count)
    }

    /// What the broker found out after it had resolved a name.
    func reportRefusals() {
        for denial in broker.takeDenials() {
            report(.denied(denial, origins: policy.origins(of: denial.key)), isClaim: false)
        }
    }

    /// One event for all that was folded; at the end.
    func reportDrops() {
        if claimedDrops > 0 {
            report(.dropped(count: claimedDrops), isClaim: true)
        }
    }

    // MARK: Its end

    func end(_ reason: ExitReason) {
        if verdict == nil {
            verdict = reason
            if case .limit(let kind, let used, let allowed) = reason {
                report(.limitReached(kind, used: used, allowed: allowed), isClaim: false)
            }
        }
        // It may have ended in this very moment; then there is nothing to kill.
        try? spare.process.send(signal: SIGKILL)
    }

    /// A cell that breaks the protocol is not ours any more.
    func distrust(_ what: String) {
        isOpen = false
        end(.cellFailed(message: "the cell \(what)"))
    }

    /// Why the cell ended, by what we see. `hadReport` says whether it had told of an end of its own.
    func reasonOfDeath(_ exit: ProcessExit?, hadReport: Bool) -> ExitReason {
        var text = [UInt8](repeating: 0, count: 2048)
        var span = text.mutableSpan
        let count = (try? spare.lastWords.read(into: &span)) ?? 0
        let words = EscapedText.forTerminal(bytes: text.prefix(count))
        if case .signaled(Signal.badSystemCall, _)? = exit {
            return .cellFailed(
                message: "the kernel ended it (SIGSYS): it made a system call outside the profile of its policy")
        }
        let ending = exit.map { "\($0)" } ?? "unknown"
        let how = hadReport ? "otherwise than it had reported" : "without a report"
        return .cellFailed(message: "the cell ended \(how) (\(ending))" + (words.isEmpty ? "" : ": \(words)"))
    }
}

extension UInt64 {
    func addingClamped(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
