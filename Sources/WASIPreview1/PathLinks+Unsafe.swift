// path_link, path_symlink and path_readlink.

internal import CapabilityModel
internal import LinuxKernel

extension WASIProcess {
    /// `path_link`: a second name for a file; a link's own, not what it points at.
    /// - Throws: `badf`; `notdir`; `notcapable`, also with a denial: the content must not become more accessible than it
    ///   was; `inval` when asked to follow links; `fault`; `ilseq`; `nametoolong`; `noent`; `exist`; `perm` for a
    ///   directory; `xdev`; `mlink`; `dquot` and a denial; what linkat(2) says.
    package func pathLink(
        fd: UInt32, lookup: UInt32, old: UInt32, oldLength: UInt32, newFd: UInt32, new: UInt32, newLength: UInt32,
        _ memory: GuestMemory
    ) throws(CallFailure) {
        let source = try base(fd, "path_link")
        let target = try base(newFd, "path_link")
        let oldPath = try path(old, oldLength, source, memory)
        let newPath = try path(new, newLength, target, memory)
        guard lookup == 0 else { throw .errno(.inval) }
        try require(source, .pathLinkSource, [])
        let caller = caller
        try caller.requireEntry(target, .pathLinkTarget, .create, newPath)
        try blocking { () throws(CallFailure) in try caller.link(source, oldPath, target, newPath) }
    }

    /// `path_symlink`: a link that holds the bytes of `old`, which must stay beneath `fd` as seen from the link's place:
    /// relative, `..` only at its start and no more of them than there are directories above. The guest itself could
    /// not follow another, but what runs on the host could.
    /// - Throws: `badf`; `notdir`; `notcapable` without the right, and with a denial where the policy lets no links be
    ///   made or the target leaves; `fault`; `ilseq`; `inval`; `nametoolong`; `noent`; `exist`; `dquot` and a denial; what
    ///   symlinkat(2) says.
    package func pathSymlink(
        old: UInt32, oldLength: UInt32, fd: UInt32, new: UInt32, newLength: UInt32, _ memory: GuestMemory
    ) throws(CallFailure) {
        let base = try base(fd, "path_symlink")
        let target = try text(old, oldLength, memory)
        let path = try path(new, newLength, base, memory)
        guard base.mount.grant.symlinks == .create else {
            throw deny(base.call, base.mount.key("symlinks"), .notcapable, shown("path", path))
        }
        let caller = caller
        try caller.requireEntry(base, .pathSymlink, .create, path)
        try blocking { () throws(CallFailure) in
            try caller.checkTarget(target, base, path)
            let leaf = try caller.leaf(base, path, special: .exist)
            if leaf.wantsDirectory { throw .errno(try leaf.status() == nil ? .noent : .exist) }
            try caller.checkRoomForFile(base, path)
            let directory = leaf.directory
            let name = leaf.name
            try kernel(try FileEntry.makeLink(to: target, directory, name))
            base.mount.charge(files: 1)
        }
    }

    /// `path_readlink`: a link's bytes, cut to the buffer.
    /// - Throws: `badf`; `notdir`; `notcapable`, also with a denial; `fault`; `ilseq`; `inval` for what is no link;
    ///   `nametoolong`; `noent`; `loop` and what openat2(2) says.
    package func pathReadlink(
        fd: UInt32, path: UInt32, pathLength: UInt32, buffer: UInt32, length: UInt32, used: UInt32,
        _ memory: GuestMemory
    ) throws(CallFailure) {
        let base = try base(fd, "path_readlink")
        let path = try self.path(path, pathLength, base, memory)
        try require(base, .pathReadlink, .read)
        let area = try memory.area(at: buffer, count: length)
        let out = try memory.area(at: used, count: 4)
        let caller = caller
        let bytes = try blocking { () throws(CallFailure) in
            let link = try caller.open(base, path, [.path, .noFollow])
            let raw = link.rawValue
            guard try kernel(try FileDescriptorCalls.status(raw)).kind == .link else { throw .errno(.inval) }
            return try FileCaller.content(ofLink: raw)
        }
        memory.store(UInt32(memory.store(bytes.span, in: area)), in: out, at: 0)
    }
}

extension FileCaller {
    func link(_ source: Base, _ oldPath: FilePath, _ target: Base, _ newPath: FilePath) throws(CallFailure) {
        let from = try leaf(source, oldPath, special: .perm)
        let to = try leaf(target, newPath, special: .exist)
        guard let linked = try from.status() else { throw .errno(.noent) }
        if from.wantsDirectory && linked.kind != .directory { throw .errno(.notdir) }
        if to.wantsDirectory { throw .errno(try to.status() == nil ? .noent : .exist) }
        if linked.kind == .link { try checkLinkStays(from, target, newPath) }
        if source.mount !== target.mount {
            try checkCrossing(source, target, linked, oldPath, newPath)
        } else {
            try checkRoomForFile(target, newPath)
        }
        let (oldDirectory, oldName) = (from.directory, from.name)
        let (newDirectory, newName) = (to.directory, to.name)
        try kernel(try FileEntry.link(oldDirectory, oldName, newDirectory, newName))
        let isNewThere = source.mount !== target.mount && linked.kind == .regular
        target.mount.charge(bytes: isNewThere ? linked.size : 0, files: 1)
    }

    /// A link at `path` that holds `target` does not lead above the base.
    func checkTarget(_ target: FilePath, _ base: Base, _ path: FilePath) throws(CallFailure) {
        let climb = FileCaller.climb(target)
        if climb == 0 { return }
        // Above a link the directories are those of its path as written, if no link is among them.
        if let climb, let depth = FileCaller.depth(path), climb <= depth, try isLinkFree(base, path) { return }
        throw deny(
            base.call, base.mount.grant.key, .notcapable, shown(path, "target", target.bytes))
    }

    /// A link that gets another name still does not lead above the base.
    func checkLinkStays(_ link: borrowing Leaf, _ base: Base, _ path: FilePath) throws(CallFailure) {
        let directory = link.directory
        let name = link.name
        let handle = try kernel(
            try OwnedFileDescriptor.open(beneath: directory, name, [.path, .noFollow], followingLinks: false))
        let raw = handle.rawValue
        guard let target = FilePath(try FileCaller.content(ofLink: raw)) else { throw .errno(.inval) }
        try checkTarget(target, base, path)
    }

    /// A directory that is moved takes its links along, and one of them may climb as far as the directory is deep: it may
    /// move no further up. Programs answer `xdev` by copying, which checks each link.
    func checkLinksStay(_ source: Base, _ oldPath: FilePath, _ target: Base, _ newPath: FilePath) throws(CallFailure) {
        guard target.mount.grant.symlinks == .create else { return }
        if source.descriptor.device == target.descriptor.device, source.descriptor.inode == target.descriptor.inode,
            let before = FileCaller.depth(oldPath), let after = FileCaller.depth(newPath), after >= before,
            try isLinkFree(source, oldPath), try isLinkFree(target, newPath)
        {
            return
        }
        throw .errno(.xdev)
    }

    /// How many directories a target climbs from where the link is; nil for one that is absolute, or climbs after it
    /// went down, as what it went down through may be a link.
    private static func climb(_ target: FilePath) -> Int? {
        if target.bytes.first == UInt8(ascii: "/") { return nil }
        var climb = 0
        var wentDown = false
        for part in target.bytes.split(separator: UInt8(ascii: "/")) {
            if part.elementsEqual([0x2e, 0x2e]) {
                if wentDown { return nil }
                climb += 1
            } else if !part.elementsEqual([0x2e]) {
                wentDown = true
            }
        }
        return climb
    }

    /// How many directories a path goes down before its last component; nil when it is above where it starts.
    private static func depth(_ path: FilePath) -> Int? {
        var depth = 0
        for part in path.bytes.split(separator: UInt8(ascii: "/")).dropLast() {
            if part.elementsEqual([0x2e, 0x2e]) {
                depth -= 1
                if depth < 0 { return nil }
            } else if !part.elementsEqual([0x2e]) {
                depth += 1
            }
        }
        return depth
    }

    private func isLinkFree(_ base: Base, _ path: FilePath) throws(CallFailure) -> Bool {
        let parts = path.bytes.split(separator: UInt8(ascii: "/")).dropLast()
        guard let parent = FilePath(Array(parts.joined(separator: [UInt8(ascii: "/")]))), !parts.isEmpty else {
            return true
        }
        let raw = base.descriptor.raw
        do throws(CallFailure) {
            _ = try kernel(
                try OwnedFileDescriptor.open(beneath: raw, parent, [.path, .directory], followingLinks: false))
            return true
        } catch .errno(.loop) {
            return false
        }
    }

    /// readlinkat(2) of an O_PATH handle: no link is longer than a path.
    static func content(ofLink raw: Int32) throws(CallFailure) -> [UInt8] {
        try unsafe withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) {
            (buffer) throws(CallFailure) -> [UInt8] in
            // SAFETY: `buffer` lives until this closure returns; the first `count` bytes of it are the link's.
            let count = try unsafe kernel(try FileEntry.readLink(raw, into: buffer))
            return unsafe Array(buffer[..<count])
        }
    }
}
