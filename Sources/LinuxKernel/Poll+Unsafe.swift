// Waiting for a handful of descriptors at once. For many, or for long-lived sets, use `Epoll`.

internal import CLinux
internal import Glibc

/// poll(2)'s events. `error`, `hangUp` and `invalid` are reported whether asked for or not.
package struct PollEvents: OptionSet, Hashable, Sendable {
    package let rawValue: Int16

    package init(rawValue: Int16) {
        self.rawValue = rawValue
    }

    package static let read = PollEvents(rawValue: Int16(POLLIN))
    package static let write = PollEvents(rawValue: Int16(POLLOUT))
    package static let error = PollEvents(rawValue: Int16(POLLERR))
    package static let hangUp = PollEvents(rawValue: Int16(POLLHUP))
    package static let invalid = PollEvents(rawValue: Int16(POLLNVAL))
    /// The peer has shut down its sending side.
    package static let readHangUp = PollEvents(rawValue: 0x2000)
}

package struct PollEntry: Hashable, Sendable {
    /// A negative number is skipped.
    package var raw: Int32
    package var events: PollEvents
    package var ready: PollEvents = []

    package init(raw: Int32, events: PollEvents) {
        self.raw = raw
        self.events = events
    }
}

package enum Poll {
    /// ppoll(2), EINTR retried until the deadline.
    /// - Parameters:
    ///   - entries: at most 65,536; `ready` is overwritten in each.
    ///   - deadline: CLOCK_MONOTONIC, in nanoseconds; nil waits without end, one that has passed only looks.
    /// - Returns: how many are ready; 0 when the deadline came first.
    /// - Throws: EINVAL for too many entries.
    package static func wait(_ entries: inout [PollEntry], deadline: UInt64?) throws(SystemError) -> Int {
        let count = entries.count
        if count > 65_536 { throw SystemError("ppoll", errno: EINVAL) }
        // SAFETY: the three buffers have `count` elements each and live for the closure; the callee writes `results`
        // only when it succeeds, and nobody reads them otherwise.
        let result = unsafe withUnsafeTemporaryAllocation(of: Int32.self, capacity: max(count, 1)) { raws in
            unsafe withUnsafeTemporaryAllocation(of: Int16.self, capacity: 2 * max(count, 1)) { masks in
                for index in 0..<count {
                    unsafe raws[index] = entries[index].raw
                    unsafe masks[index] = entries[index].events.rawValue
                    unsafe masks[count + index] = 0
                }
                while true {
                    let timeout = remaining(until: deadline)
                    let result = unsafe bulkhead_poll(
                        raws.baseAddress, masks.baseAddress, masks.baseAddress?.advanced(by: count), count, timeout)
                    if result == -EINTR { continue }
                    for index in 0..<count where result >= 0 {
                        entries[index].ready = PollEvents(rawValue: unsafe masks[count + index])
                    }
                    return result
                }
            }
        }
        return try requireCount(result, "ppoll")
    }

    /// Nanoseconds from now, as the calls of CLinux take them: negative is without end.
    static func remaining(until deadline: UInt64?) -> Int64 {
        guard let deadline else { return -1 }
        let now = Clock.monotonicNow()
        return deadline > now ? Int64(clamping: deadline - now) : 0
    }
}
