// What a supervised child says to its supervisor: proc_lib:init_ack/1 and init_fail/2 of Erlang.

import CapabilityModel
import CellProtocol
import ProcessRuntime
import WASIPreview1
import WasmEngine

enum Supervised {
    static let functions: [BulkheadFunction] = [
        BulkheadFunction("start_ack", [.i32, .i32, .i32]) { attempt($0, $1, acknowledge) }
    ]

    private static let ready: UInt32 = 0
    private static let ignore: UInt32 = 1
    private static let failed: UInt32 = 2

    /// `start_ack(status, data, length)`: the start is over. 0: the child is ready, and its supervisor gets the data. 1: it is not
    /// needed, 2: it could not start, the data says why; then the call does not return, and the process ends.
    /// - Throws: `inval` another status, or data with 1; `fault`; `msgsize` more than 4096 bytes; `noent` nobody waits for it: the
    ///   process is no supervised child whose start is to be acknowledged, or it was said already.
    private static func acknowledge(
        _ context: GuestContext, _ call: borrowing HostCall, _ memory: GuestMemory
    ) throws(CallFailure) -> HostOutcome {
        let status = call.i32(0)
        let area = try memory.area(at: call.i32(1), count: call.i32(2))
        guard status <= failed, status != ignore || area.count == 0 else { throw .errno(.inval) }
        guard area.count <= Hosting.acknowledgementLimit else { throw .errno(.msgsize) }
        guard let order = context.grant.order else { throw .errno(.noent) }
        let data = memory.bytes(in: area)
        let process = context.process.id
        switch status {
        case ready:
            guard order.acknowledge(process, info: data) else { throw .errno(.noent) }
            return call.finish(.success)
        case ignore:
            guard order.decline(process, .ignored) else { throw .errno(.noent) }
            context.ending = .normal
        default:
            guard order.decline(process, .failed(data)) else { throw .errno(.noent) }
            context.ending = .bytes(data)
        }
        return .end
    }
}
