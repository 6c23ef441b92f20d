// How a process gets onto a run queue, and a worker to its next one.

internal import LinuxKernel
internal import Synchronization

extension Ref where Value == RuntimeCore {
    /// Queues a process that the caller has just made runnable.
    @inline(__always)
    func enqueue(_ block: BlockRef, on thread: ThreadRef) {
        if unblock(block) {
            return
        } else if let worker = thread.it.worker {
            pushNext(block, on: worker)
        } else {
            submit(block)
        }
    }

    /// A process that waits in a direct call has a thread of its own, which goes on when it is taken out here.
    /// - Returns: false when there is none, and the process is to be queued.
    @inline(__always)
    func unblock(_ block: BlockRef) -> Bool {
        if block.it.blockedThread.load(ordering: .relaxed) == 0 { return false }
        guard let thread = ThreadRef(address: block.it.blockedThread.exchange(0, ordering: .acquiringAndReleasing))
        else {
            return false
        }
        thread.it.parker.unpark()
        return true
    }

    /// Before all others: what runs now and what it woke are likely to talk to each other.
    @inline(__always)
    private func pushNext(_ block: BlockRef, on worker: WorkerRef) {
        let old = worker.it.next
        worker.it.next = block
        if let old { pushWoken(old, on: worker) }
    }

    /// Behind the others that were woken.
    func pushWoken(_ block: BlockRef, on worker: WorkerRef) {
        if !worker.it.woken.push(block) { spill(block, worker, preempted: false) }
        wakeIdle()
    }

    /// Behind all that were woken.
    func pushPreempted(_ block: BlockRef, on thread: ThreadRef) {
        guard let worker = thread.it.worker else { return submit(block) }
        if !worker.it.preempted.push(block) { spill(block, worker, preempted: true) }
        wakeIdle()
    }

    /// Half of a full ring goes where everybody finds it.
    private func spill(_ block: BlockRef, _ worker: WorkerRef, preempted: Bool) {
        for _ in 0..<RunRing.capacity / 2 {
            guard let old = preempted ? worker.it.preempted.pop() : worker.it.woken.pop() else { break }
            append(old)
        }
        append(block)
    }

    /// From a thread without a worker.
    func submit(_ block: BlockRef) {
        append(block)
        wakeIdle()
    }

    private func append(_ block: BlockRef) {
        it.overflow.withLock { overflow in
            block.it.queueNext = nil
            if let last = overflow.last { last.it.queueNext = block } else { overflow.first = block }
            overflow.last = block
            // Before `wakeIdle` looks at `idleCount`; a worker that parks looks the other way round.
            it.overflowCount.add(1, ordering: .sequentiallyConsistent)
        }
    }

    /// Moves some of the overflow to the worker's ring; the first is for it to run at once.
    func takeOverflow(_ worker: WorkerRef) -> BlockRef? {
        if it.overflowCount.load(ordering: .relaxed) == 0 { return nil }
        return it.overflow.withLock { overflow in
            let share = it.overflowCount.load(ordering: .relaxed) / it.workerCount + 1
            var taken = 0
            var result: BlockRef?
            while let first = overflow.first, taken < min(share, Int(RunRing.capacity / 2)) {
                let following = first.it.queueNext
                if result == nil {
                    result = first
                } else if !worker.it.woken.push(first) {
                    break
                }
                overflow.first = following
                if following == nil { overflow.last = nil }
                taken += 1
            }
            it.overflowCount.subtract(taken, ordering: .relaxed)
            return result
        }
    }

    /// What the worker runs next, of its own and of the overflow.
    @inline(__always)
    func take(_ worker: WorkerRef) -> BlockRef? {
        if worker.it.owesPreempted {
            worker.it.owesPreempted = false
            if let block = worker.it.preempted.pop() {
                worker.it.hasPaidPreempted = true
                return block
            }
        }
        if let block = worker.it.next {
            worker.it.next = nil
            return block
        }
        if let block = worker.it.woken.pop() {
            // While this one runs, the next one's memory comes nearer.
            if let next = worker.it.woken.nextOne { it.table.prefetchHints(of: next) }
            return block
        }
        if let block = takeOverflow(worker) { return block }
        worker.it.hasPaidPreempted = true
        return worker.it.preempted.pop()
    }

    /// Once a slice: gives their turn to those that a worker with always something better to do would forget.
    func lookAround(_ worker: WorkerRef, _ thread: ThreadRef, _ tick: UInt64) {
        worker.it.seenTick = tick
        settleMeter(thread)
        thread.it.credit.giveBack()
        // Its turn may have taken the whole slice: then the woken are next.
        worker.it.owesPreempted = !worker.it.hasPaidPreempted
        worker.it.hasPaidPreempted = false
        if let next = worker.it.next {
            // Two that keep waking each other would leave nothing to the rest.
            worker.it.next = nil
            pushWoken(next, on: worker)
        }
        if let block = takeOverflow(worker) { pushWoken(block, on: worker) }
        if it.isPolling.load(ordering: .relaxed) || it.isPolling.exchange(true, ordering: .acquiring) { return }
        poll(worker, thread, deadline: 0)
        it.isPolling.store(false, ordering: .releasing)
    }

    /// Fires what is ready and what is due, having waited for descriptors until the deadline (CLOCK_MONOTONIC in nanoseconds; 0
    /// only looks). The caller holds `isPolling`.
    func poll(_ worker: WorkerRef, _ thread: ThreadRef, deadline: UInt64?) {
        do {
            _ = try it.reactor.poll(&thread.it.events, deadline: deadline) { process in
                wake(process, onto: worker)
            }
        } catch {
            // epoll_wait(2) fails only for a descriptor that is no epoll.
            fatalError("waiting for events: \(error)")
        }
        let now = Clock.monotonicNow()
        guard it.timers.isDue(at: now) else { return }
        var processes = InlineArray<64, ProcessID>(repeating: .outside)
        var count = 64
        while count == 64 {
            var span = processes.mutableSpan
            count = it.timers.collect(now: now, into: &span)
            for index in 0..<count { it.table.prefetchBlock(processes[index].slot) }
            for index in 0..<count { wake(processes[index], onto: worker) }
        }
    }

    private func wake(_ process: ProcessID, onto worker: WorkerRef) {
        guard let block = wakeState(process) else { return }
        if !unblock(block) { pushWoken(block, on: worker) }
    }

    /// Makes a process runnable if it waits; the caller queues it.
    /// - Returns: nil when there is nothing to queue.
    func wakeState(_ process: ProcessID) -> BlockRef? {
        guard let block = it.table.block(process.slot) else { return nil }
        var old = block.it.word.load(ordering: .acquiring)
        while true {
            guard block.it.generation.load(ordering: .acquiring) == process.generation else { return nil }
            let word = ProcessWord(rawValue: old)
            guard let transition = word.state.after(.wake), transition.action != .refuse else { return nil }
            // Exchanged even where nothing changes: so the process sees what its waker did before.
            let new = ProcessWord(transition.next, newest: word.newest, count: word.count)
            let (exchanged, original) = block.it.word.compareExchange(
                expected: old, desired: new.rawValue, ordering: .acquiringAndReleasing)
            if exchanged { return transition.action == .enqueue ? block : nil }
            old = original
        }
    }
}
