// Handles on their way from one process to another, in a message or as a child's argument.

import CapabilityModel
import ProcessRuntime
import WASIPreview1

/// Handles that a guest sends, read and checked. Nothing has happened to them until `commit`.
struct Attachments {
    private(set) var attachments: [Attachment] = []
    /// What the sender loses.
    private var moved: [(kind: UInt16, value: UInt32)] = []

    static let none = Attachments()

    private init() {}

    /// - Throws: `fault`; `badf` a handle or descriptor that is not open; `inval` more than 64, an unknown kind or flag, one
    ///   that is moved twice, the process itself moved.
    init(_ context: GuestContext, _ memory: GuestMemory, at pointer: UInt32, count: UInt32) throws(CallFailure) {
        guard count <= SpawnOptions.handleLimit else { throw .errno(.inval) }
        let area = try memory.area(at: pointer, count: Int(count) * HandleLayout.size)
        try self.init(context, memory, area)
    }

    init(_ context: GuestContext, _ memory: GuestMemory, _ area: GuestMemory.Area) throws(CallFailure) {
        for offset in stride(from: 0, to: area.count, by: HandleLayout.size) {
            let kind = memory.load(UInt16.self, in: area, at: offset)
            let flags = memory.load(UInt16.self, in: area, at: offset + 2)
            let value = memory.load(UInt32.self, in: area, at: offset + 4)
            guard flags & ~HandleLayout.move == 0 else { throw .errno(.inval) }
            switch kind {
            case HandleLayout.process:
                let target = try context.target(value)
                attachments.append(target.alias.map { .alias($0, target.process) } ?? .process(target.process))
            case HandleLayout.descriptor:
                attachments.append(.object(try context.wasi().duplicate(value)))
            default:
                throw .errno(.inval)
            }
            guard flags == HandleLayout.move else { continue }
            let isSelf = kind == HandleLayout.process && value == 0
            guard !isSelf, !moved.contains(where: { $0.kind == kind && $0.value == value }) else {
                throw .errno(.inval)
            }
            moved.append((kind, value))
        }
    }

    /// They are on their way: those that were moved are the sender's no longer. An alias that was given away goes on working.
    func commit(_ context: GuestContext) {
        for handle in moved {
            if handle.kind == HandleLayout.process {
                if context.handles.remove(handle.value) != nil { context.refundHandles() }
            } else {
                _ = try? context.wasi().take(handle.value)
            }
        }
    }

    /// Gives the receiver numbers of its own and writes them. What it may not hold does not arrive: the value is then
    /// `HandleLayout.refused`, and the refusal has been audited.
    static func receive(
        _ attachments: [Attachment], for context: GuestContext, into memory: GuestMemory, _ area: GuestMemory.Area
    ) {
        for (index, attachment) in attachments.enumerated() {
            var kind = HandleLayout.process
            let value: UInt32?
            switch attachment {
            case .process(let process):
                value = open(HandleTarget(process), for: context)
            case .alias(let alias, let process):
                value = open(HandleTarget(process, alias: alias), for: context)
            case .object(let object):
                kind = HandleLayout.descriptor
                value = (object as? TransferredDescriptor).flatMap { adopt($0, for: context) }
            }
            memory.store(kind, in: area, at: index * HandleLayout.size)
            memory.store(UInt16(0), in: area, at: index * HandleLayout.size + 2)
            memory.store(value ?? HandleLayout.refused, in: area, at: index * HandleLayout.size + 4)
        }
    }

    private static func adopt(_ descriptor: TransferredDescriptor, for context: GuestContext) -> UInt32? {
        try? context.wasi().insert(descriptor)
    }

    private static func open(_ target: HandleTarget, for context: GuestContext) -> UInt32? {
        guard (try? context.reserveHandles(1, "receive")) != nil else { return nil }
        return context.handles.insert(target)
    }
}
