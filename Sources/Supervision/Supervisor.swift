// OTP's supervisor (supervisor(3) of stdlib) as a pure state machine: events go in, actions come out. It has no clock, no
// processes and no timers of its own, so it can be held against the original.
//
// It differs from OTP 25 in two places, where that one errs under simple_one_for_one. A child whose restart is ignored is
// forgotten; OTP lists it without a process, and crashes over it at its end. And count_children/1 stays right after a child was
// terminated that was being restarted; OTP goes on to subtract it from the active ones. Of newer versions it has which_child/2,
// stop/1,3, and {already_started, Pid} of a start function as start_child/2's own error.

internal import CapabilityModel

package struct Supervisor: Sendable {
    /// What it does at this moment. Only `idle` takes what comes; the others wait for one thing, and keep the rest.
    enum State: Sendable {
        /// Before `begin`.
        case fresh
        case idle
        /// A start function runs.
        case starting(Starting)
        /// A child was told to end.
        case stopping(Stopping)
        /// All children of simple_one_for_one were.
        case stoppingAll(ParallelStop)
        case ended
    }

    /// States as they are counted in tests and shown to people.
    package enum StateKind: String, Hashable, Sendable, CaseIterable {
        case fresh, idle, startingFirst, restartingOne, restartingSeveral, startingForCall, stoppingForCall
        case stoppingToRestart, stoppingToEnd, stoppingAll, ended
    }

    /// How it will end once its children are stopped.
    struct Ending: Sendable {
        var reason: ExitReason
        /// A request to stop, which is answered then.
        var call: CallKey?
    }

    package internal(set) var flags: SupervisorFlags
    var state = State.fresh
    var mailbox = Mailbox()
    var intensity: RestartIntensity
    /// simple_one_for_one's one specification.
    var template: ChildSpec?
    var children = ChildTable()
    var dynamics = DynamicChildren()
    /// The specification that a start_child under way came with, or the arguments.
    var candidate: ChildSpec?
    var candidateExtra: [UInt8] = []
    var ending: Ending?
    /// Why children ended that ended otherwise than they were told to, and how many for each reason, in the order of the
    /// first of each; while all of simple_one_for_one are stopped.
    var misbehaved: [(reason: ExitReason, count: Int)] = []
    var misbehavedPlaces: [ExitReason: Int] = [:]
    var pauses: Pauses?
    private var attempts: UInt64 = 0
    private var timers: UInt64 = 0

    /// - Throws: whatever of the flags and specifications OTP refuses (`SupervisorFlags.validate`).
    package init(flags: SupervisorFlags, children: [ChildSpec]) throws(SpecError) {
        try flags.validate(children)
        self.flags = flags
        intensity = RestartIntensity(intensity: flags.intensity, period: flags.period)
        pauses = flags.backoff.map { Pauses($0) }
        template = flags.strategy == .simpleOneForOne ? children.first : nil
        guard template == nil else { return }
        for child in children {
            self.children.append(child)
        }
    }

    // MARK: Events

    /// Hears an event at `now` (CLOCK_MONOTONIC, in nanoseconds, not before that of the last call), and adds what is to be
    /// done to `actions`.
    package mutating func handle(_ event: Event, now: UInt64, into actions: inout [Action]) {
        switch (state, event) {
        case (.fresh, .begin): begin(&actions)
        case (.fresh, .exited), (.fresh, .timer), (.fresh, .retry), (.fresh, .call), (.fresh, .parentExited):
            return mailbox.append(event)
        case (.fresh, .started), (.fresh, .down): return

        case (.idle, .exited(let process, let reason)): exited(process, reason, now: now, &actions)
        case (.idle, .timer(let timer)): pauseEnded(timer, &actions)
        case (.idle, .retry(let child)): retry(child, now: now, &actions)
        case (.idle, .call(let call, let request)): handle(request, call, &actions)
        case (.idle, .parentExited(let reason)): beginEnding(reason, &actions)
        // What is waited for in another state comes in that state; a stray one is nobody's.
        case (.idle, .begin), (.idle, .started), (.idle, .down): return

        case (.starting(let starting), .started(let attempt, let outcome)):
            guard attempt == starting.attempt else { return }
            started(outcome, starting.purpose, now: now, &actions)
        case (.starting, .exited), (.starting, .timer), (.starting, .retry), (.starting, .call),
            (.starting, .parentExited):
            return mailbox.append(event)
        case (.starting, .begin), (.starting, .down): return

        case (.stopping(let stopping), .down(let process, let reason)):
            guard process == stopping.process else { return }
            stopped(stopping, reason, now: now, &actions)
        case (.stopping(let stopping), .timer(let timer)):
            guard timer == stopping.timer else { return mailbox.append(event) }
            kill(stopping, &actions)
        case (.stopping, .exited), (.stopping, .retry), (.stopping, .call), (.stopping, .parentExited):
            return mailbox.append(event)
        case (.stopping, .begin), (.stopping, .started): return

        case (.stoppingAll, .down(let process, let reason)): stoppedOne(process, reason, &actions)
        case (.stoppingAll(let stop), .timer(let timer)):
            if timer == stop.timer { killTheRest(&actions) }
        // Of what else comes only the reasons of the children are looked at any more.
        case (.stoppingAll, .exited): return mailbox.append(event)
        case (.stoppingAll, .begin), (.stoppingAll, .started), (.stoppingAll, .retry), (.stoppingAll, .call),
            (.stoppingAll, .parentExited):
            return

        case (.ended, .begin), (.ended, .started), (.ended, .exited), (.ended, .down), (.ended, .timer),
            (.ended, .retry), (.ended, .call), (.ended, .parentExited):
            return
        }
        drain(now: now, &actions)
    }

    /// Takes what came meanwhile, until it is deaf again or nothing is left.
    private mutating func drain(now: UInt64, _ actions: inout [Action]) {
        while case .idle = state, let event = mailbox.popFirst() {
            switch event {
            case .exited(let process, let reason): exited(process, reason, now: now, &actions)
            case .timer(let timer): pauseEnded(timer, &actions)
            case .retry(let child): retry(child, now: now, &actions)
            case .call(let call, let request): handle(request, call, &actions)
            case .parentExited(let reason): beginEnding(reason, &actions)
            // These are never kept.
            case .begin, .started, .down: break
            }
        }
        guard case .idle = state else { return }
        children.compact()
    }

    // MARK: Queries

    package var stateKind: StateKind {
        switch state {
        case .fresh: .fresh
        case .idle: .idle
        case .starting(let starting): starting.purpose.kind
        case .stopping(let stopping): stopping.purpose.kind
        case .stoppingAll: .stoppingAll
        case .ended: .ended
        }
    }

    /// Whether it waits for events of any kind, and has none left to look at.
    package var isIdle: Bool {
        if case .idle = state { true } else { false }
    }

    package var isEnded: Bool {
        if case .ended = state { true } else { false }
    }

    /// Events that wait until it listens again.
    package var waitingCount: Int { mailbox.count }

    /// Restarts that it would bear within its window at `now` (CLOCK_MONOTONIC, nanoseconds) before it gives up.
    package func restartsLeft(now: UInt64) -> Int { max(0, flags.intensity - intensity.count(now: now)) }

    /// Stamps that are kept of restarts: at most intensity + 1.
    package var stampCount: Int { intensity.kept }

    var isSimple: Bool { template != nil }

    // MARK: Numbers

    mutating func nextAttempt() -> StartAttempt {
        attempts += 1
        return StartAttempt(rawValue: attempts)
    }

    mutating func nextTimer() -> TimerKey {
        timers += 1
        return TimerKey(rawValue: timers)
    }
}
