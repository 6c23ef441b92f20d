// Children inherit the signal mask of the thread that makes them, and Dispatch's threads block nearly everything: a child
// could then not be terminated.

import Glibc

/// Runs `body` with no signal blocked in this thread.
func withNoSignalBlocked<R>(_ body: () throws -> R) rethrows -> R {
    var none = sigset_t()
    var before = sigset_t()
    // SAFETY: the calls read and write the two sets, which live here.
    unsafe sigemptyset(&none)
    unsafe pthread_sigmask(SIG_SETMASK, &none, &before)
    // SAFETY: `before` was written above.
    defer { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) }
    return try body()
}
