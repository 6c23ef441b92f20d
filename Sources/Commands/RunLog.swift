// Where a run's events go: the audit log, and the last denials kept for the report.

import AuditLog
import CapabilityModel
import CellSupervisor
import LinuxKernel

final class RunLog: RunObserver {
    private let writer: AuditWriter
    private(set) var denials = DenialHistory()
    /// Whether an event was lost. Before the guest has started that is a reason not to start it.
    private(set) var hasFailed = false

    init(_ locations: Locations) throws(AuditError) {
        writer = try AuditWriter(directory: locations.auditDirectory, keyFile: locations.keyFile)
    }

    func event(_ event: AuditEvent) {
        if case .denied(let denial, let origins) = event.kind {
            denials.add(denial, origins: origins)
        }
        attempt { () throws(AuditError) in try writer.append(event) }
    }

    func record(_ kind: AuditEvent.Kind, process: String, policyDigest: String) {
        event(AuditEvent(process: process, policyDigest: policyDigest, isClaim: false, kind: kind))
    }

    var deadline: UInt64? { writer.deadline }

    func tick() {
        attempt { () throws(AuditError) in try writer.tick() }
    }

    /// Writes what waits. Before a guest starts, so that the log knows of it however we end.
    func flush() {
        attempt { () throws(AuditError) in try writer.flush() }
    }

    func close() {
        attempt { () throws(AuditError) in try writer.close() }
    }

    /// A log that cannot be written any more (a full disk) is said once, loudly; the guest that runs is not ended for it.
    private func attempt(_ body: () throws(AuditError) -> Void) {
        do throws(AuditError) {
            try body()
        } catch {
            if !hasFailed {
                StandardError.write("bulkhead: the audit log is incomplete from here: \(error)\n")
            }
            hasFailed = true
        }
    }
}
