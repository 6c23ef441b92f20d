// The cell's end of its control socket.

import CellProtocol
import LinuxKernel
import Synchronization

/// Any thread may send: a message goes whole, by one system call. One thread at a time receives.
final class ControlChannel: Sendable {
    /// Where the supervisor puts it.
    static let socketDescriptor: Int32 = 3

    private struct Inbox {
        var buffer = [UInt8](repeating: 0, count: 4096)
        var isOpen = true
    }

    private let socket: MessageSocket
    /// The socket's other number, once the process is sealed: the only one that sendmsg(2) may be used on then.
    private let sealedDescriptor = Atomic<Int32>(ControlChannel.socketDescriptor)
    private let inbox = Mutex(Inbox())

    init() {
        socket = MessageSocket(OwnedFileDescriptor(taking: ControlChannel.socketDescriptor))
    }

    var descriptor: Int32 { socket.descriptor.rawValue }

    /// Gives the socket the number that the filter will know it by, before the limit of descriptors is lowered to it. It
    /// stays open for good.
    func prepareToSeal(_ number: UInt32) throws {
        // As far as the hard limit goes; it is lowered next.
        try ResourceLimit.lower("nofile", to: ResourceLimit.unlimited)
        let raw = try Descriptor.duplicate(socket.descriptor.rawValue, atLeast: Int32(clamping: number)).release()
        guard raw == Int32(clamping: number) else { throw WireError.invalid("number of the control socket") }
        sealedDescriptor.store(raw, ordering: .releasing)
    }

    /// Makes room for messages as long as they may be: orders are, and what else the supervisor says is short.
    func expectOrders() {
        inbox.withLock { $0.buffer = [UInt8](repeating: 0, count: controlMessageLimit) }
    }

    /// False when the message did not go: there was no room and `waits` is false, or the supervisor is gone.
    func send(_ message: CellMessage, waits: Bool) -> Bool {
        let bytes = message.encoded()
        guard bytes.count <= controlMessageLimit else { return false }
        return (try? MessageSocket.send(bytes.span, on: sealedDescriptor.load(ordering: .acquiring), wait: waits))
            ?? false
    }

    /// False once the supervisor is gone, or said what this version does not know.
    var isOpen: Bool { inbox.withLock(\.isOpen) }

    /// The next message with its descriptors; nil when there is none yet, or none will come (`isOpen`).
    func receive(waits: Bool) -> (message: SupervisorMessage, descriptors: [Int32])? {
        inbox.withLock { inbox in
            var descriptors: [Int32] = []
            let count: Int
            do {
                var span = inbox.buffer.mutableSpan
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
            guard count > 0, let message = try? SupervisorMessage(decoding: Array(inbox.buffer[..<count])) else {
                inbox.isOpen = false
                return nil
            }
            return (message, descriptors)
        }
    }
}
