// path_filestat_*: what a name refers to, without a descriptor for it.

internal import CapabilityModel
internal import LinuxKernel

extension WASIProcess {
    /// `path_filestat_get`
    /// - Throws: `badf`; `notdir`; `notcapable`, also with a denial; `inval` for unknown lookup flags; `fault`; `ilseq`;
    ///   `nametoolong`; `noent`; `loop`; `acces` and what openat2(2) says.
    package func pathFilestatGet(
        fd: UInt32, lookup: UInt32, path: UInt32, pathLength: UInt32, stat: UInt32, _ memory: GuestMemory
    ) throws(CallFailure) {
        let base = try base(fd, "path_filestat_get")
        let path = try self.path(path, pathLength, base, memory)
        try require(base, .pathFilestatGet, [])
        _ = try memory.area(at: stat, count: FileStatLayout.size)
        let handle = try self.handle(base, lookup, path)
        let raw = handle.rawValue
        let status = try kernel(try FileDescriptorCalls.status(raw))
        try FileStatLayout.store(status, type: FileType(status.kind), in: memory, at: stat)
    }

    /// `path_filestat_set_times`
    /// - Throws: as `pathFilestatGet`; `inval` also as `fdFilestatSetTimes`; what utimensat(2) says.
    package func pathFilestatSetTimes(
        fd: UInt32, lookup: UInt32, path: UInt32, pathLength: UInt32, accessed: UInt64, modified: UInt64,
        flags: UInt32, _ memory: GuestMemory
    ) throws(CallFailure) {
        let base = try base(fd, "path_filestat_set_times")
        let path = try self.path(path, pathLength, base, memory)
        let times = try FileTimes(accessed: accessed, modified: modified, flags: flags)
        try requireEntry(base, .pathFilestatSetTimes, .write, path)
        let handle = try self.handle(base, lookup, path)
        let raw = handle.rawValue
        try kernel(try FileDescriptorCalls.setTimes(raw, accessed: times.accessed, modified: times.modified))
    }

    /// An O_PATH handle, on a link itself where it is not to be followed. Opening it touches no device and no FIFO.
    private func handle(
        _ base: Base, _ lookup: UInt32, _ path: FilePath
    ) throws(CallFailure) -> OwnedFileDescriptor {
        guard lookup <= lookupSymlinkFollow else { throw .errno(.inval) }
        return try open(base, path, lookup == lookupSymlinkFollow ? [.path] : [.path, .noFollow])
    }
}
