// What stands behind a descriptor that we did not open, and addresses written as text.

internal import Glibc

extension Descriptor {
    /// Whether reads and writes go to a regular file (fstat(2)), which poll(2) always calls ready.
    package static func isRegularFile(_ raw: Int32) -> Bool {
        var status = stat()
        // SAFETY: fstat fills the local.
        return unsafe fstat(raw, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }
}

extension IPAddress {
    /// A literal address (inet_pton(3)): dotted decimal or RFC 4291 text, without brackets, scope or port.
    package init?(text: String) {
        for (family, length) in [(AF_INET, 4), (AF_INET6, 16)] {
            var bytes = [UInt8](repeating: 0, count: length)
            // SAFETY: the buffer has as many bytes as the family's addresses.
            if unsafe inet_pton(family, text, &bytes) == 1 {
                self.init(bytes: bytes)
                return
            }
        }
        return nil
    }
}

extension Executable {
    /// Whether this process may execute the file (access(2)).
    package static func isExecutable(_ path: String) -> Bool {
        // SAFETY: reads a string that lives for the call.
        unsafe access(path, X_OK) == 0
    }
}

extension OwnedFileDescriptor {
    /// A handle on a directory that can be resolved from but not read (open(2), O_PATH).
    package init(directory path: String) throws(SystemError) {
        // Glibc's overlay does not import O_PATH, whose value is the same on every architecture but Alpha and SPARC.
        try self.init(opening: path, flags: 0o10000000 | O_DIRECTORY | O_CLOEXEC)
    }
}
