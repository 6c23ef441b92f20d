// Calls of the C library that tests need and Swift counts as unsafe.

import Glibc

/// unlink(2); what is not there is fine.
func removeFile(_ path: String) {
    // SAFETY: the pointer is a NUL-terminated copy that lives for the call.
    unsafe unlink(path)
}

/// The device that a special file stands for (st_rdev); 0 when fstat(2) fails.
func deviceNumber(_ raw: Int32) -> UInt64 {
    var status = stat()
    // SAFETY: fstat fills one local structure.
    return unsafe fstat(raw, &status) == 0 ? UInt64(status.st_rdev) : 0
}
