// Messages with descriptors: order, bounds, ownership.

import Glibc
import LinuxKernel
import Testing

struct MessageSocketTests {
    @Test func messagesStayWholeAndInOrder() throws {
        let pair = try UnixSocketPair()
        for length in [1, 100, 60_000, 2] {
            try pair.first.send([UInt8](repeating: UInt8(length % 251), count: length))
        }
        var buffer = [UInt8](repeating: 0, count: 70_000)
        for length in [1, 100, 60_000, 2] {
            var span = buffer.mutableSpan
            let received = try pair.second.receive(into: &span)
            let message = try unwrap(consume received)
            #expect(message.count == length && !message.isTruncated && message.descriptors.count == 0)
            #expect(buffer[length - 1] == UInt8(length % 251))
        }
        var span = buffer.mutableSpan
        let none = try pair.second.receive(into: &span, wait: false)
        let isNone = !isPresent(none)
        #expect(isNone)
    }

    @Test func aClosedEndIsSeenOnBothSides() throws {
        var pair = try UnixSocketPair()
        let replacement = try UnixSocketPair()
        pair.first = MessageSocket(try replacement.first.descriptor.duplicate())
        var buffer = [UInt8](repeating: 0, count: 10)
        var span = buffer.mutableSpan
        let end = try pair.second.receive(into: &span)
        let isEnd = try unwrap(consume end).isEndOfStream
        #expect(isEnd)
        let error = #expect(throws: SystemError.self) { try pair.second.send([1]) }
        #expect(error?.errno == EPIPE)
    }

    /// A peer that closes with something unread resets the connection, which hides nothing of what it had sent.
    @Test func whatAPeerSentOutlivesItsReset() throws {
        var pair = try UnixSocketPair()
        let replacement = try UnixSocketPair()
        try pair.second.send([9])
        try pair.first.send([1])
        try pair.first.send([2])
        pair.first = MessageSocket(try replacement.first.descriptor.duplicate())
        var buffer = [UInt8](repeating: 0, count: 10)
        for expected in [1, 2, 0] {
            var span = buffer.mutableSpan
            let received = try pair.second.receive(into: &span, wait: false)
            let count = try unwrap(consume received).count
            #expect(count == min(expected, 1) && (count == 0 || Int(buffer[0]) == expected))
        }
    }

    @Test func emptyMessagesAreRefused() throws {
        let pair = try UnixSocketPair()
        let error = #expect(throws: SystemError.self) { try pair.first.send([]) }
        #expect(error?.errno == EINVAL)
    }

    @Test func aLongMessageIsMarkedTruncated() throws {
        let pair = try UnixSocketPair()
        try pair.first.send([1, 2, 3, 4, 5])
        var buffer = [UInt8](repeating: 0, count: 3)
        var span = buffer.mutableSpan
        let received = try pair.second.receive(into: &span)
        let message = try unwrap(consume received)
        #expect(message.isTruncated && message.count == 3)
        #expect(buffer == [1, 2, 3])
    }

    @Test func descriptorsArriveInOrderWithCloseOnExec() throws {
        let pair = try UnixSocketPair()
        let paths = ["/dev/zero", "/dev/null", "/dev/full"]
        var raws: [Int32] = []
        for path in paths { raws.append(try OwnedFileDescriptor(opening: path, flags: O_RDONLY).release()) }
        try pair.first.send([7], descriptors: raws)
        for raw in raws { close(raw) }
        var buffer = [UInt8](repeating: 0, count: 3)
        var span = buffer.mutableSpan
        let received = try pair.second.receive(into: &span)
        var message = try unwrap(consume received)
        #expect(message.descriptors.count == 3)
        for path in paths {
            let taken = message.descriptors.takeFirst()
            let descriptor = try unwrap(consume taken)
            let expected = try OwnedFileDescriptor(opening: path, flags: O_RDONLY)
            #expect(deviceNumber(descriptor.rawValue) == deviceNumber(expected.rawValue))
            #expect(deviceNumber(descriptor.rawValue) != 0)
            #expect(fcntl(descriptor.rawValue, F_GETFD) == FD_CLOEXEC)
        }
        let rest = message.descriptors.takeFirst()
        let isRest = isPresent(rest)
        #expect(!isRest)
    }

    @Test func aFullSocketSaysSo() throws {
        let pair = try UnixSocketPair()
        let bytes = [UInt8](repeating: 1, count: 10_000)
        var sent = 0
        while try pair.first.send(bytes.span, wait: false) {
            sent += 1
            try #require(sent < 100_000)
        }
        #expect(sent > 0)
    }
}
