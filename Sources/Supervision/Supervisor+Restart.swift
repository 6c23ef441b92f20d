// What follows from the end of a child (supervisor:do_restart/3, restart/2), and the end of the supervisor that may be.

internal import CapabilityModel

extension Supervisor {
    mutating func exited(_ process: ProcessKey, _ reason: ExitReason, now: UInt64, _ actions: inout [Action]) {
        let running = ChildProcess.running(process)
        if let template {
            // A stranger's EXIT, or that of a child which is known to be gone.
            guard let place = dynamics.place(of: process) else { return }
            decide(template, place, running, reason, now: now, &actions)
        } else {
            guard let place = children.place(of: process), let spec = children[place]?.spec else { return }
            decide(spec, place, running, reason, now: now, &actions)
        }
    }

    private mutating func decide(
        _ spec: ChildSpec, _ place: Int, _ process: ChildProcess, _ reason: ExitReason, now: UInt64,
        _ actions: inout [Action]
    ) {
        let isOrderly = reason.isOrderly
        if spec.restart == .permanent || !isOrderly {
            report(.childTerminated, reason, spec, process, &actions)
        }
        if spec.restart == .permanent || spec.restart == .transient && !isOrderly {
            restart(spec, place, process, now: now, &actions)
        } else {
            markEnded(place, &actions)
            checkAutoShutdown(spec, &actions)
        }
    }

    /// The child ended by itself and stays so; it is in the table no more as running.
    private mutating func checkAutoShutdown(_ spec: ChildSpec, _ actions: inout [Action]) {
        guard spec.significant else { return }
        switch flags.autoShutdown {
        case .never: return
        case .anySignificant: beginEnding(.shutdown, &actions)
        case .allSignificant:
            let left = isSimple ? dynamics.count : children.significantCount
            if left == 0 { beginEnding(.shutdown, &actions) }
        }
    }

    /// Counts a restart, and does it, or gives up before.
    private mutating func restart(
        _ spec: ChildSpec, _ place: Int, _ process: ChildProcess, now: UInt64, _ actions: inout [Action]
    ) {
        guard intensity.add(now: now) else {
            report(.shutdown, nil, spec, process, &actions)
            markEnded(place, &actions)
            return beginEnding(.shutdown, &actions)
        }
        if flags.backoff != nil {
            pause(place, process, now: now, &actions)
        } else {
            restart(place, process, &actions)
        }
    }

    /// As the strategy has it; it is counted already.
    mutating func restart(_ place: Int, _ process: ChildProcess, _ actions: inout [Action]) {
        switch flags.strategy {
        case .oneForOne:
            guard let spec = children[place]?.spec else { return }
            start(spec, .restart(place), &actions)
        case .simpleOneForOne:
            guard let template, let entry = dynamics[place] else { return }
            start(template, extra: entry.extra, .dynamicRestart(place), &actions)
        case .oneForAll, .restForOne:
            children.set(place, .none)
            stopNext(from: children.end - 1, .restart(Origin(place: place, former: process)), &actions)
        }
    }

    /// The oldest of those that are stopped and started together because of the child at this place.
    func floor(_ place: Int) -> Int { flags.strategy == .oneForAll ? 0 : place }

    /// A failed start is tried again, if nobody has seen to the child meanwhile. It counts anew.
    mutating func retry(_ key: ChildKey, now: UInt64, _ actions: inout [Action]) {
        switch key {
        case .id(let id):
            guard let place = children.place(of: id), let child = children[place], child.process.isRestarting else {
                return
            }
            restart(child.spec, place, child.process, now: now, &actions)
        case .process(let process):
            guard let template, let place = dynamics.place(ofRestarting: process) else { return }
            restart(template, place, .restarting(process), now: now, &actions)
        }
    }

    // MARK: The end

    /// Stops all children, then ends with the reason.
    mutating func beginEnding(_ reason: ExitReason, call: CallKey? = nil, _ actions: inout [Action]) {
        ending = Ending(reason: reason, call: call)
        for timer in pauses?.cancelAll() ?? [] {
            actions.append(.cancelTimer(timer))
        }
        if isSimple {
            stopAll(&actions)
        } else {
            stopNext(from: children.end - 1, .ending, &actions)
        }
    }

    mutating func end(_ actions: inout [Action]) {
        state = .ended
        mailbox.removeAll()
        if let call = ending?.call { actions.append(.reply(call, .ok)) }
        actions.append(.end(ending?.reason ?? .shutdown))
    }

    // MARK: Children's records

    /// The child runs no more: a temporary one is forgotten (del_child/2).
    mutating func markEnded(_ place: Int, _ actions: inout [Action]) {
        if isSimple {
            removeDynamic(place)
        } else if children[place]?.spec.restart == .temporary {
            delete(place, &actions)
        } else {
            children.set(place, .none)
        }
    }

    mutating func delete(_ place: Int, _ actions: inout [Action]) {
        guard let spec = children[place]?.spec else { return }
        children.remove(place)
        pauses?.forget(.id(spec.id))
        actions.append(.discard(spec.start))
    }

    mutating func removeDynamic(_ place: Int) {
        if pauses != nil, let entry = dynamics[place] { pauses?.forget(.process(entry.process)) }
        dynamics.remove(place)
    }

    func report(
        _ context: Report.Context, _ reason: ExitReason?, _ spec: ChildSpec, _ process: ChildProcess,
        count: Int = 1, _ actions: inout [Action]
    ) {
        actions.append(
            .report(Report(context: context, reason: reason, child: spec.id, process: process, count: count)))
    }
}
