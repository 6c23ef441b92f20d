// Stream sockets, for those who may make them: the supervisor and its broker. A cell never does.

internal import CLinux
internal import Glibc

package enum StreamSocket {
    /// Connects, waiting at most until the deadline.
    /// - Parameters:
    ///   - address: an address that a rule allows; nothing is checked here.
    ///   - deadline: CLOCK_MONOTONIC, in nanoseconds; nil waits as long as the kernel does (tcp(7)).
    /// - Returns: a connected socket, non-blocking and close-on-exec.
    /// - Throws: ETIMEDOUT when the deadline came first, else what connect(2) says.
    package static func connect(
        to address: SocketAddress, deadline: UInt64?
    ) throws(SystemError) -> OwnedFileDescriptor {
        let socket = try startConnecting(to: address)
        var entries = [PollEntry(raw: socket.rawValue, events: .write)]
        if try Poll.wait(&entries, deadline: deadline) == 0 { throw SystemError("connect", errno: ETIMEDOUT) }
        try finishConnecting(socket)
        return socket
    }

    /// Starts to connect. The socket becomes writable when it is done, and `finishConnecting` tells how it went.
    package static func startConnecting(
        to address: SocketAddress
    ) throws(SystemError) -> OwnedFileDescriptor {
        let parts = parts(of: address)
        let socket = try make(parts.family)
        // SAFETY: the array lives for the call, which only reads it.
        let result = unsafe bulkhead_connect(
            socket.rawValue, parts.family, parts.bytes, parts.bytes.count, parts.port, parts.scope)
        if result != EINPROGRESS { try requireZero(result, "connect") }
        return socket
    }

    package static func finishConnecting(_ socket: borrowing OwnedFileDescriptor) throws(SystemError) {
        try requireZero(bulkhead_pending_error(socket.rawValue), "connect")
    }

    /// A listening socket, non-blocking and close-on-exec. An IPv6 one takes IPv6 only. Of at most `backlog`
    /// connections that wait to be accepted; the kernel cuts that to its own bound (listen(2)).
    package static func listen(
        at address: SocketAddress, backlog: Int32 = 128
    ) throws(SystemError) -> OwnedFileDescriptor {
        let parts = parts(of: address)
        let socket = try make(parts.family)
        if case .ip(let ip, _) = address {
            // A service that restarts must not wait for its old connections to time out.
            try requireZero(bulkhead_set_option(socket.rawValue, SOL_SOCKET, SO_REUSEADDR, 1), "setsockopt")
            if ip.isIPv6 {
                try requireZero(
                    bulkhead_set_option(socket.rawValue, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1), "setsockopt")
            }
        }
        // SAFETY: the array lives for the call, which only reads it.
        let result = unsafe bulkhead_bind(
            socket.rawValue, parts.family, parts.bytes, parts.bytes.count, parts.port, parts.scope)
        try requireZero(result, "bind")
        if Glibc.listen(socket.rawValue, backlog) != 0 { throw SystemError("listen", errno: Glibc.errno) }
        return socket
    }

    /// Takes a waiting connection, non-blocking and close-on-exec; nil when none is waiting.
    package static func accept(_ listener: borrowing OwnedFileDescriptor) throws(SystemError) -> OwnedFileDescriptor? {
        let result = bulkhead_accept_stream(listener.rawValue)
        if result == -EAGAIN || result == -ECONNABORTED { return nil }
        return OwnedFileDescriptor(taking: Int32(try requireCount(result, "accept4")))
    }

    /// getsockname(2); nil for a family that is not ours.
    package static func localAddress(_ raw: Int32) throws(SystemError) -> SocketAddress? {
        try name(raw, peer: 0)
    }

    /// getpeername(2); nil for a family that is not ours.
    package static func peerAddress(_ raw: Int32) throws(SystemError) -> SocketAddress? {
        try name(raw, peer: 1)
    }

    private static func name(_ raw: Int32, peer: Int32) throws(SystemError) -> SocketAddress? {
        var family: Int32 = 0
        var bytes = [UInt8](repeating: 0, count: 108)
        var count = 0
        var port: UInt16 = 0
        var scope: UInt32 = 0
        // SAFETY: the array has the 108 bytes that the callee may fill; the others are locals.
        let result = unsafe bulkhead_socket_name(raw, peer, &family, &bytes, &count, &port, &scope)
        try requireZero(result, peer == 0 ? "getsockname" : "getpeername")
        return SocketAddress(family: family, bytes: Array(bytes[..<count]), port: port, scope: scope)
    }

    private static func make(_ family: Int32) throws(SystemError) -> OwnedFileDescriptor {
        OwnedFileDescriptor(taking: Int32(try requireCount(bulkhead_stream_socket(family), "socket")))
    }

    static func parts(
        of address: SocketAddress
    ) -> (family: Int32, bytes: [UInt8], port: UInt16, scope: UInt32) {
        switch address {
        case .ip(let ip, let port):
            (Int32(ip.isIPv6 ? BULKHEAD_IPV6 : BULKHEAD_IPV4), ip.bytes, port, ip.scope)
        case .unix(let path):
            (Int32(BULKHEAD_UNIX), Array(path.utf8), 0, 0)
        }
    }
}

extension SocketAddress {
    /// From the parts that CLinux takes addresses to; nil for a family that is not ours.
    init?(family: Int32, bytes: [UInt8], port: UInt16, scope: UInt32) {
        if family == Int32(BULKHEAD_UNIX) {
            self = .unix(path: String(decoding: bytes, as: UTF8.self))
        } else if let address = IPAddress(bytes: bytes, scope: scope) {
            self = .ip(address, port: port)
        } else {
            return nil
        }
    }
}
