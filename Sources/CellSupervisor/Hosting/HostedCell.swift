// A cell for any number of supervised children: starts, signals and probes them as it is told, and says what becomes of them.

import AuditLog
package import CapabilityModel
package import CellProtocol
import Glibc
import LinuxKernel

/// It has no loop of its own, so that one thread can serve many: that thread waits until `descriptor` is readable or
/// `deadline` has come, and calls `serve`. It must be the thread that started the spare cell, or one that outlives it
/// (PR_SET_PDEATHSIG: the kernel kills the cell when that thread ends).
///
/// The cell is not trusted. What it says is a claim, held to the protocol: a cell that breaks it is killed. The death of the
/// cell is the death of each of its children.
package final class HostedCell {
    private struct Child {
        let order: ChildOrder
        /// CLOCK_MONOTONIC, in nanoseconds.
        let begin: UInt64
        /// `limits.wall`, as the policy and the order have it.
        let wall: UInt64?
        var isStarted = false
        var process: UInt64?
        var isKilled = false
        /// Why we had it killed, where the cell cannot know.
        var verdict: ExitReason?
        /// Ids of what was asked about it and not answered.
        var questions: Set<UInt64> = []
    }

    private struct Question {
        let number: UInt64
        let isProbe: Bool
    }

    /// How long a cell may take to close, in nanoseconds.
    private static let closingTime: UInt64 = 5_000_000_000
    /// How long it may live once it has closed its control socket.
    private static let silentTime: UInt64 = 1_000_000_000

    private let link: CellLink
    private let spare: SpareCell
    private let outputs: HostedOutputs
    private let orders: OrderQueue
    private let epoll: Epoll
    private let digests: [String: String]
    private var events = EpollBuffer(capacity: 8)
    private var children: [UInt64: Child] = [:]
    private var lastNumber: UInt64 = 0
    private var lastID: UInt64 = 0
    private var questions: [UInt64: Question] = [:]
    /// Labels of children that run, by the ids of their processes.
    private let labels = ProcessLabels()
    /// When children's time is up, and by when those must have ended that were killed.
    private var ends = Deadlines()
    private var kills = Deadlines()
    private let killTime: UInt64
    private var claim: ExitReason?
    private var closesBy: UInt64?
    private var isWatchingRoom = false
    private var watchedNotice: Int32?
    private var pending: [HostedEvent] = []
    /// Why the cell has ended; nil while it lives.
    package private(set) var death: ExitReason?

    /// Gives a waiting cell its plan; it takes orders at once. One that has not ended a child within `killTime` (nanoseconds) of
    /// being told to kill it is killed itself.
    package init(
        _ request: HostedRequest, in spare: SpareCell, observer: any RunObserver, killTime: UInt64 = 60_000_000_000
    ) throws(CellError) {
        let outputs = try HostedOutputs(request.policy.capabilities.stdio)
        let plan = try CellPlan(request, streams: outputs.kinds, cell: spare.process.pid)
        do throws(SystemError) {
            try Signal.ignore(SIGPIPE)
            epoll = try Epoll()
            for raw in [spare.control.socket.descriptor.rawValue, spare.process.descriptor.rawValue, outputs.raw] {
                guard let raw else { continue }
                try epoll.add(EpollToken(raw: raw, registration: 0), .read)
            }
            let descriptors =
                outputs.cellEnds + request.mounts.rawValues + request.moduleCode.rawValues + request.places.rawValues
            try spare.hand(plan, descriptors)
        } catch {
            throw .system(error, doing: "instruct the cell")
        }
        outputs.closeCellEnds()
        self.spare = spare
        self.killTime = killTime
        self.outputs = outputs
        digests = Dictionary(request.modules.map { ($0.name, $0.digest) }, uniquingKeysWith: { first, _ in first })
        orders = OrderQueue(spare.control)
        let broker = Broker(
            capabilities: request.policy.capabilities, policies: plan.policies, listeners: [], control: spare.control)
        link = CellLink(spare, name: request.name, policy: request.policy, broker: broker, observer: observer)
        link.labels = labels
        link.reportWeaknesses()
    }

    deinit {
        guard death == nil else { return }
        try? spare.process.send(signal: SIGKILL)
        _ = try? spare.process.wait()
    }

    package var pid: Int32 { spare.process.pid }

    /// Numbers of the children that have not ended, those that have not started among them.
    package var living: [UInt64] { children.keys.sorted() }

    // MARK: For the loop

    /// Readable when `serve` has something to do; one and the same for as long as the object lives. Not to be waited for any
    /// more after `died`.
    package var descriptor: Int32 { epoll.descriptor.rawValue }

    /// When `serve` is to be called in any case, CLOCK_MONOTONIC in nanoseconds.
    package var deadline: UInt64? {
        if !pending.isEmpty { return 0 }
        guard death == nil else { return nil }
        return [closesBy, ends.earliest, kills.earliest].compactMap { $0 }.min()
    }

    /// Does what can be done now, without waiting.
    /// - Returns: what has happened, in order.
    package func serve() -> [HostedEvent] {
        guard death == nil else { return takePending() }
        // Each is asked without waiting; this tells whether any of it is worth while.
        let count = (try? epoll.wait(into: &events, deadline: 0)) ?? 0
        if count > 0 {
            var heard: [CellMessage] = []
            link.hear { note($0, &heard) }
            // Who prints and ends has printed before: what we have heard of comes after what is in the socket by now.
            printed()
            for message in heard { heed(message) }
        }
        orders.flush()
        link.reportRefusals()
        if !link.isOpen, closesBy == nil { closesBy = Clock.monotonicNow() + HostedCell.silentTime }
        if let closesBy, Clock.monotonicNow() >= closesBy {
            link.end(.cellFailed(message: "the cell did not close in time"))
            self.closesBy = .max
        }
        endOverdue()
        if orders.waitingBytes > OrderQueue.limit { link.distrust("does not hear what it is told") }
        do throws(SystemError) {
            if let ended = try spare.process.poll() {
                bury(ended.exit)
            } else {
                try watch()
            }
        } catch {
            link.end(.cellFailed(message: "\(error)"))
        }
        return takePending()
    }

    private func takePending() -> [HostedEvent] {
        defer { pending = [] }
        return pending
    }

    /// Brings the epoll up to date: a control socket that said all it will, room for orders, a broker that has begun.
    private func watch() throws(SystemError) {
        let control = spare.control.socket.descriptor.rawValue
        if isWatchingRoom == orders.isEmpty || !link.isOpen {
            isWatchingRoom = !orders.isEmpty && link.isOpen
            // After the end of what it says only its process matters; a socket at its end is always readable.
            let interest: EpollEvents = isWatchingRoom ? [.read, .write] : .read
            if link.isOpen {
                try epoll.modify(EpollToken(raw: control, registration: 0), interest)
            } else {
                try? epoll.remove(control)
            }
        }
        if let raw = outputs.raw, !outputs.isOpen { try? epoll.remove(raw) }
        if let notice = link.broker.notice, watchedNotice == nil {
            try epoll.add(EpollToken(raw: notice, registration: 0), .read)
            watchedNotice = notice
        }
    }

    // MARK: Orders

    /// Starts a child. The listeners stay the caller's; the cell gets copies, and closes them when the child has ended or does
    /// not come to be. `started`, `ignored` or `failed` follows, once.
    package func start(_ order: ChildOrder, listeners: [Int32] = []) throws(OrderError) {
        var order = order
        order.listeners = UInt32(clamping: listeners.count)
        if let fault = order.fault { throw .faulty(fault) }
        guard death == nil, closesBy == nil, link.isOpen else { throw .closed }
        guard digests[order.module] != nil else { throw .noSuchModule(order.module) }
        guard order.number > lastNumber else { throw .numberUsed(order.number) }
        do throws(SystemError) {
            try orders.add(.start(order), descriptors: listeners)
        } catch {
            throw .system(error)
        }
        lastNumber = order.number
        let own = order.limits.filter { $0.limit == .output }.map(\.value).min() ?? .max
        outputs.open(order.number, allowed: min(link.policy.capabilities.limits.output, own))
        let begin = Clock.monotonicNow()
        let walls = order.limits.filter { $0.limit == .wall }.map(\.value)
        let wall = (walls + (link.policy.capabilities.limits.wall.map { [$0] } ?? [])).min()
        if let wall { ends.add(order.number, at: begin.addingClamped(wall)) }
        children[order.number] = Child(order: order, begin: begin, wall: wall)
    }

    /// Sends an exit signal, as from the child's supervisor: `shutdown` can be trapped, with `kill` nothing can. A child that has
    /// ended, or is ending, hears nothing of it.
    package func signal(_ number: UInt64, _ reason: ExitReason, kill: Bool = false) {
        guard let child = children[number] else { return }
        if kill, !child.isKilled {
            children[number]?.isKilled = true
            kills.add(number, at: Clock.monotonicNow().addingClamped(killTime))
        }
        tell(.signal(number, reason.bounded(), kill: kill))
    }

    /// Asks the child for a sign of life: `probed` follows if it answers. How long to wait for it is the caller's to say. At
    /// most `Hosting.probeLimit` bytes of the payload are sent.
    /// - Returns: the id of this probe; nil where the child has ended.
    @discardableResult
    package func probe(_ number: UInt64, payload: [UInt8] = []) -> UInt64? {
        guard let id = ask(about: number, isProbe: true) else { return nil }
        tell(.probe(number, id: id, payload: Array(payload.prefix(Hosting.probeLimit))))
        return id
    }

    /// Asks the cell about a child: `inspected` follows, unless it ends before.
    /// - Returns: the id of this question; nil where the child has ended.
    @discardableResult
    package func inspect(_ number: UInt64) -> UInt64? {
        guard let id = ask(about: number, isProbe: false) else { return nil }
        tell(.inspect(number, id: id))
        return id
    }

    private func ask(about number: UInt64, isProbe: Bool) -> UInt64? {
        guard children[number] != nil else { return nil }
        lastID += 1
        questions[lastID] = Question(number: number, isProbe: isProbe)
        children[number]?.questions.insert(lastID)
        return lastID
    }

    /// The child that an answer is about.
    private func answered(_ id: UInt64, isProbe: Bool) -> UInt64? {
        guard let question = questions[id], question.isProbe == isProbe else {
            link.distrust("answers what it was not asked")
            return nil
        }
        questions[id] = nil
        children[question.number]?.questions.remove(id)
        return question.number
    }

    /// Kills what is left of the children, and then ends the cell: `died` follows. A cell that does not end by itself is killed.
    package func close() {
        guard death == nil, closesBy == nil else { return }
        closesBy = Clock.monotonicNow() + HostedCell.closingTime
        tell(.close)
    }

    /// Ends the cell at once, and with it the children: `died` follows.
    package func kill(_ reason: ExitReason) {
        guard death == nil else { return }
        link.end(reason)
    }

    private func tell(_ message: SupervisorMessage) {
        // Only descriptors can fail, and these have none.
        try? orders.add(message)
    }

    /// Ends the children whose time is up. What they leave behind that is not linked to them lives on.
    private func endOverdue() {
        let now = Clock.monotonicNow()
        ends.dropFirst { children[$0] == nil }
        kills.dropFirst { children[$0] == nil }
        if kills.take(now: now) != nil { link.distrust("does not end a child that it was told to kill") }
        while let number = ends.take(now: now) {
            guard let child = children[number], let wall = child.wall, child.verdict == nil else { continue }
            end(number, .wall, used: now - child.begin, allowed: wall)
        }
    }

    /// A limit that we keep is used up.
    private func end(_ number: UInt64, _ kind: LimitKind, used: UInt64, allowed: UInt64) {
        link.report(
            .limitReached(kind, used: used, allowed: allowed), isClaim: false, as: children[number]?.order.label)
        children[number]?.verdict = .limit(kind, used: used, allowed: allowed)
        signal(number, .kill, kill: true)
    }

    // MARK: The cell's word

    private func printed() {
        for finding in outputs.take() {
            switch finding {
            case .event(let event): pending.append(event)
            case .distrust(let what): link.distrust(what)
            case .limit(let number, let used, let allowed):
                end(number, .output, used: used, allowed: allowed)
            }
        }
    }

    /// Keeps a message for later; whose denials those behind it are is known at once.
    private func note(_ message: CellMessage, _ heard: inout [CellMessage]) {
        heard.append(message)
        guard case .started(let number, let process, _) = message, let child = children[number] else { return }
        labels.table[process] = child.order.label
    }

    private func heed(_ message: CellMessage) {
        // Once there is a verdict on the cell it has nothing more to say.
        guard link.verdict == nil else { return }
        switch message {
        case .started(let number, let process, let info):
            guard let child = children[number], !child.isStarted else { return link.distrust("starts what it started") }
            children[number]?.isStarted = true
            children[number]?.process = process
            let arguments = child.order.arguments.dropFirst().map { String(decoding: $0, as: UTF8.self) }
            link.report(
                .started(
                    module: child.order.module, moduleDigest: digests[child.order.module] ?? "", arguments: arguments),
                isClaim: true, as: child.order.label)
            pending.append(.started(number, process: process, info: info))
        case .startIgnored(let number):
            guard settle(number, isStarted: false) != nil else { return }
            pending.append(.ignored(number))
        case .startFailed(let number, let said):
            guard let child = settle(number, isStarted: false) else { return }
            let reason = child.verdict ?? said.claimed()
            link.report(.exited(reason), isClaim: child.verdict == nil, as: child.order.label)
            pending.append(.failed(number, reason))
        case .ended(let number, let said):
            guard let child = settle(number, isStarted: true) else { return }
            let reason = child.verdict ?? said.claimed()
            link.report(.exited(reason), isClaim: child.verdict == nil, as: child.order.label)
            pending.append(.ended(number, reason))
        case .probed(let id):
            guard let number = answered(id, isProbe: true) else { return }
            pending.append(.probed(number, id: id))
        case .inspected(let id, let report):
            guard let number = answered(id, isProbe: false) else { return }
            pending.append(.inspected(number, id: id, report))
        case .exited(let said):
            if claim == nil { claim = said.claimed() }
        case .results: link.distrust("has results and nothing that could have")
        case .denied, .dropped, .request, .released, .processExited: break
        }
    }

    /// Takes a child out whose end the cell reports.
    private func settle(_ number: UInt64, isStarted: Bool) -> Child? {
        guard let child = children[number], child.isStarted == isStarted else {
            link.distrust("ends what it does not run")
            return nil
        }
        children[number] = nil
        if let process = child.process { labels.table[process] = nil }
        for id in child.questions { questions[id] = nil }
        outputs.close(number)
        return child
    }

    // MARK: Its end

    private func bury(_ exit: ProcessExit) {
        var heard: [CellMessage] = []
        link.hearTheRest { note($0, &heard) }
        // All that is in the socket by now, and no more: whoever the cell left behind with its end is not waited for.
        printed()
        for message in heard { heed(message) }
        link.broker.close()
        link.reportRefusals()
        let believed = exit == .exited(code: 0) ? claim : nil
        let reason = link.verdict ?? believed ?? link.reasonOfDeath(exit, hadReport: claim != nil)
        for (number, child) in children.sorted(by: { $0.key < $1.key }) {
            let reason = child.verdict ?? reason
            link.report(.exited(reason), isClaim: false, as: child.order.label)
            pending.append(child.isStarted ? .ended(number, reason) : .failed(number, reason))
        }
        children = [:]
        link.reportDrops()
        link.report(.exited(reason), isClaim: link.verdict == nil && believed != nil)
        death = reason
        pending.append(.died(reason))
        orders.drop()
    }
}
