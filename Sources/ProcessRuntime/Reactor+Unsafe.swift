// Readiness of host descriptors: one epoll(7), edge-triggered, each descriptor registered once. In steady state waiting for
// one makes no system call.

package import LinuxKernel
internal import Synchronization

/// What has happened to one direction of a descriptor: a count of the kernel's reports. A process notes it before it tries,
/// and hands it in when the try would have blocked; a report in between then shows.
package struct Readiness: Hashable, Sendable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// For a caller that noted nothing: it is told to try once more.
    package static let unknown = Readiness(rawValue: .max)
}

/// Lock rules: a registration's `state` is changed under its descriptor's stripe, and so is a list of more than one waiter;
/// everything else is atomic.
package final class Reactor: Sendable {
    /// Room for the events of one `poll`; one for each thread that polls.
    package struct Events: ~Copyable {
        fileprivate var buffer: EpollBuffer

        package init() {
            buffer = EpollBuffer(capacity: 256)
        }
    }

    private static let stripeCount = 64

    private let epoll: Epoll
    private let alarm: EventFD
    private let registrations: RegistrationTable
    private let stripes: [Stripe]

    /// - Throws: what epoll_create1(2), eventfd(2) and epoll_ctl(2) throw.
    package init() throws(SystemError) {
        epoll = try Epoll()
        alarm = try EventFD()
        registrations = RegistrationTable()
        stripes = (0..<Reactor.stripeCount).map { _ in Stripe() }
        // Edge-triggered: each signal is reported once, and nobody has to read the counter.
        try epoll.add(
            EpollToken(raw: alarm.descriptor.rawValue, registration: 0), [.read, .edgeTriggered])
    }

    // MARK: For processes

    /// What is known of one direction of an open descriptor now; to be noted before a try. No system call.
    @inline(__always)
    package func readiness(_ raw: Int32, _ interest: Interest) -> Readiness {
        guard let registration = unsafe registrations.find(raw) else { return Readiness(rawValue: 0) }
        // SAFETY: registrations are never unmapped.
        return unsafe registration.pointee[interest].readiness
    }

    /// Whether a read is known to find nothing: the last one left nothing, `since` was noted before it, and the kernel has
    /// reported nothing since, nor ever the end of what the peer sends.
    @inline(__always)
    package func isStillDrained(_ raw: Int32, since: Readiness) -> Bool {
        guard let registration = unsafe registrations.find(raw) else { return false }
        // SAFETY: registrations are never unmapped.
        let state = unsafe registration.pointee.state.load(ordering: .acquiring)
        let reports = unsafe registration.pointee[.read].readiness
        return state & (Registration.watched | Registration.readClosed) == Registration.watched && reports == since
    }

    /// Makes `process` be named by a `poll` when the descriptor may have become ready, once. A spurious naming is
    /// possible. The first call for a descriptor registers it.
    /// - Parameters:
    ///   - raw: an open descriptor of this OS process; `forget` must be called before it is closed.
    ///   - interest: one or both directions.
    ///   - process: whom to name.
    ///   - seen: what `readiness` said before the try that would have blocked, for one direction.
    /// - Returns: true when the descriptor may be ready already, or cannot be watched because it never blocks: the process is
    ///   not to wait but to try again.
    package func arm(_ raw: Int32, _ interest: Interest, process: ProcessID, seen: Readiness) -> Bool {
        guard let registration = unsafe registrations.make(raw) else { return true }
        // SAFETY: registrations are never unmapped.
        var state = unsafe registration.pointee.state.load(ordering: .acquiring)
        if state & (Registration.watched | Registration.neverBlocks) == 0 {
            state = unsafe register(raw, registration)
        }
        if state & Registration.neverBlocks != 0 { return true }
        var isReady = false
        for direction in [Interest.read, .write] where interest.contains(direction) {
            if unsafe enlist(process, raw, registration, direction, seen) { isReady = true }
        }
        return isReady
    }

    /// Undoes an `arm` whose wait ended otherwise (a deadline, a message, the process's end).
    @inline(__always)
    package func disarm(_ raw: Int32, _ interest: Interest, process: ProcessID) {
        guard let registration = unsafe registrations.find(raw) else { return }
        for direction in [Interest.read, .write] where interest.contains(direction) {
            // SAFETY: registrations are never unmapped.
            let word = unsafe registration.pointee[direction].waiter.load(ordering: .relaxed)
            if word == process.rawValue {
                _ = unsafe registration.pointee[direction].waiter.compareExchange(
                    expected: word, desired: Waiters.none, ordering: .relaxed)
            } else if word == Waiters.several {
                stripe(raw).lists.withLock { lists in
                    _ = lists[WaiterKey(raw: raw, interest: direction)]?.remove(process)
                }
            }
        }
    }

    /// To be called before a descriptor is closed: the next one with its number is another one.
    /// - Parameters:
    ///   - raw: still open.
    ///   - isShared: others may hold its open file description, so that closing does not end the kernel's registration.
    ///   - wake: gets whoever still waits for it.
    package func forget(_ raw: Int32, isShared: Bool, wake: (ProcessID) -> Void) {
        guard let registration = unsafe registrations.find(raw) else { return }
        // SAFETY: registrations are never unmapped.
        let flags = unsafe registration.pointee.state.load(ordering: .acquiring)
        if flags & (Registration.watched | Registration.neverBlocks) == 0 { return }
        stripe(raw).lists.withLock { _ in
            let state = unsafe registration.pointee.state.load(ordering: .relaxed)
            unsafe registration.pointee.state.store(Registration.successor(of: state), ordering: .releasing)
        }
        if flags & Registration.watched != 0 && isShared { try? epoll.remove(raw) }
        for direction in [Interest.read, .write] {
            unsafe report(raw, registration, direction, wake)
        }
    }

    // MARK: For the threads that poll

    /// Waits for events and names the processes to wake. Several threads may poll at once.
    /// - Parameters:
    ///   - events: the thread's own.
    ///   - deadline: CLOCK_MONOTONIC, in nanoseconds; nil waits without end, one that has passed only looks.
    ///   - wake: called for each process, with no lock held.
    /// - Returns: how many events there were, `interrupt` counted.
    /// - Throws: what epoll_pwait2(2) throws.
    package func poll(
        _ events: inout Events, deadline: UInt64?, wake: (ProcessID) -> Void
    ) throws(SystemError) -> Int {
        let count = try epoll.wait(into: &events.buffer, deadline: deadline)
        for index in 0..<count {
            let event = events.buffer[index]
            if event.token.registration != 0 { handle(event, wake) }
        }
        return count
    }

    /// Makes one `poll` that waits, or the next one, return.
    package func interrupt() {
        alarm.signal()
    }

    private func handle(_ event: EpollEvent, _ wake: (ProcessID) -> Void) {
        guard let registration = unsafe registrations.find(event.token.raw) else { return }
        // SAFETY: registrations are never unmapped.
        let state = unsafe registration.pointee.state.load(ordering: .acquiring)
        // A stale event's descriptor was closed, and its number may have come back with another id.
        guard Registration.token(state) == event.token.registration else { return }
        let ended = !event.events.isDisjoint(with: [.error, .hangUp])
        if ended || event.events.contains(.readHangUp) {
            // A stale id cannot get here with effect: the exchange fails when the state has changed.
            _ = unsafe registration.pointee.state.compareExchange(
                expected: state, desired: state | Registration.readClosed, ordering: .acquiringAndReleasing)
        }
        if ended || !event.events.isDisjoint(with: [.read, .readHangUp]) {
            unsafe report(event.token.raw, registration, .read, wake)
        }
        if ended || event.events.contains(.write) {
            unsafe report(event.token.raw, registration, .write, wake)
        }
    }

    // MARK: Registrations

    private func stripe(_ raw: Int32) -> Stripe { stripes[Int(raw) & (Reactor.stripeCount - 1)] }

    /// - Returns: the registration's state; `neverBlocks` also where the kernel has no room for one more.
    private func register(_ raw: Int32, _ registration: UnsafeMutablePointer<Registration>) -> UInt64 {
        stripe(raw).lists.withLock { _ in
            // SAFETY: registrations are never unmapped.
            let state = unsafe registration.pointee.state.load(ordering: .relaxed)
            if state & (Registration.watched | Registration.neverBlocks) != 0 { return state }
            let token = EpollToken(raw: raw, registration: Registration.token(state))
            let flag: UInt64
            do throws(SystemError) {
                try epoll.add(token, [.read, .write, .readHangUp, .edgeTriggered])
                flag = Registration.watched
            } catch {
                if !error.isNotPermitted { return state | Registration.neverBlocks }
                flag = Registration.neverBlocks
            }
            // Not a store: the first event may have come already, and set a flag.
            return unsafe registration.pointee.state.bitwiseOr(flag, ordering: .acquiringAndReleasing).newValue
        }
    }

    /// - Returns: whether it was reported since `seen`; the process then does not wait.
    private func enlist(
        _ process: ProcessID, _ raw: Int32, _ registration: UnsafeMutablePointer<Registration>,
        _ interest: Interest, _ seen: Readiness
    ) -> Bool {
        var isListed = false
        while !isListed {
            // SAFETY: registrations are never unmapped.
            let word = unsafe registration.pointee[interest].waiter.load(ordering: .relaxed)
            if word == process.rawValue {
                isListed = true
            } else if word == Waiters.none {
                isListed = unsafe registration.pointee[interest].waiter.compareExchange(
                    expected: Waiters.none, desired: process.rawValue, ordering: .sequentiallyConsistent
                ).exchanged
            } else {
                isListed = unsafe enlistAmongSeveral(process, raw, registration, interest, word)
            }
        }
        // `report` counts and then looks for waiters; here it is the other way round, so one of the two sees the other.
        if unsafe registration.pointee[interest].readiness == seen { return false }
        disarm(raw, interest, process: process)
        return true
    }

    private func enlistAmongSeveral(
        _ process: ProcessID, _ raw: Int32, _ registration: UnsafeMutablePointer<Registration>,
        _ interest: Interest, _ word: UInt64
    ) -> Bool {
        stripe(raw).lists.withLock { lists in
            let key = WaiterKey(raw: raw, interest: interest)
            // SAFETY: registrations are never unmapped; `several` comes and goes under the stripe only.
            if word == Waiters.several {
                guard
                    unsafe registration.pointee[interest].waiter.load(ordering: .sequentiallyConsistent) == word
                else { return false }
                lists[key, default: []].insert(process)
                return true
            }
            let exchanged = unsafe registration.pointee[interest].waiter.compareExchange(
                expected: word, desired: Waiters.several, ordering: .sequentiallyConsistent
            ).exchanged
            if exchanged { lists[key] = [ProcessID(rawValue: word), process] }
            return exchanged
        }
    }

    /// Counts a report and wakes whoever waits for it: all of them, for any of them may find something.
    private func report(
        _ raw: Int32, _ registration: UnsafeMutablePointer<Registration>, _ interest: Interest,
        _ wake: (ProcessID) -> Void
    ) {
        // SAFETY: registrations are never unmapped.
        unsafe registration.pointee[interest].reports.wrappingAdd(1, ordering: .sequentiallyConsistent)
        while true {
            let word = unsafe registration.pointee[interest].waiter.load(ordering: .sequentiallyConsistent)
            if word == Waiters.none { return }
            if word == Waiters.several {
                for process in unsafe takeSeveral(raw, registration, interest) { wake(process) }
                return
            }
            let exchanged = unsafe registration.pointee[interest].waiter.compareExchange(
                expected: word, desired: Waiters.none, ordering: .sequentiallyConsistent
            ).exchanged
            if exchanged {
                wake(ProcessID(rawValue: word))
                return
            }
        }
    }

    private func takeSeveral(
        _ raw: Int32, _ registration: UnsafeMutablePointer<Registration>, _ interest: Interest
    ) -> Set<ProcessID> {
        stripe(raw).lists.withLock { lists in
            // SAFETY: registrations are never unmapped; `several` comes and goes under the stripe only.
            guard
                unsafe registration.pointee[interest].waiter.load(ordering: .relaxed) == Waiters.several
            else { return [] }
            unsafe registration.pointee[interest].waiter.store(Waiters.none, ordering: .sequentiallyConsistent)
            return lists.removeValue(forKey: WaiterKey(raw: raw, interest: interest)) ?? []
        }
    }
}

/// Which list of waiters.
private struct WaiterKey: Hashable {
    let raw: Int32
    let interest: Interest
}

/// Guards the registrations of some descriptors, and holds the waiters of those that several processes wait for.
private final class Stripe: Sendable {
    let lists = Lock<[WaiterKey: Set<ProcessID>]>([:])
}
