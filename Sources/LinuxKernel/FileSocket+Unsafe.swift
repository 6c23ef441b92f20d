// Calls on connected and listening sockets; none of them blocks.

internal import CLinux
internal import Glibc

package enum SocketCalls {
    /// accept4(2), non-blocking and close-on-exec; the listener must be non-blocking.
    package static func accept(_ fd: Int32) throws(SystemError) -> OwnedFileDescriptor {
        let result = bulkhead_accept_connection(fd)
        if result < 0 { throw SystemError("accept4", errno: -result) }
        return OwnedFileDescriptor(taking: result)
    }

    /// recvmsg(2) with MSG_DONTWAIT.
    /// - Returns: the count, and whether the message was longer than the room for it.
    package static func receive(
        _ fd: Int32, _ vectors: IOVectors, peeking: Bool
    ) throws(SystemError) -> (count: Int, isTruncated: Bool) {
        var message = unsafe msghdr()
        unsafe message.msg_iov = vectors.base
        unsafe message.msg_iovlen = Int(vectors.count)
        let flags = Int32(MSG_DONTWAIT) | (peeking ? Int32(MSG_PEEK) : 0)
        // SAFETY: the vectors point at memory that the caller may write; no name and no control data are asked for.
        let count = unsafe recvmsg(fd, &message, flags)
        if count < 0 { throw SystemError("recvmsg", errno: errno) }
        return (count, unsafe message.msg_flags & Int32(MSG_TRUNC) != 0)
    }

    /// To the socket's peer, without waiting: sendto(2) with MSG_DONTWAIT and MSG_NOSIGNAL, or for several vectors writev(2) on
    /// what must be non-blocking. Not sendmsg(2), whose address a cell's filter could not see: no cell may use it but on its
    /// control socket.
    package static func send(
        _ fd: Int32, _ vectors: IOVectors
    ) throws(SystemError) -> Int {
        let flags = Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)
        // SAFETY: the vectors point at memory that the caller may read, and there are `count` of them; no address is given.
        let count =
            if unsafe vectors.count > 1 {
                unsafe writev(fd, vectors.base, vectors.count)
            } else if unsafe vectors.count == 1 {
                unsafe sendto(fd, vectors.base?.pointee.iov_base, vectors.base?.pointee.iov_len ?? 0, flags, nil, 0)
            } else {
                sendto(fd, nil, 0, flags, nil, 0)
            }
        if count < 0 { throw SystemError("send", errno: errno) }
        return count
    }

    /// shutdown(2).
    package static func shutDown(_ fd: Int32, reading: Bool, writing: Bool) throws(SystemError) {
        let how: Int32 = reading ? (writing ? 2 : 0) : 1
        if shutdown(fd, how) < 0 { throw SystemError("shutdown", errno: errno) }
    }

    /// What getsockopt(2) says of a socket; nil when it is none.
    package static func kind(_ fd: Int32) -> (isStream: Bool, isListening: Bool)? {
        guard let type = option(fd, SO_TYPE) else { return nil }
        return (type == Int32(SOCK_STREAM.rawValue), option(fd, SO_ACCEPTCONN) == 1)
    }

    private static func option(_ fd: Int32, _ name: Int32) -> Int32? {
        var value: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        // SAFETY: `value` is the four bytes that `size` says.
        guard unsafe getsockopt(fd, SOL_SOCKET, name, &value, &size) == 0 else { return nil }
        return value
    }
}
