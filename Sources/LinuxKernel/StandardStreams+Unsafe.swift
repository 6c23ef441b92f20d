// Descriptors 0, 1 and 2 of this process: there from the first line on, and what stdio wrote is known to have arrived.

internal import CLinux
internal import Glibc

package enum StandardStreams {
    /// Makes sure that 0, 1 and 2 are open. One that was closed becomes /dev/null, opened the wrong way round, so that using
    /// it fails with EBADF as before. Otherwise the next file to be opened would get its number, and with it what is
    /// printed: the audit log, for one. Call before anything else opens a file.
    /// - Throws: what open(2) says when there is no /dev/null; then nothing may run.
    package static func secure() throws(SystemError) {
        for raw in Int32(0)...2 where fcntl(raw, F_GETFD) == -1 {
            // The lowest free number, which is this one: those below are open.
            // SAFETY: a constant string, read during the call.
            guard unsafe open("/dev/null", raw == 0 ? O_WRONLY : O_RDONLY) == raw else {
                throw SystemError("open /dev/null", errno: errno)
            }
        }
    }

    /// Writes out what `print` has buffered.
    /// - Throws: when any of it, now or earlier, could not be written.
    package static func flushOutput() throws(SystemError) {
        try requireZero(bulkhead_flush_stdout(), "write")
    }
}
