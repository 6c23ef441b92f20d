// What a supervisor has done for it, in this order.

package import CapabilityModel

package enum Action: Equatable, Sendable {
    /// Calls the start function, which links the child to the supervisor, and answers with `Event.started`. `extra`: the
    /// arguments of a dynamic child.
    case start(StartAttempt, StartKey, extra: [UInt8], child: ChildID)
    /// All children are started: start_link returns. Who never hears it and then hears `end` was not started.
    case ready
    /// monitor/2; its DOWN comes as `Event.down`.
    case monitor(ProcessKey)
    /// exit/2.
    case signal(ProcessKey, ExitSignal)
    /// unlink/1, of a process whose DOWN has come. An EXIT of it that comes later is a stranger's.
    case unlink(ProcessKey)
    case setTimer(TimerKey, nanoseconds: UInt64)
    /// Its event may be under way; it is ignored.
    case cancelTimer(TimerKey)
    /// Sends the supervisor `Event.retry`, behind all that its mailbox has.
    case retryLater(ChildKey)
    case reply(CallKey, Reply)
    /// A reply that depends on who is alive at this moment, which only the driver knows: `Inquiry.reply`.
    case inquire(CallKey, Inquiry)
    case report(Report)
    /// A specification that came with a call and was not kept, or was kept and is deleted: nothing will start it again.
    case discard(StartKey)
    /// The supervisor ends with this reason; no child runs any more. Requests that are unanswered stay so, as those of
    /// gen_server:call/3, whose monitor tells the caller.
    case end(ExitReason)
}

package enum ExitSignal: UInt8, Hashable, Sendable {
    case shutdown
    /// The untrappable one.
    case kill
}

package enum Reply: Hashable, Sendable {
    case ok
    /// `{ok, Pid}`, `{ok, Pid, Info}`; without a process `{ok, undefined}`.
    case started(ProcessKey?, info: [UInt8]?)
    case spec(ChildSpec)
    case child(ChildInfo)
    /// Newest first; in no order under simple_one_for_one.
    case children([ChildInfo])
    case counts(ChildCounts)
    case error(RequestError)
}

/// Why a request was refused.
package enum RequestError: Error, Hashable, Sendable {
    case alreadyPresent
    /// Under this supervisor, or outside it: then its start function said so.
    case alreadyStarted(ProcessKey)
    case startFailed(ExitReason)
    case badSpec(SpecError)
    case notFound
    case running
    case restarting
    /// Not to be asked of such a supervisor.
    case simpleOneForOne
}

/// A line of which_children/1.
package struct ChildInfo: Hashable, Sendable {
    /// nil under simple_one_for_one.
    package var id: ChildID?
    package var process: ChildProcess
    package var kind: ChildKind

    package init(id: ChildID?, process: ChildProcess, kind: ChildKind) {
        self.id = id
        self.process = process
        self.kind = kind
    }
}

/// What count_children/1 gives.
package struct ChildCounts: Hashable, Sendable {
    package var specs: Int
    package var active: Int
    package var supervisors: Int
    package var workers: Int

    package init(specs: Int, active: Int, supervisors: Int, workers: Int) {
        self.specs = specs
        self.active = active
        self.supervisors = supervisors
        self.workers = workers
    }
}

/// A reply for which OTP asks is_process_alive/1.
package enum Inquiry: Equatable, Sendable {
    /// A process that is no child: is it gone?
    case stranger(ProcessKey, gone: Reply, alive: Reply)
    /// The counts, whose `active` is that of those of these processes that are alive.
    case counts(ChildCounts, [ProcessKey])

    package func reply(isAlive: (ProcessKey) -> Bool) -> Reply {
        switch self {
        case .stranger(let process, let gone, let alive): return isAlive(process) ? alive : gone
        case .counts(var counts, let processes):
            counts.active = processes.reduce(0) { $0 + (isAlive($1) ? 1 : 0) }
            return .counts(counts)
        }
    }
}
