// The import module `bulkhead`: what WASI preview 1 has no call for.

import CapabilityModel
import CellProtocol
import LinuxKernel
import ProcessRuntime
import WASIPreview1
import WasmEngine

enum BulkheadImports {
    /// RFC 1035, 2.3.4, as text.
    private static let hostLimit = 253

    static func define(_ name: ImportName, in linker: Linker) throws(EngineError) {
        guard let type = signature(of: name) else { return }
        try linker.defineWaiting(name, type) { context, call in
            connect(guestContext(context), call)
        }
    }

    /// nil for what the module does not have.
    static func signature(of name: ImportName) -> FunctionType? {
        name.name == "tcp_connect" ? FunctionType([.i32, .i32, .i32, .i32], [.i32]) : nil
    }

    /// `tcp_connect(host, host_len, port, fd_out) -> errno`: asks the supervisor's broker for a connection and waits for
    /// it. Errors: `fault` a pointer, `inval` an empty or overlong host or a port over 65535, `notcapable` no rule of
    /// the policy covers it, `mfile`, `again` too many connections under way, and what connect(2) says.
    private static func connect(_ context: GuestContext, _ call: borrowing HostCall) -> HostOutcome {
        guard let pending = context.connection else {
            return ask(context, call)
        }
        guard let answer = context.control.receive(waits: false) else {
            guard context.control.isOpen else { return finish(call, .io) }
            return wait(context)
        }
        guard case .answered(let reply) = answer.message, reply.id == pending.id else { return wait(context) }
        context.connection = nil
        guard reply.errno == 0, let socket = answer.descriptors.first else {
            return finish(call, Errno(rawValue: reply.errno) ?? .io)
        }
        do throws(CallFailure) {
            let fd = try context.wasi.insertSocket(OwnedFileDescriptor(taking: socket))
            let memory = guestMemory(of: call)
            let area = try memory.area(at: call.i32(3), count: 4)
            memory.store(fd, in: area, at: 0)
            return finish(call, .success)
        } catch {
            switch error {
            case .errno(let errno): return finish(call, errno)
            case .trap(let message): return .trap(message)
            }
        }
    }

    private static func ask(_ context: GuestContext, _ call: borrowing HostCall) -> HostOutcome {
        let memory = guestMemory(of: call)
        let length = call.i32(1)
        let port = call.i32(2)
        guard (1...UInt32(hostLimit)).contains(length), let port = UInt16(exactly: port) else {
            return finish(call, .inval)
        }
        guard (try? memory.area(at: call.i32(3), count: 4)) != nil,
            let host = memory.text(at: call.i32(0), count: length, limit: hostLimit)
        else { return finish(call, .fault) }
        let id = context.makeConnectionID()
        guard
            context.control.send(
                .request(BrokerRequest(id: id, operation: .connect(.tcp, host: host, port: port))), waits: true)
        else {
            return finish(call, .io)
        }
        context.connection = GuestContext.PendingConnection(id: id)
        return wait(context)
    }

    private static func wait(_ context: GuestContext) -> HostOutcome {
        let raw = context.control.socket.descriptor.rawValue
        context.wait = Wait(descriptors: [.init(raw: raw, interest: .read)], deadline: nil)
        return .wait
    }

    private static func finish(_ call: borrowing HostCall, _ errno: Errno) -> HostOutcome {
        call.setResult(0, i32: UInt32(errno.rawValue))
        return .done
    }
}
