// The CPU time of another process, by its clock, and a timer on that clock.

internal import CLinux
internal import Glibc

extension Clock {
    /// CPU time of all threads of a process, in nanoseconds; 0 once it is gone. For our own children only: a pid that
    /// has been reaped may name another process.
    package static func cpuTime(ofProcess pid: Int32) -> UInt64 {
        // clock_getcpuclockid(3): the pid's complement above the bits for "process" and "sched".
        bulkhead_clock(number(ofProcess: pid))
    }

    fileprivate static func number(ofProcess pid: Int32) -> Int32 { (~pid << 3) | 2 }
}

/// A signal once another process has used so much CPU time (timer_create(2)): nothing wakes up while it is idle. The
/// kernel looks at every tick, so the signal is up to one late.
package final class ProcessCPUTimer {
    private let timer: Int32

    /// The signal goes to the calling thread, which should have it blocked and read it from a `SignalFD`.
    /// - Throws: ESRCH for a process that is gone, EAGAIN when the kernel has no room for the timer.
    package init(ofProcess pid: Int32, signal: Int32) throws(SystemError) {
        let made = bulkhead_clock_timer(Clock.number(ofProcess: pid), signal)
        timer = Int32(try requireCount(made, "timer_create"))
    }

    deinit {
        bulkhead_clock_timer_delete(timer)
    }

    /// Signals once the process's CPU clock shows `time`, in nanoseconds; at once if it does. Replaces what was set.
    /// A process that is gone uses no more.
    /// - Throws: EINVAL for a time past what the kernel counts.
    package func set(at time: UInt64) throws(SystemError) {
        let error = bulkhead_clock_timer_set(timer, time)
        if error != 0, error != ESRCH { throw SystemError("timer_settime", errno: error) }
    }
}
