// poll_oneoff: waits for any of several clocks and descriptors.

internal import CapabilityModel
internal import LinuxKernel
internal import ProcessRuntime

extension WASIProcess {
    /// The most subscriptions of one call.
    package static let pollLimit: UInt32 = 4096

    /// `poll_oneoff`: writes an event for each subscription that is due or can never be; waits while none is.
    ///
    /// A relative timeout needs no grant, as it tells no time. An absolute one needs its clock. Regular files are always
    /// ready. The time that relative timeouts count from survives the waits in between.
    /// - Throws: `inval` for no or more than 4096 subscriptions; `fault`. A subscription's own error is in its event:
    ///   `badf`, `notcapable`, `notsup` for CPU clocks, `inval` for an unknown clock or tag.
    package func pollOneoff(
        subscriptions: UInt32, events: UInt32, count: UInt32, eventCount: UInt32, _ memory: GuestMemory
    ) throws(CallFailure) -> CallOutcome {
        guard count > 0, count <= WASIProcess.pollLimit else { throw .errno(.inval) }
        let input = try memory.area(at: subscriptions, count: Int(count) * Subscription.size)
        let output = try memory.area(at: events, count: Int(count) * Event.size)
        let out = try memory.area(at: eventCount, count: 4)
        var poll = PollRound(now: SystemClock.monotonic.now)
        poll.start = poll.now
        if case .poll(let start) = pending { poll.start = start }
        pending = .none
        for index in 0..<Int(count) {
            let subscription = Subscription(in: memory, area: input, at: index * Subscription.size)
            try add(subscription, to: &poll)
        }
        try collectReady(&poll)
        if poll.events.isEmpty {
            pending = .poll(start: poll.start)
            return .wait(poll.wait)
        }
        for (index, event) in poll.events.enumerated() {
            event.store(in: memory, area: output, at: index * Event.size)
        }
        memory.store(UInt32(poll.events.count), in: out, at: 0)
        return .done(.success)
    }

    private func add(_ subscription: Subscription, to poll: inout PollRound) throws(CallFailure) {
        switch subscription.event {
        case .clock(let id, let timeout, let isAbsolute):
            try addClock(subscription, id, timeout, isAbsolute, to: &poll)
        case .read(let fd): addDescriptor(subscription, fd, .read, to: &poll)
        case .write(let fd): addDescriptor(subscription, fd, .write, to: &poll)
        case nil: poll.fail(subscription, .inval)
        }
    }

    private func addClock(
        _ subscription: Subscription, _ id: UInt32, _ timeout: UInt64, _ isAbsolute: Bool, to poll: inout PollRound
    ) throws(CallFailure) {
        guard let clock = ClockID(rawValue: id) else { return poll.fail(subscription, .inval) }
        guard clock == .realtime || clock == .monotonic else { return poll.fail(subscription, .notsup) }
        var deadline = poll.start.addingReportingOverflow(timeout)
        if isAbsolute {
            do throws(CallFailure) {
                let granted = try grantedClock(id, "poll_oneoff")
                if clock == .monotonic {
                    deadline = (timeout, false)
                } else {
                    let left = timeout - min(timeout, granted.system.now)
                    deadline = poll.now.addingReportingOverflow(left)
                }
            } catch {
                guard case .errno(let errno) = error else { throw error }
                return poll.fail(subscription, errno)
            }
        }
        let end = deadline.overflow ? UInt64.max : deadline.partialValue
        if end <= poll.now {
            poll.events.append(subscription.occurred(.success))
        } else {
            poll.deadline = min(poll.deadline ?? .max, end)
        }
    }

    private func addDescriptor(
        _ subscription: Subscription, _ fd: UInt32, _ interest: Interest, to poll: inout PollRound
    ) {
        guard let descriptor = descriptors[fd], descriptor.isCounted else { return poll.fail(subscription, .badf) }
        let right: Rights = interest == .read ? .fdRead : .fdWrite
        guard descriptor.base.contains(.pollFdReadwrite) || descriptor.base.contains(right) else {
            return poll.fail(subscription, .notcapable)
        }
        switch descriptor.kind {
        case .directory: poll.fail(subscription, .badf)
        case .regular:
            var event = subscription.occurred(.success)
            event.byteCount = WASIProcess.bytesLeft(descriptor)
            poll.events.append(event)
        case .stream, .connection, .listener:
            poll.asked.append((descriptor.raw, interest == .read ? .read : .write))
            poll.seen.append(template.host.reactor?.readiness(descriptor.raw, interest) ?? .unknown)
            poll.waiting.append(subscription)
        }
    }

    private static func bytesLeft(_ descriptor: Descriptor) -> UInt64 {
        guard let size = try? FileDescriptorCalls.status(descriptor.raw).size,
            let position = try? FileDescriptorCalls.seek(descriptor.raw, 0, from: .current)
        else { return 0 }
        return size - min(size, position)
    }

    private func collectReady(_ poll: inout PollRound) throws(CallFailure) {
        if poll.asked.isEmpty { return }
        let asked = poll.asked
        let answers = try kernel(try FileDescriptorCalls.ready(asked))
        for (index, answer) in answers.enumerated() where !answer.isEmpty {
            var event = poll.waiting[index].occurred(answer.contains(.invalid) ? .badf : .success)
            event.isHangUp = answer.contains(.hangUp)
            if asked[index].events == .read {
                event.byteCount = (try? FileDescriptorCalls.readableBytes(asked[index].fd)) ?? 0
            }
            poll.events.append(event)
        }
    }
}

extension Subscription {
    fileprivate func occurred(_ errno: Errno) -> Event {
        Event(userData: userData, errno: errno, tag: tag, byteCount: 0, isHangUp: false)
    }
}

/// One attempt at a poll_oneoff.
private struct PollRound {
    /// CLOCK_MONOTONIC, ns.
    let now: UInt64
    /// When the call was first made.
    var start: UInt64 = 0
    var deadline: UInt64?
    var events: [Event] = []
    var asked: [(fd: Int32, events: PollEvents)] = []
    /// One for each of `asked`; and so is `seen`, what the reactor said before poll(2).
    var waiting: [Subscription] = []
    var seen: [Readiness] = []

    init(now: UInt64) {
        self.now = now
    }

    mutating func fail(_ subscription: Subscription, _ errno: Errno) {
        events.append(subscription.occurred(errno))
    }

    /// Each direction of a descriptor once, so that their number is bounded by the process's limit.
    var wait: Wait {
        if asked.count == 1, let only = asked.first {
            return Wait(
                descriptor: Wait.Descriptor(
                    raw: only.fd, interest: only.events == .read ? .read : .write, seen: seen[0]), deadline: deadline)
        }
        var descriptors: [Wait.Descriptor] = []
        var known: Set<UInt64> = []
        for (one, seen) in zip(asked, seen) {
            let reads = one.events == .read
            let key = UInt64(UInt32(bitPattern: one.fd)) << 1 | (reads ? 1 : 0)
            guard known.insert(key).inserted else { continue }
            descriptors.append(Wait.Descriptor(raw: one.fd, interest: reads ? .read : .write, seen: seen))
        }
        return Wait(descriptors: descriptors, deadline: deadline)
    }
}
