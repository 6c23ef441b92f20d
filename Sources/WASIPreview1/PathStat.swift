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
        let flags = try WASIProcess.handleFlags(lookup)
        let caller = caller
        let status = try blocking { () throws(CallFailure) in
            let handle = try caller.open(base, path, flags)
            let raw = handle.rawValue
            return try kernel(try FileDescriptorCalls.status(raw))
        }
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
        let caller = caller
        try caller.requireEntry(base, .pathFilestatSetTimes, .write, path)
        let flags = try WASIProcess.handleFlags(lookup)
        try blocking { () throws(CallFailure) in
            let handle = try caller.open(base, path, flags)
            let raw = handle.rawValue
            try kernel(try FileDescriptorCalls.setTimes(raw, accessed: times.accessed, modified: times.modified))
        }
    }

    /// Of an O_PATH handle, on a link itself where it is not to be followed. Opening it touches no device and no FIFO.
    private static func handleFlags(_ lookup: UInt32) throws(CallFailure) -> OpenFlags {
        guard lookup <= lookupSymlinkFollow else { throw .errno(.inval) }
        return lookup == lookupSymlinkFollow ? [.path] : [.path, .noFollow]
    }
}
