// From a guest's path to a file beneath a mount: what the kernel resolves, and what is refused before it is asked.

internal import CapabilityModel
internal import LinuxKernel

/// True for well-formed UTF-8.
func isUTF8(_ bytes: [UInt8]) -> Bool {
    if bytes.allSatisfy({ $0 < 0x80 }) { return true }
    return String(validating: bytes, as: UTF8.self) != nil
}

/// `name="path"` for a denial.
func shown(_ name: String, _ path: FilePath, beneathRoot: Bool = false) -> String {
    let slash = beneathRoot && path.bytes.first != UInt8(ascii: "/") ? [UInt8(ascii: "/")] : []
    return DenialArgument.quoted(name, bytes: slash + path.bytes)
}

/// `path="path" name="other"`
func shown(_ path: FilePath, _ name: String, _ other: some Sequence<UInt8>) -> String {
    let limit = DenialArgument.limitOfTwo
    return DenialArgument.quoted("path", bytes: path.bytes, limit: limit) + " "
        + DenialArgument.quoted(name, bytes: other, limit: limit)
}

/// A directory that a path call starts from.
struct Base: Sendable {
    let descriptor: Descriptor
    let mount: Mount
    let call: StaticString
    let fd: UInt32
}

/// A path's last component, and an open directory that it is in.
struct Leaf: ~Copyable {
    /// nil where the path has one component: then the base's own descriptor is the directory.
    private let opened: OwnedFileDescriptor?
    private let base: Int32
    /// Never empty, `.` or `..`; without slashes.
    let name: FilePath
    /// Whether slashes followed it, so that it must name a directory.
    let wantsDirectory: Bool

    init(opened: consuming OwnedFileDescriptor?, base: Int32, name: FilePath, wantsDirectory: Bool) {
        self.opened = opened
        self.base = base
        self.name = name
        self.wantsDirectory = wantsDirectory
    }

    /// Open while this value lives.
    var directory: Int32 {
        switch opened {
        case .some(let opened): opened.rawValue
        case .none: base
        }
    }

    /// nil when there is nothing of that name.
    func status() throws(CallFailure) -> FileStatus? {
        do throws(CallFailure) {
            return try kernel(try FileEntry.status(directory, name))
        } catch .errno(.noent) {
            return nil
        }
    }
}

extension WASIProcess {
    /// The longest path that the kernel takes, without its NUL.
    private static let longestPath = 4095

    /// - Throws: `badf`; `notdir` for what is no directory.
    func base(_ fd: UInt32, _ call: StaticString) throws(CallFailure) -> Base {
        let descriptor = try preopened(fd)
        guard descriptor.kind == .directory, let mount = descriptor.mount else { throw .errno(.notdir) }
        return Base(descriptor: descriptor, mount: mount, call: call, fd: fd)
    }

    func require(_ base: Base, _ right: Rights, _ needed: FileRights) throws(CallFailure) {
        try require(base.descriptor, right, needed, base.call, base.fd)
    }

    /// Copies a path out of the guest's memory.
    /// - Throws: `fault`; `nametoolong`; `ilseq` for what is not UTF-8; `inval` for a NUL; `noent` when empty;
    ///   `notcapable` and a denial for an absolute one.
    func path(
        _ pointer: UInt32, _ length: UInt32, _ base: Base, _ memory: GuestMemory
    ) throws(CallFailure) -> FilePath {
        let path = try text(pointer, length, memory)
        if base.mount.isAbsentRoot {
            throw deny(base.call, base.mount.key("access"), .notcapable, shown("path", path, beneathRoot: true))
        }
        if path.bytes.first == UInt8(ascii: "/") {
            throw deny(base.call, base.mount.grant.key, .notcapable, shown("path", path))
        }
        return path
    }

    /// As `path`, but absolute ones too.
    func text(_ pointer: UInt32, _ length: UInt32, _ memory: GuestMemory) throws(CallFailure) -> FilePath {
        let area = try memory.area(at: pointer, count: length)
        if area.count > WASIProcess.longestPath { throw .errno(.nametoolong) }
        if area.count == 0 { throw .errno(.noent) }
        let bytes = memory.bytes(in: area)
        guard isUTF8(bytes) else { throw .errno(.ilseq) }
        guard let path = FilePath(bytes) else { throw .errno(.inval) }
        return path
    }
}

extension FileCaller {
    /// Opens beneath the base. A path that leaves it is a denial, and so is a link where the mount refuses links.
    func open(
        _ base: Base, _ path: FilePath, _ flags: OpenFlags, mode: UInt32 = 0
    ) throws(CallFailure) -> OwnedFileDescriptor {
        let follows = base.mount.grant.symlinks != .refuse
        do throws(CallFailure) {
            return try kernel(
                try OwnedFileDescriptor.open(
                    beneath: base.descriptor.raw, path, flags, mode: mode, followingLinks: follows))
        } catch {
            switch error {
            case .errno(.xdev):
                throw deny(base.call, base.mount.grant.key, .notcapable, shown("path", path))
            case .errno(.loop) where !follows:
                throw deny(base.call, base.mount.key("symlinks"), .notcapable, shown("path", path))
            default: throw error
            }
        }
    }

    /// Splits off the last component and opens the directory it is in. When that component is `.` or `..`, the call
    /// answers `special`, once the path is known to stay beneath the base.
    func leaf(_ base: Base, _ path: FilePath, special: Errno) throws(CallFailure) -> Leaf {
        let slash = UInt8(ascii: "/")
        var trimmed = path.bytes
        while trimmed.last == slash { trimmed.removeLast() }
        let wantsDirectory = trimmed.count < path.bytes.count
        let start = trimmed.lastIndex(of: slash).map { $0 + 1 } ?? trimmed.startIndex
        let bytes = trimmed[start...]
        guard let name = FilePath(bytes), !bytes.isEmpty else { throw .errno(.inval) }
        if bytes.elementsEqual([0x2e]) || bytes.elementsEqual([0x2e, 0x2e]) {
            _ = try open(base, path, [.path, .directory])
            throw .errno(special)
        }
        guard start > trimmed.startIndex, let parent = FilePath(trimmed[..<start]) else {
            return Leaf(opened: nil, base: base.descriptor.raw, name: name, wantsDirectory: wantsDirectory)
        }
        let directory = try open(base, parent, [.path, .directory])
        return Leaf(opened: directory, base: -1, name: name, wantsDirectory: wantsDirectory)
    }

    /// - Throws: `dquot` and a denial when the mount has no room for one more file.
    func checkRoomForFile(_ base: Base, _ path: FilePath) throws(CallFailure) {
        guard base.mount.hasRoom(files: 1) else {
            throw deny(
                base.call, base.mount.key("quota_files"), .dquot, "\(shown("path", path)) used=\(base.mount.usedFiles)")
        }
    }

    /// Gives back what a removed file took, if this was its last name and no process has it open.
    func credit(_ mount: Mount, removed status: FileStatus) {
        guard mount.hasQuota else { return }
        let isGone = status.kind == .regular && status.links == 1 && !OpenHold.contains(status)
        mount.credit(bytes: isGone ? status.size : 0, files: 1)
    }
}
