// A reference to a process, typed by the messages that it takes.

import CBulkhead

/// A process that takes messages of one type. A value of this type is a handle: copying it, dropping it and sending it
/// do nothing to the process.
public struct Process<Message: Wire & ~Copyable>: Wire, Equatable {
    let handle: Handle

    init(_ handle: Handle) { self.handle = handle }

    /// The calling process, as one that takes these messages.
    public static var current: Process { Process(Handle(0)) }

    /// Names the process for comparisons and logs; gives no right.
    public var id: UInt64 { bulkhead_id(handle.value) }

    /// Whether it has not ended yet.
    public var isAlive: Bool { bulkhead_host_alive(handle.value) == 0 }

    public static func == (left: Process, right: Process) -> Bool { left.id == right.id }

    public func encode(to encoder: inout Encoder) { encoder.put(process: handle) }

    public static func decode(from decoder: inout Decoder) throws(HostError) -> Process {
        Process(Handle(try decoder.handle(BULKHEAD_PROCESS)))
    }
}

extension Process where Message: ~Copyable {
    /// Sends a message; waits for room when the mailbox is full. Errors: `noProcess`, `tooLong`. Suspends when full.
    public func send(_ message: consuming Message) throws(HostError) {
        var encoder = Encoder()
        message.encode(to: &encoder)
        try transmit(encoder, to: handle.value, tag: typedTag, timeout: .forever)
    }

    /// Sends a message if there is room. Errors: as `send`, and `again`.
    public func trySend(_ message: consuming Message) throws(HostError) {
        var encoder = Encoder()
        message.encode(to: &encoder)
        try transmit(encoder, to: handle.value, tag: typedTag, timeout: .zero)
    }

    /// Links the caller with it: when either ends badly, so does the other, unless it traps exits. Errors: `noProcess`.
    @discardableResult
    public func link() throws(HostError) -> Link {
        try check(bulkhead_host_link(handle.value))
        return Link(handle: handle)
    }

    /// Watches for its end; of one that is gone already the end is reported at once, as `noProcess`.
    public func monitor() throws(HostError) -> Monitor {
        var number: UInt32 = 0
        try check(bulkhead_monitor(handle.value, &number))
        return Monitor(number)
    }

    /// Sends an exit signal, as Erlang's `exit/2`. `kill` cannot be trapped. Errors: `invalid` for a reason that nobody
    /// can give.
    public func exit(_ reason: Reason) throws(HostError) {
        let handle = handle.value
        try check(reason.withKind { bulkhead_host_exit_process(handle, $0, $1.baseAddress, UInt32($1.count)) })
    }

    /// Gives it a name for `find`. Errors: `exists`, `notCapable`, `noProcess`.
    public func register(_ name: String) throws(HostError) {
        let handle = handle.value
        try check(name.withBytes { bulkhead_host_register($0, $1, handle) })
    }

    /// Takes a name away. Errors: `noEntry`.
    public static func unregister(_ name: String) throws(HostError) {
        try check(name.withBytes { bulkhead_host_unregister($0, $1) })
    }

    /// Finds a process by name. That it takes these messages is the caller's word. Errors: `noEntry`, `notCapable`.
    public static func find(_ name: String) throws(HostError) -> Process {
        var found: UInt32 = 0
        try check(name.withBytes { bulkhead_host_whereis($0, $1, &found) })
        return Process(Handle(found))
    }
}

/// Ends the caller with this reason; whoever is linked with it hears, or ends too.
public func exit(_ reason: Reason) -> Never {
    bulkhead_swift_flush()
    _ = reason.withKind { bulkhead_host_exit($0, $1.baseAddress, UInt32($1.count)) }
    fail("not a reason that a process can give")
}

/// From now on exit signals arrive as messages (see `Mailbox.next` and `Link`) instead of ending the caller; or no
/// longer.
public func trapExit(_ on: Bool) {
    _ = bulkhead_host_trap_exit(on ? 1 : 0)
}

extension String {
    // The bytes and their count for the host.
    func withBytes(_ body: (UnsafePointer<CChar>?, UInt32) -> Int32) -> Int32 {
        var copy = self
        return copy.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) { body($0.baseAddress, UInt32($0.count)) }
        }
    }
}
