// getrlimit(2) and setrlimit(2) by name. Limits here only shrink.

internal import CLinux
internal import Glibc

package enum ResourceLimit {
    /// RLIM_INFINITY
    package static let unlimited = UInt64.max

    /// The kernel's number of `nofile`, `core`, `fsize`, `cpu`, `as`, `stack`, …
    static func number(_ name: String) throws(SystemError) -> Int32 {
        // SAFETY: the pointer is a NUL-terminated copy that lives for the call.
        let number = unsafe name.withCString { unsafe bulkhead_limit_number($0) }
        if number < 0 { throw SystemError("setrlimit", errno: EINVAL) }
        return number
    }

    /// This process's limits: bytes, seconds or counts, as getrlimit(2) says.
    package static func get(_ name: String) throws(SystemError) -> (soft: UInt64, hard: UInt64) {
        let number = try number(name)
        var soft: UInt64 = 0
        var hard: UInt64 = 0
        // SAFETY: the callee writes one value into each of the locals.
        try requireZero(unsafe bulkhead_limit_get(number, &soft, &hard), "getrlimit")
        return (soft, hard)
    }

    /// Sets soft and hard limit of this process to the smaller of `value` and its hard limit.
    package static func lower(_ name: String, to value: UInt64) throws(SystemError) {
        try requireZero(bulkhead_limit_set(try number(name), value), "setrlimit")
    }
}
