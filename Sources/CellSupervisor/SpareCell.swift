// A cell that has been started and waits for its plan. Loading its program and the engine takes longer than anything
// else in a short run, so it goes on while the supervisor reads policies and finds the module.

import CellProtocol
import LinuxKernel

package final class SpareCell: Sendable {
    let process: PidFD
    let control: ControlSocket
    /// The cell's own stderr: what its runtime says when the cell itself fails. Read only then.
    let lastWords: OwnedFileDescriptor

    /// Starts a cell that knows nothing yet and may do nothing. It ends when this object goes unused with its supervisor.
    ///
    /// The calling thread must outlive it: the kernel kills the cell when that thread ends (PR_SET_PDEATHSIG).
    /// - Parameter executable: absolute path of bulkhead-cell.
    /// - Throws: `CellError.system` with what spawning could not do.
    package init(executable: String) throws(CellError) {
        do throws(SystemError) {
            let (ours, other) = try UnixSocketPair().release()
            control = ControlSocket(MessageSocket(OwnedFileDescriptor(taking: ours)))
            let theirs = OwnedFileDescriptor(taking: other)
            let words = try Pipe(nonBlocking: true)
            var spawn = SpawnRequest(executable: executable, arguments: ["bulkhead-cell"])
            spawn.descriptors = [.init(theirs.rawValue, as: 3), .init(words.writeEnd.rawValue, as: 2)]
            spawn.environment = [SpawnRequest.noBacktrace]
            spawn.limits = [("core", 0)]
            process = try Spawn.start(spawn)
            lastWords = words.closeWriteEnd()
        } catch {
            throw .system(error, doing: "start the cell")
        }
    }

    /// Gives the cell its plan, with the descriptors that the plan counts.
    func hand(_ plan: CellPlan, _ descriptors: [Int32]) throws(SystemError) {
        let planFile = try OwnedFileDescriptor(memoryNamed: "bulkhead-plan", sealable: true)
        try planFile.writeAll(plan.encoded())
        try planFile.seal()
        try HostFile.rewind(planFile)
        try control.socket.send(SupervisorMessage.run.encoded(), descriptors: [planFile.rawValue] + descriptors)
    }
}
