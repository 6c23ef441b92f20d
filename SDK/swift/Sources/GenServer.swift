// Servers in the manner of Erlang's gen_server: calls that are answered, casts that are not, and everything else.

import CBulkhead

/// State, and what a server does when asked. The same server runs as a handler process, which has no stack between
/// messages (`Server.start`), and as a blocking one (`Server.start(blocking: true)`); nobody can tell which.
public protocol GenServer: ~Copyable {
    /// What it starts with.
    associatedtype Argument: Wire
    /// What it can be asked with an answer expected.
    associatedtype Call: Wire
    /// The answers.
    associatedtype Reply: Wire
    /// What it can be told.
    associatedtype Cast: Wire

    /// Makes the state, in the new process.
    init(_ argument: Argument) throws(HostError)

    /// Answers by `caller.reply`, now or later.
    mutating func call(_ request: Call, from caller: Caller<Reply>) -> Next

    /// Does what it was told.
    mutating func cast(_ request: Cast) -> Next

    /// Sees every other message, and exits and ends of others.
    mutating func info(_ info: Info) -> Next
}

extension GenServer where Self: ~Copyable {
    public mutating func cast(_ request: Cast) -> Next { .goOn }
    public mutating func info(_ info: Info) -> Next { .goOn }
}

/// Whether a server goes on or ends normally.
public enum Next {
    case goOn, stop
}

/// What is neither call nor cast.
public enum Info {
    case message(tag: UInt64, process: UInt64, [UInt8])
    case exit(process: UInt64, Reason)
    case down(monitor: UInt32, process: UInt64, Reason)
}

/// Who waits for an answer. Dropping it answers nothing: the caller's time will be over.
public struct Caller<Reply: Wire> {
    let alias: Handle
    let number: UInt32

    /// Answers. A caller that has given up hears nothing, which is no error. Errors: `again` its mailbox is full,
    /// `tooLong`.
    public func reply(_ answer: Reply) throws(HostError) {
        var encoder = Encoder()
        answer.encode(to: &encoder)
        do throws(HostError) {
            try transmit(encoder, to: alias.value, tag: replyTag | UInt64(number), timeout: .zero)
        } catch {
            if error != .noProcess { throw error }
        }
    }
}

/// Why a call has no answer.
public enum CallError: Error {
    /// It did not come in time; should it come later, it is dropped.
    case timeout
    /// The server was gone, or ended during the call.
    case down(Reason)
    /// The server is the caller.
    case callingSelf
    /// The request could not be sent, or the answer is no `Reply`.
    case failed(HostError)
}

/// A reference to a running server.
public struct Server<S: GenServer & ~Copyable>: Wire {
    /// Its process: to link, monitor, register or end it.
    public let process: Process<Nothing>

    /// One that was found by name; that it is an `S` is the caller's word.
    public init(_ process: Process<Nothing>) { self.process = process }

    public func encode(to encoder: inout Encoder) { process.encode(to: &encoder) }

    public static func decode(from decoder: inout Decoder) throws(HostError) -> Server {
        Server(try Process.decode(from: &decoder))
    }
}

extension Server where S: ~Copyable {
    /// Starts a server, as a handler process unless told otherwise. Errors: as `Process.spawn`.
    public static func start(
        _ argument: S.Argument, with options: SpawnOptions = .standard, blocking: Bool = false
    ) throws(HostError) -> Server {
        var encoder = Encoder()
        argument.encode(to: &encoder)
        let kind = blocking ? options : options.adding(flag: UInt32(BULKHEAD_SPAWN_HANDLER))
        let entry = EntryFunction(call: {
            runChild { (taken: TakenArgument) throws(HostError) in
                let argument = try S.Argument.decode(from: &taken.decoder)
                taken.free()
                let running = Running(try S(argument))
                if isHandler {
                    handler = {
                        // One is enough, unless a call within passed over others.
                        hasPassedOver = false
                        var next = running.takeOne(timeout: .zero)
                        while next == .goOn, hasPassedOver { next = running.takeOne(timeout: .zero) }
                        return next == .stop
                    }
                } else {
                    while running.takeOne(timeout: .forever) != .stop {}
                }
            }
        })
        return Server(Process(Handle(try Bulkhead.start(entry, encoder, kind).process)))
    }

    /// Asks, and waits for the answer, as `gen_server:call/3`. Suspends.
    public func call(_ request: S.Call, timeout: Time = .seconds(5)) throws(CallError) -> S.Reply {
        if process.id == bulkhead_id(BULKHEAD_SELF) { throw .callingSelf }
        var out: (UInt32, UInt32) = (0, 0)
        let errno = withUnsafeMutablePointer(to: &out) { pair in
            pair.withMemoryRebound(to: UInt32.self, capacity: 2) {
                bulkhead_host_monitor(process.handle.value, 1, $0)
            }
        }
        if errno != 0 { throw .failed(HostError(code: errno)) }
        // The end of a watch takes back its report and silences the alias, whatever way this function is left.
        let (number, alias) = out
        do throws(HostError) {
            var encoder = Encoder()
            request.encode(to: &encoder)
            let moved = UInt16(BULKHEAD_MOVE)
            encoder.handles.append(bulkhead_handle(kind: UInt16(BULKHEAD_PROCESS), flags: moved, value: alias))
            try transmit(encoder, to: process.handle.value, tag: callTag | UInt64(number), timeout: timeout)
        } catch {
            // Of a server that is gone the DOWN is there and says more.
            if error != .noProcess {
                _ = bulkhead_host_demonitor(number, 1)
                if error == .timedOut { throw .timeout }
                throw .failed(error)
            }
        }
        let tags = (replyTag | UInt64(number), 1 << 63 | UInt64(number))
        if let arrival = try? Arrival(tags: tags, timeout: timeout) { return try answer(arrival, number) }
        _ = bulkhead_host_demonitor(number, 1)
        // An answer that came at the last moment counts.
        if let arrival = try? Arrival(tags: (tags.0, nil), timeout: .zero) { return try answer(arrival, number) }
        throw .timeout
    }

    private func answer(_ arrival: Arrival, _ number: UInt32) throws(CallError) -> S.Reply {
        defer { arrival.free() }
        if Int(arrival.message.kind) == BULKHEAD_DOWN { throw .down(Reason(from: &arrival.decoder)) }
        _ = bulkhead_host_demonitor(number, 1)
        do throws(HostError) {
            return try S.Reply.decode(from: &arrival.decoder)
        } catch {
            throw .failed(error)
        }
    }

    /// Tells, without an answer; waits for room when its mailbox is full. Errors: `noProcess`, `tooLong`.
    public func cast(_ request: S.Cast) throws(HostError) {
        var encoder = Encoder()
        request.encode(to: &encoder)
        try transmit(encoder, to: process.handle.value, tag: castTag, timeout: .forever)
    }
}

/// A server's state in its process.
final class Running<S: GenServer & ~Copyable> {
    private var server: S

    init(_ server: consuming S) { self.server = server }

    /// Takes one message; nil when there is none. A request that is malformed is dropped: its caller's time will be over.
    func takeOne(timeout: Time) -> Next? {
        guard let arrival = try? Arrival(tags: (nil, nil), timeout: timeout) else { return nil }
        defer { arrival.free() }
        let head = arrival.message
        if Int(head.kind) == BULKHEAD_EXIT {
            return server.info(.exit(process: head.process, Reason(from: &arrival.decoder)))
        }
        if Int(head.kind) == BULKHEAD_DOWN {
            let reason = Reason(from: &arrival.decoder)
            return server.info(.down(monitor: head.monitor, process: head.process, reason))
        }
        if head.tag == castTag {
            guard let request = try? S.Cast.decode(from: &arrival.decoder) else { return .goOn }
            return server.cast(request)
        }
        if head.tag >> 32 == callTag >> 32 {
            guard let alias = arrival.decoder.takeLastProcess() else { return .goOn }
            let caller = Caller<S.Reply>(alias: Handle(alias), number: UInt32(truncatingIfNeeded: head.tag))
            guard let request = try? S.Call.decode(from: &arrival.decoder) else { return .goOn }
            return server.call(request, from: caller)
        }
        let bytes = (try? arrival.decoder.take(arrival.decoder.remaining)).map { [UInt8]($0) } ?? []
        return server.info(.message(tag: head.tag, process: head.process, bytes))
    }
}

/// What a handler process does with a message: whether it ends.
nonisolated(unsafe) var handler: (() -> Bool)?

@_expose(wasm, "bulkhead_message") @_cdecl("bulkhead_message")
func message() -> Int32 {
    let ends = handler?() ?? true
    bulkhead_swift_flush()
    return ends ? 1 : 0
}
