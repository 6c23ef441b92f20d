// What a cell says, cut to size.

import CapabilityModel

extension Denial {
    /// As a log takes it: bounded text, whatever the cell sent.
    func bounded() -> Denial {
        var copy = self
        copy.call = call.cut(toBytes: 128)
        copy.arguments = arguments.cut(toBytes: 512)
        copy.key = PolicyKey(key.path.cut(toBytes: 4200))
        return copy
    }
}

/// How many lines of one kind a cell may have written: a token bucket.
struct EventBudget {
    private static let burst: UInt64 = 200
    private static let interval: UInt64 = 50_000_000
    private var left = EventBudget.burst
    private var refilled: UInt64 = 0

    /// Takes one, if one is left at `now` (CLOCK_MONOTONIC, in nanoseconds).
    mutating func spend(now: UInt64) -> Bool {
        let earned = (now - min(now, refilled)) / EventBudget.interval
        if earned > 0 {
            left = min(EventBudget.burst, left + min(earned, EventBudget.burst))
            refilled = now
        }
        guard left > 0 else { return false }
        left -= 1
        return true
    }
}

extension ExitReason {
    /// What there is to say of it beside its name, in a line.
    var detail: String {
        switch self {
        case .normal, .shutdown, .kill, .killed, .noproc, .noconnection: ""
        case .exited(let code): "code \(code)"
        case .trap(let kind, let message, let backtrace):
            (message.isEmpty || message == kind ? kind : "\(kind): \(message)")
                + (backtrace.first.map { " at \($0.function ?? "function \($0.functionIndex)")" } ?? "")
        case .limit(let kind, let used, let allowed): "\(kind.rawValue): used \(used) of \(allowed)"
        case .refused(let message), .cellFailed(let message): message
        case .killedBySignal(let signal): "signal \(signal)"
        case .bytes(let bytes), .shutdownWith(let bytes): EscapedText.forTerminal(bytes: bytes.prefix(256))
        }
    }

    /// What a cell may say of its guest. Signals are for its supervisor to see, and never a cell's to claim.
    func claimed() -> ExitReason {
        if case .killedBySignal(let signal) = self {
            return .cellFailed(message: "the cell says that signal \(signal) ended its guest, which it cannot know")
        }
        return bounded()
    }
}
