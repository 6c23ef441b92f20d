// What a worker does when it has nothing to run: it looks at the others', then sleeps; and who wakes it.

internal import Glibc
internal import LinuxKernel
internal import Synchronization

private enum IdleChoice {
    case sleeper(WorkerRef)
    case poller
    case nobody
}

extension Ref where Value == RuntimeCore {
    /// Finds something to run elsewhere, or sleeps until there may be something; nil then.
    func search(_ worker: WorkerRef, _ thread: ThreadRef) -> BlockRef? {
        stopMeter(thread)
        thread.it.credit.giveBack()
        if it.workerCount > 1 {
            if !thread.it.isSearching {
                thread.it.isSearching = true
                it.searching.add(1, ordering: .sequentiallyConsistent)
            }
            let found = steal(worker)
            endSearch(thread, hasFound: found != nil)
            if let found { return found }
        }
        sleep(worker, thread)
        return nil
    }

    /// The thread has found something to run, or goes to sleep.
    func endSearch(_ thread: ThreadRef, hasFound: Bool) {
        thread.it.isSearching = false
        let others = it.searching.subtract(1, ordering: .sequentiallyConsistent).newValue
        // Whoever searched kept others from being woken; if there is more, somebody else is to search on.
        if hasFound && others == 0 && hasWork() { wakeIdle() }
    }

    private func steal(_ worker: WorkerRef) -> BlockRef? {
        for preempted in [false, true] {
            for offset in 1..<it.workerCount {
                let victim = it.workers[(worker.it.index + offset) % it.workerCount]
                let count =
                    preempted
                    ? victim.it.preempted.steal(into: worker.it.preempted)
                    : victim.it.woken.steal(into: worker.it.woken)
                if count > 0 { return preempted ? worker.it.preempted.pop() : worker.it.woken.pop() }
            }
        }
        return nil
    }

    /// Whether some queue that anybody may take from is not empty.
    private func hasWork() -> Bool {
        if it.overflowCount.load(ordering: .sequentiallyConsistent) > 0 { return true }
        return it.workers.contains { !$0.it.woken.isEmpty || !$0.it.preempted.isEmpty }
    }

    private func sleep(_ worker: WorkerRef, _ thread: ThreadRef) {
        defer { startTicker() }
        let isPoller = it.idle.withLock { idle -> Bool in
            // Before `hasWork`; whoever adds work looks the other way round.
            it.idleCount.add(1, ordering: .sequentiallyConsistent)
            if idle.poller == nil {
                idle.poller = worker
                it.hasPoller.store(true, ordering: .sequentiallyConsistent)
                return true
            }
            idle.sleepers.append(worker)
            return false
        }
        thread.jitter()
        if isPoller { beginPolling() }
        if hasWork() || it.isStopping.load(ordering: .sequentiallyConsistent) {
            if isPoller { it.isPolling.store(false, ordering: .releasing) }
            if leaveIdle(worker) { return }
            // Somebody has chosen this one to wake: a sleeper's wake-up is kept for it, a poller's is at worst one too many.
            if isPoller { return adoptSearch(thread) }
        }
        if isPoller {
            // Who chose it to wake before it held `isPolling` may have interrupted somebody else.
            let isWanted = it.idle.withLock { $0.poller != worker }
            if !isWanted { poll(worker, thread, deadline: it.timers.nextDeadline) }
            it.isPolling.store(false, ordering: .releasing)
        } else {
            thread.it.parker.park()
        }
        if !leaveIdle(worker) { adoptSearch(thread) }
    }

    /// Another worker may be looking, for a moment.
    private func beginPolling() {
        while it.isPolling.exchange(true, ordering: .acquiring) { sched_yield() }
    }

    /// Who wakes an idle worker has counted it as searching.
    private func adoptSearch(_ thread: ThreadRef) {
        thread.it.isSearching = true
    }

    /// - Returns: false when somebody who wants it to work has taken it off the list.
    private func leaveIdle(_ worker: WorkerRef) -> Bool {
        it.idle.withLock { idle in
            if idle.poller == worker {
                idle.poller = nil
                it.hasPoller.store(false, ordering: .sequentiallyConsistent)
                if idle.isPollerCalled {
                    idle.isPollerCalled = false
                    return false
                }
            } else if let index = idle.sleepers.firstIndex(of: worker) {
                idle.sleepers.remove(at: index)
            } else {
                return false
            }
            it.idleCount.subtract(1, ordering: .sequentiallyConsistent)
            return true
        }
    }

    /// There is more to run than the worker that knows of it runs next: an idle one is to look for it, unless one does.
    @inline(__always)
    func wakeIdle() {
        if it.idleCount.load(ordering: .sequentiallyConsistent) == 0 { return }
        wakeOne()
    }

    private func wakeOne() {
        let (isFirst, _) = it.searching.compareExchange(
            expected: 0, desired: 1, ordering: .sequentiallyConsistent)
        guard isFirst else { return }
        let choice = it.idle.withLock { idle -> IdleChoice in
            // The poller sleeps on if there is another: it need not be replaced.
            if let worker = idle.sleepers.popLast() {
                it.idleCount.subtract(1, ordering: .sequentiallyConsistent)
                return .sleeper(worker)
            }
            guard idle.poller != nil, !idle.isPollerCalled else { return .nobody }
            idle.isPollerCalled = true
            it.idleCount.subtract(1, ordering: .sequentiallyConsistent)
            return .poller
        }
        switch choice {
        case .sleeper(let worker): worker.it.thread?.it.parker.unpark()
        case .poller: it.reactor.interrupt()
        case .nobody:
            it.searching.subtract(1, ordering: .sequentiallyConsistent)
            // Others may have left it to this one to wake somebody, who was not idle yet.
            if hasWork() { wakeIdle() }
        }
    }

    /// Someone has to wait for descriptors and deadlines while the rest work on.
    func ensurePoller() {
        if it.hasPoller.load(ordering: .relaxed) || it.idleCount.load(ordering: .relaxed) == 0 { return }
        wakeOne()
    }
}
