// fd_fdstat_*, fd_filestat_* and fd_prestat_*: what a descriptor is and may do.

internal import CapabilityModel
internal import LinuxKernel
internal import Synchronization

extension WASIProcess {
    /// `fd_fdstat_get`: type, flags and rights.
    /// - Throws: `badf`; `fault`.
    package func fdFdstatGet(fd: UInt32, stat: UInt32, _ memory: GuestMemory) throws(CallFailure) {
        let descriptor = try preopened(fd)
        try FdStatLayout.store(
            type: descriptor.type, flags: descriptor.flags, base: descriptor.base, inheriting: descriptor.inheriting,
            in: memory, at: stat)
    }

    /// `fd_fdstat_set_flags`: sets `append` and `nonblock`; the three kinds of sync can't change after the open.
    /// - Throws: `badf`; `notcapable`; `inval` for unknown flags; `notsup` for a change of sync, or of `append` on a
    ///   standard stream, whose description others share; what fcntl(2) says.
    package func fdFdstatSetFlags(fd: UInt32, flags: UInt32) throws(CallFailure) {
        let descriptor = try descriptor(fd)
        try require(descriptor, .fdFdstatSetFlags, [], "fd_fdstat_set_flags", fd)
        guard let wanted = UInt16(exactly: flags).map(DescriptorFlags.init(rawValue:)),
            DescriptorFlags.all.isSuperset(of: wanted)
        else { throw .errno(.inval) }
        let changed = wanted.symmetricDifference(descriptor.flags)
        guard changed.isDisjoint(with: .synchronous) else { throw .errno(.notsup) }
        if changed.contains(.append) && descriptor.kind == .regular {
            guard descriptor.mount != nil else { throw .errno(.notsup) }
            // The file may be another process's too, which then appends as well.
            try kernel(try FileDescriptorCalls.setAppend(descriptor.raw, wanted.contains(.append)))
            descriptor.file.appends.store(wanted.contains(.append), ordering: .relaxed)
        }
        descriptors.replace(fd, descriptor.with { $0.flags = wanted })
    }

    /// `fd_fdstat_set_rights`: rights can only be given up.
    /// - Throws: `badf`; `notcapable` for a right that the descriptor lacks.
    package func fdFdstatSetRights(fd: UInt32, base: UInt64, inheriting: UInt64) throws(CallFailure) {
        let descriptor = try descriptor(fd)
        let base = Rights(rawValue: base)
        let inheriting = Rights(rawValue: inheriting)
        guard descriptor.base.isSuperset(of: base), descriptor.inheriting.isSuperset(of: inheriting) else {
            throw .errno(.notcapable)
        }
        let changed = descriptor.with {
            $0.base = base
            $0.inheriting = inheriting
        }
        descriptors.replace(fd, changed)
    }

    /// `fd_filestat_get`
    /// - Throws: `badf`; `notcapable`; `fault`; what fstat(2) says.
    package func fdFilestatGet(fd: UInt32, stat: UInt32, _ memory: GuestMemory) throws(CallFailure) {
        let descriptor = try descriptor(fd)
        try require(descriptor, .fdFilestatGet, [], "fd_filestat_get", fd)
        _ = try memory.area(at: stat, count: FileStatLayout.size)
        let status = try kernel(try FileDescriptorCalls.status(descriptor.raw))
        try FileStatLayout.store(status, type: descriptor.type, in: memory, at: stat)
    }

    /// `fd_filestat_set_size`: cuts the file or grows it with zeros.
    /// - Throws: `badf`; `isdir`; `spipe`; `notcapable`; `inval` past 2^63 - 1; `dquot` and a denial; `fbig` and what
    ///   ftruncate(2) says.
    package func fdFilestatSetSize(fd: UInt32, size: UInt64) throws(CallFailure) {
        let descriptor = try positioned(fd)
        try require(descriptor, .fdFilestatSetSize, .write, "fd_filestat_set_size", fd)
        let wanted = try WASIProcess.signed(size)
        let caller = caller
        try blocking { () throws(CallFailure) in
            guard let mount = descriptor.mount, mount.hasByteQuota else {
                try kernel(try FileDescriptorCalls.setSize(descriptor.raw, wanted))
                return
            }
            let before = try kernel(try FileDescriptorCalls.status(descriptor.raw)).size
            try caller.checkGrowth(mount, "fd_filestat_set_size", fd, from: before, to: 0, adding: Int(wanted))
            try kernel(try FileDescriptorCalls.setSize(descriptor.raw, wanted))
            if size > before {
                mount.charge(bytes: size - before)
            } else {
                mount.credit(bytes: before - size)
            }
        }
    }

    /// `fd_filestat_set_times`
    /// - Throws: `badf`; `notcapable`; `inval` for unknown flags or a time that is both given and now; what utimensat(2) says.
    package func fdFilestatSetTimes(
        fd: UInt32, accessed: UInt64, modified: UInt64, flags: UInt32
    ) throws(CallFailure) {
        let descriptor = try descriptor(fd)
        let times = try FileTimes(accessed: accessed, modified: modified, flags: flags)
        try require(descriptor, .fdFilestatSetTimes, .write, "fd_filestat_set_times", fd)
        try blocking { () throws(CallFailure) in
            try kernel(
                try FileDescriptorCalls.setTimes(descriptor.raw, accessed: times.accessed, modified: times.modified))
        }
    }

    /// `fd_prestat_get`: that a descriptor is a preopened directory, and how long its name is.
    /// - Throws: `badf`, also for what is not preopened; `fault`.
    package func fdPrestatGet(fd: UInt32, stat: UInt32, _ memory: GuestMemory) throws(CallFailure) {
        guard let name = try preopened(fd).preopenName else { throw .errno(.badf) }
        try PrestatLayout.store(nameLength: UInt32(truncatingIfNeeded: name.count), in: memory, at: stat)
    }

    /// `fd_prestat_dir_name`: the name, without a NUL.
    /// - Throws: `badf`; `nametoolong` when the buffer is shorter than the name; `fault`.
    package func fdPrestatDirName(
        fd: UInt32, name: UInt32, length: UInt32, _ memory: GuestMemory
    ) throws(CallFailure) {
        guard let bytes = try preopened(fd).preopenName else { throw .errno(.badf) }
        guard Int(length) >= bytes.count else { throw .errno(.nametoolong) }
        memory.store(bytes.span, in: try memory.area(at: name, count: bytes.count))
    }
}

/// The two times of a `*_set_times` call.
struct FileTimes {
    var accessed: FileTime
    var modified: FileTime

    init(accessed: UInt64, modified: UInt64, flags: UInt32) throws(CallFailure) {
        guard let flags = UInt16(exactly: flags).map(TimeFlags.init(rawValue:)),
            TimeFlags.all.isSuperset(of: flags),
            !flags.isSuperset(of: [.accessed, .accessedNow]), !flags.isSuperset(of: [.modified, .modifiedNow])
        else { throw .errno(.inval) }
        self.accessed = flags.contains(.accessedNow) ? .now : flags.contains(.accessed) ? .at(accessed) : .keep
        self.modified = flags.contains(.modifiedNow) ? .now : flags.contains(.modified) ? .at(modified) : .keep
    }
}
