// Calls on an open descriptor: reading, writing, sizes, times, flags. None of them blocks on a stream unless its
// comment says so.

internal import CLinux
internal import Glibc

/// One piece of memory, laid out as `iovec` (readv(2)).
@unsafe package struct IOVector {
    package var base: UnsafeMutableRawPointer
    package var count: Int

    package init(base: UnsafeMutableRawPointer, count: Int) {
        unsafe self.base = base
        unsafe self.count = count
    }
}

/// At most 1024 pieces (IOV_MAX), lent for one call; whoever makes it keeps them and what they point at alive.
@unsafe package struct IOVectors {
    private let pieces: UnsafeMutableBufferPointer<IOVector>

    package init(_ pieces: UnsafeMutableBufferPointer<IOVector>) {
        unsafe self.pieces = pieces
    }

    var base: UnsafeMutablePointer<iovec>? {
        // SAFETY: IOVector has iovec's layout: a pointer, then a size.
        unsafe UnsafeMutableRawPointer(pieces.baseAddress)?.assumingMemoryBound(to: iovec.self)
    }

    var count: Int32 { unsafe Int32(pieces.count) }

    /// The pieces' bytes, `total` of them.
    package func gathered(_ total: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(total)
        for index in unsafe pieces.indices {
            let piece = unsafe pieces[index]
            // SAFETY: whoever made the pieces keeps what they point at alive.
            unsafe bytes.append(contentsOf: UnsafeRawBufferPointer(start: piece.base, count: piece.count))
        }
        return bytes
    }

    /// Copies the pieces' bytes, as many as there is room for.
    package func copyAll(into room: UnsafeMutableRawBufferPointer) {
        var done = 0
        for index in unsafe pieces.indices where done < room.count {
            let piece = unsafe pieces[index]
            let count = unsafe min(piece.count, room.count - done)
            // SAFETY: whoever made the pieces keeps what they point at alive; `count` bytes are inside both.
            unsafe UnsafeMutableRawBufferPointer(rebasing: room[done..<done + count]).copyMemory(
                from: UnsafeRawBufferPointer(start: piece.base, count: count))
            done += count
        }
    }

    /// Fills the pieces in their order.
    /// - Returns: how many bytes had room.
    package func scatter(_ bytes: [UInt8]) -> Int {
        var done = 0
        for index in unsafe pieces.indices where done < bytes.count {
            let piece = unsafe pieces[index]
            let count = unsafe min(piece.count, bytes.count - done)
            // SAFETY: `count` bytes are inside both.
            unsafe bytes.withUnsafeBytes { source in
                guard let start = source.baseAddress else { return }
                unsafe piece.base.copyMemory(from: start + done, byteCount: count)
            }
            done += count
        }
        return done
    }

    /// The only piece: for one, the plain calls are cheaper than the vectored ones.
    var only: IOVector? { unsafe pieces.count == 1 ? pieces[0] : nil }
}

/// Advice of posix_fadvise(2).
package enum FileAdvice: Int32, Sendable {
    case normal = 0
    case random = 1
    case sequential = 2
    case willNeed = 3
    case dontNeed = 4
    case noReuse = 5
}

package enum FileDescriptorCalls {
    private static func count(_ call: String, _ result: Int) throws(SystemError) -> Int {
        if result < 0 { throw SystemError(call, errno: errno) }
        return result
    }

    private static func raw(_ call: String, _ result: Int64) throws(SystemError) -> Int {
        if result < 0 { throw SystemError(call, errno: Int32(-result)) }
        return Int(result)
    }

    /// fstat(2).
    package static func status(_ fd: Int32) throws(SystemError) -> FileStatus {
        var buffer = stat()
        // SAFETY: `buffer` is a whole stat.
        _ = try count("fstat", Int(unsafe fstat(fd, &buffer)))
        return FileStatus(buffer)
    }

    /// readv(2); blocks on a stream that has nothing to read unless the descriptor is non-blocking.
    package static func read(_ fd: Int32, _ vectors: IOVectors) throws(SystemError) -> Int {
        // SAFETY: the caller's vectors point at memory that it may write while the call runs.
        if let only = unsafe vectors.only { return try count("read", unsafe Glibc.read(fd, only.base, only.count)) }
        return try count("readv", unsafe readv(fd, vectors.base, vectors.count))
    }

    /// writev(2); blocks on a stream that is full unless the descriptor is non-blocking.
    package static func write(_ fd: Int32, _ vectors: IOVectors) throws(SystemError) -> Int {
        // SAFETY: the caller's vectors point at memory that it may read while the call runs.
        if let only = unsafe vectors.only { return try count("write", unsafe Glibc.write(fd, only.base, only.count)) }
        return try count("writev", unsafe writev(fd, vectors.base, vectors.count))
    }

    /// preadv2(2) with RWF_NOWAIT, -1 being the current position: EAGAIN where it would wait, EOPNOTSUPP where it can't say.
    package static func readWithoutWaiting(
        _ fd: Int32, _ vectors: IOVectors, at offset: Int64 = -1
    ) throws(SystemError) -> Int {
        // SAFETY: as `read`.
        try raw("preadv2", unsafe bulkhead_readv_nowait(fd, vectors.base, vectors.count, offset))
    }

    /// pwritev2(2) with RWF_NOWAIT at the current position.
    package static func writeWithoutWaiting(
        _ fd: Int32, _ vectors: IOVectors
    ) throws(SystemError) -> Int {
        // SAFETY: as `write`.
        try raw("pwritev2", unsafe bulkhead_writev_nowait(fd, vectors.base, vectors.count))
    }

    /// preadv(2) at `offset`, at least 0.
    package static func read(
        _ fd: Int32, _ vectors: IOVectors, at offset: Int64
    ) throws(SystemError) -> Int {
        // SAFETY: as `read`.
        if let only = unsafe vectors.only {
            return try count("pread", unsafe pread(fd, only.base, only.count, Int(offset)))
        }
        return try count("preadv", unsafe preadv(fd, vectors.base, vectors.count, Int(offset)))
    }

    /// pwritev(2) at `offset`, at least 0; an O_APPEND descriptor appends all the same (Linux).
    package static func write(
        _ fd: Int32, _ vectors: IOVectors, at offset: Int64
    ) throws(SystemError) -> Int {
        // SAFETY: as `write`.
        if let only = unsafe vectors.only {
            return try count("pwrite", unsafe pwrite(fd, only.base, only.count, Int(offset)))
        }
        return try count("pwritev", unsafe pwritev(fd, vectors.base, vectors.count, Int(offset)))
    }

    /// lseek(2) from the start, the position or the end.
    package enum Origin: Int32, Sendable {
        case start = 0
        case current = 1
        case end = 2
    }

    package static func seek(_ fd: Int32, _ offset: Int64, from origin: Origin) throws(SystemError) -> UInt64 {
        UInt64(try count("lseek", lseek(fd, Int(offset), origin.rawValue)))
    }

    /// ftruncate(2), which also grows.
    package static func setSize(_ fd: Int32, _ size: Int64) throws(SystemError) {
        _ = try count("ftruncate", Int(ftruncate(fd, Int(size))))
    }

    /// fallocate(2) with mode 0.
    package static func allocate(_ fd: Int32, offset: Int64, length: Int64) throws(SystemError) {
        _ = try raw("fallocate", Int64(bulkhead_allocate(fd, offset, length)))
    }

    /// posix_fadvise(2), which returns its error.
    package static func advise(
        _ fd: Int32, offset: Int64, length: Int64, _ advice: FileAdvice
    ) throws(SystemError) {
        let error = posix_fadvise(fd, Int(offset), Int(length), advice.rawValue)
        if error != 0 { throw SystemError("posix_fadvise", errno: error) }
    }

    /// fsync(2), or fdatasync(2); waits for the disk.
    package static func sync(_ fd: Int32, dataOnly: Bool) throws(SystemError) {
        _ = try count("fsync", Int(dataOnly ? fdatasync(fd) : fsync(fd)))
    }

    /// utimensat(2) on the descriptor itself, an O_PATH one too.
    package static func setTimes(_ fd: Int32, accessed: FileTime, modified: FileTime) throws(SystemError) {
        let times: InlineArray<2, timespec> = [accessed.specification, modified.specification]
        let result = unsafe times.span.withUnsafeBufferPointer { buffer in
            // SAFETY: `buffer` holds the two times that the call reads.
            unsafe bulkhead_set_times(fd, buffer.baseAddress)
        }
        _ = try raw("utimensat", Int64(result))
    }

    /// Adds or removes O_APPEND (fcntl(2), F_SETFL).
    package static func setAppend(_ fd: Int32, _ isOn: Bool) throws(SystemError) {
        try changeFlag(fd, O_APPEND, isOn)
    }

    /// Adds or removes O_NONBLOCK on the open file description, which others may share.
    package static func setNonBlocking(_ fd: Int32, _ isOn: Bool) throws(SystemError) {
        try changeFlag(fd, O_NONBLOCK, isOn)
    }

    private static func changeFlag(_ fd: Int32, _ flag: Int32, _ isOn: Bool) throws(SystemError) {
        let flags = Int32(try raw("fcntl", Int64(bulkhead_status_flags(fd))))
        let wanted = isOn ? flags | flag : flags & ~flag
        if wanted != flags { _ = try raw("fcntl", Int64(bulkhead_set_status_flags(fd, wanted))) }
    }

    /// FIONREAD (ioctl(2)): bytes that can be read now.
    package static func readableBytes(_ fd: Int32) throws(SystemError) -> UInt64 {
        UInt64(try raw("ioctl", Int64(bulkhead_readable_bytes(fd))))
    }

    /// poll(2) of one descriptor without waiting.
    package static func ready(_ fd: Int32, _ events: PollEvents) throws(SystemError) -> PollEvents {
        var one = pollfd(fd: fd, events: events.rawValue, revents: 0)
        // SAFETY: one whole pollfd.
        _ = try count("poll", Int(unsafe poll(&one, 1, 0)))
        return PollEvents(rawValue: one.revents)
    }

    /// poll(2) of many, without waiting; answers come in the same order.
    package static func ready(_ asked: [(fd: Int32, events: PollEvents)]) throws(SystemError) -> [PollEvents] {
        var all = asked.map { pollfd(fd: $0.fd, events: $0.events.rawValue, revents: 0) }
        // SAFETY: `all.count` whole pollfds.
        _ = try count("poll", Int(unsafe poll(&all, nfds_t(all.count), 0)))
        return all.map { PollEvents(rawValue: $0.revents) }
    }

    /// getdents64(2) from the descriptor's position into `buffer`.
    /// - Returns: how many bytes are whole entries; 0 at the end.
    package static func entries(
        _ fd: Int32, into buffer: UnsafeMutableRawBufferPointer
    ) throws(SystemError) -> Int {
        // SAFETY: the kernel writes at most `buffer.count` bytes.
        try raw("getdents64", unsafe bulkhead_getdents64(fd, buffer.baseAddress, buffer.count))
    }

    /// getrandom(2) from the kernel's generator; may be short.
    package static func random(into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int {
        // SAFETY: the kernel writes at most `buffer.count` bytes.
        try raw("getrandom", unsafe bulkhead_random(buffer.baseAddress, buffer.count))
    }
}

/// The clocks of clock_gettime(2) that guests see; nanoseconds.
package enum SystemClock: Int32, Sendable {
    case realtime = 0
    case monotonic = 1
    case processTime = 2
    case threadTime = 3

    package var now: UInt64 {
        var time = timespec()
        // SAFETY: a whole timespec; these clocks always exist.
        _ = unsafe clock_gettime(rawValue, &time)
        return UInt64(max(0, time.tv_sec)) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }

    package var resolution: UInt64 {
        var time = timespec()
        // SAFETY: as `now`.
        _ = unsafe clock_getres(rawValue, &time)
        return UInt64(max(0, time.tv_sec)) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }
}
