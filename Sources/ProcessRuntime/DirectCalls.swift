// Direct calls: a handler process runs on its worker's own stack, and gives the worker away when it cannot give the stack.

internal import LinuxKernel
internal import Synchronization

extension Ref where Value == RuntimeCore {
    /// Whether the thread's worker has a thread in reserve, which it can be handed to at any moment.
    @inline(__always)
    func reserveSpare(_ thread: ThreadRef) -> Bool {
        guard let worker = thread.it.worker else { return false }
        return worker.it.spare != nil || takeSpare(worker)
    }

    private func takeSpare(_ worker: WorkerRef) -> Bool {
        if it.spareCount.load(ordering: .relaxed) == 0 { return false }
        worker.it.spare = it.spares.withLock { spares in
            guard let spare = spares.popLast() else { return nil }
            it.spareCount.subtract(1, ordering: .relaxed)
            return spare
        }
        return worker.it.spare != nil
    }

    /// Gives the worker to its spare thread: this one goes on with its process, and with nothing else. To be called by the
    /// thread itself, so that nobody ever takes a worker from under a thread.
    private func handOn(_ block: BlockRef, _ thread: ThreadRef) {
        guard let worker = thread.it.worker, let spare = worker.it.spare else { return }
        block.it.body?.resumable.didOverrun()
        settleMeter(thread)
        thread.it.credit.giveBack()
        it.detached.add(1, ordering: .sequentiallyConsistent)
        thread.it.worker = nil
        worker.it.spare = nil
        worker.it.thread = spare
        spare.it.assigned.store(worker.address, ordering: .releasing)
        spare.it.parker.unpark()
    }

    /// The thread has ended a call that it was left alone with: it may be given another worker.
    func becomeSpare(_ thread: ThreadRef) {
        stopMeter(thread)
        it.detached.subtract(1, ordering: .sequentiallyConsistent)
        it.spares.withLock { spares in
            spares.append(thread)
            it.spareCount.add(1, ordering: .relaxed)
        }
    }

    /// A direct call has seen the slice change. One that has gone on for a whole slice loses its worker.
    /// - Returns: false when it must end.
    func sliceIsOver(_ block: BlockRef, on thread: ThreadRef) -> Bool {
        if thread.it.worker != nil, hasUsedSlice(thread) { handOn(block, thread) }
        if thread.it.worker == nil { settleMeter(thread) }
        if let record = Ref<AccountRecord>(address: block.it.account.load(ordering: .relaxed)),
            record.it.hold.load(ordering: .relaxed) == .max
        {
            _ = heedHold(block, record, on: thread)
        }
        receive(block, on: thread)
        return block.it.pendingExit == nil && !it.isStopping.load(ordering: .relaxed)
    }

    /// Whether the direct call has had a slice of the thread's own time since it first saw one end: time that the kernel gave to
    /// other threads is not its fault, and another thread would get no more of it.
    private func hasUsedSlice(_ thread: ThreadRef) -> Bool {
        let now = Clock.threadCPUTime()
        if let first = thread.it.firstSliceEnd { return now &- first >= it.configuration.sliceNanoseconds }
        thread.it.firstSliceEnd = now
        return false
    }

    /// A direct call has to wait: its thread waits with it.
    /// - Returns: false when it must end.
    func blockThread(_ block: BlockRef, _ wait: Wait, on thread: ThreadRef) -> Bool {
        block.it.blockedThread.store(thread.address, ordering: .relaxed)
        switch beginWait(block, wait, on: thread) {
        case .end:
            block.it.blockedThread.store(0, ordering: .relaxed)
            return false
        case .lookAgain:
            block.it.blockedThread.store(0, ordering: .relaxed)
            cancelWait(block)
            return !it.isStopping.load(ordering: .relaxed)
        case .waits:
            break
        }
        handOn(block, thread)
        it.detached.subtract(1, ordering: .sequentiallyConsistent)
        // Not until it is runnable: whoever made it so might find no thread here by then, and queue it.
        while !it.isStopping.load(ordering: .acquiring), block.it.blockedThread.load(ordering: .acquiring) != 0 {
            thread.it.parker.park()
        }
        block.it.blockedThread.store(0, ordering: .relaxed)
        it.detached.add(1, ordering: .sequentiallyConsistent)
        startTicker()
        cancelWait(block)
        if let newest = takeQueue(block, next: .running) { accept(newest, block, on: thread) }
        return block.it.pendingExit == nil && !it.isStopping.load(ordering: .relaxed)
    }
}
