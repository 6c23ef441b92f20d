// A full disk, as far as a test can have one: RLIMIT_FSIZE lets writes fall short and then fail.

import Glibc

/// For a process of its own, since the limit holds for every thread: runs `body` while this process's files may not grow past `bytes`. SIGXFSZ is ignored, so that write(2) fails with EFBIG.
func withFileSizeLimit<Value: ~Copyable>(_ bytes: Int, _ body: () throws -> Value) throws -> Value {
    var old = rlimit()
    // SAFETY: the structures are locals that the calls fill in or read; the handler is the system's own.
    unsafe getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &old)
    signal(SIGXFSZ, SIG_IGN)
    var tight = old
    tight.rlim_cur = rlim_t(bytes)
    unsafe setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &tight)
    defer { unsafe setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &old) }
    return try body()
}

/// futimens(2) of both times, in seconds since 1970.
func setTimes(_ descriptor: Int32, to seconds: Int64) {
    let times = [timespec(tv_sec: Int(seconds), tv_nsec: 0), timespec(tv_sec: Int(seconds), tv_nsec: 0)]
    // SAFETY: the call reads the two elements of the array, which lives for the closure.
    _ = unsafe times.withUnsafeBufferPointer { unsafe futimens(descriptor, $0.baseAddress) }
}
