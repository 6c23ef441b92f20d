// preview 1's structures as they lie in guest memory: little-endian, fields at the specification's offsets.

internal import LinuxKernel

/// `filestat`: 64 bytes.
enum FileStatLayout {
    static let size = 64

    static func store(_ status: FileStatus, type: FileType, in memory: GuestMemory, at pointer: UInt32)
        throws(CallFailure)
    {
        let area = try memory.area(at: pointer, count: size)
        memory.zero(area)
        memory.store(status.device, in: area, at: 0)
        memory.store(status.inode, in: area, at: 8)
        memory.store(type.rawValue, in: area, at: 16)
        memory.store(status.links, in: area, at: 24)
        memory.store(status.size, in: area, at: 32)
        memory.store(status.accessed, in: area, at: 40)
        memory.store(status.modified, in: area, at: 48)
        memory.store(status.changed, in: area, at: 56)
    }
}

/// `fdstat`: 24 bytes.
enum FdStatLayout {
    static let size = 24

    static func store(
        type: FileType, flags: DescriptorFlags, base: Rights, inheriting: Rights, in memory: GuestMemory,
        at pointer: UInt32
    ) throws(CallFailure) {
        let area = try memory.area(at: pointer, count: size)
        memory.zero(area)
        memory.store(type.rawValue, in: area, at: 0)
        memory.store(flags.rawValue, in: area, at: 2)
        memory.store(base.rawValue, in: area, at: 8)
        memory.store(inheriting.rawValue, in: area, at: 16)
    }
}

/// `prestat`: 8 bytes; tag 0 is a directory.
enum PrestatLayout {
    static let size = 8

    static func store(nameLength: UInt32, in memory: GuestMemory, at pointer: UInt32) throws(CallFailure) {
        let area = try memory.area(at: pointer, count: size)
        memory.zero(area)
        memory.store(nameLength, in: area, at: 4)
    }
}

/// `dirent`: 24 bytes, then the name.
enum DirectoryEntryLayout {
    static let size = 24
}

/// `subscription`: 48 bytes.
struct Subscription {
    enum Trigger {
        case clock(id: UInt32, timeout: UInt64, isAbsolute: Bool)
        case read(fd: UInt32)
        case write(fd: UInt32)
    }

    static let size = 48

    var userData: UInt64
    /// nil when the tag is none of the three.
    var event: Trigger?
    /// `eventtype`, as it came.
    var tag: UInt8

    init(in memory: GuestMemory, area: GuestMemory.Area, at offset: Int) {
        userData = memory.load(UInt64.self, in: area, at: offset)
        tag = memory.load(UInt8.self, in: area, at: offset + 8)
        switch tag {
        case 0:
            let flags = memory.load(UInt16.self, in: area, at: offset + 40)
            event = .clock(
                id: memory.load(UInt32.self, in: area, at: offset + 16),
                timeout: memory.load(UInt64.self, in: area, at: offset + 24),
                isAbsolute: flags & 1 != 0)
        case 1: event = .read(fd: memory.load(UInt32.self, in: area, at: offset + 16))
        case 2: event = .write(fd: memory.load(UInt32.self, in: area, at: offset + 16))
        default: event = nil
        }
    }
}

/// `event`: 32 bytes.
struct Event {
    static let size = 32

    var userData: UInt64
    var errno: Errno
    /// `eventtype`
    var tag: UInt8
    var byteCount: UInt64
    var isHangUp: Bool

    func store(in memory: GuestMemory, area: GuestMemory.Area, at offset: Int) {
        memory.store(userData, in: area, at: offset)
        memory.store(errno.rawValue, in: area, at: offset + 8)
        // The tag's byte and the five of padding after it.
        memory.store(UInt16(tag), in: area, at: offset + 10)
        memory.store(UInt32(0), in: area, at: offset + 12)
        memory.store(byteCount, in: area, at: offset + 16)
        memory.store(UInt64(isHangUp ? 1 : 0), in: area, at: offset + 24)
    }
}
