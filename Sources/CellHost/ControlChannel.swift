// The cell's end of its control socket.

import CellProtocol
import LinuxKernel

final class ControlChannel {
    /// Where the supervisor puts it.
    static let descriptor: Int32 = 3

    let socket: MessageSocket
    private var buffer = [UInt8](repeating: 0, count: 4096)

    init() {
        socket = MessageSocket(OwnedFileDescriptor(taking: ControlChannel.descriptor))
    }

    /// False when the message did not go: there was no room and `waits` is false, or the supervisor is gone.
    func send(_ message: CellMessage, waits: Bool) -> Bool {
        let bytes = message.encoded()
        guard bytes.count <= controlMessageLimit else { return false }
        return (try? socket.send(bytes.span, wait: waits)) ?? false
    }

    /// False once the supervisor is gone, or said what this version does not know.
    private(set) var isOpen = true

    /// The next message with its descriptors; nil when there is none yet, or none will come (`isOpen`).
    func receive(waits: Bool) -> (message: SupervisorMessage, descriptors: [Int32])? {
        var descriptors: [Int32] = []
        let count: Int
        do {
            var span = buffer.mutableSpan
            guard var received = try socket.receive(into: &span, maximumDescriptors: 253, wait: waits) else {
                return nil
            }
            count = received.isTruncated ? 0 : received.count
            while let next = received.descriptors.takeFirst() {
                descriptors.append(next.release())
            }
        } catch {
            count = 0
        }
        guard count > 0, let message = try? SupervisorMessage(decoding: Array(buffer[..<count])) else {
            isOpen = false
            return nil
        }
        return (message, descriptors)
    }
}
