// path_create_directory, path_remove_directory, path_unlink_file and path_rename: names of a directory.

internal import CapabilityModel
internal import LinuxKernel

extension WASIProcess {
    /// `path_create_directory`
    /// - Throws: `badf`; `notdir`; `notcapable` without the right, and with a denial where the policy lacks it or the path
    ///   leaves the mount; `fault`; `ilseq`; `inval`; `nametoolong`; `noent`; `exist`; `dquot` and a denial; `loop` and
    ///   what mkdirat(2) says.
    package func pathCreateDirectory(
        fd: UInt32, path: UInt32, pathLength: UInt32, _ memory: GuestMemory
    ) throws(CallFailure) {
        let base = try base(fd, "path_create_directory")
        let path = try self.path(path, pathLength, base, memory)
        let caller = caller
        try caller.requireEntry(base, .pathCreateDirectory, .create, path)
        try blocking { () throws(CallFailure) in
            let leaf = try caller.leaf(base, path, special: .exist)
            try caller.checkRoomForFile(base, path)
            let directory = leaf.directory
            let name = leaf.name
            try kernel(try FileEntry.makeDirectory(directory, name))
            base.mount.charge(files: 1)
        }
    }

    /// `path_remove_directory`: an empty one.
    /// - Throws: `badf`; `notdir`; `notcapable`, also with a denial; `fault`; `ilseq`; `inval` for `.`; `nametoolong`;
    ///   `noent`; `notempty`; `busy` and what unlinkat(2) says.
    package func pathRemoveDirectory(
        fd: UInt32, path: UInt32, pathLength: UInt32, _ memory: GuestMemory
    ) throws(CallFailure) {
        let base = try base(fd, "path_remove_directory")
        let path = try self.path(path, pathLength, base, memory)
        let caller = caller
        try caller.requireEntry(base, .pathRemoveDirectory, .delete, path)
        try blocking { () throws(CallFailure) in
            let leaf = try caller.leaf(base, path, special: .inval)
            let directory = leaf.directory
            let name = leaf.name
            try kernel(try FileEntry.removeDirectory(directory, name))
            base.mount.credit(files: 1)
        }
    }

    /// `path_unlink_file`: anything but a directory; a link itself.
    /// - Throws: `badf`; `notdir` for a file's name with a slash after it; `isdir`; `notcapable`, also with a denial;
    ///   `fault`; `ilseq`; `inval`; `nametoolong`; `noent` and what unlinkat(2) says.
    package func pathUnlinkFile(
        fd: UInt32, path: UInt32, pathLength: UInt32, _ memory: GuestMemory
    ) throws(CallFailure) {
        let base = try base(fd, "path_unlink_file")
        let path = try self.path(path, pathLength, base, memory)
        let caller = caller
        try caller.requireEntry(base, .pathUnlinkFile, .delete, path)
        try blocking { () throws(CallFailure) in
            let leaf = try caller.leaf(base, path, special: .isdir)
            let status = base.mount.hasQuota || leaf.wantsDirectory ? try leaf.status() : nil
            if leaf.wantsDirectory {
                guard let status else { throw .errno(.noent) }
                throw .errno(status.kind == .directory ? .isdir : .notdir)
            }
            let directory = leaf.directory
            let name = leaf.name
            try kernel(try FileEntry.unlink(directory, name))
            if let status { caller.credit(base.mount, removed: status) }
        }
    }

    /// `path_rename`: replaces what has the new name. Between two mounts it is a move of authority, so a file's content
    /// must not become more accessible than it was, and a directory can't be moved. Where links may be made, no directory moves further up (`checkLinksStay`).
    /// - Throws: `badf`; `notdir`; `notcapable`, also with a denial; `fault`; `ilseq`; `inval`; `nametoolong`; `noent`;
    ///   `exist`; `notempty`; `isdir`; `busy` for `.` and `..`; `xdev`; `dquot` and a denial; what renameat(2) says.
    package func pathRename(
        fd: UInt32, old: UInt32, oldLength: UInt32, newFd: UInt32, new: UInt32, newLength: UInt32,
        _ memory: GuestMemory
    ) throws(CallFailure) {
        let source = try base(fd, "path_rename")
        let target = try base(newFd, "path_rename")
        let oldPath = try path(old, oldLength, source, memory)
        let newPath = try path(new, newLength, target, memory)
        let caller = caller
        try caller.requireEntry(source, .pathRenameSource, .delete, oldPath)
        try caller.requireEntry(target, .pathRenameTarget, .create, newPath)
        try blocking { () throws(CallFailure) in try caller.rename(source, oldPath, target, newPath) }
    }
}

extension FileCaller {
    func rename(_ source: Base, _ oldPath: FilePath, _ target: Base, _ newPath: FilePath) throws(CallFailure) {
        let from = try leaf(source, oldPath, special: .busy)
        let to = try leaf(target, newPath, special: .busy)
        guard let moved = try from.status() else { throw .errno(.noent) }
        if moved.kind != .directory && (from.wantsDirectory || to.wantsDirectory) { throw .errno(.notdir) }
        let replaced = try to.status()
        // What is replaced is deleted.
        if replaced != nil { try requireEntry(target, [], .delete, newPath) }
        if moved.kind == .link { try checkLinkStays(from, target, newPath) }
        if moved.kind == .directory { try checkLinksStay(source, oldPath, target, newPath) }
        let crosses = source.mount !== target.mount
        if crosses { try checkCrossing(source, target, moved, oldPath, newPath) }
        let (oldDirectory, oldName) = (from.directory, from.name)
        let (newDirectory, newName) = (to.directory, to.name)
        try kernel(try FileEntry.rename(oldDirectory, oldName, newDirectory, newName))
        // Two names of one file: renameat(2) does nothing.
        if let replaced, replaced.isSameFile(as: moved) { return }
        if let replaced { credit(target.mount, removed: replaced) }
        if crosses {
            credit(source.mount, removed: moved)
            target.mount.charge(bytes: moved.kind == .regular ? moved.size : 0, files: 1)
        }
    }

    /// As `require`, with the path in the denial.
    func requireEntry(
        _ base: Base, _ right: Rights, _ needed: FileRights, _ path: FilePath
    ) throws(CallFailure) {
        guard base.mount.grant.rights.isSuperset(of: needed) else {
            let access = needed == .create ? "create" : needed == .delete ? "delete" : "write"
            throw deny(
                base.call, base.mount.key("access"), .notcapable, "\(shown("path", path)) access=\(access)")
        }
        guard base.descriptor.base.isSuperset(of: right) else { throw .errno(.notcapable) }
    }

    /// A file gets a name beneath another mount, by rename or link.
    func checkCrossing(
        _ source: Base, _ target: Base, _ status: FileStatus, _ oldPath: FilePath, _ newPath: FilePath
    ) throws(CallFailure) {
        let content: FileRights = [.read, .write]
        guard source.mount.grant.rights.isSuperset(of: target.mount.grant.rights.intersection(content)) else {
            throw deny(
                source.call, source.mount.key("access"), .notcapable,
                shown(oldPath, "to", target.mount.grant.guestPath.utf8))
        }
        // What a moved directory holds can't be counted, nor can the links in it be checked.
        if status.kind == .directory { throw .errno(.xdev) }
        try checkRoomForFile(target, newPath)
        let bytes = status.kind == .regular ? status.size : 0
        guard target.mount.hasRoom(bytes: bytes) else {
            throw deny(
                target.call, target.mount.key("quota_bytes"), .dquot, "\(shown("path", newPath)) growth=\(bytes)")
        }
    }
}
