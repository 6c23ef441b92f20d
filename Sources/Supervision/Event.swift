// What a supervisor hears: its mailbox, and the answers that it waits for.

package import CapabilityModel

/// A driver hands these over as they come; the machine keeps what comes while it is deaf. The order per process is that of
/// its signals: an `exited` of a link precedes the `down` of a monitor of the same process.
package enum Event: Equatable, Sendable {
    /// The first: starts the children.
    case begin
    /// What the start function of this attempt came to. No attempt is answered twice.
    case started(StartAttempt, StartOutcome)
    /// An 'EXIT' message from any process but the parent.
    case exited(ProcessKey, ExitReason)
    /// The DOWN of a monitor that the machine asked for; `noproc` if the process was gone already.
    case down(ProcessKey, ExitReason)
    case timer(TimerKey)
    /// What `Action.retryLater` asked for, having been through the driver's mailbox behind all that was there.
    case retry(ChildKey)
    case call(CallKey, Request)
    /// An 'EXIT' message from the parent.
    case parentExited(ExitReason)

    package enum Kind: UInt8, CaseIterable, Sendable {
        case begin, started, exited, down, timer, retry, call, parentExited
    }

    package var kind: Kind {
        switch self {
        case .begin: .begin
        case .started: .started
        case .exited: .exited
        case .down: .down
        case .timer: .timer
        case .retry: .retry
        case .call: .call
        case .parentExited: .parentExited
        }
    }
}

/// What a start function returned; the process is linked to the supervisor by then.
package enum StartOutcome: Hashable, Sendable {
    /// `{ok, Pid}` or `{ok, Pid, Info}`.
    case ok(ProcessKey, info: [UInt8]?)
    case ignore
    /// `{error, Reason}`; also whatever else it returned, and why it crashed.
    case error(ExitReason)
    /// `{error, {already_started, Pid}}`: it runs outside this supervisor.
    case alreadyStarted(ProcessKey)

    package static func ok(_ process: ProcessKey) -> StartOutcome { .ok(process, info: nil) }
}

/// The functions of supervisor(3).
package enum Request: Hashable, Sendable {
    /// start_child/2 with a specification.
    case startChild(ChildSpec)
    /// start_child/2 under simple_one_for_one, with arguments that are added to those of the specification.
    case startDynamicChild(extra: [UInt8])
    /// terminate_child/2: by process under simple_one_for_one, by id under the others.
    case terminateChild(ChildKey)
    case restartChild(ChildID)
    case deleteChild(ChildID)
    case childSpec(ChildKey)
    case whichChild(ChildKey)
    case whichChildren
    case countChildren
    /// code_change/3: these flags and specifications from now on. Children keep running, those of new specifications are not
    /// started, and those of which it says nothing stay, as the newest.
    case change(SupervisorFlags, [ChildSpec])
    /// stop/1,3: stops the children and ends with this reason; the reply comes right before the end.
    case stop(ExitReason)
}
