// What polling a call says: not finished and why, or how it ended.

package import CapabilityModel

package enum CallProgress: Hashable, Sendable {
    /// Its slice is over; poll again when it is its turn.
    case yielded
    /// A host function answered `.wait`; poll again when what it waits for may have come, and it is called again.
    case waiting
    /// The function returned.
    case finished([WasmValue])
    /// Out of line, as it is rare and large.
    indirect case trapped(WasmTrap)
    /// A host function answered `.exit`.
    case exited(UInt32)
    /// A host function answered `.end`, or a hook of the linker said that it must not go on; the context knows why.
    case ended
    /// The engine could not go on: no slot for a memory or stack, an instance over its limits.
    case failed(String)
}

/// How a call on the caller's own stack came back.
package enum DirectProgress: Hashable, Sendable {
    /// The function's i32, 0 where it has no result. The instance can be called again.
    case returned(UInt32)
    /// Never `.yielded`, `.waiting` or `.finished`. The instance cannot be called again.
    indirect case ended(CallProgress)
}

package struct WasmTrap: Hashable, Sendable {
    package var kind: TrapKind
    /// The host function's message for `.host`, the engine's for `.other`, else the kind in words.
    package var message: String
    /// Innermost first; at most `maximumFrames`.
    package var backtrace: [WasmFrame]

    package static let maximumFrames = 64

    package init(kind: TrapKind, message: String, backtrace: [WasmFrame]) {
        self.kind = kind
        self.message = message
        self.backtrace = backtrace
    }
}

/// The WebAssembly specification's traps, in words; the raw value is what reports print.
package enum TrapKind: String, Hashable, Sendable, CaseIterable {
    case stackOverflow = "stack overflow"
    case memoryOutOfBounds = "memory out of bounds"
    case heapMisaligned = "misaligned atomic access"
    case tableOutOfBounds = "table out of bounds"
    case indirectCallToNull = "indirect call to null"
    case badSignature = "indirect call type mismatch"
    case integerOverflow = "integer overflow"
    case integerDivisionByZero = "integer divide by zero"
    case badConversionToInteger = "invalid conversion to integer"
    case unreachable = "unreachable"
    case interrupt = "interrupt"
    case atomicWaitOnUnshared = "atomic wait on unshared memory"
    case nullReference = "null reference"
    case arrayOutOfBounds = "array out of bounds"
    case allocationTooLarge = "allocation too large"
    case castFailure = "cast failure"
    case uncaughtException = "uncaught exception"
    /// A host function answered `.trap`.
    case host = "host"
    case other = "trap"

    /// libwasmtime's codes, in its order; those of features that are off map to `.other`.
    init(code: UInt8) {
        switch code {
        case 0: self = .stackOverflow
        case 1: self = .memoryOutOfBounds
        case 2: self = .heapMisaligned
        case 3: self = .tableOutOfBounds
        case 4: self = .indirectCallToNull
        case 5: self = .badSignature
        case 6: self = .integerOverflow
        case 7: self = .integerDivisionByZero
        case 8: self = .badConversionToInteger
        case 9: self = .unreachable
        case 10: self = .interrupt
        case 12: self = .atomicWaitOnUnshared
        case 13: self = .nullReference
        case 14: self = .arrayOutOfBounds
        case 15: self = .allocationTooLarge
        case 16: self = .castFailure
        case 49: self = .uncaughtException
        default: self = .other
        }
    }
}
