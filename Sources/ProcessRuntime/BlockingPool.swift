// A few threads for calls that may block on a disk or a network file system, so that no worker does.

internal import LinuxKernel
internal import Synchronization

/// What a process waits for while a pool thread works for it. The process looks for its result when it is resumed; one
/// that is killed meanwhile lets go of the job, which ends by itself, and what it holds is freed then.
package final class BlockingJob<Result: Sendable>: Sendable {
    private let result = Lock<Result?>(nil)

    fileprivate init() {}

    fileprivate func finish(_ value: Result) {
        result.withLock { $0 = value }
    }

    /// The result, once it is there, and once only.
    package func take() -> Result? {
        result.withLock { $0.take() }
    }
}

/// Lock rule: `state` is guarded by its mutex, and no closure of others runs while it is held.
package final class BlockingPool: Sendable {
    private struct Task {
        let run: @Sendable () -> Void
        let wake: @Sendable () -> Void
    }

    private struct State {
        var queue = FIFO<Task>()
        /// Who found the queue full, to be woken when there is room.
        var refused = FIFO<@Sendable () -> Void>()
        var threads = 0
        var idle = 0
        var isClosed = false
    }

    private let state = Lock(State())
    /// Counts queued jobs, and at the end the threads that are to go.
    private let work = Semaphore()
    private let maximumThreads: Int
    private let maximumQueued: Int

    /// Threads are started when there is work for them, and stay until `close`.
    /// - Parameters:
    ///   - maximumThreads: at least 1.
    ///   - maximumQueued: jobs that wait for a thread, each with its buffers; at least 1.
    package init(maximumThreads: Int = 4, maximumQueued: Int = 1024) {
        self.maximumThreads = max(maximumThreads, 1)
        self.maximumQueued = max(maximumQueued, 1)
    }

    /// Has `work` run on a thread of the pool. A process has one job at most.
    /// - Parameters:
    ///   - wake: called when the result is there, or, where there was no room for the job, when there is; from any thread.
    ///   - work: touches no guest memory, for its process may end meanwhile. What it captures is released on the pool's
    ///     thread or with the job, whichever is later.
    /// - Returns: nil when too many jobs wait already (to be submitted again once woken), or after `close`.
    package func submit<Result: Sendable>(
        wake: @escaping @Sendable () -> Void, _ work: @escaping @Sendable () -> Result
    ) -> BlockingJob<Result>? {
        let job = BlockingJob<Result>()
        let (isQueued, needsThread) = state.withLock { state -> (Bool, Bool) in
            if state.isClosed { return (false, false) }
            guard state.queue.count < maximumQueued else {
                state.refused.append(wake)
                return (false, false)
            }
            state.queue.append(Task(run: { job.finish(work()) }, wake: wake))
            guard state.queue.count > state.idle, state.threads < maximumThreads else { return (true, false) }
            state.threads += 1
            return (true, true)
        }
        guard isQueued else { return nil }
        if needsThread { startThread() }
        self.work.signal()
        return job
    }

    /// Takes no more jobs; those that are queued are still done, and the threads end then.
    package func close() {
        let threads = state.withLock { state in
            state.isClosed = true
            return state.threads
        }
        for _ in 0..<threads { work.signal() }
    }

    private func startThread() {
        do throws(SystemError) {
            _ = try spawnThread(name: "blocking-io", stackSize: 256 << 10) { self.run() }
        } catch {
            // Without a single thread nobody would ever do the job: it is done here, on the caller's.
            let isLast = state.withLock { state in
                state.threads -= 1
                return state.threads == 0
            }
            if isLast { _ = runOne() }
        }
    }

    private func run() {
        while true {
            state.withLock { $0.idle += 1 }
            work.wait()
            state.withLock { $0.idle -= 1 }
            if !runOne() { break }
        }
        state.withLock { $0.threads -= 1 }
    }

    /// - Returns: false when there is no job left, which happens after `close` only.
    private func runOne() -> Bool {
        guard let wake = perform() else { return false }
        wake()
        return true
    }

    /// Does the next job.
    /// - Returns: what wakes its process. What the job held is free by then, for the process may look at what it is
    ///   charged.
    @inline(never)
    private func perform() -> (@Sendable () -> Void)? {
        let (job, admitted) = state.withLock { state in
            let job = state.queue.popFirst()
            // Who is woken may have died, and then nobody takes the room; so everyone is when the last job is taken.
            var admitted: [@Sendable () -> Void] = []
            while let wake = state.refused.popFirst() {
                admitted.append(wake)
                if state.queue.count > 0 { break }
            }
            return (job, admitted)
        }
        for wake in admitted { wake() }
        job?.run()
        return job?.wake
    }
}
