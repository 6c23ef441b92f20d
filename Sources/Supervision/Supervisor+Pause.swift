// The pause before a restart (Backoff). While it lasts, the child counts as being restarted, and requests are served; what
// goes down with the child is stopped before the pause, not after it.

extension Supervisor {
    mutating func pause(_ place: Int, _ process: ChildProcess, now: UInt64, _ actions: inout [Action]) {
        let origin = Origin(place: place, former: process)
        switch flags.strategy {
        case .oneForOne, .simpleOneForOne: beginPause(origin, now: now, &actions)
        case .oneForAll, .restForOne:
            children.set(place, .none)
            stopNext(from: children.end - 1, .pause(origin), now: now, &actions)
        }
    }

    mutating func beginPause(_ origin: Origin, now: UInt64, _ actions: inout [Action]) {
        let key: ChildKey
        if isSimple {
            guard let entry = dynamics[origin.place] else { return }
            dynamics.setRestarting(origin.place)
            key = .process(entry.process)
        } else {
            guard let child = children[origin.place] else { return }
            children.set(origin.place, origin.former.failed)
            key = .id(child.spec.id)
        }
        state = .idle
        let timer = nextTimer()
        guard let pause = pauses?.begin(key, timer, now: now) else { return }
        if let replaced = pause.replaced { actions.append(.cancelTimer(replaced)) }
        actions.append(.setTimer(timer, nanoseconds: pause.length))
    }

    /// The restart, which was counted when the pause began; unless somebody has seen to the child meanwhile.
    mutating func pauseEnded(_ timer: TimerKey, _ actions: inout [Action]) {
        guard let key = pauses?.end(timer) else { return }
        switch key {
        case .id(let id):
            guard let place = children.place(of: id), let child = children[place], child.process.isRestarting else {
                return
            }
            restart(place, child.process, &actions)
        case .process(let process):
            guard let place = dynamics.place(ofRestarting: process) else { return }
            restart(place, .restarting(process), &actions)
        }
    }

    /// The child is stopped: what was to come after its pause does not.
    mutating func forgetPause(_ key: ChildKey, _ actions: inout [Action]) {
        if let timer = pauses?.cancel(key) { actions.append(.cancelTimer(timer)) }
    }
}
