// The runtime as its user sees it: workers that run processes until the root process ends.

package import CapabilityModel
package import LinuxKernel
internal import Synchronization

package enum RuntimeError: Error, Hashable, Sendable {
    /// The address space for the process table cannot be had.
    case noMemory
    case system(SystemError)
}

package struct SpawnRequest {
    /// Who spawns; nil from outside.
    package var parent: Process?
    /// Both stand before either process can do anything. Without effect where there is no parent.
    package var link: Bool
    package var monitor: Bool
    package var account: Account
    package var trapsExits: Bool

    package init(
        parent: Process? = nil, link: Bool = false, monitor: Bool = false, account: Account, trapsExits: Bool = false
    ) {
        self.parent = parent
        self.link = link
        self.monitor = monitor
        self.account = account
        self.trapsExits = trapsExits
    }
}

package struct Spawned: Hashable, Sendable {
    package let process: ProcessID
    package let monitor: MonitorID?
}

package enum SpawnFailure: Error, Hashable, Sendable {
    /// The table is full, or the account has as many processes as it may.
    case tooMany
}

/// Lock rule: everything is in the core, whose fields have their own.
package final class Runtime: Sendable {
    package struct Configuration: Sendable {
        /// 1 or more.
        package var workers: Int
        package var sliceNanoseconds: UInt64
        /// 1...2^24 - 1
        package var maximumProcesses: Int
        /// Threads that take over from workers whose direct call takes long or waits; without any, nothing is called
        /// directly.
        package var spareThreads: Int
        /// For tests: threads let others go first at random points of the protocol.
        package var seed: UInt64?
        /// Stack of each thread, in bytes; direct calls run on it.
        package var stackSize: Int
        /// Called once a slice while anything runs, on a thread of its own; never while all sleep.
        package var tick: @Sendable () -> Void

        package init(
            workers: Int = Processors.available, sliceNanoseconds: UInt64 = 1_000_000,
            maximumProcesses: Int = 1 << 24 - 1, spareThreads: Int = 4, seed: UInt64? = nil, stackSize: Int = 1 << 20,
            tick: @escaping @Sendable () -> Void = {}
        ) {
            self.workers = workers
            self.sliceNanoseconds = sliceNanoseconds
            self.maximumProcesses = maximumProcesses
            self.spareThreads = spareThreads
            self.seed = seed
            self.stackSize = stackSize
            self.tick = tick
        }
    }

    let core: CoreRef
    package let blockingPool: BlockingPool
    private let osThreads = Lock<[JoinableThread]>([])

    package init(_ configuration: Configuration) throws(RuntimeError) {
        let isShared = configuration.workers > 1
        let table = try ProcessTable(maximum: configuration.maximumProcesses)
        core = CoreRef.allocate(RuntimeCore(configuration, try Runtime.makeReactor(), table))
        blockingPool = BlockingPool()
        for index in 0..<core.it.workerCount {
            let worker = WorkerRef.allocate(WorkerState(index: index, isShared: isShared))
            core.it.workers.append(worker)
            let thread = addThread(worker)
            worker.it.thread = thread
        }
        for _ in 0..<max(configuration.spareThreads, 0) {
            let thread = addThread(nil)
            core.it.spares.withLock { $0.append(thread) }
            core.it.spareCount.add(1, ordering: .relaxed)
        }
        core.setOwner(self)
    }

    private static func makeReactor() throws(RuntimeError) -> Reactor {
        do {
            return try Reactor()
        } catch {
            throw .system(error)
        }
    }

    private func addThread(_ worker: WorkerRef?) -> ThreadRef {
        let number = UInt64(core.it.threads.count) + 1
        let seed = (core.it.configuration.seed ?? 0) &* 0x9e37_79b9_7f4a_7c15 &+ number
        let thread = ThreadRef.allocate(ThreadState(core: core, worker: worker, random: seed | 1))
        core.it.threads.append(thread)
        return thread
    }

    deinit {
        shutDown()
        core.free()
    }

    package var timers: TimerWheel { core.it.timers }
    package var reactor: Reactor { core.it.reactor }
    package var names: NameRegistry { core.it.names }

    /// Processes that live, or are just ending; exact when nothing runs.
    package var processCount: Int {
        core.it.threads.reduce(core.it.outside?.it.balance.load(ordering: .relaxed) ?? 0) {
            $0 + $1.it.balance.load(ordering: .relaxed)
        }
    }

    // MARK: Running

    /// Makes all threads but the caller's, which wait for `run`: a process that is sealed afterwards needs no more.
    package func startThreads() throws(SystemError) {
        let isNeeded = osThreads.withLock { $0.isEmpty }
        guard isNeeded else { return }
        core.it.runningThreads.store(core.it.threads.count, ordering: .releasing)
        let core = core
        var made: [JoinableThread] = []
        do throws(SystemError) {
            for (index, thread) in core.it.threads.enumerated().dropFirst() {
                let name = index < core.it.workerCount ? "worker-\(index)" : "spare-\(index)"
                made.append(
                    JoinableThread(
                        try spawnThread(name: name, stackSize: core.it.configuration.stackSize) {
                            core.awaitStart(thread)
                            core.main(thread)
                        }))
            }
            made.append(JoinableThread(try spawnThread(name: "ticker", stackSize: 128 << 10) { core.runTicker() }))
        } catch {
            core.it.runningThreads.subtract(core.it.threads.count - made.count, ordering: .releasing)
            core.stop(.cellFailed(message: "threads: \(error)"))
            for thread in made { thread.join() }
            throw error
        }
        osThreads.withLock { $0 = made }
    }

    /// The calling thread becomes a worker until the root process ends; then nothing runs any more, and `shutDown` frees what
    /// is left. Once only.
    /// - Returns: the root's reason; `.noproc` when there is no such process.
    package func run(root: ProcessID) -> ExitReason {
        do throws(SystemError) {
            try startThreads()
        } catch {
            return .cellFailed(message: "threads: \(error)")
        }
        guard isAlive(root), let own = core.it.threads.first else { return .noproc }
        core.it.root.store(root.rawValue, ordering: .relaxed)
        core.start()
        core.main(own)
        core.awaitThreads()
        return core.it.ending.withLock { $0.reason } ?? .noproc
    }

    /// Ends the run as if the root had ended with that reason. From any thread, at any time.
    package func stop(_ reason: ExitReason) {
        core.stop(reason)
    }

    /// Abandons every process that is left, and joins the threads. Not from a thread of the runtime.
    package func shutDown() {
        core.stop(.shutdown)
        let threads = osThreads.withLock { threads in
            defer { threads = [] }
            return threads
        }
        if !threads.isEmpty { core.leaveUnlessRun() }
        for thread in threads { thread.join() }
        core.abandonAll()
        blockingPool.close()
    }

    // MARK: From any thread

    /// Wakes a process that waits, whatever for; nothing happens to one that is gone.
    package func wake(_ process: ProcessID) {
        guard let block = core.wakeState(process) else { return }
        core.enqueueFromOutside(block)
    }

    /// A process's CPU time in nanoseconds, counted in whole slices; nil for one that is gone.
    package func cpuTime(of process: ProcessID) -> UInt64? {
        guard let block = core.it.table.block(process.slot) else { return nil }
        let slices = block.it.slices.load(ordering: .relaxed)
        return core.isAlive(process) ? slices * core.it.configuration.sliceNanoseconds : nil
    }

    package func isAlive(_ process: ProcessID) -> Bool { core.isAlive(process) }
}

/// A thread that is joined once.
final class JoinableThread: Sendable {
    private let handle: Lock<ThreadHandle?>

    init(_ handle: consuming ThreadHandle) {
        self.handle = Lock(handle)
    }

    func join() {
        handle.withLock { $0.take()?.join() }
    }
}
