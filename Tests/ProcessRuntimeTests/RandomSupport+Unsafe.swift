// Seeds, lengths and threads for random tests.

import Glibc
import LinuxKernel
import Synchronization

/// A small generator with a printable seed (Steele, Lea and Flood, 2014).
struct SplitMix64 {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    mutating func next(in range: ClosedRange<UInt64>) -> UInt64 {
        range.lowerBound + next() % (range.upperBound - range.lowerBound + 1)
    }
}

func environment(_ name: String) -> String? {
    // SAFETY: the value is copied at once; nobody here changes the environment.
    unsafe getenv(name).map { unsafe String(cString: $0) }
}

/// BULKHEAD_TEST_SEED, or another one each time.
func testSeed() -> UInt64 {
    environment("BULKHEAD_TEST_SEED").flatMap { UInt64($0) } ?? UInt64.random(in: 0 ... .max)
}

/// How long a random test runs: the second with BULKHEAD_LONG_TESTS set.
func longRun(_ usual: Int, _ long: Int) -> Int {
    environment("BULKHEAD_LONG_TESTS") == nil ? usual : long
}

final class AtomicBox: Sendable {
    let value = Atomic<UInt64>(0)
}

/// A thread that is joined once.
final class ThreadBox: Sendable {
    private let handle: Lock<ThreadHandle?>

    init(_ handle: consuming sending ThreadHandle) {
        self.handle = Lock(consume handle)
    }

    func join() {
        let taken = handle.withLock { $0.take() }
        taken?.join()
    }
}

func isSet(_ name: String) -> Bool { environment(name) != nil }

/// A number from the environment, or 1.
func factor(_ name: String) -> Int { environment(name).flatMap { Int($0) } ?? 1 }
