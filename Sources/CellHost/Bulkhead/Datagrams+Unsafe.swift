// Datagrams and the addresses of sockets.

import CapabilityModel
import CellProtocol
import LinuxKernel
import ProcessRuntime
import WASIPreview1
import WasmEngine

enum Datagrams {
    static let functions: [BulkheadFunction] = [
        BulkheadFunction("udp_send", [.i32, .i32, .i32, .i32, .i32, .i32], suspends: true) {
            attempt($0, $1, udpSend)
        },
        BulkheadFunction("udp_receive", [.i32, .i32, .i32, .i32, .i32], suspends: true) {
            attempt($0, $1, udpReceive)
        },
        BulkheadFunction("socket_address", [.i32, .i32, .i32, .i32, .i32]) { answer($0, $1, socketAddress) },
    ]

    /// `address` of `udp_receive`, in bytes.
    private static let addressSize = 64

    /// `udp_send(fd, host, host_length, port, data, length)`: one datagram from a bound socket, sent by the broker.
    /// - Throws: as `socket`; `badf`; `notsock` none that `udp_bind` made; `msgsize` more than 65507 bytes.
    private static func udpSend(
        _ context: GuestContext, _ call: borrowing HostCall, _ memory: GuestMemory
    ) throws(CallFailure) -> HostOutcome {
        guard case .request = context.underWay else {
            let companion = try context.wasi().companion(of: call.i32(0))
            guard let socket = companion as? BrokerSocket else { throw .errno(.notsock) }
            let name = try Network.text(memory, call, pointer: 1, length: 2, limit: BrokerRequest.hostLimit)
            guard let port = UInt16(exactly: call.i32(3)) else { throw .errno(.inval) }
            let data = try memory.area(at: call.i32(4), count: call.i32(5))
            guard data.count <= BrokerRequest.datagramLimit else { throw .errno(.msgsize) }
            return try Network.ask(
                context, .udpSend(socket: socket.number, host: name, port: port, data: memory.bytes(in: data)))
        }
        guard try Network.answered(context) != nil else { return context.waitForBroker() }
        return call.finish(.success)
    }

    /// `udp_receive(fd, buffer, capacity, address, out)`: the next datagram; what does not fit is lost. `address` gets its
    /// sender as `host:port` with a NUL.
    /// - Throws: `badf`; `notsock`; `notcapable` no right to read; `fault`; and what recvfrom(2) says.
    private static func udpReceive(
        _ context: GuestContext, _ call: borrowing HostCall, _ memory: GuestMemory
    ) throws(CallFailure) -> HostOutcome {
        let raw = try context.wasi().rawSocket(call.i32(0), reading: true)
        let buffer = try memory.area(at: call.i32(1), count: call.i32(2))
        let address = try memory.area(at: call.i32(3), count: addressSize)
        let out = try memory.area(at: call.i32(4), count: 4)
        let seen = context.process.runtime.reactor.readiness(raw, .read)
        do throws(SystemError) {
            // SAFETY: the buffer is the guest's memory, which stays in place until this call returns.
            let (count, sender) = try unsafe DatagramSocket.receive(raw, into: memory.buffer(of: buffer))
            memory.store(UInt32(truncatingIfNeeded: count), in: out, at: 0)
            let text = sender.map { Array("\($0)".utf8.prefix(addressSize - 1)) } ?? []
            memory.store(text + [0], in: address)
            return call.finish(.success)
        } catch {
            guard Errno(linux: error.errno) == .again else { throw .errno(Errno(linux: error.errno)) }
            context.wait = Wait(descriptor: Wait.Descriptor(raw: raw, interest: .read, seen: seen))
            return .wait
        }
    }

    /// `socket_address(fd, peer, buffer, capacity, out)`: `host:port` of the local (0) or the peer's (1) end; `unix:path` for
    /// unix sockets.
    /// - Throws: `badf`; `notsock`; `inval` another `peer`; `fault`; `notconn` no peer; `afnosupport` an
    ///   address of another kind; `msgsize` it does not fit, and `out` tells its length.
    private static func socketAddress(
        _ context: GuestContext, _ call: borrowing HostCall, _ memory: GuestMemory
    ) throws(CallFailure) {
        let peer = call.i32(1)
        guard peer <= 1 else { throw .errno(.inval) }
        let buffer = try memory.area(at: call.i32(2), count: call.i32(3))
        let out = try memory.area(at: call.i32(4), count: 4)
        let raw = try context.wasi().rawSocket(call.i32(0))
        let address: SocketAddress?
        do throws(SystemError) {
            address = try peer == 1 ? StreamSocket.peerAddress(raw) : StreamSocket.localAddress(raw)
        } catch {
            throw .errno(Errno(linux: error.errno))
        }
        guard let address else { throw .errno(.afnosupport) }
        let text = Array("\(address)".utf8)
        memory.store(UInt32(truncatingIfNeeded: text.count), in: out, at: 0)
        guard text.count <= buffer.count else { throw .errno(.msgsize) }
        memory.store(text.span, in: buffer)
    }
}
