// The seam between whatever runs (a Wasm fiber, a test's closure) and whoever schedules it.

package import CapabilityModel
internal import LinuxKernel

/// What a host descriptor must become before a process can go on (poll(2) semantics: errors and hang-ups count).
package struct Interest: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    package static let read = Interest(rawValue: 1)
    package static let write = Interest(rawValue: 2)
}

/// Why a process cannot go on now: it waits for any of these, whichever comes first. Signals other than messages always
/// end a wait. A wake-up carries no data and may be spurious: the process is resumed and looks for itself.
@usableFromInline
package struct Wait: Hashable, Sendable {
    @usableFromInline
    package struct Descriptor: Hashable, Sendable {
        /// A descriptor of this OS process; it stays open while the process waits.
        package var raw: Int32
        package var interest: Interest
        /// What `Reactor.readiness` said before the try that would have blocked. Where nothing was noted, waiting costs a
        /// system call that looks.
        package var seen: Readiness

        package init(raw: Int32, interest: Interest, seen: Readiness = .unknown) {
            self.raw = raw
            self.interest = interest
            self.seen = seen
        }

        static let none = Descriptor(raw: -1, interest: [])
    }

    /// The arrival of a message ends it too.
    @usableFromInline package var messages: Bool
    /// The usual single one.
    @usableFromInline package var descriptor: Descriptor?
    /// Any others.
    @usableFromInline package var more: [Descriptor]?
    /// CLOCK_MONOTONIC, in nanoseconds; nil waits without end, 0 only lets others run first.
    @usableFromInline package var deadline: UInt64?

    @inlinable @inline(__always)
    package init(
        messages: Bool = false, descriptor: Descriptor? = nil, more: [Descriptor]? = nil, deadline: UInt64? = nil
    ) {
        self.messages = messages
        self.descriptor = descriptor
        self.more = more
        self.deadline = deadline
    }

    package init(descriptors: [Descriptor], deadline: UInt64?) {
        self.init(
            descriptor: descriptors.first, more: descriptors.count > 1 ? Array(descriptors.dropFirst()) : nil,
            deadline: deadline)
    }

    /// All of them, the single one first.
    package var descriptors: [Descriptor] {
        (descriptor.map { [$0] } ?? []) + (more ?? [])
    }
}

/// What a process says when it hands its thread back. The large cases are out of line and the usual ones fit into registers: it
/// passes through several hands.
package enum Suspension: Hashable, Sendable {
    /// Its slice is over; it can go on at once.
    case yielded
    /// It waits for messages. CLOCK_MONOTONIC, in nanoseconds; `.max` waits without end.
    case waitingForMessages(until: UInt64)
    /// It waits for messages without end, and wants to be resumed once to see how long it has waited: so many nanoseconds after
    /// it first said so, or a timer's tick later. It says so again and again, and that touches neither clock nor timer.
    case waitingLong(lookingAfter: UInt64)
    /// It sleeps. CLOCK_MONOTONIC, in nanoseconds; 0 only lets others run first.
    case sleeping(until: UInt64)
    indirect case waiting(Wait)
    indirect case finished(ExitReason)

    /// The same, with a wait that ends at `end` (CLOCK_MONOTONIC, ns) at the latest.
    package func ending(by end: UInt64) -> Suspension {
        switch self {
        case .yielded, .finished: return self
        case .waitingForMessages(let deadline): return .waitingForMessages(until: min(deadline, end))
        case .waitingLong(let delay): return .waitingForMessages(until: min(Clock.monotonicNow() &+ delay, end))
        case .sleeping(let deadline): return .sleeping(until: min(deadline, end))
        case .waiting(var wait):
            wait.deadline = min(wait.deadline ?? .max, end)
            return .waiting(wait)
        }
    }
}

/// On which stack a process is to run.
package enum ResumeMode: Hashable, Sendable {
    /// Its own: it may yield and wait at any point.
    case fiber
    /// The thread's: it goes on until it is between two messages. When its slice is over it calls `Process.sliceIsOver`;
    /// to wait it calls `Process.blockThread`.
    case direct
}

/// Something that runs in slices on a worker thread. Knows no scheduler; a scheduler knows no Wasm.
package protocol Resumable: AnyObject {
    /// Runs until it yields, waits or finishes. Never called again after `.finished`.
    func resume(_ mode: ResumeMode) -> Suspension

    /// Whether the next `resume` may be a direct one: for handler processes, between messages.
    var canRunDirectly: Bool { get }

    /// A direct call took longer than a slice, or had to wait: it is not to be called directly for a while. Called on the
    /// thread that runs it, before `resume` returns.
    func didOverrun()

    /// Frees what it holds without running it again; called at most once, and never while it runs.
    func abandon()

    /// Its process is gone. True keeps it for the next one in the same block, which `Process.spawn` may make of it; then it
    /// holds nothing of the last one's.
    func retire() -> Bool
}

extension Resumable {
    package func retire() -> Bool { false }
}
