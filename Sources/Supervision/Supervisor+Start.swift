// Starting children: those of the beginning, those of a restart, and those that are asked for.

internal import CapabilityModel

extension Supervisor {
    struct Starting: Sendable {
        let attempt: StartAttempt
        let purpose: StartPurpose
    }

    /// What the start function's answer is for. Numbers are places of children.
    enum StartPurpose: Sendable {
        /// The children of the beginning, in order.
        case initial(Int)
        /// All from some place on, in order, because of the origin.
        case sequence(Int, origin: Origin)
        /// one_for_one.
        case restart(Int)
        case dynamicRestart(Int)
        case startCall(CallKey)
        case dynamicStartCall(CallKey)
        case restartCall(CallKey, Int)

        var kind: StateKind {
            switch self {
            case .initial: .startingFirst
            case .sequence: .restartingSeveral
            case .restart, .dynamicRestart: .restartingOne
            case .startCall, .dynamicStartCall, .restartCall: .startingForCall
            }
        }
    }

    /// The child whose end brought a restart of several about, and what it was before.
    struct Origin: Sendable {
        let place: Int
        let former: ChildProcess
    }

    mutating func begin(_ actions: inout [Action]) {
        if isSimple {
            actions.append(.ready)
            state = .idle
        } else {
            startNext(from: 0, nil, &actions)
        }
    }

    /// Starts the first child at or after the place; when there is none left, all are.
    mutating func startNext(from first: Int, _ origin: Origin?, _ actions: inout [Action]) {
        var place = first
        while place < children.end {
            if let child = children[place] {
                let purpose: StartPurpose = origin.map { .sequence(place, origin: $0) } ?? .initial(place)
                return start(child.spec, purpose, &actions)
            }
            place += 1
        }
        if origin == nil { actions.append(.ready) }
        state = .idle
    }

    mutating func start(
        _ spec: ChildSpec, extra: [UInt8] = [], _ purpose: StartPurpose, _ actions: inout [Action]
    ) {
        let attempt = nextAttempt()
        actions.append(.start(attempt, spec.start, extra: extra, child: spec.id))
        state = .starting(Starting(attempt: attempt, purpose: purpose))
    }

    mutating func started(
        _ outcome: StartOutcome, _ purpose: StartPurpose, now: UInt64, _ actions: inout [Action]
    ) {
        state = .idle
        switch purpose {
        case .initial(let place): startedInitial(place, outcome, &actions)
        case .sequence(let place, let origin): startedInSequence(place, origin, outcome, &actions)
        case .restart(let place): restarted(place, outcome, &actions)
        case .dynamicRestart(let place): restartedDynamic(place, outcome, &actions)
        case .startCall(let call): answerStart(call, outcome, &actions)
        case .dynamicStartCall(let call): answerDynamicStart(call, outcome, &actions)
        case .restartCall(let call, let place): answerRestart(call, place, outcome, &actions)
        }
    }

    private mutating func startedInitial(_ place: Int, _ outcome: StartOutcome, _ actions: inout [Action]) {
        guard let spec = children[place]?.spec else { return }
        switch outcome {
        case .ok(let process, _): children.set(place, .running(process))
        case .ignore: if spec.restart == .temporary { delete(place, &actions) }
        case .error, .alreadyStarted:
            // Nothing is tried again here, and nothing counted.
            let reason = outcome.failure
            report(.startError, reason, spec, .none, &actions)
            return beginEnding(.failedToStart(spec.id, reason), &actions)
        }
        startNext(from: place + 1, nil, &actions)
    }

    private mutating func startedInSequence(
        _ place: Int, _ origin: Origin, _ outcome: StartOutcome, _ actions: inout [Action]
    ) {
        guard let spec = children[place]?.spec else { return }
        switch outcome {
        case .ok(let process, _): children.set(place, .running(process))
        case .ignore: break
        case .error, .alreadyStarted:
            // Those behind it stay as they are: stopped, and not being restarted.
            report(.startError, outcome.failure, spec, .none, &actions)
            children.set(place, place == origin.place ? origin.former.failed : .restarting(nil))
            actions.append(.retryLater(.id(spec.id)))
            return
        }
        startNext(from: place + 1, origin, &actions)
    }

    private mutating func restarted(_ place: Int, _ outcome: StartOutcome, _ actions: inout [Action]) {
        guard let child = children[place] else { return }
        switch outcome {
        case .ok(let process, _): children.set(place, .running(process))
        case .ignore: children.set(place, .none)
        case .error, .alreadyStarted:
            children.set(place, child.process.failed)
            report(.startError, outcome.failure, child.spec, child.process, &actions)
            actions.append(.retryLater(.id(child.spec.id)))
        }
    }

    private mutating func restartedDynamic(_ place: Int, _ outcome: StartOutcome, _ actions: inout [Action]) {
        guard let template, let entry = dynamics[place] else { return }
        switch outcome {
        case .ok(let process, _):
            pauses?.rename(.process(entry.process), .process(process))
            dynamics.set(place, running: process)
        // OTP keeps a child without a process here, and fails over it when it stops; start_child/2 keeps none.
        case .ignore: removeDynamic(place)
        case .error, .alreadyStarted:
            dynamics.setRestarting(place)
            let process: ChildProcess = entry.isRestarting ? .restarting(entry.process) : .running(entry.process)
            report(.startError, outcome.failure, template, process, &actions)
            actions.append(.retryLater(.process(entry.process)))
        }
    }

    // MARK: Of requests

    private mutating func answerStart(_ call: CallKey, _ outcome: StartOutcome, _ actions: inout [Action]) {
        guard let spec = candidate else { return }
        candidate = nil
        switch outcome {
        case .ok(let process, let info):
            children.set(children.append(spec), .running(process))
            actions.append(.reply(call, .started(process, info: info)))
        case .ignore:
            if spec.restart == .temporary {
                actions.append(.discard(spec.start))
            } else {
                children.append(spec)
            }
            actions.append(.reply(call, .started(nil, info: nil)))
        case .error, .alreadyStarted:
            actions.append(.discard(spec.start))
            actions.append(.reply(call, .error(outcome.refusal)))
        }
    }

    private mutating func answerDynamicStart(_ call: CallKey, _ outcome: StartOutcome, _ actions: inout [Action]) {
        switch outcome {
        case .ok(let process, let info):
            // A temporary child is not started again: its arguments are of no more use.
            dynamics.insert(process, extra: template?.restart == .temporary ? [] : candidateExtra)
            actions.append(.reply(call, .started(process, info: info)))
        case .ignore: actions.append(.reply(call, .started(nil, info: nil)))
        case .error, .alreadyStarted: actions.append(.reply(call, .error(outcome.refusal)))
        }
        candidateExtra = []
    }

    private mutating func answerRestart(
        _ call: CallKey, _ place: Int, _ outcome: StartOutcome, _ actions: inout [Action]
    ) {
        switch outcome {
        case .ok(let process, let info):
            children.set(place, .running(process))
            actions.append(.reply(call, .started(process, info: info)))
        case .ignore: actions.append(.reply(call, .started(nil, info: nil)))
        case .error, .alreadyStarted: actions.append(.reply(call, .error(outcome.refusal)))
        }
    }
}

extension StartOutcome {
    /// Why it failed, in a report.
    var failure: ExitReason {
        switch self {
        case .error(let reason): reason
        case .alreadyStarted: .bytes(Array("already_started".utf8))
        case .ok, .ignore: .normal
        }
    }

    /// Why it failed, in a reply: where it runs outside this supervisor, the process.
    var refusal: RequestError {
        if case .alreadyStarted(let process) = self { .alreadyStarted(process) } else { .startFailed(failure) }
    }
}
