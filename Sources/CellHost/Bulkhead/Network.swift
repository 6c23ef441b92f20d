// Sockets and names. A cell makes, binds and addresses no socket: the supervisor's broker does, checks the policy's rules
// and hands the socket over. Each call waits for its answer, and keeps only its own process waiting.

import CapabilityModel
import CellProtocol
import LinuxKernel
import ProcessRuntime
import WASIPreview1
import WasmEngine

enum Network {
    static let functions: [BulkheadFunction] = [
        BulkheadFunction("tcp_connect", [.i32, .i32, .i32, .i32], suspends: true) {
            attempt($0, $1) { (context, call, memory) throws(CallFailure) in
                try socket(context, call, memory, "tcp_connect", out: 3) { (call, memory) throws(CallFailure) in
                    .connect(.tcp, host: try host(memory, call), port: try port(call))
                }
            }
        },
        BulkheadFunction("tcp_listen", [.i32, .i32, .i32, .i32, .i32], suspends: true) {
            attempt($0, $1) { (context, call, memory) throws(CallFailure) in
                try socket(context, call, memory, "tcp_listen", out: 4) { (call, memory) throws(CallFailure) in
                    .tcpListen(host: try host(memory, call), port: try port(call), backlog: call.i32(3))
                }
            }
        },
        BulkheadFunction("udp_bind", [.i32, .i32, .i32, .i32], suspends: true) {
            attempt($0, $1) { (context, call, memory) throws(CallFailure) in
                try socket(context, call, memory, "udp_bind", out: 3) { (call, memory) throws(CallFailure) in
                    .udpBind(host: try host(memory, call), port: try port(call))
                }
            }
        },
        BulkheadFunction("udp_connect", [.i32, .i32, .i32, .i32], suspends: true) {
            attempt($0, $1) { (context, call, memory) throws(CallFailure) in
                try socket(context, call, memory, "udp_connect", out: 3) { (call, memory) throws(CallFailure) in
                    .connect(.udp, host: try host(memory, call), port: try port(call))
                }
            }
        },
        BulkheadFunction("unix_connect", [.i32, .i32, .i32], suspends: true) {
            attempt($0, $1) { (context, call, memory) throws(CallFailure) in
                try socket(context, call, memory, "unix_connect", out: 2) { (call, memory) throws(CallFailure) in
                    .unixConnect(path: try path(memory, call))
                }
            }
        },
        BulkheadFunction("unix_listen", [.i32, .i32, .i32, .i32], suspends: true) {
            attempt($0, $1) { (context, call, memory) throws(CallFailure) in
                try socket(context, call, memory, "unix_listen", out: 3) { (call, memory) throws(CallFailure) in
                    .unixListen(path: try path(memory, call), backlog: call.i32(2))
                }
            }
        },
        BulkheadFunction("resolve", [.i32, .i32, .i32, .i32, .i32], suspends: true) { attempt($0, $1, resolve) },
    ]

    /// What a call that makes a socket does: it asks, waits, and gives the guest a descriptor.
    ///
    /// `tcp_connect(host, length, port, out)`, `tcp_listen(host, length, port, backlog, out)`, `udp_bind(host, length, port,
    /// out)`, `udp_connect(host, length, port, out)`, `unix_connect(path, length, out)`, `unix_listen(path, length, backlog,
    /// out)`.
    /// - Throws: `fault` a pointer; `inval` an empty or overlong host or path, one that is not UTF-8, a port over 65535;
    ///   `notcapable` no rule of the policy covers it; `mfile` and a denial (`limits.fds`); `again` too many requests under
    ///   way; `io` the supervisor is gone; and what connect(2), bind(2) and listen(2) say.
    private static func socket(
        _ context: GuestContext, _ call: borrowing HostCall, _ memory: GuestMemory, _ name: StaticString,
        out index: Int,
        _ operation: (borrowing HostCall, GuestMemory) throws(CallFailure) -> BrokerRequest.Operation
    ) throws(CallFailure) -> HostOutcome {
        guard case .request = context.underWay else {
            _ = try memory.area(at: call.i32(index), count: 4)
            return try ask(context, try operation(call, memory))
        }
        guard let (answer, box) = try answered(context) else { return context.waitForBroker() }
        let out = try memory.area(at: call.i32(index), count: 4)
        guard let file = box?.take() else { throw .errno(.io) }
        let held = answer.socket == 0 ? nil : BrokerSocket(number: answer.socket, port: context.program.broker)
        let fd = try context.wasi().insertSocket(file, call: "bulkhead.\(name)", keeping: held)
        memory.store(fd, in: out, at: 0)
        return call.finish(.success)
    }

    /// `resolve(name, length, buffer, capacity, out)`: addresses as text, a line each.
    /// - Throws: as `socket`; `msgsize` they do not fit, and `out` tells their length; `noent` the name has none.
    private static func resolve(
        _ context: GuestContext, _ call: borrowing HostCall, _ memory: GuestMemory
    ) throws(CallFailure) -> HostOutcome {
        let buffer = try memory.area(at: call.i32(2), count: call.i32(3))
        let out = try memory.area(at: call.i32(4), count: 4)
        guard case .request = context.underWay else {
            return try ask(context, .resolve(name: try host(memory, call)))
        }
        guard let (answer, _) = try answered(context) else { return context.waitForBroker() }
        guard !answer.addresses.isEmpty else { throw .errno(.noent) }
        let text = Array(answer.addresses.joined(separator: "\n").utf8)
        memory.store(UInt32(truncatingIfNeeded: text.count), in: out, at: 0)
        guard text.count <= buffer.count else { throw .errno(.msgsize) }
        memory.store(text.span, in: buffer)
        return call.finish(.success)
    }

    // MARK: Asking

    static func ask(
        _ context: GuestContext, _ operation: BrokerRequest.Operation
    ) throws(CallFailure) -> HostOutcome {
        let program = context.program
        switch program.broker.ask(
            operation, process: context.process.id, shownAs: program.shownID(context.process.id),
            policies: context.grant.authority.narrowing.policies, runtime: program.runtime)
        {
        case .success(let id): context.underWay = .request(id)
        case .failure(.tooMany): throw .errno(.again)
        case .failure(.lost): throw .errno(.io)
        }
        return context.waitForBroker()
    }

    /// nil while there is no answer.
    /// - Throws: the errno of one that is no success; `io` when the supervisor is gone.
    static func answered(
        _ context: GuestContext
    ) throws(CallFailure) -> (BrokerAnswer, BrokerPort.DescriptorBox?)? {
        guard case .request(let id) = context.underWay else { return nil }
        switch context.program.broker.reply(id) {
        case .pending: return nil
        case .lost:
            context.underWay = .none
            throw .errno(.io)
        case .answered(let answer, let box):
            context.underWay = .none
            guard answer.errno == 0 else { throw .errno(Errno(rawValue: answer.errno) ?? .io) }
            return (answer, box)
        }
    }

    private static func host(_ memory: GuestMemory, _ call: borrowing HostCall) throws(CallFailure) -> String {
        try text(memory, call, pointer: 0, length: 1, limit: BrokerRequest.hostLimit)
    }

    private static func path(_ memory: GuestMemory, _ call: borrowing HostCall) throws(CallFailure) -> String {
        try text(memory, call, pointer: 0, length: 1, limit: BrokerRequest.pathLimit)
    }

    private static func port(_ call: borrowing HostCall) throws(CallFailure) -> UInt16 {
        guard let port = UInt16(exactly: call.i32(2)) else { throw .errno(.inval) }
        return port
    }

    static func text(
        _ memory: GuestMemory, _ call: borrowing HostCall, pointer: Int, length: Int, limit: Int
    ) throws(CallFailure) -> String {
        let length = call.i32(length)
        guard length > 0, length <= UInt32(limit) else { throw .errno(.inval) }
        let area = try memory.area(at: call.i32(pointer), count: length)
        guard let text = String(validating: memory.bytes(in: area), as: UTF8.self) else { throw .errno(.inval) }
        return text
    }
}

extension GuestContext {
    /// The answer's arrival wakes the process.
    func waitForBroker() -> HostOutcome {
        wait = Wait(messages: false, deadline: nil)
        return .wait
    }
}

/// A socket that the supervisor keeps a hold of, for as long as some process has it open.
final class BrokerSocket: Sendable {
    let number: UInt32
    private let port: BrokerPort

    init(number: UInt32, port: BrokerPort) {
        self.number = number
        self.port = port
    }

    deinit {
        port.release(socket: number)
    }
}
