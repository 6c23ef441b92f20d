// epoll(7) with registrations that a reused descriptor number cannot confuse.

internal import CLinux
internal import Glibc

/// What an event belongs to: the descriptor, and the registration it was made for. A descriptor that was closed and
/// whose number came back has another registration, so an event that was still queued is told apart and dropped.
package struct EpollToken: Hashable, Sendable {
    package let raw: Int32
    package let registration: UInt32

    package init(raw: Int32, registration: UInt32) {
        self.raw = raw
        self.registration = registration
    }

    var packed: UInt64 { UInt64(UInt32(bitPattern: raw)) | UInt64(registration) << 32 }

    init(packed: UInt64) {
        raw = Int32(truncatingIfNeeded: packed)
        registration = UInt32(truncatingIfNeeded: packed >> 32)
    }
}

/// epoll_ctl(2)'s events.
package struct EpollEvents: OptionSet, Hashable, Sendable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    package static let read = EpollEvents(rawValue: 0x001)
    package static let write = EpollEvents(rawValue: 0x004)
    /// Reported whether asked for or not.
    package static let error = EpollEvents(rawValue: 0x008)
    /// Reported whether asked for or not.
    package static let hangUp = EpollEvents(rawValue: 0x010)
    package static let readHangUp = EpollEvents(rawValue: 0x2000)
    /// Disarms the registration after one event; `modify` arms it again.
    package static let oneShot = EpollEvents(rawValue: 1 << 30)
    package static let edgeTriggered = EpollEvents(rawValue: 1 << 31)
}

package struct EpollEvent: Hashable, Sendable {
    package let token: EpollToken
    package let events: EpollEvents
}

package struct Epoll: ~Copyable, Sendable {
    package let descriptor: OwnedFileDescriptor

    package init() throws(SystemError) {
        descriptor = OwnedFileDescriptor(taking: Int32(try requireCount(bulkhead_epoll(), "epoll_create1")))
    }

    /// - Throws: EEXIST when the descriptor is registered already, EPERM for a regular file or directory.
    package borrowing func add(_ token: EpollToken, _ events: EpollEvents) throws(SystemError) {
        try control(1, token, events)
    }

    package borrowing func modify(_ token: EpollToken, _ events: EpollEvents) throws(SystemError) {
        try control(3, token, events)
    }

    package borrowing func remove(_ raw: Int32) throws(SystemError) {
        try control(2, EpollToken(raw: raw, registration: 0), [])
    }

    /// EPOLL_CTL_ADD is 1, DEL 2, MOD 3.
    private borrowing func control(
        _ operation: Int32, _ token: EpollToken, _ events: EpollEvents
    ) throws(SystemError) {
        try requireZero(
            bulkhead_epoll_control(descriptor.rawValue, operation, token.raw, events.rawValue, token.packed),
            "epoll_ctl")
    }

    /// Waits for events, EINTR retried until the deadline; no allocation. Returns how many of the buffer's events are
    /// valid: 0 when the deadline came first. The deadline is on CLOCK_MONOTONIC, in nanoseconds; nil waits without end.
    package borrowing func wait(
        into buffer: inout EpollBuffer, deadline: UInt64?
    ) throws(SystemError) -> Int {
        while true {
            let timeout = Poll.remaining(until: deadline)
            // SAFETY: the buffer has `capacity` elements and is exclusively ours for the call.
            let result = unsafe bulkhead_epoll_wait(
                descriptor.rawValue, buffer.storage.baseAddress, Int32(buffer.storage.count), timeout)
            if result == -EINTR { continue }
            buffer.count = try requireCount(result, "epoll_pwait2")
            return buffer.count
        }
    }
}

/// Room for the events of one wait, made once.
// SAFETY: the storage is allocated in init, freed in deinit, and reachable only through this owner.
@safe package struct EpollBuffer: ~Copyable {
    fileprivate let storage: UnsafeMutableBufferPointer<bulkhead_event>
    package fileprivate(set) var count = 0

    /// - Parameter capacity: 1...256
    package init(capacity: Int = 64) {
        let capacity = min(max(capacity, 1), 256)
        // SAFETY: every element is initialised before anything can read it.
        unsafe storage = .allocate(capacity: capacity)
        unsafe storage.initialize(repeating: bulkhead_event(data: 0, events: 0))
    }

    deinit {
        // SAFETY: the owner goes away, and the elements are trivial.
        unsafe storage.deallocate()
    }

    /// - Parameter index: below `count`
    package subscript(index: Int) -> EpollEvent {
        precondition(index >= 0 && index < count)
        // SAFETY: the check above bounds it to what the last wait filled.
        let event = unsafe storage[index]
        return EpollEvent(token: EpollToken(packed: event.data), events: EpollEvents(rawValue: event.events))
    }
}

/// eventfd(2): wakes a loop from another thread. Non-blocking.
package struct EventFD: ~Copyable, Sendable {
    package let descriptor: OwnedFileDescriptor

    package init() throws(SystemError) {
        descriptor = OwnedFileDescriptor(taking: Int32(try requireCount(bulkhead_event(), "eventfd")))
    }

    /// Makes it readable. Never fails: a counter that is full is readable already.
    package borrowing func signal() {
        bulkhead_event_signal(descriptor.rawValue)
    }

    /// Makes it unreadable; whether it had been signalled.
    package borrowing func drain() -> Bool {
        bulkhead_event_drain(descriptor.rawValue) == 1
    }
}

/// timerfd_create(2) on CLOCK_MONOTONIC: a deadline as a descriptor. Non-blocking.
package struct TimerFD: ~Copyable, Sendable {
    package let descriptor: OwnedFileDescriptor

    package init() throws(SystemError) {
        descriptor = OwnedFileDescriptor(taking: Int32(try requireCount(bulkhead_timer(), "timerfd_create")))
    }

    /// The deadline is on CLOCK_MONOTONIC, in nanoseconds; a time that has passed fires at once. nil disarms.
    package borrowing func arm(at deadline: UInt64?) throws(SystemError) {
        try requireZero(
            bulkhead_timer_set(descriptor.rawValue, deadline.map { max($0, 1) } ?? 0), "timerfd_settime")
    }
}
