// Why a process ended, as a guest reads it: the payload of EXIT and DOWN (SDK/abi.md, Messages).

import CapabilityModel
import WASIPreview1

struct ReasonPayload {
    /// `u32 kind, u32 code, u64 used, u64 allowed`.
    static let headerSize = 24

    /// Kinds that a guest may give as its own reason, and as that of an exit signal.
    static let normal: UInt32 = 0
    static let shutdown: UInt32 = 1
    static let kill: UInt32 = 2
    static let bytes: UInt32 = 9
    static let shutdownWith: UInt32 = 12

    private let kind: UInt32
    private let code: UInt32
    private let used: UInt64
    private let allowed: UInt64
    /// Most reasons have none, and then nothing is allocated.
    private let text: [UInt8]

    private init(_ kind: UInt32, code: UInt32 = 0, used: UInt64 = 0, allowed: UInt64 = 0, text: [UInt8] = []) {
        self.kind = kind
        self.code = code
        self.used = used
        self.allowed = allowed
        self.text = text
    }

    init(_ reason: ExitReason) {
        switch reason {
        case .normal: self.init(Self.normal)
        case .shutdown: self.init(Self.shutdown)
        case .kill: self.init(Self.kill)
        case .killed: self.init(3)
        case .exited(let code): self.init(4, code: code)
        case .trap(let kind, let message, let backtrace):
            self.init(5, text: Self.trapText(kind: kind, message: message, backtrace: backtrace))
        case .limit(let kind, let used, let allowed):
            self.init(6, code: Self.number(of: kind), used: used, allowed: allowed)
        case .noproc: self.init(7)
        case .noconnection: self.init(8)
        case .bytes(let bytes): self.init(Self.bytes, text: bytes)
        case .refused(let message): self.init(10, text: Array(message.utf8))
        case .cellFailed(let message): self.init(11, text: Array(message.utf8))
        case .shutdownWith(let bytes): self.init(Self.shutdownWith, text: bytes)
        case .killedBySignal: self.init(11, text: Array("a signal ended its cell".utf8))
        }
    }

    /// Of the whole payload, in bytes.
    var count: Int { Self.headerSize + text.count }

    /// To the beginning of an area that has room for `count` bytes.
    func store(in memory: GuestMemory, _ area: GuestMemory.Area) {
        memory.store(kind, in: area, at: 0)
        memory.store(code, in: area, at: 4)
        memory.store(used, in: area, at: 8)
        memory.store(allowed, in: area, at: 16)
        if !text.isEmpty { memory.store(text.span, in: area, at: Self.headerSize) }
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

    /// Kind, message and one line a frame; names in it are the module's own.
    private static func trapText(kind: String, message: String, backtrace: [WasmFrame]) -> [UInt8] {
        var text = kind + "\n" + message
        for frame in backtrace {
            text += "\n" + (frame.function ?? "function \(frame.functionIndex)") + " @\(frame.moduleOffset)"
        }
        return Array(text.utf8)
    }
}
