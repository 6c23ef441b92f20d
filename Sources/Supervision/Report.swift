// What OTP writes to its log as supervisor reports, as values.

package import CapabilityModel

package struct Report: Hashable, Sendable {
    /// OTP's errorContext.
    package enum Context: String, Hashable, Sendable, CaseIterable {
        /// A child ended, and is started again or was to stay.
        case childTerminated = "child_terminated"
        case startError = "start_error"
        /// A child ended otherwise than it was told to.
        case shutdownError = "shutdown_error"
        /// The supervisor gives up: reached_max_restart_intensity.
        case shutdown
    }

    package var context: Context
    /// Why the child ended or was not started; nil where the supervisor gives up.
    package var reason: ExitReason?
    package var child: ChildID
    package var process: ChildProcess
    /// How many children ended with this reason, where simple_one_for_one stops all at once; else 1.
    package var count: Int

    package init(context: Context, reason: ExitReason?, child: ChildID, process: ChildProcess, count: Int = 1) {
        self.context = context
        self.reason = reason
        self.child = child
        self.process = process
        self.count = count
    }
}

extension ExitReason {
    /// `{shutdown, {failed_to_start_child, Id, Reason}}`, as a supervisor ends whose children do not start.
    package static func failedToStart(_ child: ChildID, _ reason: ExitReason) -> ExitReason {
        ExitReason.shutdownWith(Array("failed_to_start_child: \(child): \(reason.words)".utf8)).bounded()
    }

    /// normal, shutdown, {shutdown, _}: how a child may end that nobody need hear of, unless it is permanent.
    var isOrderly: Bool {
        switch self {
        case .normal, .shutdown, .shutdownWith: true
        case .exited, .trap, .limit, .refused, .killedBySignal, .cellFailed, .kill, .killed, .noproc, .noconnection,
            .bytes:
            false
        }
    }

    /// In a line.
    package var words: String {
        switch self {
        case .normal: "normal"
        case .exited(let code): "exit code \(code)"
        case .trap(let kind, let message, _): kind == message ? "trap: \(kind)" : "trap: \(kind): \(message)"
        case .limit(let kind, let used, let allowed): "limit \(kind.rawValue): used \(used) of \(allowed)"
        case .refused(let message): "refused: \(message)"
        case .killedBySignal(let signal): "signal \(signal)"
        case .cellFailed(let message): "cell failed: \(message)"
        case .shutdown: "shutdown"
        case .shutdownWith(let bytes): "shutdown: \(String(decoding: bytes, as: UTF8.self))"
        case .kill: "kill"
        case .killed: "killed"
        case .noproc: "noproc"
        case .noconnection: "noconnection"
        case .bytes(let bytes): String(decoding: bytes, as: UTF8.self)
        }
    }
}
