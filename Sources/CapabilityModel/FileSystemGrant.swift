// What a process may do beneath one mounted directory.

/// Rights beneath a mount. Reading a directory's names counts as `read`.
package struct FileRights: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    package static let read = FileRights(rawValue: 1)
    /// Change the content, size and times of existing files.
    package static let write = FileRights(rawValue: 2)
    /// Make files, directories, links; the target side of a rename.
    package static let create = FileRights(rawValue: 4)
    /// Unlink, rmdir; the source side of a rename.
    package static let delete = FileRights(rawValue: 8)

    package static let readOnly: FileRights = [.read]
    package static let readWrite: FileRights = [.read, .write, .create, .delete]
}

/// What a path may do at a symbolic link. No policy lets a link lead out of its mount.
package enum SymlinkPolicy: UInt8, Sendable, Comparable, CustomStringConvertible {
    /// A link anywhere in a path is refused, and none may be made.
    case refuse = 0
    /// Links that stay beneath the mount are followed; none may be made.
    case follow = 1
    /// As `follow`, and the guest may make links.
    case create = 2

    /// As policies write it, without reflection.
    package var description: String {
        switch self {
        case .refuse: "refuse"
        case .follow: "follow"
        case .create: "create"
        }
    }

    package static func < (left: SymlinkPolicy, right: SymlinkPolicy) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// One directory of the host, seen by the guest at a path of its own.
package struct MountGrant: Hashable, Sendable {
    /// Absolute, normalised: no `.`, `..`, empty component or trailing slash but for `/` itself.
    package var guestPath: String
    /// Absolute, normalised path on the host.
    package var hostPath: String
    package var rights: FileRights
    package var symlinks: SymlinkPolicy
    /// The most bytes that files written through the mount may add; nil is no quota.
    package var quotaBytes: UInt64?
    /// The most files and directories the guest may make through the mount; nil is no quota.
    package var quotaFiles: UInt64?

    package init(
        guestPath: String, hostPath: String, rights: FileRights, symlinks: SymlinkPolicy = .follow,
        quotaBytes: UInt64? = nil, quotaFiles: UInt64? = nil
    ) {
        self.guestPath = guestPath
        self.hostPath = hostPath
        self.rights = rights
        self.symlinks = symlinks
        self.quotaBytes = quotaBytes
        self.quotaFiles = quotaFiles
    }

    /// The key path that a denial beneath this mount points at.
    package var key: PolicyKey { PolicyKey("fs[\"\(guestPath)\"]") }
}
