// The guest's descriptors: small integers that lead to open files, in one table per process.

internal import CapabilityModel
internal import LinuxKernel
internal import ProcessRuntime
internal import Synchronization

/// One open file of the guest, and what this descriptor of it may do. A value: processes share it, and whoever changes
/// something puts another one in its place.
final class Descriptor: Sendable {
    enum Kind: Hashable {
        case regular, directory, stream, connection, listener
    }

    /// What keeps a read or write from blocking the thread.
    enum Waiting: Hashable {
        /// Regular files and directories: the disk may take time, nothing else.
        case never
        /// The open file description is ours and non-blocking: try, and wait on EAGAIN.
        case nonBlocking
        /// The description is shared with other OS processes, so it keeps its mode: try with RWF_NOWAIT, and where the
        /// kernel knows none poll(2) first, and write no more than PIPE_BUF.
        case shared
        /// As `nonBlocking`; each write goes as a frame that says whose it is (`CapturedOutput`).
        case framed
    }

    /// Which grant it came by.
    enum Origin: Hashable {
        case standardStream(Int)
        case mount
        /// A connection that was made, or a socket bound or listening or accepted by one: the rules it needed.
        case connect([NetworkGrant])
        case listen([NetworkGrant])
    }

    /// What `with` may change.
    struct Traits: Sendable {
        /// The mount beneath which it was opened; nil for standard streams and sockets.
        var mount: Mount?
        /// The name of a preopened directory.
        var preopenName: [UInt8]?
        /// False for the absent root: it counts towards no limit, and only path calls and a libc's search see it.
        var isCounted = true
        /// Paid for by the process's account, because the process did not start with it.
        var isCharged = false
        var base: Rights
        var inheriting: Rights
        /// But for `append`, which is the open file's.
        var flags: DescriptorFlags = []
        /// The position is not this process's alone, or there is none (O_PATH): `readable`, made on first use, lists and
        /// syncs a directory.
        var needsOwnHandle = false
        var readable: OpenFile?
    }

    let file: OpenFile
    let kind: Kind
    let type: FileType
    /// Of files and directories; what has neither has 0.
    let device: UInt64
    let inode: UInt64
    let waiting: Waiting
    let origin: Origin
    let traits: Traits

    var raw: Int32 { file.raw }
    var mount: Mount? { traits.mount }
    var preopenName: [UInt8]? { traits.preopenName }
    var isCounted: Bool { traits.isCounted }
    var base: Rights { traits.base }
    var inheriting: Rights { traits.inheriting }
    var isNonBlocking: Bool { traits.flags.contains(.nonBlocking) }

    var flags: DescriptorFlags {
        file.appends.load(ordering: .relaxed) ? traits.flags.union(.append) : traits.flags.subtracting(.append)
    }

    init(
        file: OpenFile, kind: Kind, type: FileType, status: FileStatus?, waiting: Waiting, origin: Origin,
        _ traits: Traits
    ) {
        self.file = file
        self.kind = kind
        self.type = type
        device = status?.device ?? 0
        inode = status?.inode ?? 0
        self.waiting = waiting
        self.origin = origin
        self.traits = traits
    }

    private init(_ other: Descriptor, _ traits: Traits) {
        file = other.file
        kind = other.kind
        type = other.type
        device = other.device
        inode = other.inode
        waiting = other.waiting
        origin = other.origin
        self.traits = traits
    }

    func with(_ change: (inout Traits) -> Void) -> Descriptor {
        var changed = traits
        change(&changed)
        return Descriptor(self, changed)
    }

    func isFile(_ status: FileStatus) -> Bool {
        device == status.device && inode == status.inode
    }
}

/// Copied on write: what a process starts with is one table for all that started alike.
struct DescriptorTable {
    private var slots: [Descriptor?]
    private var counted: Int32 = 0
    /// None below is free.
    private var lowestFree = Int32(DescriptorTable.firstNumber)

    /// 0, 1 and 2 are the standard streams' and never handed out for anything else.
    static let firstNumber = 3

    init() {
        slots = Array(repeating: nil, count: DescriptorTable.firstNumber)
    }

    private(set) var count: Int {
        get { Int(counted) }
        set { counted = Int32(newValue) }
    }

    private var firstFree: Int {
        get { Int(lowestFree) }
        set { lowestFree = Int32(newValue) }
    }

    subscript(fd: UInt32) -> Descriptor? {
        // `Int(fd)` first: a guest's descriptor may be any 32 bits.
        Int(fd) < slots.count ? slots[Int(fd)] : nil
    }

    /// How many of them the process's account paid for.
    var chargedCount: Int { slots.count { $0?.traits.isCharged ?? false } }

    /// Takes the lowest free descriptor; the caller has asked `hasRoom`.
    mutating func insert(_ descriptor: Descriptor) -> UInt32 {
        count += descriptor.isCounted ? 1 : 0
        while firstFree < slots.count && slots[firstFree] != nil { firstFree += 1 }
        if firstFree == slots.count {
            slots.append(descriptor)
        } else {
            slots[firstFree] = descriptor
        }
        firstFree += 1
        return UInt32(firstFree - 1)
    }

    /// Sets a standard stream, `index` below 3.
    mutating func setStandard(_ index: Int, _ descriptor: Descriptor) {
        if slots[index] == nil { count += 1 }
        slots[index] = descriptor
    }

    /// Puts another value in the place of an open descriptor.
    mutating func replace(_ fd: UInt32, _ descriptor: Descriptor) {
        if self[fd] != nil { slots[Int(fd)] = descriptor }
    }

    /// - Returns: what was open; nil when nothing was.
    mutating func remove(_ fd: UInt32) -> Descriptor? {
        guard let descriptor = self[fd] else { return nil }
        slots[Int(fd)] = nil
        if Int(fd) >= DescriptorTable.firstNumber { firstFree = min(firstFree, Int(fd)) }
        count -= descriptor.isCounted ? 1 : 0
        return descriptor
    }

    /// Both are open; `to`'s is closed, `from` becomes free.
    /// - Returns: what `to` was.
    mutating func move(from: UInt32, to: UInt32) -> Descriptor? {
        guard from != to, let moving = self[from], let closed = self[to] else { return nil }
        slots[Int(to)] = moving
        slots[Int(from)] = nil
        if Int(from) >= DescriptorTable.firstNumber { firstFree = min(firstFree, Int(from)) }
        count -= closed.isCounted ? 1 : 0
        return closed
    }
}
