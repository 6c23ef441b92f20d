// Sockets. They are WASI descriptors, made by the host under the policy's `net` rules. Here is what all kinds share; the
// kinds are in TCP.swift, Unix.swift and UDP.swift.

import CBulkhead

/// A socket: closed when its value goes, moved when it is sent. `TCPStream`, `TCPListener`, `UnixStream`, `UnixListener`
/// and `UDPSocket` are its kinds.
public struct Socket<Kind>: ~Copyable, Wire {
    private let held: Descriptor

    init(_ held: consuming Descriptor) { self.held = held }

    // What the call made.
    init(from make: (UnsafeMutablePointer<Int32>) -> Int32) throws(HostError) {
        var made: Int32 = -1
        try check(make(&made))
        self.init(Descriptor(made))
    }

    var descriptor: Int32 { held.number }

    /// The same socket for another process: to be sent, while this one stays. It closes when both are gone.
    public func shared() -> Socket { Socket(Descriptor(descriptor, owned: false)) }

    /// This end: `host:port`, or `unix:path`. Errors: the socket's.
    public var address: String {
        get throws(HostError) { try address(ofPeer: false) }
    }

    func address(ofPeer isPeer: Bool) throws(HostError) -> String {
        let descriptor = descriptor
        return try text(room: 128) { bulkhead_host_socket_address(descriptor, isPeer ? 1 : 0, $0, $1, $2) }
    }

    public consuming func encode(to encoder: inout Encoder) { held.encode(to: &encoder) }

    public static func decode(from decoder: inout Decoder) throws(HostError) -> Socket {
        Socket(Descriptor(Int32(bitPattern: try decoder.handle(BULKHEAD_DESCRIPTOR))))
    }
}

// A descriptor and whether it is this value's to close. Apart from Socket, because the compiler cannot emit the deinit of
// a generic type in Embedded Swift.
@frozen @usableFromInline
struct Descriptor: ~Copyable {
    let number: Int32
    private let isOwned: Bool

    init(_ number: Int32, owned: Bool = true) {
        self.number = number
        isOwned = owned
    }

    deinit {
        if isOwned { _ = bulkhead_close(number) }
    }

    consuming func encode(to encoder: inout Encoder) {
        encoder.put(descriptor: UInt32(bitPattern: number), moved: isOwned)
        discard self
    }
}

/// A kind of socket that is a connection.
public protocol StreamKind {}

/// A kind of socket that accepts connections.
public protocol ListenerKind {
    /// The kind of those connections.
    associatedtype Accepted: StreamKind
}

extension Socket where Kind: StreamKind {
    /// Reads what is there, at least a byte, and at most `count`; none is the end. Errors: the socket's. Suspends.
    public func read(upTo count: Int = 1024) throws(HostError) -> [UInt8] {
        try [UInt8](reading: descriptor, upTo: count)
    }

    /// Writes all of it. Errors: the socket's. Suspends.
    public func write(_ bytes: [UInt8]) throws(HostError) {
        let descriptor = descriptor
        try check(bytes.withUnsafeBytes { bulkhead_write(descriptor, $0.baseAddress, UInt32($0.count)) })
    }

    /// Writes all of it, in UTF-8. Errors: the socket's. Suspends.
    public func write(_ text: String) throws(HostError) {
        let descriptor = descriptor
        try check(text.withBytes { bulkhead_write(descriptor, $0, $1) })
    }

    /// The other end: `host:port`, or `unix:path`. Errors: the socket's.
    public var peerAddress: String {
        get throws(HostError) { try address(ofPeer: true) }
    }
}

extension Socket where Kind: ListenerKind {
    // How many connections may wait to be accepted; the system may allow fewer.
    static var backlog: UInt32 { 4096 }

    /// Waits for the next connection. Errors: the socket's. Suspends.
    public func accept() throws(HostError) -> Socket<Kind.Accepted> {
        let descriptor = descriptor
        return try Socket<Kind.Accepted> { bulkhead_accept(descriptor, $0) }
    }
}

/// A connection read by lines.
public struct Lines<Kind: StreamKind>: ~Copyable {
    /// What is read from; to write to, as well.
    public let stream: Socket<Kind>
    private var pending: [UInt8] = []

    /// Over a connection, which it takes.
    public init(of stream: consuming Socket<Kind>) { self.stream = stream }

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

/// The addresses of a name, as text. Errors: `notCapable`, `noEntry`; `invalid` for what is an address already. Suspends.
public func resolve(_ name: String) throws(HostError) -> [String] {
    let lines = try text(room: 1024) { (buffer, room, length) in
        name.withBytes { bulkhead_host_resolve($0, $1, buffer, room, length) }
    }
    return lines.utf8.split(separator: 10).map { String(Substring($0)) }
}

// A text that the host puts into a buffer: it says how long one is that does not fit, and is asked again.
private func text(
    room: Int, _ ask: (UnsafeMutablePointer<CChar>?, UInt32, UnsafeMutablePointer<UInt32>) -> Int32
) throws(HostError) -> String {
    var length = UInt32(room)
    while true {
        var text = [UInt8](repeating: 0, count: Int(length))
        let errno = text.withUnsafeMutableBytes {
            ask($0.baseAddress?.assumingMemoryBound(to: CChar.self), UInt32($0.count), &length)
        }
        if errno == HostError.tooLong.code, Int(length) > text.count { continue }
        try check(errno)
        return String(decoding: text[..<Int(length)], as: UTF8.self)
    }
}
