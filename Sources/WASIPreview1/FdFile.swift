// fd_*: positions, sizes, allocation, syncing, closing and renumbering.

internal import CapabilityModel
internal import LinuxKernel

extension WASIProcess {
    /// `fd_advise`: passes the hint on.
    /// - Throws: `badf`, also for directories; `spipe`; `notcapable`; `inval` for an unknown advice or a range past 2^63 - 1.
    package func fdAdvise(fd: UInt32, offset: UInt64, length: UInt64, advice: UInt32) throws(CallFailure) {
        let descriptor = try descriptor(fd)
        if descriptor.kind == .directory { throw .errno(.badf) }
        if descriptor.kind != .regular { throw .errno(.spipe) }
        try require(descriptor, .fdAdvise, [], "fd_advise", fd)
        let order: [FileAdvice] = [.normal, .sequential, .random, .willNeed, .dontNeed, .noReuse]
        guard advice < order.count else { throw .errno(.inval) }
        let start = try WASIProcess.signed(offset)
        let count = try WASIProcess.signed(length)
        try kernel(try FileDescriptorCalls.advise(descriptor.raw, offset: start, length: count, order[Int(advice)]))
    }

    /// `fd_allocate`: makes sure that `length` bytes from `offset` have room on the disk; grows the file if needed.
    /// - Throws: `badf`; `isdir`; `spipe`; `notcapable`; `inval` for no length or a range past 2^63 - 1; `dquot` and a
    ///   denial; `notsup`, `nospc`, `fbig` and what fallocate(2) says.
    package func fdAllocate(fd: UInt32, offset: UInt64, length: UInt64) throws(CallFailure) {
        let descriptor = try positioned(fd)
        try require(descriptor, .fdAllocate, .write, "fd_allocate", fd)
        let start = try WASIProcess.signed(offset)
        let count = try WASIProcess.signed(length)
        guard count > 0, let total = Int(exactly: length), !start.addingReportingOverflow(count).overflow else {
            throw .errno(.inval)
        }
        let caller = caller
        try blocking { () throws(CallFailure) in
            guard let mount = descriptor.mount, mount.hasByteQuota else {
                try kernel(try FileDescriptorCalls.allocate(descriptor.raw, offset: start, length: count))
                return
            }
            let size = try kernel(try FileDescriptorCalls.status(descriptor.raw)).size
            try caller.checkGrowth(mount, "fd_allocate", fd, from: size, to: offset, adding: total)
            try kernel(try FileDescriptorCalls.allocate(descriptor.raw, offset: start, length: count))
            mount.charge(bytes: FileCaller.growth(from: size, to: offset, adding: total))
        }
    }

    /// `fd_close`
    /// - Throws: `badf`.
    package func fdClose(fd: UInt32) throws(CallFailure) {
        guard let closed = descriptors.remove(fd) else { throw .errno(.badf) }
        settle(closed: closed)
    }

    /// `fd_datasync`
    /// - Throws: `badf`; `notcapable`; `inval` for what can't be synced; what fdatasync(2) says.
    package func fdDatasync(fd: UInt32) throws(CallFailure) {
        let descriptor = try descriptor(fd)
        try requireToSync(descriptor, .fdDatasync, "fd_datasync", fd)
        let file = try readableHandle(descriptor, fd)
        try blocking { () throws(CallFailure) in try kernel(try FileDescriptorCalls.sync(file.raw, dataOnly: true)) }
    }

    /// `fd_sync`
    /// - Throws: as `fdDatasync`.
    package func fdSync(fd: UInt32) throws(CallFailure) {
        let descriptor = try descriptor(fd)
        try requireToSync(descriptor, .fdSync, "fd_sync", fd)
        let file = try readableHandle(descriptor, fd)
        try blocking { () throws(CallFailure) in try kernel(try FileDescriptorCalls.sync(file.raw, dataOnly: false)) }
    }

    private func requireToSync(
        _ descriptor: Descriptor, _ right: Rights, _ call: StaticString, _ fd: UInt32
    ) throws(CallFailure) {
        guard descriptor.kind == .regular || descriptor.kind == .directory else { throw .errno(.inval) }
        try require(descriptor, right, [], call, fd)
    }

    /// The file to list or sync: a preopened directory's own is an O_PATH handle, and the position of one that came from
    /// another process is that one's too, so such a descriptor gets a second file. Opening it again makes no system call
    /// that waits, for the directory is in memory.
    func readableHandle(_ descriptor: Descriptor, _ fd: UInt32) throws(CallFailure) -> OpenFile {
        guard descriptor.kind == .directory, descriptor.traits.needsOwnHandle else { return descriptor.file }
        if let readable = descriptor.traits.readable { return readable }
        let raw = descriptor.raw
        let opened = OpenFile(
            try kernel(
                try OwnedFileDescriptor.open(beneath: raw, .here, [.directory, .nonBlocking], followingLinks: false)),
            reactor: nil)
        descriptors.replace(fd, descriptor.with { $0.readable = opened })
        return opened
    }

    /// `fd_renumber`: `to` becomes what `fd` was, and `fd` is closed. Both must be open; preopened ones are no exception.
    /// - Throws: `badf`.
    package func fdRenumber(fd: UInt32, to: UInt32) throws(CallFailure) {
        _ = try descriptor(fd)
        _ = try descriptor(to)
        if let closed = descriptors.move(from: fd, to: to) { settle(closed: closed) }
    }

    /// `fd_seek`: moves the position and writes the new one. Asking where it is (`offset` 0 from `current`) needs only the
    /// right to tell.
    /// - Throws: `badf`; `isdir`; `spipe`; `notcapable`; `inval` for an unknown whence or a place before the start;
    ///   `overflow`; `fault`.
    package func fdSeek(
        fd: UInt32, offset: Int64, whence: UInt32, position: UInt32, _ memory: GuestMemory
    ) throws(CallFailure) {
        let descriptor = try positioned(fd)
        let asksOnly = offset == 0 && whence == 1 && descriptor.base.contains(.fdTell)
        if !asksOnly { try require(descriptor, .fdSeek, [], "fd_seek", fd) }
        let out = try memory.area(at: position, count: 8)
        guard whence <= 2, let origin = FileDescriptorCalls.Origin(rawValue: Int32(whence)) else {
            throw .errno(.inval)
        }
        memory.store(try kernel(try FileDescriptorCalls.seek(descriptor.raw, offset, from: origin)), in: out, at: 0)
    }

    /// `fd_tell`: the position. The right to seek includes it.
    /// - Throws: `badf`; `isdir`; `spipe`; `notcapable`; `fault`.
    package func fdTell(fd: UInt32, position: UInt32, _ memory: GuestMemory) throws(CallFailure) {
        let descriptor = try positioned(fd)
        if !descriptor.base.contains(.fdSeek) { try require(descriptor, .fdTell, [], "fd_tell", fd) }
        let out = try memory.area(at: position, count: 8)
        memory.store(try kernel(try FileDescriptorCalls.seek(descriptor.raw, 0, from: .current)), in: out, at: 0)
    }
}
