// Answers on their way to the cell, in order. One that does not read them fills its socket, then its allowance of requests.

import CellProtocol
import LinuxKernel

final class AnswerQueue {
    private let mail: BrokerMail
    private let control: ControlSocket
    private var queue: [(answer: BrokerAnswer, descriptor: HeldDescriptor?)] = []

    init(mail: BrokerMail, control: ControlSocket) {
        self.mail = mail
        self.control = control
    }

    /// What becomes writable when there is room again.
    var raw: Int32 { control.socket.descriptor.rawValue }

    func add(_ answer: BrokerAnswer, _ descriptor: HeldDescriptor? = nil) {
        queue.append((answer, descriptor))
    }

    /// Sends what there is room for.
    /// - Returns: whether the rest has to wait for room.
    func send() -> Bool {
        var sent = 0
        defer { queue.removeFirst(sent) }
        for (answer, descriptor) in queue {
            let bytes = SupervisorMessage.answered(answer).encoded()
            let descriptors = descriptor.map { [$0.raw] } ?? []
            do throws(SystemError) {
                guard try control.socket.send(bytes.span, descriptors: descriptors, wait: false) else { return true }
            } catch {
                // The cell is gone, and with it whoever asked.
            }
            mail.settle()
            sent += 1
        }
        return false
    }
}
