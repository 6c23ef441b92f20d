// A file descriptor with one owner, and the error that a failed call becomes.

internal import Glibc

/// A failed system call: which, and with what errno (errno(3)).
package struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
    package let call: String
    package let errno: Int32

    package init(_ call: String, errno: Int32) {
        self.call = call
        self.errno = errno
    }

    package var description: String {
        "\(call): \(errnoText(errno))"
    }
}

/// Closes its descriptor when it goes out of scope, unless it was given away by `release()`.
package struct OwnedFileDescriptor: ~Copyable, Sendable {
    package let rawValue: Int32

    /// Takes over an open descriptor; the caller must not close it any more.
    package init(taking rawValue: Int32) {
        self.rawValue = rawValue
    }

    deinit {
        // close(2) leaves the descriptor closed whatever it returns on Linux, so there is nothing to retry.
        close(rawValue)
    }

    /// Gives the descriptor to the caller, who must close it.
    package consuming func release() -> Int32 {
        let raw = rawValue
        discard self
        return raw
    }
}
