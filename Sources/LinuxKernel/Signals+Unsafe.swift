// Signals as descriptors, so that a loop sees them in turn with everything else.

internal import CLinux
internal import Glibc

/// Signal numbers that the supervisor and its tests name (signal(7)).
package enum Signal {
    package static let interrupt = SIGINT
    package static let quit = SIGQUIT
    package static let illegal = SIGILL
    package static let trap = SIGTRAP
    package static let abort = SIGABRT
    package static let kill = SIGKILL
    package static let segmentation = SIGSEGV
    package static let pipe = SIGPIPE
    package static let terminate = SIGTERM
    package static let child = SIGCHLD
    package static let cpuLimit = SIGXCPU
    package static let fileSizeLimit = SIGXFSZ
    package static let hangUp = SIGHUP
    package static let stop = SIGSTOP
    package static let resume = SIGCONT
    package static let cpuTimer = SIGVTALRM
    package static let windowChange = SIGWINCH
    package static let badSystemCall = SIGSYS

    /// `SIGSEGV`, or `signal N` where it has no common name.
    package static func name(_ number: Int32) -> String {
        switch number {
        case SIGHUP: "SIGHUP"
        case SIGINT: "SIGINT"
        case SIGQUIT: "SIGQUIT"
        case SIGILL: "SIGILL"
        case SIGTRAP: "SIGTRAP"
        case SIGABRT: "SIGABRT"
        case SIGBUS: "SIGBUS"
        case SIGFPE: "SIGFPE"
        case SIGKILL: "SIGKILL"
        case SIGSEGV: "SIGSEGV"
        case SIGPIPE: "SIGPIPE"
        case SIGALRM: "SIGALRM"
        case SIGTERM: "SIGTERM"
        case SIGXCPU: "SIGXCPU"
        case SIGXFSZ: "SIGXFSZ"
        case SIGSYS: "SIGSYS"
        default: "signal \(number)"
        }
    }

    /// Ignores a signal in the whole process. Processes started by `Spawn` get the default back.
    package static func ignore(_ number: Int32) throws(SystemError) {
        try requireZero(bulkhead_signal_ignore(number), "sigaction")
    }

    /// Blocks signals in the calling thread, and in threads that it makes later (pthread_sigmask(3)).
    package static func block(_ numbers: [Int32]) throws(SystemError) {
        try requireZero(bulkhead_signal_mask(mask(numbers), 1), "pthread_sigmask")
    }

    package static func unblock(_ numbers: [Int32]) throws(SystemError) {
        try requireZero(bulkhead_signal_mask(mask(numbers), 0), "pthread_sigmask")
    }

    fileprivate static func mask(_ numbers: [Int32]) -> UInt64 {
        numbers.reduce(0) { set, number in (1...64).contains(number) ? set | 1 << UInt64(number - 1) : set }
    }
}

/// signalfd(2), non-blocking. Make it before any other thread exists, so that every thread blocks the signals.
package struct SignalFD: ~Copyable, Sendable {
    package let descriptor: OwnedFileDescriptor

    /// Blocks the signals in the calling thread and takes them from here on.
    package init(_ numbers: [Int32]) throws(SystemError) {
        try Signal.block(numbers)
        let raw = bulkhead_signal_descriptor(Signal.mask(numbers))
        descriptor = OwnedFileDescriptor(taking: Int32(try requireCount(raw, "signalfd")))
    }

    /// The next pending signal and the pid that sent it; nil when there is none.
    package borrowing func next() throws(SystemError) -> (signal: Int32, pid: Int32)? {
        var pid: Int32 = 0
        // SAFETY: the callee writes one int into a local.
        let number = try requireCount(unsafe bulkhead_signal_read(descriptor.rawValue, &pid), "read")
        return number == 0 ? nil : (Int32(number), pid)
    }
}
