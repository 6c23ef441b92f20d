// What can go wrong with the log.

package import LinuxKernel
package import MachineKey

package enum AuditError: Error, Hashable, Sendable, CustomStringConvertible {
    case key(MachineKeyError)
    /// The log has lines, but the key that would continue them is gone.
    case keyMissing(log: String, key: String)
    /// ENOSPC or EDQUOT: nothing of the batch was kept; the events wait in memory, up to the bound, for the next flush.
    case diskFull(path: String)
    case system(path: String, SystemError)

    package var description: String {
        switch self {
        case .key(let error): return "\(error)"
        case .keyMissing(let log, let key):
            return
                "audit log \(log) has lines, but its key \(key) is missing: restore the key, or move the log away to "
                + "begin a new one"
        case .diskFull(let path): return "audit log \(path): the disk is full; no event was written by half"
        case .system(let path, let error): return "audit log \(path): \(error)"
        }
    }
}
