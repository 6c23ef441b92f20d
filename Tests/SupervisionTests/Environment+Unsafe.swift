// Environment variables and CPU time, without Foundation.

import Glibc

struct Environment {
    subscript(name: String) -> String? {
        // SAFETY: nothing in the tests changes the environment, so what getenv(3) gives stays valid while it is copied.
        unsafe getenv(name).map { unsafe String(cString: $0) }
    }

    /// CPU time of this thread, in nanoseconds.
    static func cpuTime() -> UInt64 {
        var time = timespec()
        // SAFETY: clock_gettime(2) writes one timespec, which this one is.
        unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
