// How the threads of a runtime begin and end together.

internal import CapabilityModel
internal import LinuxKernel
internal import Synchronization

extension Ref where Value == RuntimeCore {
    func awaitStart(_ thread: ThreadRef) {
        while !it.isStarted.load(ordering: .acquiring) && !it.isStopping.load(ordering: .acquiring) {
            thread.it.parker.park()
        }
    }

    func start() {
        it.isStarted.store(true, ordering: .releasing)
        for thread in it.threads.dropFirst() { thread.it.parker.unpark() }
        startTicker()
    }

    func stop(_ reason: ExitReason) {
        it.ending.withLock { if $0.reason == nil { $0.reason = reason } }
        if it.isStopping.exchange(true, ordering: .sequentiallyConsistent) { return }
        for thread in it.threads { thread.it.parker.unpark() }
        it.reactor.interrupt()
        startTicker()
    }

    /// A thread has left its loop, and touches the runtime no more.
    func leave(_ thread: ThreadRef) {
        let isLast = it.runningThreads.subtract(1, ordering: .acquiringAndReleasing).newValue == 0
        guard isLast else { return }
        it.tickerParker.unpark()
        it.ending.withLock { $0.waiter }?.unpark()
    }

    /// Waits until all threads have left.
    func awaitThreads() {
        let parker = Parker()
        it.ending.withLock { $0.waiter = parker }
        while it.runningThreads.load(ordering: .acquiring) > 0 { parker.park() }
    }

    /// The thread of `run` counts as running even when `run` was never called.
    func leaveUnlessRun() {
        if !it.isStarted.load(ordering: .acquiring), let own = it.threads.first { leave(own) }
    }

    /// No thread runs any more.
    func abandonAll() {
        guard let thread = it.threads.first else { return }
        thread.it.worker = nil
        for slot in 0..<it.table.usedCount {
            guard let block = it.table.block(slot) else { continue }
            switch ProcessWord(rawValue: block.it.word.load(ordering: .acquiring)).state {
            case .free:
                block.it.body = nil
                continue
            case .waitingForSignals, .waitingForMessages, .runnable, .running, .runningNotified, .exiting: break
            }
            block.it.thread = thread
            block.it.body?.resumable.abandon()
            cancelWait(block)
            _ = block.it.signals.handle(.ended, of: block.id)
            var node = takeQueue(block, next: .exiting)
            while let each = node {
                node = NodeRef(address: each.it.next)
                drop(each, on: thread)
            }
            block.it.pendingExit = nil
            it.names.release(block.id)
            release(block, on: thread)
        }
        it.overflow.withLock { $0 = RuntimeCore.Overflow() }
    }

    func enqueueFromOutside(_ block: BlockRef) {
        if !unblock(block) { submit(block) }
    }

    func isAlive(_ process: ProcessID) -> Bool {
        guard let block = it.table.block(process.slot) else { return false }
        let state = ProcessWord(rawValue: block.it.word.load(ordering: .acquiring)).state
        let isLeaving = block.it.isLeaving.load(ordering: .sequentiallyConsistent)
        guard block.it.generation.load(ordering: .acquiring) == process.generation, !isLeaving else { return false }
        switch state {
        case .free, .exiting: return false
        case .waitingForSignals, .waitingForMessages, .runnable, .running, .runningNotified: return true
        }
    }
}
