// What a host call answers: an errno now, or a wait after which it is called again.

package import ProcessRuntime

/// A call that answered `.wait` is called again with the same arguments once the wait is over; a process has one
/// call under way at a time, so what must survive between attempts lives in `WASIProcess`.
package enum CallOutcome: Hashable, Sendable {
    case done(Errno)
    case wait(Wait)
    /// proc_exit: the process ends with this code.
    case exit(UInt32)
    /// The policy says `on_denied = "trap"`: the process traps with this message.
    case trap(String)
}
