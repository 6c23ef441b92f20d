// Links, monitors, aliases and exits, with Erlang's semantics: link/1, monitor/2, alias/1, exit/1, exit/2 and
// process_flag(trap_exit) of its documentation.

import CapabilityModel
import ProcessRuntime
import WASIPreview1
import WasmEngine

enum Signals {
    static let functions: [BulkheadFunction] = [
        BulkheadFunction("link", [.i32]) { attempt($0, $1, link) },
        BulkheadFunction("unlink", [.i32]) { answer($0, $1, unlink) },
        BulkheadFunction("monitor", [.i32, .i32, .i32]) { answer($0, $1, monitor) },
        BulkheadFunction("demonitor", [.i32, .i32]) { answer($0, $1, demonitor) },
        BulkheadFunction("alias", [.i32]) { answer($0, $1, alias) },
        BulkheadFunction("exit", [.i32, .i32, .i32]) { attempt($0, $1, exit) },
        BulkheadFunction("exit_process", [.i32, .i32, .i32, .i32]) { attempt($0, $1, exitProcess) },
        BulkheadFunction("trap_exit", [.i32]) { answer($0, $1, trapExit) },
    ]

    private static let withAlias: UInt32 = 1
    private static let flush: UInt32 = 1

    /// `link(process)`: whoever of the two ends first ends the other, unless that traps exits. A link to oneself is none.
    /// - Throws: `badf`; `inval` an alias; `srch` the process is gone and the caller does not trap exits (if it does, an EXIT
    ///   `noproc` is in its mailbox).
    private static func link(
        _ context: GuestContext, _ call: borrowing HostCall, _ memory: GuestMemory
    ) throws(CallFailure) -> HostOutcome {
        switch context.process.link(try context.processTarget(call.i32(0))) {
        case .linked: return Messages.ended(context) ?? call.finish(.success)
        case .noproc: return Messages.ended(context) ?? call.finish(.srch)
        }
    }

    /// `unlink(process)`: no EXIT of this link arrives any more; one that is in the mailbox stays.
    /// - Throws: `badf`; `inval` an alias.
    private static func unlink(
        _ context: GuestContext, _ call: borrowing HostCall, _ memory: GuestMemory
    ) throws(CallFailure) {
        context.process.unlink(try context.processTarget(call.i32(0)))
    }

    /// `monitor(process, flags, out)`: a DOWN comes when the process ends, or at once when it has. Flag 1 makes an alias too,
    /// which the first message through it, the DOWN or `demonitor` ends.
    /// - Throws: `badf`; `inval` an alias, an unknown flag; `fault`; `nomem` and a denial (`limits.memory`); `mfile` and a
    ///   denial (`limits.fds`).
    private static func monitor(
        _ context: GuestContext, _ call: borrowing HostCall, _ memory: GuestMemory
    ) throws(CallFailure) {
        let target = try context.processTarget(call.i32(0))
        let flags = call.i32(1)
        guard flags & ~withAlias == 0 else { throw .errno(.inval) }
        let out = try memory.area(at: call.i32(2), count: 8)
        let wantsAlias = flags == withAlias
        if wantsAlias { try context.reserveHandles(1, "monitor") }
        do throws(CallFailure) {
            try context.reserveMonitor("monitor")
        } catch {
            if wantsAlias { context.refundHandles() }
            throw error
        }
        let (monitor, alias) = context.process.monitor(target, alias: wantsAlias)
        let number = context.insertMonitor(monitor)
        memory.store(number, in: out, at: 0)
        let handle = alias.map { context.handles.insert(HandleTarget(context.process.id, alias: $0)) }
        memory.store(handle ?? 0, in: out, at: 4)
    }

    /// `demonitor(monitor, flags)`: no DOWN comes any more, and its alias is over. Flag 1 (flush): one that is in the
    /// mailbox is removed.
    /// - Throws: `badf` no such monitor; `inval` an unknown flag.
    private static func demonitor(
        _ context: GuestContext, _ call: borrowing HostCall, _ memory: GuestMemory
    ) throws(CallFailure) {
        let flags = call.i32(1)
        guard flags & ~flush == 0 else { throw .errno(.inval) }
        let number = call.i32(0)
        guard let monitor = context.monitors[number] else { throw .errno(.badf) }
        context.process.demonitor(monitor, flush: flags == flush)
        // Unflushed, a DOWN that is in the mailbox keeps its number, or it could not be told whose it is.
        if flags == flush || !context.process.holdsDown(of: monitor) { context.forgetMonitor(number) }
    }

    /// `alias(out)`: a handle of the caller for others to send to, until the caller closes it.
    /// - Throws: `fault`; `mfile` and a denial (`limits.fds`).
    private static func alias(
        _ context: GuestContext, _ call: borrowing HostCall, _ memory: GuestMemory
    ) throws(CallFailure) {
        let out = try memory.area(at: call.i32(0), count: 4)
        try context.reserveHandles(1, "alias")
        let alias = context.process.makeAlias()
        memory.store(context.handles.insert(HandleTarget(context.process.id, alias: alias)), in: out, at: 0)
    }

    /// `exit(kind, data, length)`: ends the caller with the reason.
    /// - Throws: `inval` a kind other than 0, 1, 2, 9 and 12, or data for one but 9 and 12; `fault`; `msgsize` more than 4096 bytes.
    private static func exit(
        _ context: GuestContext, _ call: borrowing HostCall, _ memory: GuestMemory
    ) throws(CallFailure) -> HostOutcome {
        context.ending = try reason(memory, kind: call.i32(0), at: call.i32(1), count: call.i32(2))
        return .end
    }

    /// `exit_process(process, kind, data, length)`: sends an exit signal. `kill` cannot be trapped; `normal` does nothing to
    /// another process that does not trap exits, and ends the caller that sends it to itself.
    /// - Throws: as `exit`, and `badf`; `inval` an alias. A process that is gone is no error.
    private static func exitProcess(
        _ context: GuestContext, _ call: borrowing HostCall, _ memory: GuestMemory
    ) throws(CallFailure) -> HostOutcome {
        let target = try context.processTarget(call.i32(0))
        let reason = try reason(memory, kind: call.i32(1), at: call.i32(2), count: call.i32(3))
        context.process.exit(target, reason, kill: reason == .kill)
        return Messages.ended(context) ?? call.finish(.success)
    }

    /// `trap_exit(on)`: whether exit signals of links and of others arrive as messages.
    /// - Throws: `inval` anything but 0 and 1.
    private static func trapExit(
        _ context: GuestContext, _ call: borrowing HostCall, _ memory: GuestMemory
    ) throws(CallFailure) {
        let on = call.i32(0)
        guard on <= 1 else { throw .errno(.inval) }
        context.process.trapsExits = on == 1
    }

    private static func reason(
        _ memory: GuestMemory, kind: UInt32, at pointer: UInt32, count: UInt32
    ) throws(CallFailure) -> ExitReason {
        let area = try memory.area(at: pointer, count: count)
        guard kind == ReasonPayload.bytes || kind == ReasonPayload.shutdownWith || count == 0 else {
            throw .errno(.inval)
        }
        switch kind {
        case ReasonPayload.normal: return .normal
        case ReasonPayload.shutdown: return .shutdown
        case ReasonPayload.kill: return .kill
        case ReasonPayload.bytes, ReasonPayload.shutdownWith:
            guard area.count <= ExitReason.bytesLimit else { throw .errno(.msgsize) }
            let bytes = memory.bytes(in: area)
            return kind == ReasonPayload.bytes ? .bytes(bytes) : .shutdownWith(bytes)
        default: throw .errno(.inval)
        }
    }
}

extension GuestContext {
    /// Pays for a monitor.
    /// - Throws: `nomem` and a denial.
    func reserveMonitor(_ call: StaticString) throws(CallFailure) {
        guard let refusal = grant.account.charge(.memory, MonitorTable.cost) else { return }
        throw denyMemory(call, refusal)
    }

    /// Gives a monitor that was paid for its number.
    func insertMonitor(_ monitor: MonitorID) -> UInt32 {
        monitors.insert(monitor)
    }
}
