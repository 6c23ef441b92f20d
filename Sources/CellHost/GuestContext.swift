// What a guest's host functions work on: one object for each process, handed to each call by the engine.

import CapabilityModel
import CellProtocol
import LinuxKernel
import ProcessRuntime
import WASIPreview1

final class GuestContext {
    let wasi: WASIProcess
    let reporter: DenialReporter
    let control: ControlChannel
    let onDenied: DenialMode
    /// What the call that answered `.wait` waits for; taken when the fiber is suspended.
    var wait: Wait?
    /// A connection that the broker was asked for and has not answered.
    var connection: PendingConnection?
    private var nextConnection: UInt32 = 0

    struct PendingConnection {
        var id: UInt32
    }

    init(wasi: WASIProcess, reporter: DenialReporter, control: ControlChannel, onDenied: DenialMode) {
        self.wasi = wasi
        self.reporter = reporter
        self.control = control
        self.onDenied = onDenied
    }

    func takeWait() -> Wait {
        defer { wait = nil }
        // A call that waits says for what; with nothing said, going on at once is the answer that cannot hang.
        return wait ?? Wait(descriptors: [], deadline: 0)
    }

    func makeConnectionID() -> UInt32 {
        nextConnection &+= 1
        return nextConnection
    }
}
