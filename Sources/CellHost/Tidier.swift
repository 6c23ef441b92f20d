// Gives memory back to the kernel once many instances are gone: pages between blocks that are still in use, and page tables.

import LinuxKernel
import Synchronization
import WasmEngine

/// Works on a thread of its own, which is made when there is something to do, and ends when nothing has come for a while.
final class Tidier: Sendable {
    /// Fewer are not worth it.
    private static let least = 64
    private static let interval: UInt64 = 250_000_000
    private static let quietIntervals = 4

    private let engine: Engine
    /// Instances that went since it last gave back.
    private let gone = Atomic<Int>(0)
    private let isAwake = Atomic<Bool>(false)

    init(_ engine: Engine) {
        self.engine = engine
    }

    /// An instance is gone whose process lives on. From any thread.
    func instanceIsGone() {
        guard gone.add(1, ordering: .relaxed).newValue >= Tidier.least, !isAwake.load(ordering: .relaxed) else {
            return
        }
        wake()
    }

    private func wake() {
        guard !isAwake.exchange(true, ordering: .acquiringAndReleasing) else { return }
        do throws(SystemError) {
            _ = try spawnThread(name: "tidier", stackSize: 128 << 10) { self.run() }
        } catch {
            // Memory stays with the cell: the next one that goes tries again.
            isAwake.store(false, ordering: .releasing)
        }
    }

    private func run() {
        let bed = Parker()
        var quiet = 0
        while quiet < Tidier.quietIntervals {
            bed.park(deadline: Clock.monotonicNow() + Tidier.interval)
            guard gone.exchange(0, ordering: .relaxed) > 0 else {
                quiet += 1
                continue
            }
            quiet = 0
            engine.giveBack()
            trimAllocator()
        }
        isAwake.store(false, ordering: .releasing)
    }
}
