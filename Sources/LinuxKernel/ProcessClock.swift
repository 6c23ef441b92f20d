// The CPU time of another process, by its clock.

internal import CLinux

extension Clock {
    /// CPU time of all threads of a process, in nanoseconds; 0 once it is gone. For our own children only: a pid that
    /// has been reaped may name another process.
    package static func cpuTime(ofProcess pid: Int32) -> UInt64 {
        // clock_getcpuclockid(3): the pid's complement above the bits for "process" and "sched".
        bulkhead_clock((~pid << 3) | 2)
    }
}
