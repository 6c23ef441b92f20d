// Why a process ended, from how its last call did.

import CapabilityModel
import ProcessRuntime
import WasmEngine

extension GuestContext {
    /// `denial` is growth of its memory that was refused; `isNew`: it was not yet instantiated.
    func reason(of progress: CallProgress, denial: GrowthDenial?, isNew: Bool) -> ExitReason {
        switch progress {
        case .trapped(let trap): .trap(kind: trap.kind.rawValue, message: trap.message, backtrace: trap.backtrace)
        case .exited(let code): code == 0 ? .normal : .exited(code: code)
        case .ended:
            ending ?? process.pendingExit
                ?? .cellFailed(message: "a host function ended the process and gave no reason")
        case .failed(let message): reason(ofFailure: message, denial, isNew)
        case .yielded, .waiting, .finished: .cellFailed(message: "a call that goes on ended its process")
        }
    }

    /// A module that does not fit its memory limit cannot even be instantiated: that is the limit's doing.
    private func reason(ofFailure message: String, _ denial: GrowthDenial?, _ isNew: Bool) -> ExitReason {
        if let denial {
            // A 64-bit memory may ask for nearly all of 2^64 bytes.
            let (used, overflow) = denial.used.addingReportingOverflow(denial.requested)
            return .limit(.memory, used: overflow ? .max : used, allowed: denial.allowed)
        }
        return isNew ? .refused(message: message) : .cellFailed(message: message)
    }
}
