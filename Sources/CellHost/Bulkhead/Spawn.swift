// spawn and argument: children, and what their parents give them.

import CapabilityModel
import ProcessRuntime
import WASIPreview1
import WasmEngine

enum Spawning {
    static let functions: [BulkheadFunction] = [
        BulkheadFunction("spawn", [.i32, .i32]) { attempt($0, $1, spawn) },
        BulkheadFunction("argument", [.i32, .i32, .i32, .i32, .i32]) { answer($0, $1, argument) },
    ]

    /// `spawn(options, out)`: a process that holds the meet of what is asked for and what the caller holds.
    /// - Throws: `fault`; `inval` (see `SpawnOptions`); `badf` a handle; `noent` no such module, or no policy of that name;
    ///   `notcapable` and a denial (`process.policies`); `notsup` the module lacks an export that the child needs, the
    ///   stack limit is to be another, or the program runs in the heavy profile, where a process cannot be interrupted; `mfile` and a denial (`limits.fds`); `nomem` and a denial (`limits.memory`,
    ///   `limits.mailbox_bytes`), or too many different narrowings; `again` and a denial (`limits.processes`).
    private static func spawn(
        _ context: GuestContext, _ call: borrowing HostCall, _ memory: GuestMemory
    ) throws(CallFailure) -> HostOutcome {
        guard context.program.maySpawn else { throw .errno(.notsup) }
        let options = try SpawnOptions(in: memory, at: call.i32(0))
        let out = try memory.area(at: call.i32(1), count: 8)
        let grant = try childGrant(context, options)
        let (module, isOwn) = try childModule(context, options)
        let start = try start(of: module, isOwn: isOwn, options)
        let code = isOwn && grant === context.grant ? context.code : try link(context, module, grant)
        let handles =
            options.handles.count == 0 ? Attachments.none : try Attachments(context, memory, options.handles)
        var argument: SpawnArgument?
        if options.argument.count > 0 || !handles.attachments.isEmpty {
            argument = SpawnArgument(
                bytes: memory.bytes(in: options.argument), attachments: handles.attachments,
                sender: context.process.id.rawValue)
        }
        let wantsMonitor = options.flags.contains(.monitor)
        try context.reserveHandles(1, "spawn")
        do throws(CallFailure) {
            if wantsMonitor { try context.reserveMonitor("spawn") }
        } catch {
            context.refundHandles()
            throw error
        }
        let request = SpawnRequest(
            parent: context.process, link: options.flags.contains(.link), monitor: wantsMonitor,
            account: grant.account, trapsExits: false)
        do throws(CallFailure) {
            try charge(argument, to: grant, context)
        } catch {
            refund(context, monitor: wantsMonitor)
            throw error
        }
        let result = context.process.spawn(request) { child, retired in
            if let body = retired as? WasmProcess,
                body.restart(start, code: code, grant: grant, argument: argument)
            {
                return body
            }
            let guest = GuestContext(
                program: context.program, grant: grant, process: copy child, module: module, code: code)
            if let argument { guest.argument = argument }
            return WasmProcess(start: start, context: guest)
        }
        switch result {
        case .success(let spawned):
            handles.commit(context)
            memory.store(context.handles.insert(HandleTarget(spawned.process)), in: out, at: 0)
            memory.store(spawned.monitor.map { context.insertMonitor($0) } ?? 0, in: out, at: 4)
            return call.finish(.success)
        case .failure:
            refund(context, monitor: wantsMonitor)
            if let argument { grant.account.refund(.mailboxBytes, argument.charge) }
            throw context.deny(
                "spawn", context.grant.key(of: .processes), .again, layer: .limit,
                "used=\(context.grant.account.used(.processes))")
        }
    }

    private static func charge(
        _ argument: SpawnArgument?, to grant: Grant, _ context: GuestContext
    ) throws(CallFailure) {
        guard let argument, let refusal = grant.account.charge(.mailboxBytes, argument.charge) else { return }
        throw context.deny(
            "spawn", grant.key(of: .mailboxBytes), .nomem, layer: .limit,
            "used=\(refusal.used) requested=\(argument.charge) allowed=\(refusal.allowed)")
    }

    private static func refund(_ context: GuestContext, monitor: Bool) {
        context.refundHandles()
        if monitor { context.grant.account.refund(.memory, MonitorTable.cost) }
    }

    // MARK: What the child gets

    private static func childGrant(_ context: GuestContext, _ options: SpawnOptions) throws(CallFailure) -> Grant {
        if options.policy == nil, options.without.isEmpty, options.limits.isEmpty { return context.grant }
        let grant = context.grant
        for (kind, value) in options.limits where kind == .stack && value < grant.limits.stack {
            // One size of stack for the whole engine: a promise that would not be kept is not made.
            throw .errno(.notsup)
        }
        let authorities = context.program.authorities
        var policy: UInt16?
        if let name = options.policy {
            guard NamePattern.covers(grant.authority.capabilities.process.policies, name) else {
                throw context.deny(
                    "spawn", PolicyKey("process.policies"), .notcapable, DenialArgument.quoted("policy", name))
            }
            guard let found = authorities.policy(named: name) else { throw .errno(.noent) }
            policy = found
        }
        // Each charge goes up all the way: no guest makes that way endless.
        guard options.policy == nil && options.limits.isEmpty || grant.account.depth < Account.greatestDepth else {
            throw .errno(.nomem)
        }
        let narrowing = grant.authority.narrowing.adding(policy: policy, withheld: options.without)
        guard let authority = authorities.authority(narrowing) else { throw .errno(.nomem) }
        return grant.child(
            authority: authority, policy: policy.map { authorities.limits(ofPolicy: $0) }, own: options.limits)
    }

    private static func childModule(
        _ context: GuestContext, _ options: SpawnOptions
    ) throws(CallFailure) -> (ProgramModule, isOwn: Bool) {
        guard let name = options.module else { return (context.module, true) }
        guard let module = context.program.modules[name] else { throw .errno(.noent) }
        return (module, false)
    }

    private static func start(
        of module: ProgramModule, isOwn: Bool, _ options: SpawnOptions
    ) throws(CallFailure) -> WasmProcess.Start {
        let isHandler = options.flags.contains(.handler)
        guard !isHandler || module.handlesMessages else { throw .errno(.notsup) }
        guard isOwn else {
            // A program that has run to its end has nothing to handle messages with.
            guard module.isStartable, !(isHandler && module.hasStart) else { throw .errno(.notsup) }
            return .program(isHandler: isHandler)
        }
        guard module.spawnedExport != nil else { throw .errno(.notsup) }
        return .function(options.entry, isHandler: isHandler)
    }

    private static func link(
        _ context: GuestContext, _ module: ProgramModule, _ grant: Grant
    ) throws(CallFailure) -> Authority.Code {
        do throws(EngineError) {
            return try grant.authority.link(module.module, engine: context.program.engine)
        } catch {
            // Every import of every module was found when the program was loaded.
            throw .errno(.nomem)
        }
    }

    /// `argument(buffer, capacity, handles, handle_capacity, message)`: what the parent gave, as `receive` would; once.
    /// - Throws: `again` there is none, or it was taken; `fault`; `msgsize` it does not fit, stays, and `message` tells its
    ///   size.
    private static func argument(
        _ context: GuestContext, _ call: borrowing HostCall, _ memory: GuestMemory
    ) throws(CallFailure) {
        let room = try ReceiveRoom(argument: call, memory)
        guard let argument = context.argument else { throw .errno(.again) }
        room.writeHeader(
            memory, tag: 0, process: argument.sender, kind: 0, length: argument.bytes.count,
            handles: argument.attachments.count, monitor: 0)
        guard argument.bytes.count <= room.buffer.count, argument.attachments.count <= room.handleCapacity else {
            throw .errno(.msgsize)
        }
        memory.store(argument.bytes, in: room.buffer)
        Attachments.receive(argument.attachments, for: context, into: memory, room.handles)
        context.dropArgument()
    }
}
