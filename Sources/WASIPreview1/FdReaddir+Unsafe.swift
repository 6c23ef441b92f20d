// fd_readdir: a directory's names, by cookies that are the kernel's own.

internal import CapabilityModel
internal import LinuxKernel

extension WASIProcess {
    /// How often the kernel is asked before the thread is handed back.
    private static let listingBatches = 4

    /// `fd_readdir`: as many entries from `cookie` on as fit, the last one cut where the buffer ends; fewer bytes than
    /// the buffer holds is the end of the directory.
    ///
    /// A cookie is the file system's own position (`d_off` of getdents64(2)): as stable under change as seekdir(3),
    /// and nothing is kept on the host between calls. `..` of a mount's own directory has that directory's inode, as
    /// a root's has. Names that are not UTF-8, which no call of WASI could take, are left out.
    /// - Throws: `badf`; `notdir`; `notcapable`; `inval` for a cookie that the file system refuses; `fault`; `noent`
    ///   where the directory was removed.
    package func fdReaddir(
        fd: UInt32, buffer: UInt32, length: UInt32, cookie: UInt64, used: UInt32, _ memory: GuestMemory
    ) throws(CallFailure) -> CallOutcome {
        let descriptor = try descriptor(fd)
        guard descriptor.kind == .directory else { throw .errno(.notdir) }
        try require(descriptor, .fdReaddir, .read, "fd_readdir", fd)
        let area = try memory.area(at: buffer, count: length)
        let out = try memory.area(at: used, count: 4)
        var listing = Listing(area: area, memory: memory, cookie: cookie)
        if case .listing(let written, let cookie) = pending {
            listing.written = min(written, area.count)
            listing.cookie = cookie
        }
        pending = .none
        let file = try readableHandle(descriptor, fd)
        let isRoot = descriptor.mount.map { descriptor.isFile($0.status) } ?? false
        for _ in 0..<WASIProcess.listingBatches {
            if listing.isFull { break }
            let position = try WASIProcess.signed(listing.cookie)
            let (written, cookie) = (listing.written, listing.cookie)
            let batch: [ListedEntry]
            do throws(CallFailure) {
                batch = try blocking { () throws(CallFailure) in try ListedEntry.batch(file.raw, from: position) }
            } catch {
                // Made again, it goes on here.
                if isSuspended { pending = .listing(written: written, cookie: cookie) }
                throw error
            }
            if batch.isEmpty {
                memory.store(UInt32(listing.written), in: out, at: 0)
                return .done(.success)
            }
            for entry in batch where !listing.isFull { listing.add(entry, descriptor, isRoot) }
        }
        if !listing.isFull {
            pending = .listing(written: listing.written, cookie: listing.cookie)
            return .wait(.atOnce)
        }
        memory.store(UInt32(listing.written), in: out, at: 0)
        return .done(.success)
    }
}

/// A guest's buffer that fills with entries.
private struct Listing {
    let area: GuestMemory.Area
    let memory: GuestMemory
    var written = 0
    /// Where the next entry is read from.
    var cookie: UInt64
    /// One entry as the guest sees it, before it is cut to the room that is left.
    private var entry: [UInt8] = []

    init(area: GuestMemory.Area, memory: GuestMemory, cookie: UInt64) {
        self.area = area
        self.memory = memory
        self.cookie = cookie
    }

    var isFull: Bool { written == area.count }

    mutating func add(_ entry: ListedEntry, _ directory: Descriptor, _ isRoot: Bool) {
        defer { cookie = entry.next }
        guard isUTF8(entry.name) else { return }
        let isAbove = isRoot && entry.name == [0x2e, 0x2e]
        put(
            inode: isAbove ? directory.inode : entry.inode, next: entry.next, type: FileType(entry.kind),
            name: entry.name)
    }

    private mutating func put(inode: UInt64, next: UInt64, type: FileType, name: [UInt8]) {
        entry.removeAll(keepingCapacity: true)
        append(next)
        append(inode)
        append(UInt64(name.count) | UInt64(type.rawValue) << 32)
        entry.append(contentsOf: name)
        written += memory.store(entry.span, in: area, at: written)
    }

    private mutating func append(_ word: UInt64) {
        for byte in 0..<8 { entry.append(UInt8(truncatingIfNeeded: word >> (8 * UInt64(byte)))) }
    }
}

/// One entry of a directory as getdents64(2) tells it.
private struct ListedEntry: Sendable {
    /// Of the kernel's entries, at a time.
    private static let bufferSize = 32 << 10

    let inode: UInt64
    /// The position behind it.
    let next: UInt64
    let kind: FileKind
    let name: [UInt8]

    /// The entries from a position on that one call gives: none at the end.
    static func batch(_ raw: Int32, from position: Int64) throws(CallFailure) -> [ListedEntry] {
        _ = try kernel(try FileDescriptorCalls.seek(raw, position, from: .start))
        return try unsafe withUnsafeTemporaryAllocation(byteCount: bufferSize, alignment: 8) {
            (scratch) throws(CallFailure) -> [ListedEntry] in
            // SAFETY: `scratch` lives until this closure returns; the kernel fills `count` bytes of it.
            let count = try unsafe kernel(try FileDescriptorCalls.entries(raw, into: scratch))
            return unsafe parsed(UnsafeRawBufferPointer(rebasing: scratch[..<count]), raw)
        }
    }

    /// Inode, next position, length, type, then a NUL-terminated name.
    private static func parsed(_ bytes: UnsafeRawBufferPointer, _ directory: Int32) -> [ListedEntry] {
        var entries: [ListedEntry] = []
        var start = 0
        while start + 19 <= bytes.count {
            // SAFETY: the 19 bytes of the entry's head are inside (the line above), and `size` keeps the name inside.
            let inode = unsafe bytes.loadUnaligned(fromByteOffset: start, as: UInt64.self)
            let next = unsafe bytes.loadUnaligned(fromByteOffset: start + 8, as: UInt64.self)
            let size = unsafe Int(bytes.loadUnaligned(fromByteOffset: start + 16, as: UInt16.self))
            guard size > 19, start + size <= bytes.count else { break }
            var kind = unsafe FileKind(directoryEntry: bytes[start + 18])
            let name = unsafe Array(bytes[(start + 19)..<(start + size)].prefix { $0 != 0 })
            start += size
            if kind == .unknown, let path = FilePath(name), let status = try? FileEntry.status(directory, path) {
                kind = status.kind
            }
            entries.append(ListedEntry(inode: inode, next: next, kind: kind, name: name))
        }
        return entries
    }
}
