// Sends a guest's denials to the supervisor as claims: at once while they are few, folded into counts when they flood.

import CapabilityModel
import CellProtocol
import LinuxKernel
import ProcessRuntime
import Synchronization
import WASIPreview1

/// A token bucket of messages and a bounded table of folded denials, so that ten million denied calls cost the
/// supervisor a few hundred messages a second and the cell a table of fixed size. Any thread may report.
final class DenialReporter: DenialSink, Sendable {
    /// Messages a second in the long run, and how many may go at once.
    private static let rate: UInt64 = 100
    private static let burst: UInt64 = 200
    /// Kinds of denial that are kept apart while folding.
    private static let tableLimit = 256

    private struct Kind: Hashable {
        var call: String
        var key: PolicyKey
        var errno: UInt16?
    }

    private let control: ControlChannel
    private let state: Mutex<State>

    init(control: ControlChannel) {
        self.control = control
        state = Mutex(State(now: Clock.monotonicNow()))
    }

    func denied(_ denial: Denial) {
        state.withLock { $0.report(denial, to: control) }
    }

    /// Reports the end of a process other than the first, if it is one that somebody should look at.
    func ended(_ process: ProcessID, _ reason: ExitReason) {
        switch reason {
        case .trap, .limit, .refused, .cellFailed: break
        case .normal, .exited, .killedBySignal, .shutdown, .shutdownWith, .kill, .killed, .noproc, .noconnection,
            .bytes:
            return
        }
        state.withLock { $0.report(.processExited(process: process.rawValue, reason.bounded()), to: control) }
    }

    /// Sends what is folded, waiting for the supervisor; for the end of the cell.
    func finish() {
        state.withLock { state in
            state.tokens = .max
            state.flush(to: control, waits: true)
        }
    }

    private struct State {
        var tokens = DenialReporter.burst
        private var refilled: UInt64
        private var folded: [Kind: Denial] = [:]
        private var dropped: UInt64 = 0

        init(now: UInt64) {
            refilled = now
        }

        mutating func report(_ denial: Denial, to control: ControlChannel) {
            refill()
            if folded.isEmpty, tokens > 0, control.send(.denied(denial), waits: false) {
                tokens -= 1
                return
            }
            fold(denial)
            if tokens > 0 {
                flush(to: control, waits: false)
            }
        }

        /// Something that cannot be folded: what does not go is counted.
        mutating func report(_ message: CellMessage, to control: ControlChannel) {
            refill()
            if tokens > 0, control.send(message, waits: false) {
                tokens -= 1
            } else {
                dropped += 1
            }
        }

        private mutating func refill() {
            let now = Clock.monotonicNow()
            let earned = (now - refilled) / (1_000_000_000 / DenialReporter.rate)
            guard earned > 0 else { return }
            refilled += earned * (1_000_000_000 / DenialReporter.rate)
            tokens = min(tokens + earned, DenialReporter.burst)
        }

        private mutating func fold(_ denial: Denial) {
            let kind = Kind(call: denial.call, key: denial.key, errno: denial.errno)
            if folded[kind] != nil {
                folded[kind]?.count += denial.count
            } else if folded.count < DenialReporter.tableLimit {
                folded[kind] = denial
            } else {
                dropped += denial.count
            }
        }

        mutating func flush(to control: ControlChannel, waits: Bool) {
            for (kind, denial) in folded where tokens > 0 {
                guard control.send(.denied(denial), waits: waits) else { return }
                tokens -= 1
                folded[kind] = nil
            }
            if folded.isEmpty, dropped > 0, control.send(.dropped(dropped), waits: waits) {
                dropped = 0
            }
        }
    }
}
