// The guest's descriptors: small integers that lead to open files, in one table per process.

internal import CapabilityModel
internal import LinuxKernel

/// A descriptor that several may hold.
final class OpenFile {
    let file: OwnedFileDescriptor

    init(_ file: consuming OwnedFileDescriptor) {
        self.file = file
    }
}

/// One open file of the guest. Closed when its last reference goes.
final class Descriptor {
    enum Kind: Hashable {
        case regular, directory, stream, connection, listener
    }

    /// What keeps a read or write from blocking the thread.
    enum Waiting: Hashable {
        /// Regular files and directories: the disk may take time, nothing else.
        case never
        /// The open file description is ours and non-blocking: try, and wait on EAGAIN.
        case nonBlocking
        /// The description is shared with other processes, so it keeps its mode: try with RWF_NOWAIT.
        case shared
        /// As `shared`, where the kernel knows no RWF_NOWAIT: poll(2) first, and write no more than PIPE_BUF.
        case polled
    }

    let file: OpenFile
    let kind: Kind
    let type: FileType
    let device: UInt64
    let inode: UInt64
    /// The mount beneath which it was opened; nil for standard streams and sockets.
    let mount: Mount?
    /// The name of a preopened directory.
    let preopenName: [UInt8]?
    /// False for the absent root: it counts towards no limit, and only path calls and a libc's search see it.
    let isCounted: Bool
    var waiting: Waiting
    var base: Rights
    var inheriting: Rights
    var flags: DescriptorFlags
    /// A preopened directory is an O_PATH handle; this one, opened on first use, can be listed and synced.
    var readable: OpenFile?

    var raw: Int32 { file.file.rawValue }

    init(
        file: consuming OwnedFileDescriptor, kind: Kind, type: FileType, status: FileStatus, mount: Mount?,
        preopenName: [UInt8]? = nil, waiting: Waiting, isCounted: Bool = true, base: Rights, inheriting: Rights,
        flags: DescriptorFlags
    ) {
        self.file = OpenFile(file)
        self.kind = kind
        self.type = type
        device = status.device
        inode = status.inode
        self.mount = mount
        self.preopenName = preopenName
        self.isCounted = isCounted
        self.waiting = waiting
        self.base = base
        self.inheriting = inheriting
        self.flags = flags
    }

    /// A connection that was accepted.
    init(accepted file: OpenFile, flags: DescriptorFlags, inheriting: Rights) throws(CallFailure) {
        let raw = file.file.rawValue
        let status = try kernel(try FileDescriptorCalls.status(raw))
        self.file = file
        kind = .connection
        type = SocketCalls.kind(raw)?.isStream == false ? .socketDatagram : .socketStream
        device = status.device
        inode = status.inode
        mount = nil
        preopenName = nil
        isCounted = true
        waiting = .nonBlocking
        base = Rights.socket.intersection(inheriting)
        self.inheriting = []
        self.flags = flags
    }

    func isFile(_ status: FileStatus) -> Bool {
        device == status.device && inode == status.inode
    }
}

struct DescriptorTable {
    private var slots: [Descriptor?]
    private(set) var count = 0
    /// How many may be open at once.
    let limit: Int

    /// 0, 1 and 2 are the standard streams' and never handed out for anything else.
    static let firstFree = 3

    init(limit: UInt32) {
        self.limit = Int(limit)
        slots = Array(repeating: nil, count: DescriptorTable.firstFree)
    }

    var hasRoom: Bool { count < limit }

    subscript(fd: UInt32) -> Descriptor? {
        // `UInt(fd)` first: a guest's descriptor may be any 32 bits.
        Int(fd) < slots.count ? slots[Int(fd)] : nil
    }

    func contains(_ status: FileStatus) -> Bool {
        slots.contains { $0?.isFile(status) ?? false }
    }

    /// Takes the lowest free descriptor; the caller has asked `hasRoom`.
    mutating func insert(_ descriptor: Descriptor) -> UInt32 {
        count += descriptor.isCounted ? 1 : 0
        for index in DescriptorTable.firstFree..<max(slots.count, DescriptorTable.firstFree) where slots[index] == nil {
            slots[index] = descriptor
            return UInt32(index)
        }
        slots.append(descriptor)
        return UInt32(slots.count - 1)
    }

    /// Sets a standard stream, `index` below 3.
    mutating func setStandard(_ index: Int, _ descriptor: Descriptor) {
        if slots[index] == nil { count += 1 }
        slots[index] = descriptor
    }

    /// - Returns: false when there is none.
    mutating func remove(_ fd: UInt32) -> Bool {
        guard let descriptor = self[fd] else { return false }
        slots[Int(fd)] = nil
        count -= descriptor.isCounted ? 1 : 0
        return true
    }

    /// Both are open; `to`'s is closed, `from` becomes free.
    mutating func move(from: UInt32, to: UInt32) {
        guard from != to, let moving = self[from], let closed = self[to] else { return }
        slots[Int(to)] = moving
        slots[Int(from)] = nil
        count -= closed.isCounted ? 1 : 0
    }
}
