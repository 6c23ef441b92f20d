// A child process as a descriptor: it cannot name another process by mistake when its pid is used again (pidfd_open(2)).

internal import CLinux
internal import Glibc

/// How a process ended (waitid(2)).
package enum ProcessExit: Hashable, Sendable, CustomStringConvertible {
    case exited(code: Int32)
    case signaled(signal: Int32, dumpedCore: Bool)

    package var description: String {
        switch self {
        case .exited(let code): "exit \(code)"
        case .signaled(let signal, _): Signal.name(signal)
        }
    }
}

/// What a child had used when it ended (getrusage(2)); its own waited-for children included.
package struct ProcessUsage: Hashable, Sendable {
    /// Nanoseconds, counted by the kernel in microseconds.
    package var userTime: UInt64
    package var systemTime: UInt64
    /// Largest resident set, in bytes.
    package var maximumResidentSize: UInt64
}

/// Dropping it neither ends nor reaps the process: a child must be waited for, or it stays a zombie.
package struct PidFD: ~Copyable, Sendable {
    package let pid: Int32
    /// Readable once the process has ended, until it is waited for and after.
    package let descriptor: OwnedFileDescriptor

    init(pid: Int32, descriptor: consuming OwnedFileDescriptor) {
        self.pid = pid
        self.descriptor = descriptor
    }

    /// pidfd_open(2) of a process that the caller knows to be alive or unreaped.
    package init(opening pid: Int32) throws(SystemError) {
        self.pid = pid
        descriptor = OwnedFileDescriptor(taking: Int32(try requireCount(bulkhead_pidfd_open(pid), "pidfd_open")))
    }

    /// Waits for the end and reaps the child.
    /// - Throws: ECHILD when it has been reaped already or is not ours.
    package borrowing func wait() throws(SystemError) -> (exit: ProcessExit, usage: ProcessUsage) {
        while true {
            if let ended = try reap(noHang: false) { return ended }
        }
    }

    /// Reaps the child if it has ended; nil while it runs.
    package borrowing func poll() throws(SystemError) -> (exit: ProcessExit, usage: ProcessUsage)? {
        try reap(noHang: true)
    }

    private borrowing func reap(noHang: Bool) throws(SystemError) -> (exit: ProcessExit, usage: ProcessUsage)? {
        var code: Int32 = 0
        var status: Int32 = 0
        var user: UInt64 = 0
        var system: UInt64 = 0
        var resident: UInt64 = 0
        // SAFETY: the callee writes one value into each of the locals.
        try requireZero(
            unsafe bulkhead_wait(descriptor.rawValue, noHang ? 1 : 0, &code, &status, &user, &system, &resident),
            "waitid")
        let usage = ProcessUsage(
            userTime: user &* 1000, systemTime: system &* 1000, maximumResidentSize: resident &* 1024)
        switch Int(code) {
        case Int(CLD_EXITED): return (.exited(code: status), usage)
        case Int(CLD_KILLED): return (.signaled(signal: status, dumpedCore: false), usage)
        case Int(CLD_DUMPED): return (.signaled(signal: status, dumpedCore: true), usage)
        default: return nil
        }
    }

    /// pidfd_send_signal(2). A process that has ended and was not reaped takes signals silently.
    /// - Throws: ESRCH when it has been reaped.
    package borrowing func send(signal: Int32) throws(SystemError) {
        try requireZero(bulkhead_pidfd_send_signal(descriptor.rawValue, signal), "pidfd_send_signal")
    }
}
