// What a process receives: typed messages in order, and signals when it asks for them.

import CBulkhead

let typedTag: UInt64 = 0
let callTag: UInt64 = 1 << 62 | 1 << 56
let replyTag: UInt64 = 1 << 62 | 2 << 56
let castTag: UInt64 = 1 << 62 | 3 << 56
let mostHandles = 64

/// The calling process's mailbox, as one of messages of one type. Bytes that are no such message are dropped.
public struct Mailbox<Message: Wire & ~Copyable>: ~Copyable {
    init() {}

    /// The calling process's. What a child's closure is given is the same.
    public static var current: Mailbox { Mailbox() }

    /// Waits for the next message. Signals stay where they are. Suspends.
    public func receive() -> Message {
        while true {
            if let message = receive(timeout: .forever) { return message }
        }
    }

    /// Waits for the next message, so long at most. Suspends.
    public func receive(timeout: Time) -> Message? {
        do throws(HostError) {
            let arrival = try Arrival(tags: (typedTag, nil), timeout: timeout)
            defer { arrival.free() }
            return try Message.decode(from: &arrival.decoder)
        } catch {
            return nil
        }
    }

    /// The next message, if it is there.
    public func tryReceive() -> Message? { receive(timeout: .zero) }
}

/// What `next` found first.
public enum Event<Message: Wire> {
    case message(Message)
    /// A linked process ended, or somebody sent an exit signal; only for who traps exits.
    case exit(process: UInt64, Reason)
    /// A monitored process ended.
    case down(monitor: UInt32, process: UInt64, Reason)
}

extension Mailbox {
    /// Waits for the next message or signal, whichever came first. Suspends.
    public func next() -> Event<Message> {
        while true {
            if let event = next(timeout: .forever) { return event }
        }
    }

    /// Waits for the next message or signal, so long at most. Suspends.
    public func next(timeout: Time) -> Event<Message>? {
        do throws(HostError) {
            let arrival = try Arrival(tags: (nil, nil), timeout: timeout)
            defer { arrival.free() }
            let head = arrival.message
            switch Int(head.kind) {
            case BULKHEAD_EXIT: return .exit(process: head.process, Reason(from: &arrival.decoder))
            case BULKHEAD_DOWN:
                return .down(monitor: head.monitor, process: head.process, Reason(from: &arrival.decoder))
            default: return head.tag == typedTag ? .message(try Message.decode(from: &arrival.decoder)) : nil
            }
        } catch {
            return nil
        }
    }
}

/// Whether a selective receive may have passed over messages, which the host then does not announce to a handler again.
nonisolated(unsafe) var hasPassedOver = false

/// A message that was taken out of the mailbox. Whoever makes one frees it.
final class Arrival {
    private(set) var message = bulkhead_message()
    var decoder: Decoder
    private let bytes: UnsafeMutableRawBufferPointer
    private let handles: UnsafeMutableBufferPointer<bulkhead_handle>

    /// Takes the first message with one of these tags, or any. Errors: `timedOut`.
    init(tags: (UInt64?, UInt64?), timeout: Time) throws(HostError) {
        var wanted = (tags.0 ?? 0, tags.1 ?? 0)
        if tags.0 != nil { hasPassedOver = true }
        let count: UInt32 = (tags.0 == nil ? 0 : 1) + (tags.1 == nil ? 0 : 1)
        var head = bulkhead_message()
        var room = UnsafeMutableRawBufferPointer.allocate(byteCount: 120, alignment: 8)
        var table = UnsafeMutableBufferPointer<bulkhead_handle>.allocate(capacity: 4)
        func ask(_ wait: Bool) -> Int32 {
            withUnsafePointer(to: &wanted) { pair in
                pair.withMemoryRebound(to: UInt64.self, capacity: 2) { tags in
                    let (bytes, length) = (room.baseAddress, UInt32(room.count))
                    let (handles, capacity) = (table.baseAddress, UInt32(table.count))
                    return wait
                        ? bulkhead_host_receive_wait(
                            tags, count, bytes, length, handles, capacity, &head, timeout.nanoseconds)
                        : bulkhead_host_receive(tags, count, bytes, length, handles, capacity, &head)
                }
            }
        }
        // Waiting tries first, and costs little more than trying when there is a message.
        var errno = ask(timeout.nanoseconds != 0)
        if errno == HostError.again.code { errno = HostError.timedOut.code }
        if errno == HostError.tooLong.code {
            room.deallocate()
            table.deallocate()
            room = .allocate(byteCount: Int(head.length), alignment: 8)
            table = .allocate(capacity: Int(head.handle_count))
            errno = ask(false)
        }
        bytes = room
        handles = table
        if errno != 0 {
            room.deallocate()
            table.deallocate()
            decoder = Decoder(UnsafeRawBufferPointer(start: nil, count: 0))
            throw HostError(code: errno)
        }
        message = head
        decoder = Decoder(
            UnsafeRawBufferPointer(rebasing: room[..<Int(head.length)]),
            UnsafeMutableBufferPointer(rebasing: table[..<Int(head.handle_count)]))
    }

    /// Closes the handles that nobody took.
    func free() {
        decoder.closeRest()
        bytes.deallocate()
        handles.deallocate()
    }
}

func transmit(
    _ encoder: borrowing Encoder, to process: UInt32, tag: UInt64, timeout: Time
) throws(HostError) {
    let errno = encoder.bytes.withUnsafeBytes { bytes in
        encoder.handles.withUnsafeBufferPointer { handles in
            bulkhead_send_handles(
                process, tag, bytes.baseAddress, UInt32(bytes.count), handles.baseAddress, UInt32(handles.count),
                timeout.nanoseconds)
        }
    }
    if errno != 0 { encoder.abandon() }
    try check(errno)
}
