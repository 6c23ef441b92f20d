// What processes do to each other besides messages, and what comes of it: the words of SignalState.

package import CapabilityModel

/// A signal under way from one process to another (erts, "Signals"). Between two processes all signals and all messages keep
/// the order in which they were sent.
package enum Signal: Hashable, Sendable {
    case link
    /// Answered by `unlinkAck` with the same number.
    case unlink(UInt64)
    case unlinkAck(UInt64)
    case monitor(MonitorID)
    case demonitor(MonitorID)
    case down(MonitorID, ExitReason)
    /// From a process that ended, over a link: without effect where the link is none any more.
    case linkExit(ExitReason)
    /// exit/2. With the reason `kill` it cannot be trapped.
    case exit(ExitReason)

    /// What comes back from a process that is gone, or going; nil where nothing does. The signal's own sender gets it through its
    /// queue, as from the process that is gone, so that it comes after all that this one had sent.
    package var answerOfTheGone: Signal? {
        switch self {
        case .link: .linkExit(.noproc)
        case .monitor(let monitor): .down(monitor, .noproc)
        // The sender keeps the link's record until then.
        case .unlink(let number): .unlinkAck(number)
        case .unlinkAck, .demonitor, .down, .linkExit, .exit: nil
        }
    }
}

/// What happens to a process, as far as its signal state is concerned.
package enum SignalEvent: Hashable, Sendable {
    /// Taken from its queue, in order.
    case signal(Signal, from: ProcessID)
    /// A message through an alias was taken from its queue. Others need no look here.
    case message(through: AliasID)

    // What the process does itself.

    /// link/1. `isGone`: the peer is known to have ended.
    case link(ProcessID, isGone: Bool)
    case unlink(ProcessID)
    case monitor(MonitorID, ProcessID, alias: AliasID?)
    case demonitor(MonitorID)
    case alias(AliasID)
    case dropAlias(AliasID)
    /// process_flag(trap_exit).
    case trapExits(Bool)
    /// The parent's half of a spawn with a link; the child's is made with the child.
    case spawnedLink(ProcessID)
    case spawnedMonitor(MonitorID, ProcessID, alias: AliasID?)
    /// It returned, trapped, went past a limit or exited. Its `farewell`s come next.
    case ended
}

/// What an event makes necessary; at most one thing each.
package enum SignalEffect: Hashable, Sendable {
    case none
    /// To be put into that process's queue; what a gone one answers (`answerOfTheGone`) goes into the sender's own.
    case send(Signal, to: ProcessID)
    /// An EXIT message to append to its own mailbox.
    case exitMessage(from: ProcessID, ExitReason)
    /// A DOWN message to append to its own mailbox; the monitor is closed.
    case downMessage(MonitorID, from: ProcessID, ExitReason)
    /// The message belongs into the mailbox.
    case deliver
    /// The message vanishes: its alias is no longer active.
    case discard
    /// The process ends here, with this reason; no event but signals and `ended` may follow.
    case end(ExitReason)
    /// The call fails with `srch`: link/1 to a process that is gone, by one that does not trap exits.
    case noSuchProcess
}

/// What a process that has ended sends, in this order of kinds (erts: links, then monitors).
package enum Farewell: Hashable, Sendable {
    case linkExit(to: ProcessID)
    case down(MonitorID, to: ProcessID)
    /// It watched that process, whose record of it is of no use any more.
    case demonitor(MonitorID, at: ProcessID)

    package var target: ProcessID {
        switch self {
        case .linkExit(let target), .down(_, let target), .demonitor(_, let target): target
        }
    }

    package func signal(_ reason: ExitReason) -> Signal {
        switch self {
        case .linkExit: .linkExit(reason)
        case .down(let monitor, _): .down(monitor, reason)
        case .demonitor(let monitor, _): .demonitor(monitor)
        }
    }
}
