// Calls of the C library that tests need and Swift counts as unsafe.

import Glibc
import LinuxKernel

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

func makeDirectory(_ path: String) -> Bool {
    // SAFETY: the pointer is a NUL-terminated copy that lives for the call.
    unsafe mkdir(path, 0o700) == 0
}

/// Removes a tree of ours, as rm(1) does.
func removeTree(_ path: String) {
    let request = SpawnRequest(executable: "/bin/rm", arguments: ["rm", "-rf", "--", path])
    if let child = try? Spawn.start(request) { _ = try? child.wait() }
}
