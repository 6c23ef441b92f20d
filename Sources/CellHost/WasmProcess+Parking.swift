// An idle handler without an instance: what differs from a new one is kept in its place.

import CapabilityModel
import LinuxKernel
import ProcessRuntime
import WasmEngine

extension WasmProcess {
    /// Called when the process is about to wait for messages: parks it if it has been idle for long enough.
    /// - Returns: when to look again; nil when it is parked, or never will be.
    func whenToPark() -> UInt64? {
        guard let idle = context.program.parkAfter, parked == nil else { return nil }
        let now = Clock.monotonicNow()
        guard let time = parkingTime else {
            parkingTime = now.addingReportingOverflow(idle).partialValue
            return parkingTime
        }
        guard now >= time else { return time }
        // Once in each idle time: what cannot be parked now could not be later.
        parkingTime = .max
        guard let made = store?.park(),
            context.grant.account.charge(.memory, UInt64(made.heldBytes)) == nil
        else { return nil }
        parked = StoredInstance(made)
        dropStore()
        context.program.tidier.instanceIsGone()
        return nil
    }

    /// Makes an instance again, as it was.
    /// - Returns: the end of the process, where there is no memory for it.
    func unpark() -> Suspension? {
        guard let parked = takeParked() else { return nil }
        let limits = context.grant.limits
        store = code.pool.unpark(
            parked, limits: StoreLimits(memoryBytes: limits.memory, tableElements: limits.tableElements),
            context: context, charge: context.grant.account)
        guard store?.isBusy == true, let progress = store?.poll() else { return nil }
        return finish(reason(of: progress))
    }

    func takeParked() -> ParkedInstance? {
        guard let stored = parked.take() else { return nil }
        let parked = stored.parked
        context.grant.account.refund(.memory, UInt64(parked.heldBytes))
        return parked
    }
}
