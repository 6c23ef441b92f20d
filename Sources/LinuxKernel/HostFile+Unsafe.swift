// Files of the supervisor's own: the audit log, keys, the module cache. Guest paths never come here.

internal import Glibc

/// What fstat(2) says of a file, as far as the supervisor's own files need it.
package struct HostFileStatus: Hashable, Sendable {
    package var device: UInt64
    package var inode: UInt64
    /// Bytes.
    package var size: UInt64
    /// Type and permission bits, as in `st_mode`.
    package var mode: UInt32
    package var owner: UInt32
    /// Last change of the content and of the inode, in nanoseconds since 1970.
    package var modified: Int64
    package var changed: Int64

    package var isRegular: Bool { mode & UInt32(S_IFMT) == UInt32(S_IFREG) }
    package var isDirectory: Bool { mode & UInt32(S_IFMT) == UInt32(S_IFDIR) }
}

/// Thin calls over open(2) and its kin: EINTR retried, paths with NUL refused, failures as `SystemError`.
package enum HostFile {
    /// open(2), always with O_CLOEXEC; a NUL byte in `path` is EINVAL.
    package static func open(
        _ path: String, _ flags: Int32, mode: UInt32 = 0
    ) throws(SystemError) -> OwnedFileDescriptor {
        guard !path.utf8.contains(0) else { throw SystemError("open", errno: EINVAL) }
        while true {
            // SAFETY: the string's bytes live for the call and end in NUL; open keeps no pointer.
            let raw = unsafe Glibc.open(path, flags | O_CLOEXEC, mode_t(mode))
            if raw >= 0 { return OwnedFileDescriptor(taking: raw) }
            guard errno == EINTR else { throw SystemError("open", errno: errno) }
        }
    }

    /// fstat(2).
    package static func status(_ file: borrowing OwnedFileDescriptor) throws(SystemError) -> HostFileStatus {
        var status = stat()
        // SAFETY: `status` is a whole stat structure that the call fills in and does not keep.
        guard unsafe fstat(file.rawValue, &status) == 0 else { throw SystemError("fstat", errno: errno) }
        return HostFileStatus(status)
    }

    /// stat(2), or lstat(2) where `followLinks` is false; nil when nothing has that name.
    package static func status(path: String, followLinks: Bool = true) throws(SystemError) -> HostFileStatus? {
        var status = stat()
        // SAFETY: the path ends in NUL and `status` is filled in during the call only.
        let result = unsafe followLinks ? stat(path, &status) : lstat(path, &status)
        if result == 0 { return HostFileStatus(status) }
        guard errno == ENOENT || errno == ENOTDIR else { throw SystemError("stat", errno: errno) }
        return nil
    }

    /// pread(2) of up to `count` bytes at `offset`; fewer only at the end of the file.
    package static func read(
        _ file: borrowing OwnedFileDescriptor, at offset: UInt64, count: Int
    ) throws(SystemError) -> [UInt8] {
        var failure: Int32 = 0
        let descriptor = file.rawValue
        // SAFETY: the buffer has room for `count` bytes, and only as many as pread reported are declared initialised.
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let got = unsafe pread(
                    descriptor, buffer.baseAddress.map { unsafe $0 + filled }, count - filled,
                    off_t(clamping: offset + UInt64(filled)))
                if got > 0 {
                    filled += got
                } else if got == 0 {
                    return
                } else if errno != EINTR {
                    failure = errno
                    return
                }
            }
        }
        guard failure == 0 else { throw SystemError("pread", errno: failure) }
        return bytes
    }

    /// read(2) to the end of a stream, or until more than `limit` bytes came (EFBIG).
    package static func readToEnd(
        _ file: borrowing OwnedFileDescriptor, limit: Int
    ) throws(SystemError) -> [UInt8] {
        var all: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let descriptor = file.rawValue
            // SAFETY: read writes at most the buffer's count into the buffer and keeps no pointer.
            let got = unsafe chunk.withUnsafeMutableBytes { buffer in
                unsafe Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            }
            if got == 0 { return all }
            if got < 0 {
                if errno == EINTR { continue }
                throw SystemError("read", errno: errno)
            }
            guard all.count + got <= limit else { throw SystemError("read", errno: EFBIG) }
            all.append(contentsOf: chunk[..<got])
        }
    }

    /// write(2) until all bytes are written; the error of the first call that fails. A short count is tried again, so that
    /// a full disk shows as ENOSPC.
    package static func write(_ bytes: [UInt8], to file: borrowing OwnedFileDescriptor) throws(SystemError) {
        try write(bytes[...], to: file)
    }

    package static func write(_ bytes: ArraySlice<UInt8>, to file: borrowing OwnedFileDescriptor) throws(SystemError) {
        let descriptor = file.rawValue
        // SAFETY: each write reads only the rest of the buffer, which lives for the closure.
        let failure: Int32 = unsafe bytes.withUnsafeBytes { buffer in
            var done = 0
            while done < buffer.count {
                let wrote = unsafe Glibc.write(
                    descriptor, buffer.baseAddress.map { unsafe $0 + done }, buffer.count - done)
                if wrote >= 0 {
                    done += wrote
                } else if errno != EINTR {
                    return errno
                }
            }
            return 0
        }
        guard failure == 0 else { throw SystemError("write", errno: failure) }
    }

    /// ftruncate(2) to `size` bytes.
    package static func truncate(_ file: borrowing OwnedFileDescriptor, to size: UInt64) throws(SystemError) {
        while ftruncate(file.rawValue, off_t(clamping: size)) != 0 {
            guard errno == EINTR else { throw SystemError("ftruncate", errno: errno) }
        }
    }

    /// Moves the offset back to the file's start.
    package static func rewind(_ file: borrowing OwnedFileDescriptor) throws(SystemError) {
        guard lseek(file.rawValue, 0, SEEK_SET) == 0 else { throw SystemError("lseek", errno: errno) }
    }

    /// futimens(2): both times become now.
    package static func touch(_ file: borrowing OwnedFileDescriptor) throws(SystemError) {
        guard futimens(file.rawValue, nil) == 0 else { throw SystemError("futimens", errno: errno) }
    }

    /// flock(2), waiting: `LOCK_SH`, `LOCK_EX` or `LOCK_UN`.
    package static func lock(_ file: borrowing OwnedFileDescriptor, _ operation: Int32) throws(SystemError) {
        while flock(file.rawValue, operation) != 0 {
            guard errno == EINTR else { throw SystemError("flock", errno: errno) }
        }
    }

    /// rename(2).
    package static func rename(_ old: String, to new: String) throws(SystemError) {
        // SAFETY: both strings end in NUL and live for the call.
        guard unsafe Glibc.rename(old, new) == 0 else { throw SystemError("rename", errno: errno) }
    }

    /// link(2): fails with EEXIST when `new` is there already.
    package static func link(_ old: String, to new: String) throws(SystemError) {
        // SAFETY: both strings end in NUL and live for the call.
        guard unsafe Glibc.link(old, new) == 0 else { throw SystemError("link", errno: errno) }
    }

    /// unlink(2); a name that is gone already is no error.
    package static func remove(_ path: String) throws(SystemError) {
        // SAFETY: the string ends in NUL and lives for the call.
        guard unsafe unlink(path) == 0 || errno == ENOENT else { throw SystemError("unlink", errno: errno) }
    }

    /// rmdir(2).
    package static func removeDirectory(_ path: String) throws(SystemError) {
        // SAFETY: the string ends in NUL and lives for the call.
        guard unsafe rmdir(path) == 0 else { throw SystemError("rmdir", errno: errno) }
    }

    /// mkdir(2) for `path` and every ancestor that is missing, each with `mode`; one that exists is left as it is.
    package static func makeDirectories(_ path: String, mode: UInt32 = 0o700) throws(SystemError) {
        // SAFETY: the string ends in NUL and lives for the call.
        if unsafe mkdir(path, mode_t(mode)) == 0 || errno == EEXIST { return }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
            throw SystemError("mkdir", errno: errno)
        }
        try makeDirectories(String(path[..<slash]), mode: mode)
        // SAFETY: as above.
        guard unsafe mkdir(path, mode_t(mode)) == 0 || errno == EEXIST else {
            throw SystemError("mkdir", errno: errno)
        }
    }

    /// The names in a directory, without `.` and `..`, in no order. Names that are not UTF-8 are repaired.
    package static func names(in directory: String) throws(SystemError) -> [String] {
        // SAFETY: the string ends in NUL; the stream is closed below and used by this thread only.
        guard let stream = unsafe opendir(directory) else { throw SystemError("opendir", errno: errno) }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            // SAFETY: the entry stays valid until the next readdir on this stream; its name ends in NUL.
            guard let entry = unsafe readdir(stream) else { break }
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { name in
                unsafe name.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        guard errno == 0 else { throw SystemError("readdir", errno: errno) }
        return names
    }

    /// `count` bytes, at most 256, of the kernel's random numbers: getentropy(3).
    package static func randomBytes(_ count: Int) throws(SystemError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        // SAFETY: getentropy fills the buffer, whose count it is given, and nothing else.
        guard unsafe bytes.withUnsafeMutableBytes({ unsafe getentropy($0.baseAddress, $0.count) }) == 0 else {
            throw SystemError("getentropy", errno: errno)
        }
        return bytes
    }
}

extension HostFileStatus {
    fileprivate init(_ status: stat) {
        self.init(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino), size: UInt64(max(0, status.st_size)),
            mode: UInt32(status.st_mode), owner: UInt32(status.st_uid),
            modified: Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec),
            changed: Int64(status.st_ctim.tv_sec) * 1_000_000_000 + Int64(status.st_ctim.tv_nsec))
    }
}
