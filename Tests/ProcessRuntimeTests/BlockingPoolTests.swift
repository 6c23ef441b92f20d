// The pool for blocking calls: bounded, and kind to processes that die.

import LinuxKernel
import ProcessRuntime
import Synchronization
import Testing

/// Tells when it is freed.
private final class Buffer: Sendable {
    let refund: @Sendable () -> Void

    init(_ refund: @escaping @Sendable () -> Void) {
        self.refund = refund
    }

    deinit { refund() }
}

@Suite struct BlockingPoolTests {
    @Test func aJobsResultIsTakenOnce() {
        let pool = BlockingPool()
        let done = Semaphore()
        let job = pool.submit(wake: { done.signal() }) { 42 }
        done.wait()
        #expect(job?.take() == 42)
        #expect(job?.take() == nil)
        pool.close()
        #expect(pool.submit(wake: {}) { 1 } == nil)
    }

    @Test func whatAJobHoldsIsFreedWhenItEndsAndNotBefore() {
        let pool = BlockingPool()
        let (gate, started, freed) = (Semaphore(), Semaphore(), Semaphore())
        let isFreed = Atomic<Bool>(false)
        func submit() {
            let buffer = Buffer {
                isFreed.store(true, ordering: .releasing)
                freed.signal()
            }
            // The process is gone at once: nobody keeps the job.
            _ = pool.submit(wake: {}) {
                started.signal()
                gate.wait()
                return buffer
            }
        }
        submit()
        started.wait()
        let wasFreedEarly = isFreed.load(ordering: .acquiring)
        gate.signal()
        freed.wait()
        #expect(!wasFreedEarly)
        pool.close()
    }

    @Test func runsNoMoreThreadsThanItMay() {
        let pool = BlockingPool(maximumThreads: 3)
        let running = Atomic<Int>(0)
        let most = Atomic<Int>(0)
        let done = Semaphore()
        for _ in 0..<200 {
            let job = pool.submit(wake: { done.signal() }) {
                most.max(running.add(1, ordering: .sequentiallyConsistent).newValue, ordering: .relaxed)
                var none: [PollEntry] = []
                _ = try? Poll.wait(&none, deadline: Clock.monotonicNow() + 100_000)
                running.subtract(1, ordering: .sequentiallyConsistent)
            }
            #expect(job != nil)
        }
        for _ in 0..<200 { done.wait() }
        let peak = most.load(ordering: .relaxed)
        #expect((1...3).contains(peak))
        pool.close()
    }

    /// Ten times as many processes as the queue has room for, half of which die when they are refused: all others are served.
    @Test func whoFindsItFullIsWokenWhenThereIsRoom() throws {
        let pool = BlockingPool(maximumThreads: 2, maximumQueued: 8)
        let served = Atomic<Int>(0)
        let processes = 80
        let wakeUps = (0..<processes).map { _ in Semaphore() }
        let threads = try (0..<processes).map { index in
            ThreadBox(
                try spawnThread(name: "process", stackSize: 1 << 17) {
                    for _ in 0..<longRun(20, 2000) {
                        let wakeUp = wakeUps[index]
                        while true {
                            if let job = pool.submit(wake: { wakeUp.signal() }, { served.add(1, ordering: .relaxed) }) {
                                while job.take() == nil { wakeUp.wait() }
                                break
                            }
                            if index % 2 == 0 { return }
                            wakeUp.wait()
                        }
                    }
                })
        }
        for thread in threads { thread.join() }
        let total = served.load(ordering: .relaxed)
        #expect(total >= processes / 2 * longRun(20, 2000))
        pool.close()
    }
}
