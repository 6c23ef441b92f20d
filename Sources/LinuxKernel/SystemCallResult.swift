// How the results of CLinux become values or errors: it returns errnos, never sets the thread's.

internal import Glibc

/// For calls that return 0 or an errno.
@inline(__always)
func requireZero(_ result: Int32, _ call: String) throws(SystemError) {
    if result != 0 { throw SystemError(call, errno: result) }
}

/// For calls that return a count or descriptor, or minus an errno.
@inline(__always)
func requireCount<Value: FixedWidthInteger & SignedInteger>(_ result: Value, _ call: String) throws(SystemError) -> Int
{
    if result < 0 { throw SystemError(call, errno: Int32(truncatingIfNeeded: -result)) }
    return Int(result)
}

extension SystemError {
    /// Nothing was ready on a non-blocking descriptor.
    package var isWouldBlock: Bool { errno == EAGAIN || errno == EWOULDBLOCK }

    /// EPERM: of epoll_ctl(2), the descriptor is one that never blocks.
    package var isNotPermitted: Bool { errno == EPERM }
}
