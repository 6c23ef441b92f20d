// Why a process ended: OTP's reasons (exit/2, "Exit signals" of the erts documentation) plus what Wasm and limits add.

package enum LimitKind: String, Hashable, Sendable, CaseIterable {
    case memory, tableElements, cpu, cpuShare, wall, fds, output, stack, mailboxMessages, mailboxBytes, processes
}

/// One frame of a Wasm backtrace, innermost first.
package struct WasmFrame: Hashable, Sendable {
    /// From the module's name section; nil when it has none.
    package var function: String?
    package var functionIndex: UInt32
    /// Offset in the function's body, and in the module, in bytes.
    package var functionOffset: UInt64
    package var moduleOffset: UInt64

    package init(function: String?, functionIndex: UInt32, functionOffset: UInt64, moduleOffset: UInt64) {
        self.function = function
        self.functionIndex = functionIndex
        self.functionOffset = functionOffset
        self.moduleOffset = moduleOffset
    }
}

package enum ExitReason: Hashable, Sendable {
    /// The entry function returned, or proc_exit(0).
    case normal
    /// proc_exit with another code.
    case exited(code: UInt32)
    /// A Wasm trap: the kind in the engine's words (`unreachable`, `memory out of bounds`, …), message and backtrace.
    case trap(kind: String, message: String, backtrace: [WasmFrame])
    /// A limit ended it; units are those of `Limits`.
    case limit(LimitKind, used: UInt64, allowed: UInt64)
    /// The module could not be linked or started: a missing import, a bad entry function.
    case refused(message: String)
    /// A signal of the operating system (signal(7)) ended the cell that it was in.
    case killedBySignal(Int32)
    /// The cell itself failed: not the guest's doing as far as is known.
    case cellFailed(message: String)
    /// An orderly end at another's request, as a supervisor asks for it.
    case shutdown
    /// An orderly end with more to say, OTP's `{shutdown, Term}`: at most `bytesLimit` bytes of whoever gave it.
    case shutdownWith([UInt8])
    /// It ended itself with the reason `kill`, or a process did that it is linked to: trappable, unlike the signal.
    case kill
    /// An exit signal `kill` ended it, which nothing traps; its links and monitors see this reason.
    case killed
    /// The process that a link or a monitor named was gone already.
    case noproc
    /// The process that a link or a monitor named cannot be reached any more.
    case noconnection
    /// The guest's own reason, at most `bytesLimit` bytes.
    case bytes([UInt8])

    /// The longest reason of a guest's own, and term of `shutdownWith`, in bytes. Everyone linked to a process is told its reason.
    package static let bytesLimit = 4096
}
