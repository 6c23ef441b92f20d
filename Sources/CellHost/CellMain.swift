// A cell from its first instruction to its last: hear the plan, load, seal, run, report, end.

import CapabilityModel
import CellProtocol
import Glibc
import LinuxKernel
import ProcessRuntime

package enum CellMain {
    /// Never returns: a cell ends with its first process, by _exit(2), for there is nothing to tidy that the kernel does not.
    package static func run() -> Never {
        let control = ControlChannel()
        let warm = WarmEngine()
        guard let (message, descriptors) = control.receive(waits: true), case .run = message else {
            StandardError.write("bulkhead-cell: started without a supervisor\n")
            _exit(70)
        }
        // A guest that writes to a closed pipe, or past a file size limit, gets an errno: it must not end the cell.
        try? Signal.ignore(Signal.pipe)
        try? Signal.ignore(Signal.fileSizeLimit)
        let reporter = DenialReporter(control: control)
        let reason = runProgram(descriptors, warm: warm, control: control, reporter: reporter)
        reporter.finish()
        _ = control.send(.exited(reason.bounded()), waits: true)
        _exit(0)
    }

    private static func runProgram(
        _ descriptors: [Int32], warm: WarmEngine, control: ControlChannel, reporter: DenialReporter
    ) -> ExitReason {
        do {
            let loaded = try LoadedProgram(descriptors, warm: warm, control: control, reporter: reporter)
            let (root, invocation) = try loaded.start()
            let reason = loaded.program.runtime.run(root: root)
            if let results = invocation?.results, !results.isEmpty {
                _ = control.send(.results(results), waits: true)
            }
            return reason
        } catch let error as LoadedProgram.Refusal {
            return .refused(message: error.message)
        } catch {
            return .cellFailed(message: "\(error)")
        }
    }
}
