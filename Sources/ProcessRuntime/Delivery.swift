// The way of a message or signal: into its receiver's queue, out of it in order, and into the mailbox or the signal state.

internal import CapabilityModel
internal import Synchronization

enum PushResult {
    case pushed
    /// There is no such process (any more).
    case gone
    /// The mailbox holds as many messages as it may.
    case full
}

extension Ref where Value == RuntimeCore {
    /// Puts a node into its target's queue, and wakes the target if it waits for such. Lock-free, from any thread.
    /// On anything but `.pushed` the node is the caller's still.
    @inline(__always)
    func push(_ node: NodeRef, to target: ProcessID, _ event: ProcessEvent, on thread: ThreadRef) -> PushResult {
        guard let block = it.table.block(target.slot) else { return .gone }
        thread.jitter()
        var old = block.it.word.load(ordering: .acquiring)
        while true {
            guard block.it.generation.load(ordering: .acquiring) == target.generation else { return .gone }
            let word = ProcessWord(rawValue: old)
            guard let transition = word.state.after(event), transition.action != .refuse else { return .gone }
            var count = word.count
            if event == .message {
                let waiting = count + UInt64(block.it.mailboxCount.load(ordering: .acquiring))
                if waiting >= UInt64(block.it.mailboxLimit.load(ordering: .relaxed))
                    || count == ProcessWord.countLimit
                {
                    return .full
                }
                count += 1
            }
            node.it.next = word.newest
            let new = ProcessWord(transition.next, newest: node.address, count: count)
            let (exchanged, original) = block.it.word.compareExchange(
                expected: old, desired: new.rawValue, ordering: .acquiringAndReleasing)
            if exchanged {
                if transition.action == .enqueue { enqueue(block, on: thread) }
                return .pushed
            }
            old = original
        }
    }

    /// Sends a signal that has room whatever the mailbox's bounds. One to a process that is gone is answered in its place.
    func send(_ signal: Signal, from sender: ProcessID, to target: ProcessID, on thread: ThreadRef) {
        guard let node = thread.it.nodes.makeForValue(.signal) else {
            // Nobody would ever hear of it, and monitors must not lie.
            fatalError("no memory for a signal")
        }
        node.it.target = target.rawValue
        node.it.sender = sender.rawValue
        node.initializeValue(signal)
        guard push(node, to: target, .signal, on: thread) != .pushed else { return }
        thread.it.nodes.free(node)
        if let answer = signal.answerOfTheGone {
            // Who asked may be gone itself; then nobody is interested.
            send(answer, from: target, to: sender, on: thread)
        }
    }

    /// Takes all that has arrived out of the queue and changes the state, in one step; nil keeps the state. The result is the
    /// newest node, older ones behind it; nil when the queue was empty.
    @inline(__always)
    func takeQueue(_ block: BlockRef, next: ProcessState?) -> NodeRef? {
        let inMailbox = block.it.mailboxCount.load(ordering: .relaxed)
        var old = block.it.word.load(ordering: .acquiring)
        while true {
            let word = ProcessWord(rawValue: old)
            // Before the queue's count goes to zero: senders must never see too few.
            if word.count != 0 {
                block.it.mailboxCount.store(inMailbox + UInt32(word.count), ordering: .releasing)
            }
            let (exchanged, original) = block.it.word.compareExchange(
                expected: old, desired: ProcessWord(next ?? word.state).rawValue, ordering: .acquiringAndReleasing)
            if exchanged { return NodeRef(address: word.newest) }
            old = original
        }
    }

    /// Handles what has arrived, if anything has. For the thread that runs the process.
    @inline(__always)
    func receive(_ block: BlockRef, on thread: ThreadRef) {
        if ProcessWord(rawValue: block.it.word.load(ordering: .relaxed)).isEmpty { return }
        if let newest = takeQueue(block, next: nil) { accept(newest, block, on: thread) }
    }

    /// Sorts what was taken from the queue, oldest first, into mailbox and signal state. What comes after the signal that ends
    /// the process is kept until it has left: until then nobody may hear that it is gone, for it may still send.
    func accept(_ newest: NodeRef, _ block: BlockRef, on thread: ThreadRef) {
        sort(reversed(newest), block, on: thread)
    }

    private func reversed(_ newest: NodeRef) -> NodeRef? {
        var node: NodeRef? = newest
        var oldest: NodeRef?
        while let each = node {
            node = NodeRef(address: each.it.next)
            each.it.next = oldest?.address ?? 0
            oldest = each
        }
        return oldest
    }

    private func sort(_ nodes: NodeRef?, _ block: BlockRef, on thread: ThreadRef) {
        let process = block.id
        var oldest = nodes
        while let each = oldest {
            if block.it.signals.hasEnded && !block.it.flags.contains(.left) {
                postpone(each, block)
                return
            }
            oldest = NodeRef(address: each.it.next)
            if each.it.target != process.rawValue {
                if each.it.kind == .data { uncount(block) }
                returnToSender(each, on: thread)
                continue
            }
            switch each.it.kind {
            case .data:
                if isAccepted(each, block, process) {
                    append(each, block)
                } else {
                    uncount(block)
                    drop(each, on: thread)
                }
            case .signal:
                handle(each, block, process, on: thread)
            case .room:
                admit(each, block, on: thread)
            case .exit, .down:
                // Made by the receiver itself; never in a queue.
                thread.it.nodes.free(each)
            }
        }
    }

    /// A signal's turn. A DOWN's node becomes the message's: there are as many of those as there are ends.
    private func handle(_ node: NodeRef, _ block: BlockRef, _ process: ProcessID, on thread: ThreadRef) {
        let signal = node.takeValue(Signal.self)
        node.it.kind = .room
        if case .down(let monitor, let reason) = signal {
            guard block.it.signals.takeDown(monitor) else { return thread.it.nodes.free(node) }
            node.initializeValue(reason)
            node.it.kind = .down
            node.it.tag = 1 << 63 | monitor.rawValue
            append(node, block)
            return
        }
        let sender = ProcessID(rawValue: node.it.sender)
        let effect = block.it.signals.handle(.signal(signal, from: sender), of: process)
        thread.it.nodes.free(node)
        if case .exit = signal, case .exitMessage(_, let reason) = effect {
            appendExit(from: sender, reason, block, on: thread)
        } else {
            perform(effect, block, on: thread)
        }
    }

    /// Its process had this block before; the block changed hands while this was put into its queue.
    private func returnToSender(_ node: NodeRef, on thread: ThreadRef) {
        switch node.it.kind {
        case .room: return wakeWaiter(node, on: thread)
        case .signal:
            if let answer = node.value(Signal.self).answerOfTheGone {
                let (gone, sender) = (ProcessID(rawValue: node.it.target), ProcessID(rawValue: node.it.sender))
                send(answer, from: gone, to: sender, on: thread)
            }
        case .data, .exit, .down: break
        }
        drop(node, on: thread)
    }

    private func postpone(_ nodes: NodeRef, _ block: BlockRef) {
        guard let first = block.it.postponed else { return block.it.postponed = nodes }
        var last = first
        while let next = NodeRef(address: last.it.next) { last = next }
        last.it.next = nodes.address
    }

    /// Answers what has come since the process ended, as one that is gone; nothing comes any more.
    func answerPostponed(_ block: BlockRef, _ newest: NodeRef?, on thread: ThreadRef) {
        block.it.flags.insert(.left)
        let postponed = block.it.postponed
        block.it.postponed = nil
        sort(postponed, block, on: thread)
        if let newest { accept(newest, block, on: thread) }
    }

    @inline(__always)
    private func isAccepted(_ node: NodeRef, _ block: BlockRef, _ process: ProcessID) -> Bool {
        let alias = node.alias
        if alias == 0 { return !block.it.signals.hasEnded }
        return block.it.signals.handle(.message(through: AliasID(rawValue: alias)), of: process) == .deliver
    }

    @inline(__always)
    func append(_ node: NodeRef, _ block: BlockRef) {
        node.it.next = 0
        if let newest = block.it.newest { newest.it.next = node.address } else { block.it.oldest = node }
        block.it.newest = node
        block.it.flags.insert(.unseen)
    }

    @inline(__always)
    private func uncount(_ block: BlockRef) {
        block.it.mailboxCount.store(block.it.mailboxCount.load(ordering: .relaxed) - 1, ordering: .releasing)
    }

    /// Frees a node that is in no list, and gives back what it was charged.
    @inline(__always)
    func drop(_ node: NodeRef, on thread: ThreadRef) {
        if node.it.account != 0 { refund(node, on: thread) }
        thread.it.nodes.free(node)
    }

    @inline(__always)
    private func refund(_ node: NodeRef, on thread: ThreadRef) {
        // Of a process that had the block before, maybe: records are as type-stable as blocks.
        guard let record = Ref<AccountRecord>(address: node.it.account) else { return }
        thread.refund(Int64(node.cost), to: record)
    }

    func perform(_ effect: SignalEffect, _ block: BlockRef, on thread: ThreadRef) {
        switch effect {
        case .none, .deliver, .discard, .noSuchProcess:
            break
        case .send(let signal, let target):
            send(signal, from: block.id, to: target, on: thread)
        case .exitMessage(let sender, let reason):
            appendNotice(.exit, tag: 3 << 62 | sender.rawValue, from: sender, reason, block, on: thread)
        case .downMessage(let monitor, let sender, let reason):
            appendNotice(.down, tag: 1 << 63 | monitor.rawValue, from: sender, reason, block, on: thread)
        case .end(let reason):
            block.it.pendingExit = ReasonBox(reason)
        }
    }

    /// An EXIT that no link has made room for: paid for as a message is, and lost where the mailbox has no bytes left for it. What
    /// cannot be trapped never comes here.
    private func appendExit(from sender: ProcessID, _ reason: ExitReason, _ block: BlockRef, on thread: ThreadRef) {
        guard let record = Ref<AccountRecord>(address: block.it.account.load(ordering: .relaxed)) else { return }
        let cost = Int64(Message.cost(bytes: reason.byteCount, attachments: 0))
        guard thread.charge(cost, to: record) else { return }
        guard let node = thread.it.nodes.makeForValue(.exit) else { return thread.refund(cost, to: record) }
        node.initializeValue(reason)
        node.it.sender = sender.rawValue
        node.it.tag = 3 << 62 | sender.rawValue
        node.it.length = UInt32(reason.byteCount)
        node.it.account = record.address
        append(node, block)
    }

    private func appendNotice(
        _ kind: SignalNode.Kind, tag: UInt64, from sender: ProcessID, _ reason: ExitReason, _ block: BlockRef,
        on thread: ThreadRef
    ) {
        guard let node = thread.it.nodes.makeForValue(kind) else { fatalError("no memory for a signal") }
        node.initializeValue(reason)
        node.it.sender = sender.rawValue
        node.it.tag = tag
        append(node, block)
    }

    // MARK: Room

    /// Whether another message fits.
    func hasRoom(_ block: BlockRef) -> Bool {
        block.it.mailboxCount.load(ordering: .relaxed) < block.it.mailboxLimit.load(ordering: .relaxed)
    }

    /// A sender asks to be woken when there is room: at once, or when the next message is taken.
    private func admit(_ node: NodeRef, _ block: BlockRef, on thread: ThreadRef) {
        if hasRoom(block) || block.it.signals.hasEnded { return wakeWaiter(node, on: thread) }
        node.it.next = 0
        if let last = block.it.lastWaiter { last.it.next = node.address } else { block.it.firstWaiter = node }
        block.it.lastWaiter = node
    }

    private func wakeWaiter(_ node: NodeRef, on thread: ThreadRef) {
        let waiter = ProcessID(rawValue: node.it.sender)
        if let block = it.table.block(waiter.slot) {
            // May clear another process's mark in the same block; that one then asks again.
            _ = block.it.roomAt.compareExchange(
                expected: node.it.target, desired: 0, ordering: .acquiringAndReleasing)
        }
        thread.it.nodes.free(node)
        if let block = wakeState(waiter) { enqueue(block, on: thread) }
    }

    /// A message was taken: one who waits for room may try; all of them when nothing is left, for the one that was woken
    /// before may not have wanted it any more.
    @inline(__always)
    func roomWasMade(_ block: BlockRef, on thread: ThreadRef) {
        if block.it.firstWaiter != nil { wakeWaiters(block, all: block.it.oldest == nil, on: thread) }
    }

    func wakeWaiters(_ block: BlockRef, all: Bool, on thread: ThreadRef) {
        while let first = block.it.firstWaiter {
            block.it.firstWaiter = NodeRef(address: first.it.next)
            if block.it.firstWaiter == nil { block.it.lastWaiter = nil }
            wakeWaiter(first, on: thread)
            if !all { return }
        }
    }
}

extension ExitReason {
    /// What it holds besides itself, in bytes, as far as a guest chooses it.
    fileprivate var byteCount: Int {
        switch self {
        case .bytes(let bytes), .shutdownWith(let bytes): bytes.count
        case .trap(_, let message, let backtrace): message.utf8.count + backtrace.count * MemoryLayout<WasmFrame>.stride
        case .refused(let message), .cellFailed(let message): message.utf8.count
        case .normal, .exited, .limit, .killedBySignal, .shutdown, .kill, .killed, .noproc, .noconnection: 0
        }
    }
}
