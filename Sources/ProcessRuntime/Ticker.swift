// The thread that counts slices, and only while somebody runs.

internal import LinuxKernel
internal import Synchronization

extension Ref where Value == RuntimeCore {
    /// Somebody begins to run something.
    @inline(__always)
    func startTicker() {
        if it.isTickerParked.load(ordering: .sequentiallyConsistent) { it.tickerParker.unpark() }
    }

    /// Workers that are not idle, and threads that run without one.
    private var busyThreads: Int {
        it.workerCount - it.idleCount.load(ordering: .sequentiallyConsistent)
            + it.detached.load(ordering: .sequentiallyConsistent)
    }

    /// The ticker's thread, until the last other one has left.
    func runTicker() {
        var idleSlices = 0
        while it.runningThreads.load(ordering: .acquiring) > 0 {
            it.tickerParker.park(deadline: Clock.monotonicNow() + it.configuration.sliceNanoseconds)
            if busyThreads > 0 {
                idleSlices = 0
                it.tick.add(1, ordering: .relaxed)
                it.configuration.tick()
                help()
                continue
            }
            idleSlices += 1
            // Not at once: work that comes and goes would pay for starting it each time.
            guard idleSlices > 2 else { continue }
            idleSlices = 0
            it.isTickerParked.store(true, ordering: .sequentiallyConsistent)
            if busyThreads == 0 && it.runningThreads.load(ordering: .sequentiallyConsistent) > 0 {
                it.tickerParker.park()
            }
            it.isTickerParked.store(false, ordering: .sequentiallyConsistent)
        }
    }

    /// What workers saw too late or not at all, for they look without a fence.
    private func help() {
        guard it.idleCount.load(ordering: .relaxed) > 0 else { return }
        ensurePoller()
        let hasWork = it.workers.contains { !$0.it.woken.isEmpty || !$0.it.preempted.isEmpty }
        if hasWork || it.overflowCount.load(ordering: .relaxed) > 0 { wakeIdle() }
    }
}
