// Sockets. They are WASI descriptors.

import CBulkhead

/// A connection: closed when its value goes, moved when it is sent.
@frozen
public struct TCPStream: ~Copyable, Wire {
    let descriptor: Int32
    let isOwned: Bool

    init(_ descriptor: Int32, owned: Bool = true) {
        self.descriptor = descriptor
        isOwned = owned
    }

    deinit {
        if isOwned { _ = bulkhead_close(descriptor) }
    }

    /// Connects. Errors: `notCapable`, the socket's. Suspends.
    public init(connecting host: String, port: UInt16) throws(HostError) {
        var made: Int32 = -1
        try check(host.withBytes { bulkhead_host_tcp_connect($0, $1, UInt32(port), &made) })
        self.init(made)
    }

    /// The same connection for another process: to be sent, while this one stays. It closes when both are gone.
    public func shared() -> TCPStream { TCPStream(descriptor, owned: false) }

    /// Reads what is there, at least a byte, and at most `count`; none is the end. Suspends.
    public func read(upTo count: Int = 1024) throws(HostError) -> [UInt8] {
        try [UInt8](reading: descriptor, upTo: count)
    }

    /// Writes all of it. Suspends.
    public func write(_ bytes: [UInt8]) throws(HostError) {
        let descriptor = descriptor
        try check(bytes.withUnsafeBytes { bulkhead_write(descriptor, $0.baseAddress, UInt32($0.count)) })
    }

    /// Writes all of it, in UTF-8. Suspends.
    public func write(_ text: String) throws(HostError) {
        let descriptor = descriptor
        try check(text.withBytes { bulkhead_write(descriptor, $0, $1) })
    }

    public consuming func encode(to encoder: inout Encoder) {
        encoder.put(descriptor: UInt32(bitPattern: descriptor), moved: isOwned)
        discard self
    }

    public static func decode(from decoder: inout Decoder) throws(HostError) -> TCPStream {
        TCPStream(Int32(bitPattern: try decoder.handle(BULKHEAD_DESCRIPTOR)))
    }
}

/// A connection read by lines.
public struct Lines: ~Copyable {
    /// What is read from; to write to, as well.
    public let stream: TCPStream
    private var pending: [UInt8] = []

    public init(of stream: consuming TCPStream) { self.stream = stream }

    /// The next line without its end, nil at the end of the stream. A line of more than 64 KiB is `tooLong`. Suspends.
    public mutating func next() throws(HostError) -> String? {
        while true {
            if let end = pending.firstIndex(of: 10) {
                let line = String(decoding: pending[..<end], as: UTF8.self)
                pending.removeSubrange(...end)
                return line
            }
            if pending.count > 65536 { throw .tooLong }
            let more = try stream.read()
            if more.isEmpty {
                if pending.isEmpty { return nil }
                defer { pending = [] }
                return String(decoding: pending, as: UTF8.self)
            }
            pending += more
        }
    }
}

/// A listener: closed when its value goes, moved when it is sent.
@frozen
public struct TCPListener: ~Copyable, Wire {
    let descriptor: Int32
    let isOwned: Bool

    init(_ descriptor: Int32, owned: Bool = true) {
        self.descriptor = descriptor
        isOwned = owned
    }

    deinit {
        if isOwned { _ = bulkhead_close(descriptor) }
    }

    /// Listens; port 0 is any that the policy covers. Errors: `notCapable`, the socket's. Suspends.
    public init(host: String = "127.0.0.1", port: UInt16) throws(HostError) {
        var made: Int32 = -1
        try check(host.withBytes { bulkhead_host_tcp_listen($0, $1, UInt32(port), 4096, &made) })
        self.init(made)
    }

    /// The same listener for another process: to be sent, while this one stays.
    public func shared() -> TCPListener { TCPListener(descriptor, owned: false) }

    /// Waits for the next connection. Suspends.
    public func accept() throws(HostError) -> TCPStream {
        var made: Int32 = -1
        try check(bulkhead_accept(descriptor, &made))
        return TCPStream(made)
    }

    /// `host:port` of this end.
    public var address: String {
        get throws(HostError) {
            var text = [UInt8](repeating: 0, count: 64)
            var length: UInt32 = 0
            let descriptor = descriptor
            try check(
                text.withUnsafeMutableBytes {
                    bulkhead_host_socket_address(
                        descriptor, 0, $0.baseAddress?.assumingMemoryBound(to: CChar.self), UInt32($0.count), &length)
                })
            return String(decoding: text[..<Int(length)], as: UTF8.self)
        }
    }

    public consuming func encode(to encoder: inout Encoder) {
        encoder.put(descriptor: UInt32(bitPattern: descriptor), moved: isOwned)
        discard self
    }

    public static func decode(from decoder: inout Decoder) throws(HostError) -> TCPListener {
        TCPListener(Int32(bitPattern: try decoder.handle(BULKHEAD_DESCRIPTOR)))
    }
}
