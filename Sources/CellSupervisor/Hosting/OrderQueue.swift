// Messages on their way to a hosted cell, in order: they wait here while it has no room for them.

import CellProtocol
import LinuxKernel

/// Belongs to the thread that runs the cell.
final class OrderQueue {
    private struct Entry {
        let bytes: [UInt8]
        let descriptors: [HeldDescriptor]
    }

    /// Bytes that a cell may let wait; one that hears nothing any more is of no use.
    static let limit = 64 << 20

    private let control: ControlSocket
    private var entries: ArraySlice<Entry> = []
    private(set) var waitingBytes = 0

    init(_ control: ControlSocket) {
        self.control = control
    }

    var isEmpty: Bool { entries.isEmpty }

    /// Sends it, or keeps it with descriptors of its own: those that are given stay the caller's.
    /// - Throws: what dup(2) says; then it is not sent.
    func add(_ message: SupervisorMessage, descriptors: [Int32] = []) throws(SystemError) {
        let bytes = message.encoded()
        if entries.isEmpty {
            do throws(SystemError) {
                if try control.socket.send(bytes.span, descriptors: descriptors, wait: false) { return }
            } catch {
                // The cell is gone, of which its process tells.
                return
            }
        }
        var held: [HeldDescriptor] = []
        for raw in descriptors { held.append(HeldDescriptor(try Descriptor.duplicate(raw))) }
        entries.append(Entry(bytes: bytes, descriptors: held))
        waitingBytes += bytes.count
    }

    /// Sends what there is room for.
    func flush() {
        while let next = entries.first {
            do throws(SystemError) {
                let raws = next.descriptors.map(\.raw)
                guard try control.socket.send(next.bytes.span, descriptors: raws, wait: false) else { return }
            } catch {
                return drop()
            }
            entries.removeFirst()
            waitingBytes -= next.bytes.count
        }
        entries = []
    }

    /// Nobody will hear it.
    func drop() {
        entries = []
        waitingBytes = 0
    }
}
