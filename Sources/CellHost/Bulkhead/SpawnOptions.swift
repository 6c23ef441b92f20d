// The 72 bytes of `spawn`'s options, read with every pointer, count and flag checked before anything is done.

import CapabilityModel
import WASIPreview1

struct SpawnFlags: OptionSet {
    let rawValue: UInt32

    static let link = SpawnFlags(rawValue: 1)
    static let monitor = SpawnFlags(rawValue: 2)
    static let handler = SpawnFlags(rawValue: 4)
    static let all: SpawnFlags = [.link, .monitor, .handler]
}

/// Areas of authority that a parent takes away from its child.
struct Withheld: OptionSet, Hashable {
    let rawValue: UInt32

    static let fs = Withheld(rawValue: 1)
    static let net = Withheld(rawValue: 2)
    static let env = Withheld(rawValue: 4)
    static let args = Withheld(rawValue: 8)
    static let clocks = Withheld(rawValue: 16)
    static let random = Withheld(rawValue: 32)
    static let stdio = Withheld(rawValue: 64)
    static let spawn = Withheld(rawValue: 128)
    static let all = Withheld(rawValue: 255)
}

struct SpawnOptions {
    static let size = 72
    /// Names of modules and policies, in bytes.
    static let nameLimit = 255
    static let handleLimit: UInt32 = 64

    let flags: SpawnFlags
    let entry: UInt32
    /// Another module of the program; nil is the caller's own.
    let module: String?
    let argument: GuestMemory.Area
    let handles: GuestMemory.Area
    let policy: String?
    let without: Withheld
    /// In the guest's order; where one limit comes twice, the tighter holds.
    let limits: [(kind: LimitKind, value: UInt64)]

    /// - Throws: `fault` a pointer; `inval` an unknown flag, area or limit, a reserved field, an overlong name, more than
    ///   64 handles or 11 limits.
    init(in memory: GuestMemory, at pointer: UInt32) throws(CallFailure) {
        let area = try memory.area(at: pointer, count: SpawnOptions.size)
        func word(_ index: Int) -> UInt32 { memory.load(UInt32.self, in: area, at: index * 4) }
        flags = SpawnFlags(rawValue: word(0))
        entry = word(1)
        without = Withheld(rawValue: word(10))
        guard SpawnFlags.all.isSuperset(of: flags), Withheld.all.isSuperset(of: without) else { throw .errno(.inval) }
        for index in 13..<18 where word(index) != 0 { throw .errno(.inval) }
        let handleCount = word(7)
        let limitCount = word(11)
        guard handleCount <= SpawnOptions.handleLimit, limitCount <= UInt32(LimitKind.allCases.count) else {
            throw .errno(.inval)
        }
        argument = try memory.area(at: word(4), count: word(5))
        handles = try memory.area(at: word(6), count: Int(handleCount) * HandleLayout.size)
        module = try SpawnOptions.name(in: memory, at: word(2), count: word(3))
        policy = try SpawnOptions.name(in: memory, at: word(8), count: word(9))
        limits = try SpawnOptions.limits(in: memory, at: word(12), count: Int(limitCount))
    }

    private static func limits(
        in memory: GuestMemory, at pointer: UInt32, count: Int
    ) throws(CallFailure) -> [(kind: LimitKind, value: UInt64)] {
        let area = try memory.area(at: pointer, count: count * 16)
        var limits: [(kind: LimitKind, value: UInt64)] = []
        for index in 0..<count {
            guard let kind = ReasonPayload.limit(memory.load(UInt32.self, in: area, at: index * 16)),
                memory.load(UInt32.self, in: area, at: index * 16 + 4) == 0
            else { throw .errno(.inval) }
            limits.append((kind, memory.load(UInt64.self, in: area, at: index * 16 + 8)))
        }
        return limits
    }

    private static func name(in memory: GuestMemory, at pointer: UInt32, count: UInt32) throws(CallFailure) -> String? {
        guard count <= nameLimit else { throw .errno(.inval) }
        let area = try memory.area(at: pointer, count: count)
        guard count > 0 else { return nil }
        guard let name = String(validating: memory.bytes(in: area), as: UTF8.self) else { throw .errno(.inval) }
        return name
    }
}

/// A handle as it lies in memory: `u16 kind, u16 flags, u32 value`.
enum HandleLayout {
    static let size = 8
    static let process: UInt16 = 0
    static let descriptor: UInt16 = 1
    /// The sender loses it.
    static let move: UInt16 = 1
    /// The value of one that did not arrive.
    static let refused = UInt32.max
}
