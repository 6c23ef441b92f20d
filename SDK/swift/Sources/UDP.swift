// UDP: datagrams with their senders' addresses.

import CBulkhead

/// A UDP socket.
public typealias UDPSocket = Socket<UDP>

/// The kind of UDP sockets.
public enum UDP {
    /// The bytes of the longest datagram.
    public static var longest: Int { 65507 }
}

extension Socket where Kind == UDP {
    /// Binds; port 0 is any that the policy covers. Errors: `notCapable`, the socket's. Suspends.
    public init(binding host: String = "127.0.0.1", port: UInt16) throws(HostError) {
        try self.init { made in host.withBytes { bulkhead_host_udp_bind($0, $1, UInt32(port), made) } }
    }

    /// Connects: to send to one address, and to receive from no other. Errors: `notCapable`, the socket's. Suspends.
    public init(connecting host: String, port: UInt16) throws(HostError) {
        try self.init { made in host.withBytes { bulkhead_host_udp_connect($0, $1, UInt32(port), made) } }
    }

    /// Sends a datagram from a connected socket. Errors: `tooLong`, the socket's. Suspends.
    public func send(_ bytes: [UInt8]) throws(HostError) {
        let descriptor = descriptor
        try check(
            bytes.withUnsafeBytes {
                var vector = bulkhead_vector(bytes: $0.baseAddress, length: UInt32($0.count))
                var count: UInt32 = 0
                return bulkhead_wasi_fd_write(descriptor, &vector, 1, &count)
            })
    }

    /// Sends a datagram, in UTF-8, from a connected socket. Errors: `tooLong`, the socket's. Suspends.
    public func send(_ text: String) throws(HostError) { try send(Array(text.utf8)) }

    /// Sends a datagram from a bound socket to `host:port`, which the policy must let the caller connect to; an IPv6 host
    /// is in brackets. Errors: `notCapable`, `tooLong`; `invalid` for no such address; the socket's. Suspends.
    public func send(_ bytes: [UInt8], to address: String) throws(HostError) {
        let (descriptor, (host, port)) = (descriptor, try endpoint(address))
        try check(
            bytes.withUnsafeBytes { bytes in
                host.withBytes {
                    bulkhead_host_udp_send(
                        descriptor, $0, $1, UInt32(port), bytes.baseAddress, UInt32(bytes.count))
                }
            })
    }

    /// Sends a datagram, in UTF-8, from a bound socket to `host:port`. Errors: as with bytes. Suspends.
    public func send(_ text: String, to address: String) throws(HostError) {
        try send(Array(text.utf8), to: address)
    }

    /// Waits for a datagram: its first `count` bytes (the rest is lost), and its sender as `host:port`. Errors: the
    /// socket's. Suspends.
    public func receive(upTo count: Int = UDP.longest) throws(HostError) -> (bytes: [UInt8], sender: String) {
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 1)
        defer { room.deallocate() }
        var sender = [UInt8](repeating: 0, count: 64)
        var length: UInt32 = 0
        let descriptor = descriptor
        try check(
            sender.withUnsafeMutableBytes {
                bulkhead_host_udp_receive(
                    descriptor, room.baseAddress, UInt32(count), $0.baseAddress?.assumingMemoryBound(to: CChar.self),
                    &length)
            })
        return ([UInt8](room[..<Int(length)]), String(decoding: sender.prefix { $0 != 0 }, as: UTF8.self))
    }
}

// `host:port` or `[host]:port` in parts.
private func endpoint(_ address: String) throws(HostError) -> (host: String, port: UInt16) {
    let bytes = Array(address.utf8)
    guard let colon = bytes.lastIndex(of: 58),
        let port = UInt16(String(decoding: bytes[(colon + 1)...], as: UTF8.self))
    else { throw .invalid }
    let isBracketed = bytes.first == 91 && colon > 1 && bytes[colon - 1] == 93
    let host = isBracketed ? bytes[1..<(colon - 1)] : bytes[..<colon]
    return (String(decoding: host, as: UTF8.self), port)
}
