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

extension ExitReason {
    /// What a cell may say of its guest. Signals are for its supervisor to see, and never a cell's to claim.
    func claimed() -> ExitReason {
        if case .killedBySignal(let signal) = self {
            return .cellFailed(message: "the cell says that signal \(signal) ended its guest, which it cannot know")
        }
        return bounded()
    }
}
