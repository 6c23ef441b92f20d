// Sequenced sockets between two of our processes, with descriptors in messages (unix(7), SCM_RIGHTS).

internal import CLinux
internal import Glibc

/// Descriptors that came with a message. Each is closed when the list goes away unless it was taken out, in order.
package struct DescriptorList: ~Copyable, Sendable {
    private var raws: ArraySlice<Int32>

    /// Takes over open descriptors.
    package init(taking raws: [Int32] = []) {
        self.raws = raws[...]
    }

    deinit {
        for raw in raws { close(raw) }
    }

    package var count: Int { raws.count }

    /// In order; they stay the list's.
    package var rawValues: [Int32] { Array(raws) }

    package mutating func append(_ descriptor: consuming OwnedFileDescriptor) {
        raws.append(descriptor.release())
    }

    /// The next descriptor, now the caller's; nil when none is left.
    package mutating func takeFirst() -> OwnedFileDescriptor? {
        guard let raw = raws.popFirst() else { return nil }
        return OwnedFileDescriptor(taking: raw)
    }
}

/// What one recvmsg(2) gave. The bytes are in the caller's buffer.
package struct ReceivedMessage: ~Copyable, Sendable {
    /// Bytes in the buffer; 0 when the other end has closed.
    package let count: Int
    package var descriptors: DescriptorList
    /// The message was longer than the buffer, and the rest is lost.
    package let isTruncated: Bool

    package var isEndOfStream: Bool { count == 0 }
}

/// One end of a SOCK_SEQPACKET connection: messages arrive whole and in order, and an end that closes is seen.
package struct MessageSocket: ~Copyable, Sendable {
    package let descriptor: OwnedFileDescriptor

    package init(_ descriptor: consuming OwnedFileDescriptor) {
        self.descriptor = descriptor
    }

    /// Sends one message, and with it copies of `descriptors`, which stay the caller's.
    /// - Parameters:
    ///   - bytes: at least one byte, for an empty message reads as the end; at most the socket's send buffer.
    ///   - descriptors: at most 253.
    ///   - wait: whether to wait for room.
    /// - Returns: false when there was no room and `wait` is false.
    /// - Throws: EPIPE when the other end has closed (no signal is raised), EMSGSIZE when it is too long.
    package borrowing func send(
        _ bytes: Span<UInt8>, descriptors: [Int32] = [], wait: Bool = true
    ) throws(SystemError) -> Bool {
        try MessageSocket.send(bytes, on: descriptor.rawValue, descriptors: descriptors, wait: wait)
    }

    /// The same on a socket by its number, which must be open.
    package static func send(
        _ bytes: Span<UInt8>, on raw: Int32, descriptors: [Int32] = [], wait: Bool = true
    ) throws(SystemError) -> Bool {
        if bytes.count == 0 { throw SystemError("sendmsg", errno: EINVAL) }
        let result = unsafe bytes.withUnsafeBufferPointer { bytes in
            // SAFETY: both buffers live and keep their lengths for the call, which only reads them.
            unsafe descriptors.withUnsafeBufferPointer { list in
                unsafe bulkhead_send_message(
                    raw, bytes.baseAddress, bytes.count, list.baseAddress, list.count, wait ? 0 : 1)
            }
        }
        if !wait && result == -Int(EAGAIN) { return false }
        _ = try requireCount(result, "sendmsg")
        return true
    }

    package borrowing func send(_ bytes: [UInt8], descriptors: [Int32] = []) throws(SystemError) {
        _ = try send(bytes.span, descriptors: descriptors, wait: true)
    }

    /// Receives one message.
    /// - Parameters:
    ///   - buffer: gets the bytes.
    ///   - maximumDescriptors: with more, all of them are closed and EMSGSIZE is thrown; so they are when this
    ///     process has no room for all.
    ///   - wait: whether to wait for a message.
    /// - Returns: nil when there is none and `wait` is false. A reset connection counts as its end, after all that had been sent.
    /// - Throws: EMSGSIZE as above, else what recvmsg(2) says.
    package borrowing func receive(
        into buffer: inout MutableSpan<UInt8>, maximumDescriptors: Int = 16, wait: Bool = true
    ) throws(SystemError) -> ReceivedMessage? {
        let raw = descriptor.rawValue
        var taken: [Int32] = []
        var truncated: Int32 = 0
        // SAFETY: the span is exclusively ours for the closure; the callee writes within both lengths.
        let result = unsafe buffer.withUnsafeMutableBufferPointer { bytes in
            unsafe withUnsafeTemporaryAllocation(of: Int32.self, capacity: max(maximumDescriptors, 1)) { list in
                var arrived = 0
                var result: Int
                var attempts = 0
                repeat {
                    result = unsafe bulkhead_receive_message(
                        raw, bytes.baseAddress, bytes.count, list.baseAddress, maximumDescriptors, &arrived, &truncated,
                        wait ? 0 : 1)
                    attempts += 1
                    // The peer closed with something unread. That is said once, and before what it had sent.
                } while result == -Int(ECONNRESET) && attempts < 2
                if arrived > 0 { taken = unsafe Array(list[..<arrived]) }
                return result
            }
        }
        if !wait && result == -Int(EAGAIN) { return nil }
        if result == -Int(ECONNRESET) {
            return ReceivedMessage(count: 0, descriptors: DescriptorList(), isTruncated: false)
        }
        let count = try requireCount(result, "recvmsg")
        return ReceivedMessage(count: count, descriptors: DescriptorList(taking: taken), isTruncated: truncated != 0)
    }
}

/// Two connected `MessageSocket`s.
package struct UnixSocketPair: ~Copyable {
    package var first: MessageSocket
    package var second: MessageSocket

    /// Gives both ends to the caller, who must close them.
    package consuming func release() -> (first: Int32, second: Int32) {
        let second = second.descriptor.release()
        return (first.descriptor.release(), second)
    }

    package init(nonBlocking: Bool = false) throws(SystemError) {
        var ends: [Int32] = [-1, -1]
        // SAFETY: the array has the two elements that the callee fills.
        try requireZero(unsafe bulkhead_socket_pair(&ends, nonBlocking ? 1 : 0), "socketpair")
        first = MessageSocket(OwnedFileDescriptor(taking: ends[0]))
        second = MessageSocket(OwnedFileDescriptor(taking: ends[1]))
    }
}
