// File system calls that take a path: openat2(2) beneath a directory, and the *at calls on one component.

internal import CLinux
internal import Glibc

/// A path as the kernel takes it: bytes without NUL, and a NUL after them.
package struct FilePath: Hashable, Sendable {
    /// Without the NUL.
    package var bytes: ArraySlice<UInt8> { terminated.dropLast() }
    private let terminated: [UInt8]

    /// nil when a NUL is among the bytes.
    package init?(_ bytes: some Collection<UInt8>) {
        self.init(Array(bytes)[...])
    }

    package init?(_ bytes: [UInt8]) {
        self.init(bytes[...])
    }

    /// Not generic: across modules that would be a tenth of what opening a file costs.
    package init?(_ bytes: ArraySlice<UInt8>) {
        if bytes.contains(0) { return nil }
        var terminated: [UInt8] = []
        terminated.reserveCapacity(bytes.count + 1)
        terminated.append(contentsOf: bytes)
        terminated.append(0)
        self.terminated = terminated
    }

    private init(terminated: [UInt8]) {
        self.terminated = terminated
    }

    package static let here = FilePath(terminated: [UInt8(ascii: "."), 0])

    fileprivate func with<Result>(
        _ body: (UnsafePointer<CChar>) throws(SystemError) -> Result
    ) throws(SystemError) -> Result {
        // SAFETY: `terminated` ends in a NUL and outlives the call; every body only reads from it while it runs.
        var outcome: Swift.Result<Result, SystemError>?
        unsafe terminated.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            do throws(SystemError) {
                outcome = .success(try unsafe body(base.assumingMemoryBound(to: CChar.self)))
            } catch {
                outcome = .failure(error)
            }
        }
        guard let outcome else { throw SystemError("path", errno: EINVAL) }
        return try outcome.get()
    }
}

/// How openat2(2) opens.
package struct OpenFlags: OptionSet, Hashable, Sendable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    private init(_ value: Int32) {
        rawValue = UInt64(value)
    }

    package static let writeOnly = OpenFlags(O_WRONLY)
    package static let readWrite = OpenFlags(O_RDWR)
    package static let create = OpenFlags(O_CREAT)
    package static let exclusive = OpenFlags(O_EXCL)
    package static let truncate = OpenFlags(O_TRUNC)
    package static let append = OpenFlags(O_APPEND)
    package static let directory = OpenFlags(O_DIRECTORY)
    package static let noFollow = OpenFlags(O_NOFOLLOW)
    package static let sync = OpenFlags(O_SYNC)
    package static let dataSync = OpenFlags(O_DSYNC)
    package static let nonBlocking = OpenFlags(O_NONBLOCK)
    package static let noControllingTerminal = OpenFlags(O_NOCTTY)
    /// A handle on the file that neither reads nor writes it.
    package static let path = OpenFlags(rawValue: bulkhead_O_PATH)
}

extension OwnedFileDescriptor {
    /// openat2(2) with RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS, and RESOLVE_NO_SYMLINKS unless links are followed.
    /// A rename elsewhere that makes the kernel unsure (EAGAIN) is tried again, a bounded number of times.
    package static func open(
        beneath directory: Int32, _ path: FilePath, _ flags: OpenFlags, mode: UInt32 = 0, followingLinks: Bool
    ) throws(SystemError) -> OwnedFileDescriptor {
        let resolve =
            bulkhead_RESOLVE_BENEATH | bulkhead_RESOLVE_NO_MAGICLINKS
            | (followingLinks ? 0 : bulkhead_RESOLVE_NO_SYMLINKS)
        var attempts = 0
        while true {
            let result = try unsafe path.with { (pointer) throws(SystemError) in
                // SAFETY: `pointer` is NUL-terminated (FilePath.with).
                unsafe bulkhead_openat2(
                    directory, pointer, flags.rawValue | UInt64(O_CLOEXEC), UInt64(mode), resolve)
            }
            if result >= 0 { return OwnedFileDescriptor(taking: result) }
            attempts += 1
            if attempts > 32 || (result != -EAGAIN && result != -EINTR) {
                throw SystemError("openat2", errno: -result)
            }
        }
    }
}

/// Calls on one component of a directory. None of them follows a link in `leaf`, which must hold no slash.
package enum FileEntry {
    private static func check(_ call: String, _ result: Int32) throws(SystemError) {
        if result < 0 { throw SystemError(call, errno: errno) }
    }

    /// fstatat(2) with AT_SYMLINK_NOFOLLOW.
    package static func status(_ directory: Int32, _ leaf: FilePath) throws(SystemError) -> FileStatus {
        var buffer = stat()
        try unsafe leaf.with { (pointer) throws(SystemError) in
            // SAFETY: `pointer` is NUL-terminated (FilePath.with) and `buffer` is a whole stat.
            try check("fstatat", unsafe fstatat(directory, pointer, &buffer, AT_SYMLINK_NOFOLLOW))
        }
        return FileStatus(buffer)
    }

    /// mkdirat(2), mode 0777 less the umask.
    package static func makeDirectory(_ directory: Int32, _ leaf: FilePath) throws(SystemError) {
        try unsafe leaf.with { (pointer) throws(SystemError) in
            // SAFETY: `pointer` is NUL-terminated (FilePath.with).
            try check("mkdirat", unsafe mkdirat(directory, pointer, 0o777))
        }
    }

    /// unlinkat(2) without AT_REMOVEDIR.
    package static func unlink(_ directory: Int32, _ leaf: FilePath) throws(SystemError) {
        try unsafe leaf.with { (pointer) throws(SystemError) in
            // SAFETY: `pointer` is NUL-terminated (FilePath.with).
            try check("unlinkat", unsafe unlinkat(directory, pointer, 0))
        }
    }

    /// unlinkat(2) with AT_REMOVEDIR.
    package static func removeDirectory(_ directory: Int32, _ leaf: FilePath) throws(SystemError) {
        try unsafe leaf.with { (pointer) throws(SystemError) in
            // SAFETY: `pointer` is NUL-terminated (FilePath.with).
            try check("unlinkat", unsafe unlinkat(directory, pointer, AT_REMOVEDIR))
        }
    }

    /// renameat(2): replaces the target.
    package static func rename(
        _ oldDirectory: Int32, _ old: FilePath, _ newDirectory: Int32, _ new: FilePath
    ) throws(SystemError) {
        try unsafe old.with { (oldPointer) throws(SystemError) in
            try unsafe new.with { (newPointer) throws(SystemError) in
                // SAFETY: both pointers are NUL-terminated (FilePath.with).
                try check("renameat", unsafe renameat(oldDirectory, oldPointer, newDirectory, newPointer))
            }
        }
    }

    /// linkat(2) without AT_SYMLINK_FOLLOW.
    package static func link(
        _ oldDirectory: Int32, _ old: FilePath, _ newDirectory: Int32, _ new: FilePath
    ) throws(SystemError) {
        try unsafe old.with { (oldPointer) throws(SystemError) in
            try unsafe new.with { (newPointer) throws(SystemError) in
                // SAFETY: both pointers are NUL-terminated (FilePath.with).
                try check("linkat", unsafe linkat(oldDirectory, oldPointer, newDirectory, newPointer, 0))
            }
        }
    }

    /// symlinkat(2): `target` is stored as it is.
    package static func makeLink(
        to target: FilePath, _ directory: Int32, _ leaf: FilePath
    ) throws(SystemError) {
        try unsafe target.with { (targetPointer) throws(SystemError) in
            try unsafe leaf.with { (pointer) throws(SystemError) in
                // SAFETY: both pointers are NUL-terminated (FilePath.with).
                try check("symlinkat", unsafe symlinkat(targetPointer, directory, pointer))
            }
        }
    }

    /// readlinkat(2) of the link itself that `link` (O_PATH | O_NOFOLLOW) refers to, into `buffer`, cut to its size.
    package static func readLink(
        _ link: Int32, into buffer: UnsafeMutableRawBufferPointer
    ) throws(SystemError) -> Int {
        guard let base = buffer.baseAddress, buffer.count > 0 else { return 0 }
        // SAFETY: the kernel writes at most `buffer.count` bytes from `base`; the path is an empty literal.
        let count = unsafe readlinkat(link, "", base.assumingMemoryBound(to: CChar.self), buffer.count)
        if count < 0 { throw SystemError("readlinkat", errno: errno) }
        return count
    }
}
