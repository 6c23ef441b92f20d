// sched_yield, and the wait that is over at once.

internal import ProcessRuntime

extension Wait {
    /// Hands the thread back; whoever schedules may go on with the process at once.
    static let atOnce = Wait(descriptors: [], deadline: 0)
}

extension WASIProcess {
    /// `sched_yield`: hands the thread back once.
    package func schedYield() -> CallOutcome {
        if case .yielded = pending {
            pending = .none
            return .done(.success)
        }
        pending = .yielded
        return .wait(.atOnce)
    }
}
