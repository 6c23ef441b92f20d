// path_open: the one way to a new file descriptor beneath a mount.

internal import CapabilityModel
internal import LinuxKernel
internal import ProcessRuntime

extension WASIProcess {
    /// What `path_open` is asked.
    package struct OpenRequest {
        package var fd: UInt32
        package var lookup: UInt32
        package var path: UInt32
        package var pathLength: UInt32
        package var mode: UInt32
        package var base: UInt64
        package var inheriting: UInt64
        package var flags: UInt32
        package var opened: UInt32

        package init(
            fd: UInt32, lookup: UInt32, path: UInt32, pathLength: UInt32, mode: UInt32, base: UInt64,
            inheriting: UInt64, flags: UInt32, opened: UInt32
        ) {
            self.fd = fd
            self.lookup = lookup
            self.path = path
            self.pathLength = pathLength
            self.mode = mode
            self.base = base
            self.inheriting = inheriting
            self.flags = flags
            self.opened = opened
        }
    }

    /// A request once its numbers are known to mean something.
    fileprivate struct Opening: Sendable {
        let mode: OpenMode
        let flags: DescriptorFlags
        let base: Rights
        let inheriting: Rights
        let follows: Bool

        var reads: Bool { base.contains(.fdRead) }
        var writes: Bool { base.contains(.fdWrite) }

        /// FIFOs must not block the open, terminals must not become ours.
        var kernelFlags: OpenFlags {
            var kernel: OpenFlags = [.nonBlocking, .noControllingTerminal]
            if writes { kernel.insert(reads ? .readWrite : .writeOnly) }
            if mode.contains(.create) { kernel.insert(.create) }
            if mode.contains(.exclusive) { kernel.insert(.exclusive) }
            if mode.contains(.truncate) { kernel.insert(.truncate) }
            if mode.contains(.directory) { kernel.insert(.directory) }
            if flags.contains(.append) { kernel.insert(.append) }
            if flags.contains(.dataSync) { kernel.insert(.dataSync) }
            if !flags.isDisjoint(with: [.sync, .readSync]) { kernel.insert(.sync) }
            if !follows { kernel.insert(.noFollow) }
            return kernel
        }
    }

    /// `path_open`: opens, and with `create` makes, a file or directory beneath `fd`.
    ///
    /// Rights that the directory does not pass on are left out of the new descriptor's, as wasi-libc and others ask for
    /// more than they need; only reading and writing, which programs depend on, are refused instead.
    /// - Throws: `badf`; `notdir`; `notcapable` without the right, and with a denial where the policy lacks it or the path
    ///   leaves the mount; `inval` for unknown flags or a NUL in the path; `fault`; `ilseq`; `nametoolong`; `noent`;
    ///   `exist`; `isdir`; `loop` for a link that is not followed; `mfile` and `dquot` with a denial; `nxio` for a FIFO
    ///   that nobody reads; `acces` and what openat2(2) says.
    package func pathOpen(_ request: OpenRequest, _ memory: GuestMemory) throws(CallFailure) {
        let base = try base(request.fd, "path_open")
        guard request.lookup <= lookupSymlinkFollow,
            let mode = UInt16(exactly: request.mode).map(OpenMode.init(rawValue:)), OpenMode.all.isSuperset(of: mode),
            let flags = UInt16(exactly: request.flags).map(DescriptorFlags.init(rawValue:)),
            DescriptorFlags.all.isSuperset(of: flags),
            !mode.isSuperset(of: [.create, .directory])
        else { throw .errno(.inval) }
        let opening = Opening(
            mode: mode, flags: flags, base: Rights(rawValue: request.base),
            inheriting: Rights(rawValue: request.inheriting), follows: request.lookup == lookupSymlinkFollow)
        let out = try memory.area(at: request.opened, count: 4)
        let path = try path(request.path, request.pathLength, base, memory)
        try require(base, .pathOpen, [])
        try checkRights(opening, base, path)
        try checkRoom("path_open")
        let (caller, reactor) = (caller, template.host.reactor)
        let descriptor = try blocking { () throws(CallFailure) in
            try caller.describe(try caller.open(opening, base, path), opening, base, path, reactor)
        }
        memory.store(try insert(charging: descriptor, "path_open"), in: out, at: 0)
    }

    private func checkRights(_ opening: Opening, _ base: Base, _ path: FilePath) throws(CallFailure) {
        let rights = base.mount.grant.rights
        let truncates = opening.mode.contains(.truncate)
        if (opening.reads && !rights.contains(.read))
            || ((opening.writes || truncates) && !rights.contains(.write))
        {
            throw deny(
                base.call, base.mount.key("access"), .notcapable,
                "\(shown("path", path)) access=\(opening.writes || truncates ? "write" : "read")")
        }
        let content = opening.base.intersection([.fdRead, .fdWrite])
        guard base.descriptor.inheriting.isSuperset(of: content) else { throw .errno(.notcapable) }
        if truncates { try require(base, .pathFilestatSetSize, .write) }
        if opening.mode.contains(.create) && rights.contains(.create) { try require(base, .pathCreateFile, .create) }
    }
}

extension FileCaller {
    fileprivate func open(
        _ opening: WASIProcess.Opening, _ base: Base, _ path: FilePath
    ) throws(CallFailure) -> OwnedFileDescriptor {
        let flags = opening.kernelFlags
        let mount = base.mount
        let creates = opening.mode.contains(.create)
        if !creates && !(opening.mode.contains(.truncate) && mount.hasQuota) { return try open(base, path, flags) }
        if creates && mount.grant.rights.contains(.create) && !mount.hasQuota {
            return try open(base, path, flags, mode: 0o666)
        }
        // What is there is opened without making anything; only then does making need the right and the room.
        if !opening.mode.contains(.exclusive) {
            do throws(CallFailure) {
                let existing = try open(base, path, flags.subtracting([.create, .truncate]))
                if opening.mode.contains(.truncate) { return try reopenTruncated(existing, base, path, flags) }
                return existing
            } catch .errno(.noent) where creates {}
        }
        guard mount.grant.rights.contains(.create) else {
            throw deny(base.call, mount.key("access"), .notcapable, "\(shown("path", path)) access=create")
        }
        try checkRoomForFile(base, path)
        let made = try open(base, path, flags, mode: 0o666)
        mount.charge(files: 1)
        return made
    }

    /// Truncates by path, as the descriptor may be read-only, and gives the bytes back.
    private func reopenTruncated(
        _ existing: consuming OwnedFileDescriptor, _ base: Base, _ path: FilePath, _ flags: OpenFlags
    ) throws(CallFailure) -> OwnedFileDescriptor {
        let raw = existing.rawValue
        let before = try kernel(try FileDescriptorCalls.status(raw))
        let opened = try open(base, path, flags.subtracting([.create]))
        let openedRaw = opened.rawValue
        let after = try kernel(try FileDescriptorCalls.status(openedRaw))
        if before.isSameFile(as: after) && before.kind == .regular { base.mount.credit(bytes: before.size) }
        return opened
    }

    /// What was opened, with the rights that it gets.
    fileprivate func describe(
        _ file: consuming OwnedFileDescriptor, _ opening: WASIProcess.Opening, _ base: Base, _ path: FilePath,
        _ reactor: Reactor?
    ) throws(CallFailure) -> Descriptor {
        let raw = file.rawValue
        let status = try kernel(try FileDescriptorCalls.status(raw))
        let kind: Descriptor.Kind
        var rights: Rights
        switch status.kind {
        case .regular:
            kind = .regular
            rights = .file
            if !opening.writes { rights.subtract([.fdWrite, .fdAllocate, .fdFilestatSetSize]) }
        case .directory:
            kind = .directory
            rights = .directory
        case .fifo:
            kind = .stream
            rights = .stream
        case .unknown, .block, .character, .link, .socket:
            // A device is a way out of the mount.
            throw deny(base.call, base.mount.grant.key, .notcapable, "\(shown("path", path)) type=device")
        }
        let passed = base.descriptor.inheriting
        rights.formIntersection(opening.base.intersection(passed).intersection(base.mount.rights))
        var traits = Descriptor.Traits(
            base: rights, inheriting: opening.inheriting.intersection(passed), flags: opening.flags)
        traits.mount = base.mount
        let opened = OpenFile(
            file, appends: opening.flags.contains(.append),
            hold: kind == .regular && base.mount.hasQuota ? OpenHold(status) : nil,
            reactor: kind == .stream ? reactor : nil)
        return Descriptor(
            file: opened, kind: kind, type: FileType(status.kind), status: status,
            waiting: kind == .stream ? .nonBlocking : .never, origin: .mount, traits)
    }
}
