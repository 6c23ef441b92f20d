// Stopping children one after the other, the newest first, deaf to all else (supervisor:shutdown/1, terminate_children/2).
// A monitor tells of their end rather than the link: a child may have undone that.

internal import CapabilityModel

extension Supervisor {
    struct Stopping: Sendable {
        let place: Int
        let process: ProcessKey
        /// What it is given time by; nil when it has all the time there is, or none left.
        var timer: TimerKey?
        let purpose: StopPurpose
    }

    enum StopPurpose: Sendable {
        /// terminate_child/2: this child only.
        case call(CallKey)
        /// Those that are started again together with the origin.
        case restart(Origin)
        /// The same, with a pause before they start.
        case pause(Origin)
        /// All, for the end.
        case ending

        var kind: StateKind {
            switch self {
            case .call: .stoppingForCall
            case .restart, .pause: .stoppingToRestart
            case .ending: .stoppingToEnd
            }
        }
    }

    /// Stops the first child at or before the place that runs; when there is none left, all are stopped.
    mutating func stopNext(
        from last: Int, _ purpose: StopPurpose, now: UInt64 = 0, _ actions: inout [Action]
    ) {
        let lowest: Int
        switch purpose {
        case .call: return
        case .restart(let origin), .pause(let origin): lowest = floor(origin.place)
        case .ending: lowest = 0
        }
        var place = last
        while place >= lowest {
            if let child = children[place] {
                if let process = child.process.running {
                    return stop(place, process, child.spec.shutdown, purpose, &actions)
                }
                forgetPause(.id(child.spec.id), &actions)
                markEnded(place, &actions)
            }
            place -= 1
        }
        switch purpose {
        case .call: return
        case .restart(let origin): startNext(from: lowest, origin, &actions)
        case .pause(let origin): beginPause(origin, now: now, &actions)
        case .ending: end(&actions)
        }
    }

    mutating func stop(
        _ place: Int, _ process: ProcessKey, _ shutdown: Shutdown, _ purpose: StopPurpose, _ actions: inout [Action]
    ) {
        actions.append(.monitor(process))
        var timer: TimerKey?
        switch shutdown {
        case .brutalKill: actions.append(.signal(process, .kill))
        case .infinity: actions.append(.signal(process, .shutdown))
        case .timeout(let nanoseconds):
            actions.append(.signal(process, .shutdown))
            let key = nextTimer()
            actions.append(.setTimer(key, nanoseconds: nanoseconds))
            timer = key
        }
        state = .stopping(Stopping(place: place, process: process, timer: timer, purpose: purpose))
    }

    /// Its time is over.
    mutating func kill(_ stopping: Stopping, _ actions: inout [Action]) {
        actions.append(.signal(stopping.process, .kill))
        var stopping = stopping
        stopping.timer = nil
        state = .stopping(stopping)
    }

    mutating func stopped(
        _ stopping: Stopping, _ reason: ExitReason, now: UInt64, _ actions: inout [Action]
    ) {
        if let timer = stopping.timer { actions.append(.cancelTimer(timer)) }
        actions.append(.unlink(stopping.process))
        let reason = mailbox.takeExit(of: stopping.process) ?? reason
        let isDynamic = isSimple
        if let spec = isDynamic ? template : children[stopping.place]?.spec, !Self.isAsTold(reason, spec) {
            report(.shutdownError, reason, spec, .running(stopping.process), &actions)
        }
        markEnded(stopping.place, &actions)
        state = .idle
        switch stopping.purpose {
        case .call(let call): actions.append(.reply(call, .ok))
        case .restart, .pause, .ending: stopNext(from: stopping.place - 1, stopping.purpose, now: now, &actions)
        }
    }

    /// Whether a child that was told to end did so as it was told, so that there is nothing to report. One that was killed
    /// because its time was over did not.
    static func isAsTold(_ reason: ExitReason, _ spec: ChildSpec) -> Bool {
        if reason == (spec.shutdown == .brutalKill ? .killed : .shutdown) { return true }
        return spec.restart != .permanent && reason.isOrderly
    }
}

// MARK: - simple_one_for_one

extension Supervisor {
    /// All children were told at once, and have one timer in common (terminate_dynamic_children/1).
    struct ParallelStop: Sendable {
        var timer: TimerKey?
    }

    mutating func stopAll(_ actions: inout [Action]) {
        guard let template else { return }
        let signal: ExitSignal = template.shutdown == .brutalKill ? .kill : .shutdown
        for place in 0..<dynamics.end {
            guard let entry = dynamics[place] else { continue }
            if entry.isRestarting {
                dynamics.remove(place)
            } else {
                actions.append(.monitor(entry.process))
                actions.append(.signal(entry.process, signal))
            }
        }
        guard dynamics.count > 0 else { return end(&actions) }
        var timer: TimerKey?
        if case .timeout(let nanoseconds) = template.shutdown {
            let key = nextTimer()
            actions.append(.setTimer(key, nanoseconds: nanoseconds))
            timer = key
        }
        state = .stoppingAll(ParallelStop(timer: timer))
    }

    mutating func killTheRest(_ actions: inout [Action]) {
        for place in 0..<dynamics.end {
            if let entry = dynamics[place] { actions.append(.signal(entry.process, .kill)) }
        }
        state = .stoppingAll(ParallelStop(timer: nil))
    }

    mutating func stoppedOne(_ process: ProcessKey, _ reason: ExitReason, _ actions: inout [Action]) {
        guard let template, let place = dynamics.place(of: process) else { return }
        actions.append(.unlink(process))
        let reason = mailbox.takeExit(of: process) ?? reason
        if !Self.isAsTold(reason, template) { note(reason) }
        dynamics.remove(place)
        guard dynamics.count == 0, case .stoppingAll(let stop) = state else { return }
        if let timer = stop.timer { actions.append(.cancelTimer(timer)) }
        for (reason, count) in misbehaved {
            report(.shutdownError, reason, template, .none, count: count, &actions)
        }
        end(&actions)
    }

    private mutating func note(_ reason: ExitReason) {
        if let place = misbehavedPlaces[reason] {
            misbehaved[place].count += 1
        } else {
            misbehavedPlaces[reason] = misbehaved.count
            misbehaved.append((reason, 1))
        }
    }
}
