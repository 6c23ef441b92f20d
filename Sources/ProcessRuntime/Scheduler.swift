// What a worker's thread does: it takes a process, runs it for a slice, and sees what has become of it.

internal import CapabilityModel
internal import LinuxKernel
internal import Synchronization

extension Ref where Value == RuntimeCore {
    /// A thread of the runtime, until the runtime stops.
    func main(_ thread: ThreadRef) {
        while !it.isStopping.load(ordering: .acquiring) {
            if let worker = thread.it.worker {
                work(worker, thread)
                if thread.it.worker == nil { becomeSpare(thread) }
            } else if let worker = WorkerRef(address: thread.it.assigned.exchange(0, ordering: .acquiring)) {
                // Looked at before each sleep: the wake-up that came with it may have been taken for another.
                thread.it.worker = worker
            } else {
                thread.it.parker.park()
            }
        }
        leave(thread)
    }

    /// Until the thread has the worker no longer, or the runtime stops.
    private func work(_ worker: WorkerRef, _ thread: ThreadRef) {
        while !it.isStopping.load(ordering: .relaxed) {
            let tick = it.tick.load(ordering: .relaxed)
            if tick != worker.it.seenTick { lookAround(worker, thread, tick) }
            if let block = take(worker) ?? search(worker, thread) {
                if thread.it.isSearching { endSearch(thread, hasFound: true) }
                run(block, on: thread)
                if thread.it.worker != worker { return }
            }
        }
    }

    /// Runs a process from a run queue for one slice.
    @inline(__always)
    private func run(_ block: BlockRef, on thread: ThreadRef) {
        thread.jitter()
        block.it.thread = thread
        if !block.it.flags.isDisjoint(with: [.timer, .descriptor, .moreDescriptors]) { cancelWait(block) }
        if let newest = takeQueue(block, next: .running) { accept(newest, block, on: thread) }
        if let record = Ref<AccountRecord>(address: block.it.account.load(ordering: .relaxed)) {
            switchMeter(thread, to: record)
            if record.it.hold.load(ordering: .relaxed) != 0, heedHold(block, record, on: thread) { return }
        }
        if block.it.pendingExit != nil { return end(block, on: thread) }

        let mode = mode(block, thread)
        guard let suspension = block.it.body?.resume(mode) else { return }
        countSlices(block, thread)
        switch suspension {
        case .yielded: yield(block, on: thread)
        case .waitingForMessages(let deadline): suspendForMessages(block, deadline, on: thread)
        case .waitingLong(let delay): suspendForLong(block, delay, on: thread)
        case .sleeping(let deadline): suspend(block, Wait(deadline: deadline), on: thread)
        case .waiting(let wait): suspend(block, wait, on: thread)
        case .finished(let reason): finish(block, reason, on: thread)
        }
    }

    /// Whoever runs when a slice ends has run for all of it: wrong for the moment, right in the long run.
    @inline(__always)
    private func countSlices(_ block: BlockRef, _ thread: ThreadRef) {
        guard let worker = thread.it.worker else { return }
        let passed = it.tick.load(ordering: .relaxed) &- worker.it.seenTick
        if passed != 0 { block.it.slices.store(block.it.slices.load(ordering: .relaxed) + passed, ordering: .relaxed) }
    }

    @inline(__always)
    private func mode(_ block: BlockRef, _ thread: ThreadRef) -> ResumeMode {
        if block.it.body?.canRunDirectly() == true, reserveSpare(thread) {
            block.it.flags.insert(.direct)
            thread.it.firstSliceEnd = nil
            return .direct
        }
        return .fiber
    }

    /// The account's share of the CPU is used up: the process waits without having been asked, and looks again later.
    func standStill(_ block: BlockRef, until deadline: UInt64, on thread: ThreadRef) {
        if block.it.pendingExit != nil { return end(block, on: thread) }
        suspend(block, Wait(deadline: deadline), on: thread)
    }

    /// A slice is over: signals are heeded, then it stands behind those that were woken.
    private func yield(_ block: BlockRef, on thread: ThreadRef) {
        block.it.flags.remove(.direct)
        receive(block, on: thread)
        if block.it.pendingExit != nil { return end(block, on: thread) }
        requeue(block)
        pushPreempted(block, on: thread)
    }

    /// From running to runnable, whatever came meanwhile.
    private func requeue(_ block: BlockRef) {
        change(block, .yield)
    }

    /// A change of state by the thread that runs it, which keeps the queue.
    private func change(_ block: BlockRef, _ event: ProcessEvent) {
        var old = block.it.word.load(ordering: .acquiring)
        while true {
            let word = ProcessWord(rawValue: old)
            guard let transition = word.state.after(event) else { preconditionFailure("\(word.state), \(event)") }
            let new = ProcessWord(transition.next, newest: word.newest, count: word.count)
            let (exchanged, original) = block.it.word.compareExchange(
                expected: old, desired: new.rawValue, ordering: .acquiringAndReleasing)
            if exchanged { return }
            old = original
        }
    }

    /// The process has nothing to do until something happens.
    private func suspend(_ block: BlockRef, _ wait: borrowing Wait, on thread: ThreadRef) {
        block.it.flags.remove(.direct)
        if wait.deadline == 0 { return yield(block, on: thread) }
        settle(beginWait(block, wait, on: thread), block, on: thread)
    }

    /// As above: of its own, so that the usual wait is laid out without descriptors.
    private func suspendForMessages(_ block: BlockRef, _ deadline: UInt64, on thread: ThreadRef) {
        block.it.flags.remove(.direct)
        let wait = Wait(messages: true, deadline: deadline == .max ? nil : deadline)
        settle(beginWait(block, wait, on: thread), block, on: thread)
    }

    /// Without end. A timer that still stands from the last such wait will do: when it fires, who was woken says how long from
    /// then on. One that is just being fired wakes it after this, or has it look again.
    private func suspendForLong(_ block: BlockRef, _ delay: UInt64, on thread: ThreadRef) {
        block.it.flags.remove(.direct)
        if !block.it.flags.contains(.keptTimer) || !it.isTimerStanding(slot: block.it.slot) {
            armTimer(block, Clock.monotonicNow().addingReportingOverflow(delay).partialValue)
            block.it.flags.remove(.timer)
            block.it.flags.insert(.keptTimer)
        }
        settle(beginWait(block, Wait(messages: true), on: thread), block, on: thread)
    }

    @inline(__always)
    private func settle(_ outcome: WaitOutcome, _ block: BlockRef, on thread: ThreadRef) {
        switch outcome {
        case .waits: break
        case .lookAgain:
            cancelWait(block)
            requeue(block)
            enqueueBehindWoken(block, on: thread)
        case .end:
            end(block, on: thread)
        }
    }

    private func enqueueBehindWoken(_ block: BlockRef, on thread: ThreadRef) {
        if let worker = thread.it.worker { pushWoken(block, on: worker) } else { submit(block) }
    }

    enum WaitOutcome {
        /// It is anybody's now: its block must not be touched.
        case waits
        /// Something has happened already; it is running still.
        case lookAgain
        /// A signal has ended it.
        case end
    }

    /// From running to waiting, once everything that may end the wait is arranged.
    @inline(__always)
    func beginWait(_ block: BlockRef, _ wait: borrowing Wait, on thread: ThreadRef) -> WaitOutcome {
        receive(block, on: thread)
        if block.it.pendingExit != nil { return .end }
        if wait.messages && block.it.flags.contains(.unseen) { return .lookAgain }
        if wait.descriptor != nil || wait.more != nil, armDescriptors(block, wait) { return .lookAgain }
        if let deadline = wait.deadline { armTimer(block, deadline) }
        thread.jitter()
        let event: ProcessEvent = wait.messages ? .waitForMessages : .waitForSignals
        while true {
            let old = block.it.word.load(ordering: .acquiring)
            let word = ProcessWord(rawValue: old)
            guard word.isEmpty else {
                receive(block, on: thread)
                if block.it.pendingExit != nil { return .end }
                if wait.messages && block.it.flags.contains(.unseen) { return .lookAgain }
                continue
            }
            guard let transition = word.state.after(event) else { preconditionFailure("\(word.state) waits") }
            let (exchanged, _) = block.it.word.compareExchange(
                expected: old, desired: ProcessWord(transition.next).rawValue, ordering: .acquiringAndReleasing)
            if exchanged { return transition.action == .lookAgain ? .lookAgain : .waits }
        }
    }

    // MARK: What a wait holds on to

    /// - Returns: whether the process is to try again at once.
    private func armDescriptors(_ block: BlockRef, _ wait: borrowing Wait) -> Bool {
        let process = block.id
        if let descriptor = wait.descriptor {
            block.it.descriptor = descriptor
            block.it.flags.insert(.descriptor)
            if arm(descriptor, process) { return true }
        }
        guard let more = wait.more else { return false }
        block.it.moreDescriptors = more
        block.it.flags.insert(.moreDescriptors)
        return more.contains { arm($0, process) }
    }

    private func arm(_ descriptor: Wait.Descriptor, _ process: ProcessID) -> Bool {
        guard descriptor.seen == .unknown else {
            return it.reactor.arm(descriptor.raw, descriptor.interest, process: process, seen: descriptor.seen)
        }
        // Nothing was noted before the try: note it now, and look once more.
        var isReady = false
        for interest in [Interest.read, .write] where descriptor.interest.contains(interest) {
            let seen = it.reactor.readiness(descriptor.raw, interest)
            var entry = [PollEntry(raw: descriptor.raw, events: interest.pollEvents)]
            let ready = (try? Poll.wait(&entry, deadline: 1)) ?? 1
            if ready > 0 || it.reactor.arm(descriptor.raw, interest, process: process, seen: seen) { isReady = true }
        }
        return isReady
    }

    private func armTimer(_ block: BlockRef, _ deadline: UInt64) {
        block.it.flags.insert(.timer)
        block.it.flags.remove(.keptTimer)
        if it.arm(slot: block.it.slot, process: block.id, deadline: deadline),
            it.hasPoller.load(ordering: .sequentiallyConsistent)
        {
            it.reactor.interrupt()
        }
    }

    func cancelWait(_ block: BlockRef) {
        if block.it.flags.contains(.timer) { it.cancelTimer(slot: block.it.slot) }
        if block.it.flags.contains(.descriptor) {
            let descriptor = block.it.descriptor
            it.reactor.disarm(descriptor.raw, descriptor.interest, process: block.id)
        }
        if block.it.flags.contains(.moreDescriptors) {
            for descriptor in block.it.moreDescriptors ?? [] {
                it.reactor.disarm(descriptor.raw, descriptor.interest, process: block.id)
            }
            block.it.moreDescriptors = nil
        }
        block.it.flags.subtract([.timer, .descriptor, .moreDescriptors])
    }

    // MARK: The end of a process

    /// A signal has ended it between two slices.
    private func end(_ block: BlockRef, on thread: ThreadRef) {
        block.it.body?.resumable.abandon()
        finish(block, .normal, on: thread)
    }

    /// `ownReason` counts where no signal has given another.
    func finish(_ block: BlockRef, _ ownReason: ExitReason, on thread: ThreadRef) {
        let process = block.id
        cancelWait(block)
        if block.it.flags.contains(.keptTimer) { it.cancelTimer(slot: block.it.slot) }
        receive(block, on: thread)
        let reason = block.it.pendingExit?.reason ?? ownReason
        block.it.pendingExit = nil
        _ = block.it.signals.handle(.ended, of: process)
        // Before anyone can hear of its end: who does may take the name at once.
        block.it.isLeaving.store(true, ordering: .sequentiallyConsistent)
        it.names.release(process)
        let newest = takeQueue(block, next: .exiting)
        var cursor = SignalState.FarewellCursor()
        while let farewell = block.it.signals.farewell(after: &cursor) {
            send(farewell.signal(reason), from: process, to: farewell.target, on: thread)
        }
        answerPostponed(block, newest, on: thread)
        release(block, on: thread)
        if it.isRoot(process) { stop(reason) }
    }

    /// Frees all that the process had, then the block.
    func release(_ block: BlockRef, on thread: ThreadRef) {
        block.it.signals.reset()
        while let node = block.it.oldest {
            block.it.oldest = NodeRef(address: node.it.next)
            drop(node, on: thread)
        }
        block.it.newest = nil
        block.it.beforeFound = nil
        while let node = block.it.postponed {
            block.it.postponed = NodeRef(address: node.it.next)
            drop(node, on: thread)
        }
        wakeWaiters(block, all: true, on: thread)
        if block.it.body?.resumable.retire() != true { block.it.body = nil }
        releaseAccount(block)
        block.it.mailboxCount.store(0, ordering: .relaxed)
        block.it.slices.store(0, ordering: .relaxed)
        block.it.flags = []
        let isUsedUp = block.it.generation.add(1, ordering: .releasing).newValue == .max
        // After the generation: whoever sees this sees that one.
        block.it.isLeaving.store(false, ordering: .releasing)
        block.it.word.store(ProcessWord(.free).rawValue, ordering: .releasing)
        thread.countProcess(-1)
        if !isUsedUp { giveSlot(block, thread) }
    }
}

extension RuntimeCore {
    func isRoot(_ process: ProcessID) -> Bool { root.load(ordering: .relaxed) == process.rawValue }
}

extension Interest {
    fileprivate var pollEvents: PollEvents {
        var events: PollEvents = []
        if contains(.read) { events.insert(.read) }
        if contains(.write) { events.insert(.write) }
        return events
    }
}
