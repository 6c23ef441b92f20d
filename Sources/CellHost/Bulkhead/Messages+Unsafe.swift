// send, send_wait, receive, receive_wait: bytes and handles between processes. The path of a message allocates nothing here.

import CapabilityModel
import LinuxKernel
import ProcessRuntime
import WASIPreview1
import WasmEngine

enum Messages {
    /// Tags of one `receive`.
    static let tagLimit: UInt32 = 64
    /// The runtime's own tags have it.
    static let reservedTag: UInt64 = 1 << 63
    static let exitTag: UInt64 = 3 << 62
    /// `message`: 32 bytes.
    static let headerSize = 32
    /// Selects nothing: no process has this id.
    private static let unusedTag = UInt64.max

    static let functions: [BulkheadFunction] = [
        BulkheadFunction("send", sending) { attempt($0, $1, send) },
        BulkheadFunction("send_wait", sending + [.i64], suspends: true) { attempt($0, $1, sendWait) },
        BulkheadFunction("receive", receiving) { attempt($0, $1, receive) },
        BulkheadFunction("receive_wait", receiving + [.i64], suspends: true) { attempt($0, $1, receiveWait) },
    ]

    private static let sending: [ValueType] = [.i32, .i64, .i32, .i32, .i32, .i32]
    private static let receiving: [ValueType] = [.i32, .i32, .i32, .i32, .i32, .i32, .i32]

    /// `send(process, tag, data, length, handles, handle_count)`: copies the bytes and the handles to the mailbox of the
    /// process.
    /// - Throws: `badf` a handle, also among those sent; `inval` a reserved tag, more than 64 handles, one that is moved
    ///   twice or is 0; `fault`; `again` the mailbox is full; `srch` the process is gone; `msgsize` it never fits.
    private static func send(
        _ context: GuestContext, _ call: borrowing HostCall, _ memory: GuestMemory
    ) throws(CallFailure) -> HostOutcome {
        try deliver(context, call, memory)
        return call.succeed()
    }

    /// `send_wait(…, timeout)`: as `send`, and waits while the mailbox is full.
    /// - Throws: as `send`, and `timedout` for `again`.
    private static func sendWait(
        _ context: GuestContext, _ call: borrowing HostCall, _ memory: GuestMemory
    ) throws(CallFailure) -> HostOutcome {
        do throws(CallFailure) {
            try deliver(context, call, memory)
        } catch {
            guard case .errno(.again) = error else {
                context.underWay = .none
                throw error
            }
            // Before the deadline is looked at: room that comes from here on wakes the process.
            let retry = context.process.awaitRoom(at: try context.target(call.i32(0)).process)
            return try context.waiting(timeout: call.i64(6), forMessages: false, lookingAgain: retry)
        }
        context.underWay = .none
        return call.succeed()
    }

    @inline(__always)
    private static func deliver(
        _ context: GuestContext, _ call: borrowing HostCall, _ memory: GuestMemory
    ) throws(CallFailure) {
        let target = try context.target(call.i32(0))
        let tag = call.i64(1)
        guard tag & reservedTag == 0 else { throw .errno(.inval) }
        let area = try memory.area(at: call.i32(2), count: call.i32(3))
        let handleCount = call.i32(5)
        let address: Address = target.alias.map { .alias($0, of: target.process) } ?? .process(target.process)
        let result: SendResult
        if handleCount == 0 {
            // SAFETY: the bytes are inside the guest's memory, which stays in place until this call returns; they are
            // copied before that.
            result = unsafe context.process.send(
                address, tag: tag, data: UnsafeRawBufferPointer(memory.buffer(of: area)))
        } else {
            let sent = try Attachments(context, memory, at: call.i32(4), count: handleCount)
            // SAFETY: as above.
            result = unsafe context.process.send(
                address, tag: tag, data: UnsafeRawBufferPointer(memory.buffer(of: area)), attachments: sent.attachments)
            if case .sent = result { sent.commit(context) }
        }
        switch result {
        case .sent: return
        case .full: throw .errno(.again)
        case .gone: throw .errno(.srch)
        case .tooLong: throw .errno(.msgsize)
        }
    }

    /// `receive(tags, tag_count, buffer, capacity, handles, handle_capacity, message)`: the first message whose tag is among
    /// the tags, or the first of all.
    /// - Throws: `again` there is none; `inval` more than 64 tags; `fault`; `msgsize` it does not fit, stays, and `message`
    ///   tells its size.
    private static func receive(
        _ context: GuestContext, _ call: borrowing HostCall, _ memory: GuestMemory
    ) throws(CallFailure) -> HostOutcome {
        let room = try ReceiveRoom(call, memory)
        return try take(context, memory, room) ? call.succeed() : ended(context) ?? call.finish(.again)
    }

    /// `receive_wait(…, timeout)`: as `receive`, and waits for a message.
    /// - Throws: as `receive`, and `timedout` for `again`.
    private static func receiveWait(
        _ context: GuestContext, _ call: borrowing HostCall, _ memory: GuestMemory
    ) throws(CallFailure) -> HostOutcome {
        do throws(CallFailure) {
            let room = try ReceiveRoom(call, memory)
            guard try take(context, memory, room) else {
                if let end = ended(context) { return end }
                return try context.waiting(timeout: call.i64(7), forMessages: true)
            }
        } catch {
            context.underWay = .none
            throw error
        }
        context.underWay = .none
        return call.succeed()
    }

    /// The end of a process that an exit signal ended within this call.
    @inline(__always)
    static func ended(_ context: GuestContext) -> HostOutcome? {
        guard context.process.hasPendingExit, let reason = context.process.pendingExit else { return nil }
        context.ending = reason
        return .end
    }

    /// False when there is no such message, or the process has ended.
    @inline(__always)
    private static func take(
        _ context: GuestContext, _ memory: GuestMemory, _ room: ReceiveRoom
    ) throws(CallFailure) -> Bool {
        if room.tagCount == 0 {
            guard let message = context.process.nextMessage() else { return false }
            try hand(message, to: context, memory, room)
            return true
        }
        // SAFETY: the tags are copied to this frame and used within the closure only.
        return try unsafe withUnsafeTemporaryAllocation(of: UInt64.self, capacity: room.tagCount) {
            (tags) throws(CallFailure) in
            for index in 0..<room.tagCount {
                let tag = memory.load(UInt64.self, in: room.tags, at: index * 8)
                unsafe tags.initializeElement(at: index, to: selected(tag, context))
            }
            guard let message = unsafe context.process.nextMessage(tags: UnsafeBufferPointer(tags)) else {
                return false
            }
            try hand(message, to: context, memory, room)
            return true
        }
    }

    /// A tag as the runtime has it: in those of DOWN the guest's number of a monitor becomes the runtime's.
    @inline(__always)
    private static func selected(_ tag: UInt64, _ context: GuestContext) -> UInt64 {
        guard tag & exitTag == reservedTag else { return tag }
        guard let number = UInt32(exactly: tag & ~exitTag), let monitor = context.monitors[number] else {
            return unusedTag
        }
        return reservedTag | monitor.rawValue
    }

    /// Writes the message to the guest's memory and takes it out of the mailbox.
    @inline(__always)
    private static func hand(
        _ message: Message, to context: GuestContext, _ memory: GuestMemory, _ room: ReceiveRoom
    ) throws(CallFailure) {
        guard message.isData else { return try handSignal(message, to: context, memory, room) }
        // SAFETY: the bytes are the node's, which lives until `remove`.
        let bytes = unsafe message.bytes
        let handleCount = message.hasAttachments ? message.attachments.count : 0
        room.writeHeader(
            memory, tag: message.tag, process: message.sender, kind: 0, length: bytes.count, handles: handleCount,
            monitor: 0)
        guard bytes.count <= room.buffer.count, handleCount <= room.handleCapacity else { throw .errno(.msgsize) }
        // SAFETY: as above, and the area has room for them.
        unsafe memory.copy(bytes, into: room.buffer)
        if handleCount > 0 {
            Attachments.receive(message.attachments, for: context, into: memory, room.handles)
        }
        context.process.remove(message)
    }

    private static func handSignal(
        _ message: Message, to context: GuestContext, _ memory: GuestMemory, _ room: ReceiveRoom
    ) throws(CallFailure) {
        let payload: ReasonPayload
        var tag = message.tag
        var number: UInt32 = 0
        switch message.kind {
        case .data: return
        case .exit(let reason):
            payload = ReasonPayload(reason)
        case .down(let monitor, let reason):
            payload = ReasonPayload(reason)
            number = context.monitors.number(of: monitor) ?? 0
            tag = reservedTag | UInt64(number)
        }
        room.writeHeader(
            memory, tag: tag, process: message.sender, kind: tag & exitTag == exitTag ? 1 : 2, length: payload.count,
            handles: 0, monitor: number)
        guard payload.count <= room.buffer.count else { throw .errno(.msgsize) }
        payload.store(in: memory, room.buffer)
        context.process.remove(message)
        if number != 0 { context.forgetMonitor(number) }
    }
}

/// Where a message goes, checked.
struct ReceiveRoom {
    let tags: GuestMemory.Area
    let tagCount: Int
    let buffer: GuestMemory.Area
    let handles: GuestMemory.Area
    let handleCapacity: Int
    let header: GuestMemory.Area

    /// Of `receive`'s arguments.
    @inline(__always)
    init(_ call: borrowing HostCall, _ memory: GuestMemory) throws(CallFailure) {
        let count = call.i32(1)
        guard count <= Messages.tagLimit else { throw .errno(.inval) }
        tagCount = Int(count)
        tags = try memory.area(at: call.i32(0), count: tagCount * 8)
        buffer = try memory.area(at: call.i32(2), count: call.i32(3))
        handleCapacity = Int(call.i32(5))
        handles = try memory.area(at: call.i32(4), count: handleCapacity * HandleLayout.size)
        header = try memory.area(at: call.i32(6), count: Messages.headerSize)
    }

    /// Of `argument`'s.
    init(argument call: borrowing HostCall, _ memory: GuestMemory) throws(CallFailure) {
        tagCount = 0
        tags = try memory.area(at: 0, count: 0)
        buffer = try memory.area(at: call.i32(0), count: call.i32(1))
        handleCapacity = Int(call.i32(3))
        handles = try memory.area(at: call.i32(2), count: handleCapacity * HandleLayout.size)
        header = try memory.area(at: call.i32(4), count: Messages.headerSize)
    }

    @inline(__always)
    func writeHeader(
        _ memory: GuestMemory, tag: UInt64, process: UInt64, kind: UInt32, length: Int, handles: Int, monitor: UInt32
    ) {
        memory.store(tag, in: header, at: 0)
        memory.store(process, in: header, at: 8)
        memory.store(kind, in: header, at: 16)
        memory.store(UInt32(truncatingIfNeeded: length), in: header, at: 20)
        memory.store(UInt32(truncatingIfNeeded: handles), in: header, at: 24)
        memory.store(monitor, in: header, at: 28)
    }
}

extension GuestContext {
    /// What a call that may not go on answers: a wait until its deadline, which counts from its first attempt.
    /// - Parameters:
    ///   - timeout: nanoseconds; negative is without end.
    ///   - forMessages: whether a message's arrival ends the wait.
    ///   - retry: when to look again in any case, CLOCK_MONOTONIC.
    /// - Returns: `.wait`.
    /// - Throws: `timedout`.
    func waiting(
        timeout: UInt64, forMessages: Bool, lookingAgain retry: UInt64? = nil
    ) throws(CallFailure) -> HostOutcome {
        let deadline: UInt64?
        if case .until(let first) = underWay {
            deadline = first
        } else {
            deadline = Self.deadline(after: timeout)
        }
        if let deadline, timeout == 0 || deadline <= Clock.monotonicNow() {
            underWay = .none
            throw .errno(.timedout)
        }
        underWay = .until(deadline)
        let wakeUp = retry.map { min($0, deadline ?? .max) } ?? deadline
        if forMessages {
            messageWait = wakeUp ?? .max
        } else {
            wait = Wait(deadline: wakeUp)
        }
        return .wait
    }

    /// CLOCK_MONOTONIC; nil for a negative timeout and for one past the clock's end.
    static func deadline(after timeout: UInt64) -> UInt64? {
        guard Int64(bitPattern: timeout) >= 0 else { return nil }
        let (end, overflow) = Clock.monotonicNow().addingReportingOverflow(timeout)
        return overflow ? nil : end
    }

    /// A monitor is over.
    /// - Returns: what it was; nil for a number that none has.
    @discardableResult
    func forgetMonitor(_ number: UInt32) -> MonitorID? {
        guard let monitor = monitors.remove(number) else { return nil }
        grant.account.refund(.memory, MonitorTable.cost)
        return monitor
    }
}
