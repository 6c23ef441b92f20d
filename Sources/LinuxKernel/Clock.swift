// The kernel's clocks, in nanoseconds.

internal import CLinux
internal import Glibc

package enum Clock {
    /// CLOCK_MONOTONIC: what every deadline here is counted in.
    package static func monotonicNow() -> UInt64 { bulkhead_clock(CLOCK_MONOTONIC) }

    /// CLOCK_MONOTONIC as of the kernel's last tick: some milliseconds behind, and a third of the price.
    package static func monotonicRecently() -> UInt64 { bulkhead_clock(CLOCK_MONOTONIC_COARSE) }

    /// CLOCK_REALTIME, since 1970.
    package static func realtimeNow() -> UInt64 { bulkhead_clock(CLOCK_REALTIME) }

    /// CPU time of the calling thread.
    package static func threadCPUTime() -> UInt64 { bulkhead_clock(CLOCK_THREAD_CPUTIME_ID) }

    /// CPU time of all threads of this process.
    package static func processCPUTime() -> UInt64 { bulkhead_clock(CLOCK_PROCESS_CPUTIME_ID) }
}
