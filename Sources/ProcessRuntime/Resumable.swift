// The seam between whatever runs (a Wasm fiber, a test's closure) and whoever schedules it.

package import CapabilityModel

/// What a host descriptor must become before a process can go on (poll(2) semantics: errors and hang-ups count).
package struct Interest: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    package static let read = Interest(rawValue: 1)
    package static let write = Interest(rawValue: 2)
}

/// Why a process cannot go on now: it waits for any of the descriptors or for the deadline, whichever comes first.
package struct Wait: Hashable, Sendable {
    package struct Descriptor: Hashable, Sendable {
        /// A descriptor of this OS process; it stays open while the process waits.
        package var raw: Int32
        package var interest: Interest

        package init(raw: Int32, interest: Interest) {
            self.raw = raw
            self.interest = interest
        }
    }

    package var descriptors: [Descriptor]
    /// CLOCK_MONOTONIC, in nanoseconds; nil waits without end.
    package var deadline: UInt64?

    package init(descriptors: [Descriptor], deadline: UInt64?) {
        self.descriptors = descriptors
        self.deadline = deadline
    }
}

/// What a process says when it hands its thread back.
package enum Suspension: Hashable, Sendable {
    /// Its slice is over; it can go on at once.
    case yielded
    case waiting(Wait)
    case finished(ExitReason)
}

/// Something that runs in slices on a worker thread. Knows no scheduler; a scheduler knows no Wasm.
package protocol Resumable: AnyObject {
    /// Runs until it yields, waits or finishes. Never called again after `.finished`.
    func resume() -> Suspension

    /// Frees what it holds without running it again; called at most once, and never while it runs.
    func abandon()
}
