// TCP: connections and listeners.

import CBulkhead

/// A connection.
public typealias TCPStream = Socket<TCP.Stream>

/// A listener.
public typealias TCPListener = Socket<TCP.Listener>

/// The kinds of TCP sockets.
public enum TCP {
    public enum Stream: StreamKind {}
    public enum Listener: ListenerKind { public typealias Accepted = Stream }
}

extension Socket where Kind == TCP.Stream {
    /// Connects. Errors: `notCapable`, the socket's. Suspends.
    public init(connecting host: String, port: UInt16) throws(HostError) {
        try self.init { made in host.withBytes { bulkhead_host_tcp_connect($0, $1, UInt32(port), made) } }
    }
}

extension Socket where Kind == TCP.Listener {
    /// Listens; port 0 is any that the policy covers. Errors: `notCapable`, the socket's. Suspends.
    public init(host: String = "127.0.0.1", port: UInt16) throws(HostError) {
        try self.init { made in
            host.withBytes { bulkhead_host_tcp_listen($0, $1, UInt32(port), Self.backlog, made) }
        }
    }
}
