// What stat(2) says of a file, as a value.

internal import Glibc

package enum FileKind: UInt8, Hashable, Sendable {
    case unknown, block, character, directory, fifo, link, regular, socket

    /// From the S_IFMT bits of a mode (inode(7)).
    init(mode: UInt32) {
        switch mode & 0o170000 {
        case 0o060000: self = .block
        case 0o020000: self = .character
        case 0o040000: self = .directory
        case 0o010000: self = .fifo
        case 0o120000: self = .link
        case 0o100000: self = .regular
        case 0o140000: self = .socket
        default: self = .unknown
        }
    }

    /// From `d_type` of getdents64(2).
    package init(directoryEntry: UInt8) {
        switch directoryEntry {
        case 1: self = .fifo
        case 2: self = .character
        case 4: self = .directory
        case 6: self = .block
        case 8: self = .regular
        case 10: self = .link
        case 12: self = .socket
        default: self = .unknown
        }
    }
}

/// The fields of stat(2) that a guest may see; times in nanoseconds since 1970, those before it as 0.
package struct FileStatus: Hashable, Sendable {
    package var device: UInt64
    package var inode: UInt64
    package var kind: FileKind
    package var links: UInt64
    package var size: UInt64
    package var accessed: UInt64
    package var modified: UInt64
    package var changed: UInt64

    init(_ status: stat) {
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        kind = FileKind(mode: status.st_mode)
        links = UInt64(status.st_nlink)
        size = UInt64(max(0, status.st_size))
        accessed = FileStatus.nanoseconds(status.st_atim)
        modified = FileStatus.nanoseconds(status.st_mtim)
        changed = FileStatus.nanoseconds(status.st_ctim)
    }

    private static func nanoseconds(_ time: timespec) -> UInt64 {
        guard time.tv_sec >= 0 else { return 0 }
        let (seconds, overflow) = UInt64(time.tv_sec).multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? .max : seconds &+ UInt64(time.tv_nsec)
    }

    package func isSameFile(as other: FileStatus) -> Bool {
        device == other.device && inode == other.inode
    }
}

/// What to do to one of a file's times.
package enum FileTime: Hashable, Sendable {
    case keep
    case now
    /// Nanoseconds since 1970.
    case at(UInt64)

    /// utimensat(2)'s way to say it.
    var specification: timespec {
        switch self {
        case .keep: timespec(tv_sec: 0, tv_nsec: 0x3fff_fffe)
        case .now: timespec(tv_sec: 0, tv_nsec: 0x3fff_ffff)
        case .at(let nanoseconds):
            timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
        }
    }
}
