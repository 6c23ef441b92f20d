// Why a process ended. OTP's reasons plus what Wasm and limits add.

package enum LimitKind: String, Hashable, Sendable, CaseIterable {
    case memory, tableElements, cpu, cpuShare, wall, fds, output, stack, mailboxMessages, mailboxBytes
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
    /// The supervisor or a signal ended it.
    case killed(signal: Int32)
    /// The cell itself failed: not the guest's doing as far as is known.
    case cellFailed(message: String)
}
