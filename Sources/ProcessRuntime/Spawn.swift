// How a process begins.

internal import CapabilityModel
internal import LinuxKernel
internal import Synchronization

extension Runtime {
    /// Makes a process; it may run before this returns. The request's parent must be the process that runs on this thread.
    /// `body` makes what the process runs, given its identity, and must not use the process in any other way.
    package func spawn(
        _ request: SpawnRequest, body: (borrowing Process) -> any Resumable
    ) -> Result<Spawned, SpawnFailure> {
        if let parent = request.parent { return core.spawn(request, on: parent.thread) { process, _ in body(process) } }
        return core.withOutside { thread in core.spawn(request, on: thread) { process, _ in body(process) } }
    }
}

extension Process {
    /// As `Runtime.spawn`; this process is the request's parent. `body` is given what was retired in the child's block, if
    /// anything was, and may make what the child runs of it.
    package func spawn(
        _ request: SpawnRequest, body: (borrowing Process, consuming (any Resumable)?) -> any Resumable
    ) -> Result<Spawned, SpawnFailure> {
        core.spawn(request, on: thread, body)
    }
}

extension Ref where Value == RuntimeCore {
    func spawn(
        _ request: SpawnRequest, on thread: ThreadRef,
        _ body: (borrowing Process, consuming (any Resumable)?) -> any Resumable
    ) -> Result<Spawned, SpawnFailure> {
        guard request.account.charge(.processes, 1) == nil else { return .failure(.tooMany) }
        guard let block = takeSlot(thread) else {
            request.account.refund(.processes, 1)
            return .failure(.tooMany)
        }
        block.it.thread = thread
        setAccount(block, request)
        let process = block.id
        let parent = request.parent
        let monitor = parent != nil && request.monitor ? MonitorID(rawValue: thread.newNumber()) : nil
        if request.trapsExits || request.link || monitor != nil {
            block.it.signals.begin(
                trapsExits: request.trapsExits, linkedTo: request.link ? parent?.id : nil,
                watchedBy: monitor.flatMap { monitor in parent.map { (monitor, $0.id) } })
        }
        if let parent, request.link || monitor != nil {
            if request.link { _ = parent.block.it.signals.handle(.spawnedLink(process), of: parent.id) }
            if let monitor {
                _ = parent.block.it.signals.handle(.spawnedMonitor(monitor, process, alias: nil), of: parent.id)
            }
        }
        block.it.body = Body(resumable: body(Process(block), block.takeBody()))
        thread.countProcess(1)
        // The block is its own from here on.
        block.it.word.store(ProcessWord(.runnable).rawValue, ordering: .sequentiallyConsistent)
        if let worker = thread.it.worker { pushWoken(block, on: worker) } else { submit(block) }
        return .success(Spawned(process: process, monitor: monitor))
    }

    // MARK: Accounts

    private func setAccount(_ block: BlockRef, _ request: SpawnRequest) {
        var record: Ref<AccountRecord>?
        if let parent = request.parent?.block,
            let shared = Ref<AccountRecord>(address: parent.it.account.load(ordering: .relaxed)),
            shared.it.account === request.account
        {
            record = shared
        }
        let own = record ?? it.accounts.make(request.account)
        own.it.processes.add(1, ordering: .relaxed)
        block.it.account.store(own.address, ordering: .relaxed)
        let limits = request.account.limits
        block.it.mailboxLimit.store(limits.mailboxMessages, ordering: .relaxed)
        block.it.byteLimit.store(limits.mailboxBytes, ordering: .relaxed)
    }

    func releaseAccount(_ block: BlockRef) {
        guard let record = Ref<AccountRecord>(address: block.it.account.load(ordering: .relaxed)) else { return }
        record.it.account?.refund(.processes, 1)
        if record.it.processes.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 { it.accounts.free(record) }
    }

    // MARK: Slots

    private func takeSlot(_ thread: ThreadRef) -> BlockRef? {
        if thread.it.freeSlots == nil {
            let batch = it.table.hasRoomForCaches ? ProcessTable.batch : 1
            thread.it.freeSlotCount += it.table.take(batch, into: &thread.it.freeSlots)
        }
        guard let block = thread.it.freeSlots else { return nil }
        thread.it.freeSlots = block.it.queueNext
        thread.it.freeSlotCount -= 1
        return block
    }

    func giveSlot(_ block: BlockRef, _ thread: ThreadRef) {
        block.it.queueNext = thread.it.freeSlots
        thread.it.freeSlots = block
        thread.it.freeSlotCount += 1
        let isOver = !it.table.hasRoomForCaches || thread.it.freeSlotCount >= 2 * ProcessTable.batch
        if isOver { giveSlots(thread) }
    }

    private func giveSlots(_ thread: ThreadRef) {
        guard let first = thread.it.freeSlots else { return }
        var last = first
        let count = min(thread.it.freeSlotCount, ProcessTable.batch)
        last.it.body = nil
        for _ in 1..<max(count, 1) {
            last = last.it.queueNext ?? last
            last.it.body = nil
        }
        thread.it.freeSlots = last.it.queueNext
        thread.it.freeSlotCount -= count
        it.table.give(first, last: last)
    }

    // MARK: Threads that are not the runtime's

    /// They share one thread's state, in turn.
    func withOutside<Result>(_ body: (ThreadRef) -> Result) -> Result {
        let result = it.outsideTurn.withLock { _ in
            let thread = it.outside ?? ThreadRef.allocate(ThreadState(core: self, worker: nil, random: 1))
            it.outside = thread
            return Unchecked(body(thread))
        }
        return result.value
    }
}

/// Carries a value out of a lock whose closure ran on the caller's own thread.
struct Unchecked<Value>: @unchecked Sendable {
    // Lock rule: none is needed, for the value never leaves the thread.
    let value: Value

    init(_ value: Value) {
        self.value = value
    }
}
