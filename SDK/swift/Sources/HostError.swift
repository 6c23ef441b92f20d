// What a call can answer instead of doing what it was asked, and times.

import CBulkhead

/// An errno, with WASI's number.
public struct HostError: Error, Equatable {
    public let code: Int32

    @inlinable public init(code: Int32) { self.code = code }

    /// The mailbox, the process table or a limit is full for now.
    public static var again: HostError { HostError(code: 6) }
    /// The name is taken.
    public static var exists: HostError { HostError(code: 20) }
    /// A value that the host does not accept.
    public static var invalid: HostError { HostError(code: 28) }
    /// Too large for the receiver.
    public static var tooLong: HostError { HostError(code: 35) }
    /// No such name, module or policy.
    public static var noEntry: HostError { HostError(code: 44) }
    /// The process is gone.
    public static var noProcess: HostError { HostError(code: 71) }
    /// The time is over.
    public static var timedOut: HostError { HostError(code: 73) }
    /// The policy does not grant it; the audit log has the line.
    public static var notCapable: HostError { HostError(code: 76) }
    /// Bytes that are no value of the type (in a message from another program, say).
    public static var malformed: HostError { HostError(code: 9) }

    /// In words.
    public var text: StaticString {
        switch code {
        case 6: "full, try again"
        case 8: "no such handle"
        case 9: "not a value of the type"
        case 14: "connection refused"
        case 20: "the name is taken"
        case 28: "not a valid value"
        case 33: "too many handles"
        case 35: "too large"
        case 44: "not found"
        case 48: "no memory"
        case 58: "not supported"
        case 64: "the other end is closed"
        case 71: "the process is gone"
        case 73: "the time is over"
        case 76: "not granted by the policy"
        default: "input or output error"
        }
    }
}

@inline(__always)
func check(_ errno: Int32) throws(HostError) {
    if errno != 0 { throw HostError(code: errno) }
}

/// Says why on standard error and traps: only this process ends.
public func fail(_ why: StaticString) -> Never {
    why.withUTF8Buffer { bulkhead_swift_fail($0.baseAddress, UInt32($0.count)) }
}

/// A span of time; negative is without end.
public struct Time {
    public let nanoseconds: Int64

    public static func nanoseconds(_ count: Int64) -> Time { Time(nanoseconds: count) }
    public static func microseconds(_ count: Int64) -> Time { Time(nanoseconds: count * 1_000) }
    public static func milliseconds(_ count: Int64) -> Time { Time(nanoseconds: count * 1_000_000) }
    public static func seconds(_ count: Int64) -> Time { Time(nanoseconds: count * 1_000_000_000) }
    public static var forever: Time { Time(nanoseconds: -1) }
    public static var zero: Time { Time(nanoseconds: 0) }
}

/// Puts the caller, and only it, to sleep.
public func sleep(_ time: Time) {
    _ = bulkhead_host_sleep(time.nanoseconds)
}

/// A program: what `main` calls. One that throws says why and exits with 1.
///
///     @main struct Hello: Program {
///         static func run() throws(HostError) { print("hello") }
///     }
public protocol Program {
    static func run() throws(HostError)
}

extension Program {
    public static func main() {
        do throws(HostError) {
            try run()
        } catch {
            print("error: \(error.text) (errno \(error.code))")
            bulkhead_swift_flush()
            bulkhead_wasi_proc_exit(1)
        }
    }
}
