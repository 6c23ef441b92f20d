// One mounted directory as the processes of one authority use it: the grant, the directory, and what its quotas have left.

internal import CapabilityModel
internal import LinuxKernel
internal import Synchronization

/// Lock rule: what is used changes only under `Mount.quotaLock`, which a call on a process with quotas holds from its
/// first look at a size to its last charge.
final class Mount: Sendable {
    /// One for all quotas, so that a call that concerns two mounts cannot wait for another that concerns the same two.
    static let quotaLock = Lock(())

    let grant: MountGrant
    /// The directory itself; guests have descriptors of their own for it.
    let status: FileStatus
    /// What the mount leaves of all WASI rights.
    let rights: Rights
    /// The root of all that is not granted: every path beneath it is denied.
    let isAbsentRoot: Bool
    /// The wider mount that this one was narrowed from; its quotas are charged too.
    private let parent: Mount?
    private let bytes = Atomic<UInt64>(0)
    private let files = Atomic<UInt64>(0)

    init(grant: MountGrant, status: FileStatus, within parent: Mount?) {
        self.grant = grant
        self.status = status
        rights = Rights.allowed(by: grant)
        isAbsentRoot = false
        self.parent = parent
    }

    private init(absentRoot status: FileStatus) {
        grant = MountGrant(guestPath: "/", hostPath: "", rights: [], symlinks: .refuse)
        self.status = status
        rights = []
        isAbsentRoot = true
        parent = nil
    }

    static func absentRoot(_ status: FileStatus) -> Mount { Mount(absentRoot: status) }

    func key(_ field: String) -> PolicyKey {
        isAbsentRoot ? PolicyKey("fs") : PolicyKey("\(grant.key.path).\(field)")
    }

    var usedBytes: UInt64 { bytes.load(ordering: .relaxed) }
    var usedFiles: UInt64 { files.load(ordering: .relaxed) }

    var hasByteQuota: Bool { grant.quotaBytes != nil || parent?.hasByteQuota ?? false }
    var hasQuota: Bool { grant.quotaBytes != nil || grant.quotaFiles != nil || parent?.hasQuota ?? false }

    func hasRoom(bytes count: UInt64) -> Bool {
        if let quota = grant.quotaBytes, count > quota - min(quota, usedBytes) { return false }
        return parent?.hasRoom(bytes: count) ?? true
    }

    func hasRoom(files count: UInt64) -> Bool {
        if let quota = grant.quotaFiles, count > quota - min(quota, usedFiles) { return false }
        return parent?.hasRoom(files: count) ?? true
    }

    /// Adds to what is used; what was already there when the program started is never counted.
    func charge(bytes added: UInt64 = 0, files made: UInt64 = 0) {
        bytes.store(Mount.sum(usedBytes, added), ordering: .relaxed)
        files.store(Mount.sum(usedFiles, made), ordering: .relaxed)
        parent?.charge(bytes: added, files: made)
    }

    /// Gives back, never below nothing: deleting what others made buys no more than the quota.
    func credit(bytes freed: UInt64 = 0, files removed: UInt64 = 0) {
        bytes.store(usedBytes - min(usedBytes, freed), ordering: .relaxed)
        files.store(usedFiles - min(usedFiles, removed), ordering: .relaxed)
        parent?.credit(bytes: freed, files: removed)
    }

    private static func sum(_ left: UInt64, _ right: UInt64) -> UInt64 {
        left.addingReportingOverflow(right).overflow ? .max : left + right
    }
}

/// That a file of a mount with a quota is open somewhere in this cell: removing its last name does not free its bytes.
final class OpenHold: Sendable {
    private struct File: Hashable {
        let device: UInt64
        let inode: UInt64
    }

    private static let open = Lock<[File: Int]>([:])

    private let file: File

    init(_ status: FileStatus) {
        file = File(device: status.device, inode: status.inode)
        let file = file
        OpenHold.open.withLock { $0[file, default: 0] += 1 }
    }

    deinit {
        let file = file
        OpenHold.open.withLock { open in
            open[file, default: 1] -= 1
            if open[file] == 0 { open[file] = nil }
        }
    }

    static func contains(_ status: FileStatus) -> Bool {
        let file = File(device: status.device, inode: status.inode)
        return open.withLock { $0[file] != nil }
    }
}
