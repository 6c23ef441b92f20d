// Unix sockets: connections and listeners at a path of the host's.

import CBulkhead

/// A connection to a path.
public typealias UnixStream = Socket<Unix.Stream>

/// A listener at a path.
public typealias UnixListener = Socket<Unix.Listener>

/// The kinds of unix sockets.
public enum Unix {
    public enum Stream: StreamKind {}
    public enum Listener: ListenerKind { public typealias Accepted = Stream }
}

extension Socket where Kind == Unix.Stream {
    /// Connects to an absolute path, as the policy's rules write it. Errors: `notCapable`, `invalid`, the socket's.
    /// Suspends.
    public init(connecting path: String) throws(HostError) {
        try self.init { made in path.withBytes { bulkhead_host_unix_connect($0, $1, made) } }
    }
}

extension Socket where Kind == Unix.Listener {
    /// Listens at an absolute path, which must be free and goes with the socket. Errors: `notCapable`, `invalid`, the
    /// socket's. Suspends.
    public init(path: String) throws(HostError) {
        try self.init { made in path.withBytes { bulkhead_host_unix_listen($0, $1, Self.backlog, made) } }
    }
}
