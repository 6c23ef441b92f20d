// The supervisor's end of a cell's control socket, shared by the thread that hears the cell and the broker's threads.

import CellProtocol
import LinuxKernel

final class ControlSocket: Sendable {
    let socket: MessageSocket

    init(_ socket: consuming MessageSocket) {
        self.socket = socket
    }

    /// Answers the cell. A cell that is gone, or that lets its answers pile up, gets none.
    func reply(_ message: SupervisorMessage, descriptors: [Int32] = []) {
        _ = try? socket.send(message.encoded().span, descriptors: descriptors, wait: false)
    }
}
