// What all threads of a runtime share.

internal import CapabilityModel
internal import Glibc
internal import LinuxKernel
internal import Synchronization

/// Lock rule: constant after `Runtime.init`, atomic, or behind its mutex. The mutexes are never held together, but for
/// `outside`, which is taken first.
struct RuntimeCore: ~Copyable {
    struct Overflow {
        /// FIFO, through `queueNext`.
        var first: BlockRef?
        var last: BlockRef?
    }

    /// Workers that have nothing to do.
    struct Idle {
        /// Asleep on their threads' parkers.
        var sleepers: [WorkerRef] = []
        /// Asleep in the reactor.
        var poller: WorkerRef?
        /// Someone has called the poller to work. It is the poller until it has heard: were another one there already, that
        /// one might hear it in its place.
        var isPollerCalled = false
    }

    struct Ending {
        var reason: ExitReason?
        /// Who waits for the threads to leave.
        var waiter: Parker?
    }

    /// Under `outsideTurn`.
    var outside: ThreadRef?
    let configuration: Runtime.Configuration
    let table: ProcessTable
    let depot: Ref<NodeDepot>
    let accounts = AccountPool()
    let timers: TimerWheel
    let reactor: Reactor
    let names: NameRegistry
    let workerCount: Int
    /// Set once, by `Runtime.init`.
    var workers: [WorkerRef] = []
    var threads: [ThreadRef] = []

    /// What threads without a worker made runnable, and what no longer went into a ring.
    let overflow = Lock(Overflow())
    let overflowCount = Atomic<Int>(0)

    let idle = Lock(Idle())
    let idleCount = Atomic<Int>(0)
    let hasPoller = Atomic<Bool>(false)
    /// Held by the thread that asks the reactor: an interrupt reaches one thread, and must not be taken by another.
    let isPolling = Atomic<Bool>(false)
    /// Workers that look for something to steal, and those being woken to do so.
    let searching = Atomic<Int>(0)

    /// Threads with no worker that may be given one.
    let spares = Lock<[ThreadRef]>([])
    let spareCount = Atomic<Int>(0)
    /// Threads that run a process without a worker.
    let detached = Atomic<Int>(0)

    /// Counts slices; moved by the ticker.
    let tick = Atomic<UInt64>(1)
    let tickerParker = Parker()
    let isTickerParked = Atomic<Bool>(false)

    /// Whose end ends the run.
    let root = Atomic<UInt64>(0)
    let isStarted = Atomic<Bool>(false)
    let isStopping = Atomic<Bool>(false)
    let ending = Lock(Ending())
    /// Threads that have not left their loops.
    let runningThreads = Atomic<Int>(0)

    /// For callers on threads that are not the runtime's.
    let outsideTurn = Lock(())
    /// The runtime itself, as an address.
    var owner: UInt = 0
    /// The next monitor, alias or seed; threads take blocks of them.
    let numbers = Atomic<UInt64>(1)

    init(_ configuration: Runtime.Configuration, _ reactor: Reactor, _ table: consuming ProcessTable) {
        self.configuration = configuration
        self.reactor = reactor
        self.table = table
        depot = .allocate(NodeDepot())
        timers = TimerWheel(now: Clock.monotonicNow())
        names = NameRegistry()
        workerCount = max(configuration.workers, 1)
    }

    deinit {
        for worker in workers { worker.free() }
        for thread in threads { thread.free() }
        outside?.free()
        depot.free()
    }
}

typealias CoreRef = Ref<RuntimeCore>

/// The right to run processes, and the queue of those to run. One thread has it at a time, and only that one touches what is
/// not atomic; a parked worker is its thread's still.
struct WorkerState: ~Copyable {
    /// Made runnable by the process that runs now: its data is in the cache.
    var next: BlockRef?
    let index: Int
    /// Who has it. Changed by the thread that hands it on.
    var thread: ThreadRef?
    /// Processes that something happened to; they go first.
    let woken: RunRing
    /// Processes whose slice ended.
    let preempted: RunRing
    /// The slice in which it last looked around.
    var seenTick: UInt64 = 0
    /// One of `preempted` is due, however many were woken.
    var owesPreempted = false
    /// One of them has run since the last look around.
    var hasPaidPreempted = false
    /// Asleep until it is given a worker: what direct calls need.
    var spare: ThreadRef?

    init(index: Int, isShared: Bool) {
        self.index = index
        woken = RunRing(isShared: isShared)
        preempted = RunRing(isShared: isShared)
    }
}

typealias WorkerRef = Ref<WorkerState>

/// What one thread has to itself.
struct ThreadState: ~Copyable {
    /// What it runs from; nil for a spare, for one that runs an overlong direct call, and for outsiders.
    var worker: WorkerRef?
    let core: CoreRef
    let parker = Parker()
    /// The worker that a spare was given, as an address, until it wakes up.
    let assigned = Atomic<UInt>(0)
    var nodes: NodeCache
    var freeSlots: BlockRef?
    var freeSlotCount = 0
    /// It is counted in `searching`.
    var isSearching = false
    var events = Reactor.Events()
    /// Numbers for monitors and aliases that it may still give out.
    var numbers: Range<UInt64> = 0..<0
    /// Of the random yields.
    var random: UInt64
    /// Processes spawned here, less those that ended here. Written by the thread alone.
    let balance = Atomic<Int>(0)
    var meter = Meter()
    var credit = ThreadCredit()
    /// The thread's CPU time when the direct call that it is in first saw a slice end; nil before.
    var firstSliceEnd: UInt64?

    init(core: CoreRef, worker: WorkerRef?, random: UInt64) {
        self.core = core
        self.worker = worker
        self.random = random
        nodes = NodeCache(depot: core.it.depot)
    }
}

typealias ThreadRef = Ref<ThreadState>

extension Ref where Value == ThreadState {
    @inline(__always)
    var core: CoreRef { it.core }

    /// A number that no monitor or alias of this runtime has had.
    func newNumber() -> UInt64 {
        if it.numbers.isEmpty {
            let first = core.it.numbers.add(256, ordering: .relaxed).oldValue
            it.numbers = first..<first + 256
        }
        let number = it.numbers.lowerBound
        it.numbers = number + 1..<it.numbers.upperBound
        return number
    }

    /// At the points where threads race: now and then lets others go first, when the tests ask for it.
    @inline(__always)
    func jitter() {
        if core.it.configuration.seed != nil { yieldAtRandom() }
    }

    private func yieldAtRandom() {
        // Marsaglia's xorshift.
        it.random ^= it.random << 13
        it.random ^= it.random >> 7
        it.random ^= it.random << 17
        if it.random & 15 == 0 { sched_yield() }
    }

    func countProcess(_ change: Int) {
        it.balance.store(it.balance.load(ordering: .relaxed) + change, ordering: .relaxed)
    }
}
