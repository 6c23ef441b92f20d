// UDP sockets, for those who may make and address them: the supervisor's broker. A cell never does.

internal import CLinux
internal import Glibc

package enum DatagramSocket {
    /// A bound socket, non-blocking and close-on-exec. An IPv6 one takes IPv6 only.
    package static func bind(at address: SocketAddress) throws(SystemError) -> OwnedFileDescriptor {
        let parts = StreamSocket.parts(of: address)
        let socket = try make(parts.family)
        if parts.family == Int32(BULKHEAD_IPV6) {
            try requireZero(bulkhead_set_option(socket.rawValue, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1), "setsockopt")
        }
        // SAFETY: the array lives for the call, which only reads it.
        let result = unsafe bulkhead_bind(
            socket.rawValue, parts.family, parts.bytes, parts.bytes.count, parts.port, parts.scope)
        try requireZero(result, "bind")
        return socket
    }

    /// A socket with a peer, non-blocking and close-on-exec. Nothing is sent for it (udp(7)).
    package static func connect(to address: SocketAddress) throws(SystemError) -> OwnedFileDescriptor {
        let parts = StreamSocket.parts(of: address)
        let socket = try make(parts.family)
        // SAFETY: the array lives for the call, which only reads it.
        let result = unsafe bulkhead_connect(
            socket.rawValue, parts.family, parts.bytes, parts.bytes.count, parts.port, parts.scope)
        try requireZero(result, "connect")
        return socket
    }

    /// Sends one datagram.
    /// - Throws: EAGAIN when the socket's buffer is full, EMSGSIZE when it is too long, else what sendto(2) says.
    package static func send(_ bytes: [UInt8], from raw: Int32, to address: SocketAddress) throws(SystemError) {
        let parts = StreamSocket.parts(of: address)
        // SAFETY: both arrays live for the call, which only reads them.
        let result = unsafe bulkhead_send_to(
            raw, parts.family, parts.bytes, parts.bytes.count, parts.port, parts.scope, bytes, bytes.count)
        _ = try requireCount(result, "sendto")
    }

    private static func make(_ family: Int32) throws(SystemError) -> OwnedFileDescriptor {
        guard family != Int32(BULKHEAD_UNIX) else { throw SystemError("socket", errno: EAFNOSUPPORT) }
        return OwnedFileDescriptor(taking: Int32(try requireCount(bulkhead_datagram_socket(family), "socket")))
    }
}
