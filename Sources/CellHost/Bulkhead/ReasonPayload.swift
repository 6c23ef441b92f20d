// Why a process ended, as a guest reads it: the payload of EXIT and DOWN (SDK/abi.md, Messages).

import CapabilityModel

enum ReasonPayload {
    /// `u32 kind, u32 code, u64 used, u64 allowed`.
    static let headerSize = 24

    /// Kinds that a guest may give as its own reason, and as that of an exit signal.
    static let normal: UInt32 = 0
    static let shutdown: UInt32 = 1
    static let kill: UInt32 = 2
    static let bytes: UInt32 = 9
    static let shutdownWith: UInt32 = 12

    static func encode(_ reason: ExitReason) -> [UInt8] {
        switch reason {
        case .normal: payload(normal)
        case .shutdown: payload(shutdown)
        case .kill: payload(kill)
        case .killed: payload(3)
        case .exited(let code): payload(4, code: code)
        case .trap(let kind, let message, let backtrace):
            payload(5, text: trapText(kind: kind, message: message, backtrace: backtrace))
        case .limit(let kind, let used, let allowed): payload(6, code: number(of: kind), used: used, allowed: allowed)
        case .noproc: payload(7)
        case .noconnection: payload(8)
        case .bytes(let bytes): payload(Self.bytes, text: bytes)
        case .refused(let message): payload(10, text: Array(message.utf8))
        case .cellFailed(let message): payload(11, text: Array(message.utf8))
        case .shutdownWith(let bytes): payload(shutdownWith, text: bytes)
        case .killedBySignal: payload(11, text: Array("a signal ended its cell".utf8))
        }
    }

    /// As `spawn` numbers limits.
    static func number(of kind: LimitKind) -> UInt32 {
        UInt32(limits.firstIndex(of: kind) ?? 0)
    }

    static func limit(_ number: UInt32) -> LimitKind? {
        number < limits.count ? limits[Int(number)] : nil
    }

    private static let limits: [LimitKind] = [
        .memory, .cpu, .wall, .fds, .output, .mailboxMessages, .mailboxBytes, .processes, .tableElements, .stack,
        .cpuShare,
    ]

    private static func payload(
        _ kind: UInt32, code: UInt32 = 0, used: UInt64 = 0, allowed: UInt64 = 0, text: [UInt8] = []
    ) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(headerSize + text.count)
        append(UInt64(kind) | UInt64(code) << 32, to: &bytes)
        append(used, to: &bytes)
        append(allowed, to: &bytes)
        return bytes + text
    }

    private static func append(_ value: UInt64, to bytes: inout [UInt8]) {
        for shift in stride(from: UInt64(0), to: 64, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }

    /// Kind, message and one line a frame; names in it are the module's own.
    private static func trapText(kind: String, message: String, backtrace: [WasmFrame]) -> [UInt8] {
        var text = kind + "\n" + message
        for frame in backtrace {
            text += "\n" + (frame.function ?? "function \(frame.functionIndex)") + " @\(frame.moduleOffset)"
        }
        return Array(text.utf8)
    }
}
