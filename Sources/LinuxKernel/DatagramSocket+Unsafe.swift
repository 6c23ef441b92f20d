// UDP sockets: made and addressed by the supervisor's broker; a cell, which does neither, receives.

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

    /// Receives one datagram without waiting; what does not fit is lost.
    /// - Parameters:
    ///   - raw: a socket.
    ///   - buffer: gets the bytes.
    /// - Returns: how many there are, and who sent them; nil where that is not known.
    /// - Throws: EAGAIN when none is there, else what recvfrom(2) says.
    package static func receive(
        _ raw: Int32, into buffer: UnsafeMutableRawBufferPointer
    ) throws(SystemError) -> (count: Int, sender: SocketAddress?) {
        var family: Int32 = 0
        var bytes = [UInt8](repeating: 0, count: 108)
        var count = 0
        var port: UInt16 = 0
        var scope: UInt32 = 0
        // SAFETY: the caller's buffer is written within its length; the array has the 108 bytes that the callee may fill.
        let result = unsafe bulkhead_receive_from(
            raw, buffer.baseAddress, buffer.count, &family, &bytes, &count, &port, &scope)
        let received = try requireCount(result, "recvfrom")
        return (received, SocketAddress(family: family, bytes: Array(bytes[..<count]), port: port, scope: scope))
    }

    private static func make(_ family: Int32) throws(SystemError) -> OwnedFileDescriptor {
        guard family != Int32(BULKHEAD_UNIX) else { throw SystemError("socket", errno: EAFNOSUPPORT) }
        return OwnedFileDescriptor(taking: Int32(try requireCount(bulkhead_datagram_socket(family), "socket")))
    }
}
