// One mounted directory as the process uses it: the grant, the directory, and what its quotas have left.

internal import CapabilityModel
internal import LinuxKernel

final class Mount {
    let grant: MountGrant
    /// The directory itself; guests have descriptors of their own for it.
    let status: FileStatus
    /// What the mount leaves of all WASI rights.
    let rights: Rights
    /// The root of all that is not granted: every path beneath it is denied.
    let isAbsentRoot: Bool
    private(set) var usedBytes: UInt64 = 0
    private(set) var usedFiles: UInt64 = 0

    init(grant: MountGrant, status: FileStatus) {
        self.grant = grant
        self.status = status
        rights = Rights.allowed(by: grant)
        isAbsentRoot = false
    }

    private init(absentRoot status: FileStatus) {
        grant = MountGrant(guestPath: "/", hostPath: "", rights: [], symlinks: .refuse)
        self.status = status
        rights = []
        isAbsentRoot = true
    }

    static func absentRoot(_ status: FileStatus) -> Mount { Mount(absentRoot: status) }

    func key(_ field: String) -> PolicyKey {
        isAbsentRoot ? PolicyKey("fs") : PolicyKey("\(grant.key.path).\(field)")
    }

    var hasQuota: Bool { grant.quotaBytes != nil || grant.quotaFiles != nil }

    func hasRoom(bytes: UInt64) -> Bool {
        guard let quota = grant.quotaBytes else { return true }
        return bytes <= quota - min(quota, usedBytes)
    }

    func hasRoom(files: UInt64) -> Bool {
        guard let quota = grant.quotaFiles else { return true }
        return files <= quota - min(quota, usedFiles)
    }

    /// Adds to what is used; what was already there when the process started is never counted.
    func charge(bytes: UInt64 = 0, files: UInt64 = 0) {
        usedBytes = usedBytes.addingReportingOverflow(bytes).overflow ? .max : usedBytes + bytes
        usedFiles = usedFiles.addingReportingOverflow(files).overflow ? .max : usedFiles + files
    }

    /// Gives back, never below nothing: deleting what others made buys no more than the quota.
    func credit(bytes: UInt64 = 0, files: UInt64 = 0) {
        usedBytes -= min(usedBytes, bytes)
        usedFiles -= min(usedFiles, files)
    }
}
