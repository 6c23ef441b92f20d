// What is known of a child before it runs (supervisor(3), child_spec()).

/// When a child that ended is started again.
package enum RestartType: UInt8, Hashable, Sendable, CaseIterable {
    /// Always.
    case permanent
    /// When it ended otherwise than with normal, shutdown or {shutdown, Term}.
    case transient
    /// Never; its specification goes with it.
    case temporary
}

/// How a child is made to end.
package enum Shutdown: Hashable, Sendable {
    /// By an exit signal `kill`, at once.
    case brutalKill
    /// By an exit signal `shutdown`, and `kill` when it still lives so many nanoseconds later.
    case timeout(nanoseconds: UInt64)
    /// By an exit signal `shutdown`, whatever time it takes.
    case infinity

    /// OTP's default for workers: 5 s.
    package static let ofWorkers = Shutdown.timeout(nanoseconds: 5_000_000_000)
}

package enum ChildKind: UInt8, Hashable, Sendable, CaseIterable {
    case worker, supervisor
}

package struct ChildSpec: Hashable, Sendable {
    package var id: ChildID
    package var start: StartKey
    package var restart: RestartType
    package var significant: Bool
    package var shutdown: Shutdown
    package var kind: ChildKind

    /// With OTP's defaults: permanent, not significant, a worker with 5 s to shut down, a supervisor with all it needs.
    package init(
        id: ChildID, start: StartKey, restart: RestartType = .permanent, significant: Bool = false,
        shutdown: Shutdown? = nil, kind: ChildKind = .worker
    ) {
        self.id = id
        self.start = start
        self.restart = restart
        self.significant = significant
        self.shutdown = shutdown ?? (kind == .worker ? .ofWorkers : .infinity)
        self.kind = kind
    }

    /// Whether it may be a child of a supervisor with this setting.
    /// - Throws: `significantWithoutAutoShutdown`, `significantPermanent`, in this order.
    package func validate(under autoShutdown: AutoShutdown) throws(SpecError) {
        guard significant else { return }
        if autoShutdown == .never { throw .significantWithoutAutoShutdown(id) }
        if restart == .permanent { throw .significantPermanent(id) }
    }
}

/// What a child's place holds: OTP's pid, `undefined`, or `{restarting, Pid}`.
package enum ChildProcess: Hashable, Sendable {
    case none
    case running(ProcessKey)
    /// Its last start failed, or a pause comes before the next; the process it last was, if it was one.
    case restarting(ProcessKey?)

    package var running: ProcessKey? {
        if case .running(let process) = self { process } else { nil }
    }

    package var isRestarting: Bool {
        if case .restarting = self { true } else { false }
    }

    /// As it is kept when a restart failed.
    var failed: ChildProcess {
        switch self {
        case .none: .restarting(nil)
        case .running(let process): .restarting(process)
        case .restarting: self
        }
    }
}
