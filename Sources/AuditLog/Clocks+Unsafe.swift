// The two clocks that the log reads.

internal import Glibc

enum Clocks {
    /// clock_gettime(2), in nanoseconds.
    static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        // SAFETY: the call fills in `time` and keeps no pointer; the two clocks used here always exist.
        unsafe clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    static func monotonic() -> UInt64 { UInt64(max(0, read(CLOCK_MONOTONIC))) }
}
