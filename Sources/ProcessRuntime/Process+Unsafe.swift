// A process as it sees itself: messages.

package import CapabilityModel
package import LinuxKernel
internal import Synchronization

/// A trivial handle. To be used only by the process's own body and the host calls it makes, on the thread that runs it.
// SAFETY: the memory behind `block` is never unmapped while the runtime lives; the rule above makes this thread its owner.
@safe package struct Process {
    let block: BlockRef

    init(_ block: BlockRef) {
        self.block = block
    }

    @inline(__always)
    var thread: ThreadRef {
        // SAFETY: set by whoever spawns the process and by each thread that runs it, before it may use its handle.
        unsafe block.it.thread.unsafelyUnwrapped
    }

    @inline(__always)
    var core: CoreRef { thread.core }

    package var id: ProcessID { block.id }

    package var runtime: Runtime { core.owner }

    package var account: Account {
        // SAFETY: a process has a record until its end, and the record an account while it has processes.
        let record = unsafe Ref<AccountRecord>(address: block.it.account.load(ordering: .relaxed)).unsafelyUnwrapped
        return unsafe record.it.account.unsafelyUnwrapped
    }

    /// Whether it runs on its worker's stack now: it must not suspend, but may `blockThread`.
    @inline(__always)
    package var isDirect: Bool { block.it.flags.contains(.direct) }

    /// What it reads first when it runs on after a wait: asked for while others run before it. Up to eight ranges.
    package func expect(_ hints: Span<MemoryHint>) {
        core.it.table.setHints(block.it.slot, hints)
    }

    // MARK: Sending

    /// Puts a copy of `data` into the receiver's mailbox. Never waits, takes no lock. The tag's highest bit is the runtime's and
    /// must be 0; see `Message.cost` for what counts.
    package func send(_ address: Address, tag: UInt64, data: UnsafeRawBufferPointer) -> SendResult {
        let result = unsafe core.sendMessage(
            from: id.rawValue, to: address, tag: tag, data: data, attachments: nil, on: thread)
        if result == .full { noteRefusal(address.process) }
        return result
    }

    /// As above, with attachments.
    package func send(
        _ address: Address, tag: UInt64, data: UnsafeRawBufferPointer, attachments: [Attachment]
    ) -> SendResult {
        let result = unsafe core.sendMessage(
            from: id.rawValue, to: address, tag: tag, data: data, attachments: attachments, on: thread)
        if result == .full { noteRefusal(address.process) }
        return result
    }

    /// A mailbox that is full of messages can tell when there is room; a budget cannot.
    private func noteRefusal(_ target: ProcessID) {
        if let receiver = core.it.table.block(target.slot), core.hasRoom(receiver) {
            block.it.flags.insert(.bytesRefused)
        } else {
            block.it.flags.remove(.bytesRefused)
        }
    }

    /// After a `send` that said `.full`: arranges to be woken when trying again may help. The process then waits, as it likes.
    /// - Returns: when it must try again even if nobody wakes it, CLOCK_MONOTONIC in nanoseconds; nil: never.
    package func awaitRoom(at target: ProcessID) -> UInt64? {
        let retry = Clock.monotonicNow() + 5_000_000
        if block.it.flags.contains(.bytesRefused) { return retry }
        let standing = block.it.roomAt.load(ordering: .acquiring)
        if standing == target.rawValue { return nil }
        // It has one place in one list; until that is called up, elsewhere it looks again from time to time.
        guard standing == 0, let node = thread.it.nodes.make(.room, payload: 0) else { return retry }
        node.it.target = target.rawValue
        node.it.sender = id.rawValue
        block.it.roomAt.store(target.rawValue, ordering: .releasing)
        switch core.push(node, to: target, .signal, on: thread) {
        case .pushed: return nil
        case .gone, .full:
            block.it.roomAt.store(0, ordering: .relaxed)
            thread.it.nodes.free(node)
            return 1
        }
    }

    // MARK: Receiving

    /// The first message in order whose tag is among `tags`; none: any message. Signals that have arrived are handled first.
    /// - Returns: nil when there is none, and when `pendingExit` is set. The message stays in the mailbox until `remove`.
    @inline(__always)
    package func nextMessage(tags: UnsafeBufferPointer<UInt64>) -> Message? {
        core.receive(block, on: thread)
        if block.it.pendingExit != nil { return nil }
        guard let oldest = block.it.oldest else {
            block.it.flags.remove(.unseen)
            return nil
        }
        if tags.isEmpty {
            block.it.beforeFound = nil
            noteUnseen(after: oldest)
            return Message(oldest)
        }
        return unsafe select(tags)
    }

    /// The first message of all.
    @inline(__always)
    package func nextMessage() -> Message? {
        unsafe nextMessage(tags: UnsafeBufferPointer(start: nil, count: 0))
    }

    private func select(_ tags: UnsafeBufferPointer<UInt64>) -> Message? {
        var before: NodeRef?
        var node = block.it.oldest
        while let each = node {
            if unsafe tags.contains(each.it.tag) {
                block.it.beforeFound = before
                noteUnseen(after: each)
                return Message(each)
            }
            before = each
            node = NodeRef(address: each.it.next)
        }
        block.it.flags.remove(.unseen)
        return nil
    }

    @inline(__always)
    private func noteUnseen(after node: NodeRef) {
        if node.it.next == 0 { block.it.flags.remove(.unseen) } else { block.it.flags.insert(.unseen) }
    }

    /// Takes the message out of the mailbox and frees it. It must be the last that `nextMessage` returned.
    @inline(__always)
    package func remove(_ message: Message) {
        let node = message.node
        unlink(node)
        if node.it.kind == .data {
            block.it.mailboxCount.store(block.it.mailboxCount.load(ordering: .relaxed) - 1, ordering: .releasing)
        }
        core.drop(node, on: thread)
        core.roomWasMade(block, on: thread)
    }

    @inline(__always)
    private func unlink(_ node: NodeRef) {
        let next = NodeRef(address: node.it.next)
        if block.it.oldest == node {
            block.it.oldest = next
            if next == nil { block.it.newest = nil }
            return
        }
        var before = block.it.beforeFound
        if before?.it.next != node.address {
            before = block.it.oldest
            while let each = before, each.it.next != node.address { before = NodeRef(address: each.it.next) }
        }
        precondition(before != nil, "the message is in no mailbox")
        before?.it.next = next?.address ?? 0
        if next == nil { block.it.newest = before }
    }

    /// Messages in the mailbox, those that have not been looked at included; EXIT and DOWN are not counted.
    package var mailboxCount: Int {
        Int(block.it.mailboxCount.load(ordering: .relaxed))
            + Int(ProcessWord(rawValue: block.it.word.load(ordering: .relaxed)).count)
    }
}

/// A message in the mailbox of the process that runs; gone with `remove`.
@safe @usableFromInline
package struct Message {
    package enum Kind: Hashable, Sendable {
        case data
        /// Someone linked has ended; to who traps exits.
        case exit(ExitReason)
        /// Someone watched has ended, and the monitor is closed.
        case down(MonitorID, ExitReason)
    }

    // Read from the node once, and without a call from other modules. In an order in which no two neighbours are neighbours
    // elsewhere: two words that were just written one by one are not to be read as one, which stalls the processor.
    let node: NodeRef
    @usableFromInline package let tag: UInt64
    @usableFromInline let start: UnsafeRawPointer
    /// Who sent it, as a process's number; 0 from outside. EXIT and DOWN: who ended.
    @usableFromInline package let sender: UInt64
    @usableFromInline let length: Int
    @usableFromInline package let isData: Bool
    @usableFromInline package let hasAttachments: Bool

    @inline(__always)
    init(_ node: NodeRef) {
        self.node = node
        tag = node.it.tag
        sender = node.it.sender
        isData = node.it.kind == .data
        hasAttachments = node.it.hasAttachments
        unsafe start = UnsafeRawPointer(node.payload)
        length = Int(node.it.length)
    }

    /// A data message's bytes, until `remove`.
    @inlinable @inline(__always)
    package var bytes: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: start, count: length) }
    package var attachments: [Attachment] { node.attachments }

    package var kind: Kind {
        switch node.it.kind {
        case .data, .signal, .room: .data
        case .exit: .exit(node.value(ExitReason.self))
        case .down: .down(MonitorID(rawValue: tag & ~(1 << 63)), node.value(ExitReason.self))
        }
    }

    /// What a message counts in the receiver's budget of bytes: its own, 64 for the rest of it, 16 for each attachment.
    @inline(__always)
    package static func cost(bytes: Int, attachments: Int) -> Int { bytes + 64 + 16 * attachments }
}

extension Ref where Value == RuntimeCore {
    /// See `Process.send`.
    @inline(__always)
    func sendMessage(
        from sender: UInt64, to address: Address, tag: UInt64, data: UnsafeRawBufferPointer,
        attachments: [Attachment]?, on thread: ThreadRef
    ) -> SendResult {
        let target = address.process
        guard let receiver = it.table.block(target.slot),
            receiver.it.generation.load(ordering: .acquiring) == target.generation,
            let record = Ref<AccountRecord>(address: receiver.it.account.load(ordering: .relaxed))
        else { return .gone }
        let cost = Message.cost(bytes: data.count, attachments: attachments?.count ?? 0)
        if cost > receiver.it.byteLimit.load(ordering: .relaxed) || data.count > UInt32.max { return .tooLong }
        guard thread.charge(Int64(cost), to: record) else { return isAlive(target) ? .full : .gone }
        guard let node = thread.it.nodes.make(.data, payload: data.count) else {
            thread.refund(Int64(cost), to: record)
            return .full
        }
        node.it.target = target.rawValue
        node.it.sender = sender
        node.it.tag = tag
        node.it.length = UInt32(truncatingIfNeeded: data.count)
        node.it.account = record.address
        unsafe node.copyIn(data)
        if let attachments, !attachments.isEmpty {
            node.attach(AttachmentBox(attachments, alias: address.alias))
        } else {
            node.it.extra = UInt(address.alias)
        }
        switch push(node, to: target, .message, on: thread) {
        case .pushed: return .sent
        case .gone:
            drop(node, on: thread)
            return .gone
        case .full:
            drop(node, on: thread)
            return .full
        }
    }

    var owner: Runtime {
        // SAFETY: the core lives no longer than its runtime, which sets this in its init.
        let raw = unsafe UnsafeRawPointer(bitPattern: it.owner).unsafelyUnwrapped
        return unsafe Unmanaged<Runtime>.fromOpaque(raw).takeUnretainedValue()
    }

    func setOwner(_ runtime: Runtime) {
        it.owner = unsafe UInt(bitPattern: Unmanaged.passUnretained(runtime).toOpaque())
    }
}

extension Runtime {
    /// As `Process.send`, for senders that are no processes, or not running ones; from any thread.
    package func send(
        from sender: ProcessID? = nil, to address: Address, tag: UInt64, data: UnsafeRawBufferPointer,
        attachments: [Attachment] = []
    ) -> SendResult {
        core.withOutside { thread in
            unsafe core.sendMessage(
                from: sender?.rawValue ?? 0, to: address, tag: tag, data: data, attachments: attachments, on: thread)
        }
    }
}
