// Instances of finished processes, put back to what they were when new and used again: 300 ns instead of several thousand.
//
// Only what can be put back wholly is kept: its module has no obstacle (StateObstacle), its call returned, its memory has not
// grown. Globals get their first values, and each page that the process touched its first content; tables and segments cannot
// have changed. The fiber's stack keeps what was on it, which no guest can read: Wasm's variables start as zero.
//
// Which pages a process touched is what costs: the kernel has to say (PageMap, half a microsecond). It need not where it is
// certain that no page became present since it last said so: then the pages to put back are the same ones. A thread's count of
// page faults shows that for a whole batch of instances at once, if they ran on this thread alone.

internal import CWasmtime
internal import Synchronization

/// For one module under one import table; any thread takes and gives. Keeps at most `capacity` instances a thread.
@safe package final class InstancePool: @unchecked Sendable {
    package let linked: LinkedModule
    private let capacity: Int

    /// More threads share.
    private static let shardCount = 64
    /// Retained by the pool, and not counted on the way to one.
    private let shards: [Unmanaged<Shard>]

    /// Instances that wait to be put back together.
    private static let batchSize = 16
    /// One that touched more is not kept: it would hold too much memory, and take too long.
    private static let maximumPages = 32

    /// What one thread has given and may take; the lock is for the threads that share a number.
    private final class Shard: Sendable {
        struct Content {
            var clean: [IdleInstance] = []
            var dirty: [IdleInstance] = []
            /// Goes up with each batch; `faulty` is the last during which a page became present.
            var batch: UInt64 = 1
            var faulty: UInt64 = 0
            /// What the thread that put the last batch back had counted then.
            var faults: Int64 = -1
            var thread: UInt32 = 0
            /// How many were put back by what was known of their pages.
            var trusted = 0
            /// The module's, once there is one: its own is behind a lock that all threads share.
            private(set) var image: InstanceImage?
            /// Of the image's memory; -1 while there is none.
            private(set) var memoryBytes = -1

            /// Whether there is one.
            mutating func findImage(of linked: LinkedModule) -> Bool {
                if memoryBytes >= 0 { return true }
                image = linked.image
                memoryBytes = image?.memoryBytes ?? -1
                return memoryBytes >= 0
            }
        }

        let content = Mutex<Content>(Content())
    }

    package init(_ linked: LinkedModule, capacity: Int = 64) {
        self.linked = linked
        self.capacity = capacity
        unsafe shards = (0..<Self.shardCount).map { _ in unsafe Unmanaged.passRetained(Shard()) }
    }

    deinit {
        for index in unsafe shards.indices {
            // SAFETY: retained in `init`; nobody else has it any more.
            unsafe shards[index].takeRetainedValue().content.withLock { content in
                // SAFETY: the pool owns what was given to it.
                for idle in content.clean + content.dirty { unsafe Store(adopting: idle.state).end() }
            }
        }
    }

    /// How many instances are kept, of all threads.
    package var count: Int {
        // SAFETY: shards live as long as the pool.
        unsafe shards.reduce(0) { sum, shard in
            unsafe sum
                + shard._withUnsafeGuaranteedRef { $0.content.withLock { $0.clean.count + $0.dirty.count } }
        }
    }

    /// How often the kernel did not have to be asked.
    var trustedCount: Int {
        // SAFETY: as above.
        unsafe shards.reduce(0) { sum, shard in
            unsafe sum + shard._withUnsafeGuaranteedRef { $0.content.withLock { $0.trusted } }
        }
    }

    /// A store for a new process: `isBusy` says whether it has still to be polled until it is instantiated. Its memory is
    /// charged like a new one's.
    package func take(
        limits: StoreLimits, context: AnyObject, charge: (any MemoryCharge)? = nil
    ) -> Store {
        let thread = bulkhead_thread_number()
        // SAFETY: shards live as long as the pool.
        let found = unsafe shards[Int(thread) % Self.shardCount]._withUnsafeGuaranteedRef { shard in
            unsafe shard.content.withLock { content in unsafe take(from: &content) }
        }
        guard let (state, batch) = unsafe found else {
            return fresh(limits: limits, context: context, charge: charge)
        }
        // SAFETY: the state is nobody else's now.
        guard unsafe StoreState.adopt(state, limits: limits, owner: context, charge: charge) else {
            give(unsafe Store(adopting: state))
            return Store(linked, limits: limits, context: context, charge: charge)
        }
        unsafe state.pointee.reuse.thread = thread
        unsafe state.pointee.reuse.batch = batch
        return unsafe Store(adopting: state)
    }

    /// Takes back the store of a process that has ended; keeps it if it can be used again, else ends it.
    package func give(_ store: consuming Store) {
        let state = unsafe store.release()
        let thread = bulkhead_thread_number()
        // SAFETY: the state is the pool's now; nothing runs in it.
        unsafe StoreState.abandon(state)
        let isKept = unsafe shards[Int(thread) % Self.shardCount]._withUnsafeGuaranteedRef { shard in
            shard.content.withLock { content in
                guard content.clean.count + content.dirty.count < capacity, content.findImage(of: linked),
                    unsafe isReusable(state, content.memoryBytes)
                else { return false }
                unsafe content.dirty.append(IdleInstance(state: state))
                return true
            }
        }
        if !isKept { unsafe Store(adopting: state).end() }
    }

    private func isReusable(_ state: UnsafeMutablePointer<StoreState>, _ memoryBytes: Int) -> Bool {
        // SAFETY: as in `give`.
        guard unsafe state.pointee.future == nil, unsafe state.pointee.isLive, unsafe !state.pointee.isInstantiating,
            unsafe state.pointee.linked.toOpaque() == Unmanaged.passUnretained(linked).toOpaque()
        else { return false }
        return unsafe (state.pointee.firstMemory?.pointee.memory.size ?? 0) == memoryBytes
    }

    private func fresh(limits: StoreLimits, context: AnyObject, charge: (any MemoryCharge)?) -> Store {
        var store = Store(linked, limits: limits, context: context, charge: charge)
        guard linked.module.obstacle == nil else { return store }
        let progress = store.poll()
        guard case .finished = progress else {
            // To be found again by who polls.
            unsafe store.state.pointee.failure = progress
            return store
        }
        unsafe linked.takeImage(store.state)
        return store
    }

    /// A clean one and the batch it is taken in; nil when a new one is to be made.
    private func take(
        from content: inout Shard.Content
    ) -> (UnsafeMutablePointer<StoreState>, UInt64)? {
        // SAFETY: what a shard holds is the pool's.
        if content.clean.isEmpty, content.dirty.count >= Self.batchSize { clean(&content) }
        guard let state = content.clean.popLast() else { return nil }
        return unsafe (state.state, content.batch)
    }

    /// Puts back all that was given.
    private func clean(_ content: inout Shard.Content) {
        guard content.findImage(of: linked), let image = content.image else { return }
        let thread = bulkhead_thread_number()
        let faults = bulkhead_thread_faults()
        if faults < 0 || faults != content.faults || thread != content.thread {
            content.faulty = content.batch
        }
        for idle in content.dirty {
            let state = unsafe idle.state
            // SAFETY: as above.
            let reuse = unsafe state.pointee.reuse
            let isKnown = reuse.thread == thread && reuse.batch > content.faulty
            if isKnown { content.trusted += 1 }
            if unsafe restore(state, image, pagesAreKnown: isKnown) {
                content.clean.append(idle)
            } else {
                unsafe Store(adopting: state).end()
            }
        }
        content.dirty.removeAll(keepingCapacity: true)
        content.batch += 1
        // What was put back may have faulted pages in that were swapped out; they are among the known ones.
        content.faults = bulkhead_thread_faults()
        content.thread = thread
    }

    private func restore(
        _ state: UnsafeMutablePointer<StoreState>, _ image: InstanceImage, pagesAreKnown: Bool
    ) -> Bool {
        // SAFETY: the instance exists and nothing runs in it.
        if let memory = unsafe state.pointee.firstMemory?.pointee.memory {
            if !pagesAreKnown {
                guard let pages = PageMap.touchedPages(memory.slot.base, memory.size), pages.count <= Self.maximumPages
                else { return false }
                unsafe state.pointee.reuse.pages = pages
            }
            unsafe image.restore(state.pointee.reuse.pages, of: memory)
        }
        if unsafe state.pointee.reuse.globals == nil {
            unsafe state.pointee.reuse.globals = unsafe image.globals(in: state)
        }
        guard let globals = unsafe state.pointee.reuse.globals else { return false }
        return unsafe image.restore(globals, state.pointee.context)
    }
}

/// A store that belongs to the pool.
@safe private struct IdleInstance: @unchecked Sendable {
    let state: UnsafeMutablePointer<StoreState>
}

/// What a store's state remembers for a pool.
struct StoreReuse {
    /// The one thread that the process has run on since it was taken; 0 for several.
    var thread: UInt32 = 0
    /// Of the pool's shard, when it was taken.
    var batch: UInt64 = 0
    /// All pages of its memory that may be other than zero.
    var pages: [UInt16] = []
    var globals: [wasmtime_global_t]?
}
