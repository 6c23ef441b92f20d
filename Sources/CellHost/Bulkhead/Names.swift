// Names for processes, within one program: register/2, unregister/1 and whereis/1 of Erlang.

import CapabilityModel
import ProcessRuntime
import WASIPreview1
import WasmEngine

enum Names {
    static let functions: [BulkheadFunction] = [
        BulkheadFunction("register", [.i32, .i32, .i32]) { answer($0, $1, register) },
        BulkheadFunction("unregister", [.i32, .i32]) { answer($0, $1, unregister) },
        BulkheadFunction("whereis", [.i32, .i32, .i32]) { answer($0, $1, whereis) },
    ]

    /// In bytes.
    private static let limit: UInt32 = 255

    /// `register(name, length, process)`: until the process ends or the name is taken back.
    /// - Throws: `fault`; `inval` a name that is empty, longer than 255 bytes or not UTF-8, an alias; `notcapable` and a
    ///   denial (`process.register`); `badf`; `exist` the name is taken; `srch` the process is gone; `nomem` and
    ///   a denial (`limits.memory`).
    private static func register(
        _ context: GuestContext, _ call: borrowing HostCall, _ memory: GuestMemory
    ) throws(CallFailure) {
        let name = try name(memory, call)
        try require(context, name, context.grant.authority.capabilities.process.register, "register")
        let target = try context.processTarget(call.i32(2))
        let process = context.process
        switch process.runtime.names.register(
            Array(name.utf8), for: target, payer: context.grant.account, isAlive: { process.isAlive(target) })
        {
        case .registered: return
        case .badName: throw .errno(.inval)
        case .exists: throw .errno(.exist)
        case .gone: throw .errno(.srch)
        case .refused(let refusal): throw context.denyMemory("register", refusal)
        }
    }

    /// `unregister(name, length)`
    /// - Throws: as `register`, and `noent` no process has the name.
    private static func unregister(
        _ context: GuestContext, _ call: borrowing HostCall, _ memory: GuestMemory
    ) throws(CallFailure) {
        let name = try name(memory, call)
        try require(context, name, context.grant.authority.capabilities.process.register, "unregister")
        guard context.process.runtime.names.unregister(Array(name.utf8)) else { throw .errno(.noent) }
    }

    /// `whereis(name, length, out)`: a handle on the process of that name.
    /// - Throws: `fault`; `inval` as in `register`; `notcapable` and a denial (`process.lookup`); `noent`; `mfile` and a
    ///   denial (`limits.fds`).
    private static func whereis(
        _ context: GuestContext, _ call: borrowing HostCall, _ memory: GuestMemory
    ) throws(CallFailure) {
        let name = try name(memory, call)
        let out = try memory.area(at: call.i32(2), count: 4)
        try require(context, name, context.grant.authority.capabilities.process.lookup, "whereis")
        guard let found = context.process.runtime.names.whereis(Array(name.utf8)) else { throw .errno(.noent) }
        try context.reserveHandles(1, "whereis")
        memory.store(context.handles.insert(HandleTarget(found)), in: out, at: 0)
    }

    private static func name(_ memory: GuestMemory, _ call: borrowing HostCall) throws(CallFailure) -> String {
        let length = call.i32(1)
        guard (1...limit).contains(length) else { throw .errno(.inval) }
        let area = try memory.area(at: call.i32(0), count: length)
        guard let name = String(validating: memory.bytes(in: area), as: UTF8.self) else { throw .errno(.inval) }
        return name
    }

    private static func require(
        _ context: GuestContext, _ name: String, _ patterns: Set<String>, _ call: StaticString
    ) throws(CallFailure) {
        guard !NamePattern.covers(patterns, name) else { return }
        let key = call.description == "whereis" ? "process.lookup" : "process.register"
        throw context.deny(call, PolicyKey(key), .notcapable, DenialArgument.quoted("name", name))
    }
}
