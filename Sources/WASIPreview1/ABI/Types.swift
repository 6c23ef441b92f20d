// preview 1's enumerations and flags, with the values of the specification.

internal import CapabilityModel
internal import LinuxKernel

/// `clockid`
package enum ClockID: UInt32, Sendable, CaseIterable {
    case realtime = 0
    case monotonic = 1
    case processCPUTime = 2
    case threadCPUTime = 3
}

/// `filetype`
package enum FileType: UInt8, Hashable, Sendable {
    case unknown = 0
    case blockDevice = 1
    case characterDevice = 2
    case directory = 3
    case regularFile = 4
    case socketDatagram = 5
    case socketStream = 6
    case symbolicLink = 7

    /// WASI has no FIFO, so one is `unknown`; a socket's name in a directory counts as a stream socket.
    init(_ kind: FileKind) {
        self =
            switch kind {
            case .unknown, .fifo: .unknown
            case .block: .blockDevice
            case .character: .characterDevice
            case .directory: .directory
            case .link: .symbolicLink
            case .regular: .regularFile
            case .socket: .socketStream
            }
    }
}

/// `fdflags`
package struct DescriptorFlags: OptionSet, Hashable, Sendable {
    package let rawValue: UInt16

    package init(rawValue: UInt16) {
        self.rawValue = rawValue
    }

    package static let append = DescriptorFlags(rawValue: 1)
    package static let dataSync = DescriptorFlags(rawValue: 2)
    package static let nonBlocking = DescriptorFlags(rawValue: 4)
    package static let readSync = DescriptorFlags(rawValue: 8)
    package static let sync = DescriptorFlags(rawValue: 16)
    static let all = DescriptorFlags(rawValue: 31)
    static let synchronous: DescriptorFlags = [.dataSync, .readSync, .sync]
}

/// `oflags`
package struct OpenMode: OptionSet, Hashable, Sendable {
    package let rawValue: UInt16

    package init(rawValue: UInt16) {
        self.rawValue = rawValue
    }

    package static let create = OpenMode(rawValue: 1)
    package static let directory = OpenMode(rawValue: 2)
    package static let exclusive = OpenMode(rawValue: 4)
    package static let truncate = OpenMode(rawValue: 8)
    static let all = OpenMode(rawValue: 15)
}

/// `fstflags`
package struct TimeFlags: OptionSet, Hashable, Sendable {
    package let rawValue: UInt16

    package init(rawValue: UInt16) {
        self.rawValue = rawValue
    }

    package static let accessed = TimeFlags(rawValue: 1)
    package static let accessedNow = TimeFlags(rawValue: 2)
    package static let modified = TimeFlags(rawValue: 4)
    package static let modifiedNow = TimeFlags(rawValue: 8)
    static let all = TimeFlags(rawValue: 15)
}

/// `lookupflags`
let lookupSymlinkFollow: UInt32 = 1

/// `rights`
package struct Rights: OptionSet, Hashable, Sendable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    private init(bit: UInt64) {
        rawValue = 1 << bit
    }

    package static let fdDatasync = Rights(bit: 0)
    package static let fdRead = Rights(bit: 1)
    package static let fdSeek = Rights(bit: 2)
    package static let fdFdstatSetFlags = Rights(bit: 3)
    package static let fdSync = Rights(bit: 4)
    package static let fdTell = Rights(bit: 5)
    package static let fdWrite = Rights(bit: 6)
    package static let fdAdvise = Rights(bit: 7)
    package static let fdAllocate = Rights(bit: 8)
    package static let pathCreateDirectory = Rights(bit: 9)
    package static let pathCreateFile = Rights(bit: 10)
    package static let pathLinkSource = Rights(bit: 11)
    package static let pathLinkTarget = Rights(bit: 12)
    package static let pathOpen = Rights(bit: 13)
    package static let fdReaddir = Rights(bit: 14)
    package static let pathReadlink = Rights(bit: 15)
    package static let pathRenameSource = Rights(bit: 16)
    package static let pathRenameTarget = Rights(bit: 17)
    package static let pathFilestatGet = Rights(bit: 18)
    package static let pathFilestatSetSize = Rights(bit: 19)
    package static let pathFilestatSetTimes = Rights(bit: 20)
    package static let fdFilestatGet = Rights(bit: 21)
    package static let fdFilestatSetSize = Rights(bit: 22)
    package static let fdFilestatSetTimes = Rights(bit: 23)
    package static let pathSymlink = Rights(bit: 24)
    package static let pathRemoveDirectory = Rights(bit: 25)
    package static let pathUnlinkFile = Rights(bit: 26)
    package static let pollFdReadwrite = Rights(bit: 27)
    package static let sockShutdown = Rights(bit: 28)
    package static let sockAccept = Rights(bit: 29)

    /// What applies to a regular file.
    package static let file: Rights = [
        .fdDatasync, .fdRead, .fdSeek, .fdFdstatSetFlags, .fdSync, .fdTell, .fdWrite, .fdAdvise, .fdAllocate,
        .fdFilestatGet, .fdFilestatSetSize, .fdFilestatSetTimes, .pollFdReadwrite,
    ]

    /// What applies to a directory.
    package static let directory: Rights = [
        .fdDatasync, .fdFdstatSetFlags, .fdSync, .pathCreateDirectory, .pathCreateFile, .pathLinkSource,
        .pathLinkTarget, .pathOpen, .fdReaddir, .pathReadlink, .pathRenameSource, .pathRenameTarget, .pathFilestatGet,
        .pathFilestatSetSize, .pathFilestatSetTimes, .fdFilestatGet, .fdFilestatSetTimes, .pathSymlink,
        .pathRemoveDirectory, .pathUnlinkFile,
    ]

    /// What applies to a pipe, a terminal or a FIFO.
    package static let stream: Rights = [
        .fdRead, .fdWrite, .fdFdstatSetFlags, .fdFilestatGet, .pollFdReadwrite,
    ]

    /// What applies to a connected socket.
    package static let socket: Rights = stream.union(.sockShutdown)

    /// What applies to a listening socket; wasi-libc asks for read to poll it.
    package static let listener: Rights = [
        .fdRead, .fdFdstatSetFlags, .fdFilestatGet, .pollFdReadwrite, .sockAccept, .sockShutdown,
    ]

    private static let needsRead: Rights = [.fdRead, .fdReaddir, .pathReadlink]
    private static let needsWrite: Rights = [
        .fdWrite, .fdAllocate, .fdFilestatSetSize, .fdFilestatSetTimes, .pathFilestatSetSize, .pathFilestatSetTimes,
    ]
    private static let needsCreate: Rights = [
        .pathCreateDirectory, .pathCreateFile, .pathLinkTarget, .pathRenameTarget, .pathSymlink,
    ]
    private static let needsDelete: Rights = [.pathRenameSource, .pathRemoveDirectory, .pathUnlinkFile]

    /// What a mount leaves of all rights.
    static func allowed(by grant: MountGrant) -> Rights {
        var rights = Rights.file.union(.directory)
        if !grant.rights.contains(.read) { rights.subtract(needsRead) }
        if !grant.rights.contains(.write) { rights.subtract(needsWrite) }
        if !grant.rights.contains(.create) { rights.subtract(needsCreate) }
        if !grant.rights.contains(.delete) { rights.subtract(needsDelete) }
        if grant.symlinks != .create { rights.remove(.pathSymlink) }
        return rights
    }
}
