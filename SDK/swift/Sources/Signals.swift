// Why processes end, and how others hear of it.

import CBulkhead

/// Why a process ended, or is to end.
public enum Reason: Equatable, Sendable {
    case normal, shutdown, kill, killed
    /// An orderly end with more to say, OTP's `{shutdown, Term}`.
    case shutdownWith([UInt8])
    case exitCode(UInt32)
    /// Kind, message and backtrace, a line each.
    case trap(String)
    /// Which limit (see `Limit`), what it had, what it may have.
    case limit(UInt32, used: UInt64, allowed: UInt64)
    /// It was gone already.
    case noProcess
    /// Its cell or machine cannot be reached.
    case noConnection
    /// Its own words.
    case bytes([UInt8])
    case refused(String)
    case hostFailure(String)
    /// A kind that this library does not know.
    case other(UInt32)

    // The kind and bytes for the host, which refuses all but the kinds that a process may give.
    func withKind(_ body: (UInt32, UnsafeRawBufferPointer) -> Int32) -> Int32 {
        let none = UnsafeRawBufferPointer(start: nil, count: 0)
        return switch self {
        case .normal: body(UInt32(BULKHEAD_NORMAL), none)
        case .shutdown: body(UInt32(BULKHEAD_SHUTDOWN), none)
        case .kill: body(UInt32(BULKHEAD_KILL), none)
        case .bytes(let bytes): bytes.withUnsafeBytes { body(UInt32(BULKHEAD_BYTES), $0) }
        case .shutdownWith(let bytes): bytes.withUnsafeBytes { body(UInt32(BULKHEAD_SHUTDOWN_WITH), $0) }
        default: HostError.invalid.code
        }
    }

    init(from decoder: inout Decoder) {
        guard let kind = try? decoder.number(UInt32.self), let code = try? decoder.number(UInt32.self),
            let used = try? decoder.number(UInt64.self), let allowed = try? decoder.number(UInt64.self),
            let rest = try? decoder.take(decoder.remaining)
        else {
            self = .other(.max)
            return
        }
        switch Int(kind) {
        case BULKHEAD_NORMAL: self = .normal
        case BULKHEAD_SHUTDOWN: self = .shutdown
        case BULKHEAD_KILL: self = .kill
        case BULKHEAD_KILLED: self = .killed
        case BULKHEAD_EXIT_CODE: self = .exitCode(code)
        case BULKHEAD_TRAP: self = .trap(String(decoding: rest, as: UTF8.self))
        case BULKHEAD_LIMIT: self = .limit(code, used: used, allowed: allowed)
        case BULKHEAD_NOPROC: self = .noProcess
        case BULKHEAD_NOCONNECTION: self = .noConnection
        case BULKHEAD_BYTES: self = .bytes([UInt8](rest))
        case BULKHEAD_SHUTDOWN_WITH: self = .shutdownWith([UInt8](rest))
        case BULKHEAD_REFUSED: self = .refused(String(decoding: rest, as: UTF8.self))
        case BULKHEAD_HOST_FAILURE: self = .hostFailure(String(decoding: rest, as: UTF8.self))
        default: self = .other(kind)
        }
    }

    /// In words.
    public var text: String {
        switch self {
        case .normal: "normal"
        case .shutdown: "shutdown"
        case .shutdownWith(let bytes): "shutdown: \(String(decoding: bytes, as: UTF8.self))"
        case .kill: "kill"
        case .killed: "killed"
        case .exitCode(let code): "exit code \(code)"
        case .trap(let text): "trap: \(text)"
        case .limit(let limit, let used, let allowed): "limit \(limit): \(used) of \(allowed)"
        case .noProcess: "no such process"
        case .noConnection: "no connection"
        case .bytes(let bytes): String(decoding: bytes, as: UTF8.self)
        case .refused(let text): "refused: \(text)"
        case .hostFailure(let text): "host failure: \(text)"
        case .other(let kind): "reason \(kind)"
        }
    }
}

/// A watch on a process. The watch ends with the last reference to this object, and takes back a report that is in the
/// mailbox.
public final class Monitor {
    /// What `Event.down` has.
    public let number: UInt32

    init(_ number: UInt32) { self.number = number }

    deinit { _ = bulkhead_host_demonitor(number, 1) }

    /// Waits until the process has ended. Suspends.
    public func wait() -> Reason { wait(timeout: .forever) ?? .noConnection }

    /// Waits so long at most; nil when the time is over. The end is reported once. Suspends.
    public func wait(timeout: Time) -> Reason? {
        guard let arrival = try? Arrival(tags: (1 << 63 | UInt64(number), nil), timeout: timeout) else { return nil }
        defer { arrival.free() }
        return Reason(from: &arrival.decoder)
    }
}

/// A link with a process. Dropping this value leaves the link as it is.
public struct Link {
    let handle: Handle

    /// Ends the link; no exit signal of it arrives afterwards.
    public func unlink() { _ = bulkhead_host_unlink(handle.value) }

    /// For who traps exits: waits for this process's exit signal, so long at most. Suspends.
    public func wait(timeout: Time = .forever) -> Reason? {
        let tag = 3 << 62 | bulkhead_id(handle.value)
        guard let arrival = try? Arrival(tags: (tag, nil), timeout: timeout) else { return nil }
        defer { arrival.free() }
        return Reason(from: &arrival.decoder)
    }
}
