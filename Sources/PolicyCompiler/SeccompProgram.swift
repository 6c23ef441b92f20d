// Which system calls a cell may make, by grant. Pure data: LinuxKernel compiles and installs it.
//
// Every name exists on x86_64; one that aarch64 lacks (`poll`, `epoll_wait`) stands for nothing there. An argument that
// the kernel takes as an int is compared in its low half only, for the ABI leaves the high half undefined.

package import CapabilityModel

package enum SeccompProgram {
    /// The rules for a capability set, sorted by name and then by argument value.
    ///
    /// Monotone: a wider set only adds rules, and none of them makes a socket, names an address, starts a program,
    /// traces, or maps executable memory.
    package static func rules(for capabilities: CapabilitySet) -> [SyscallRule] {
        var rules = descriptors + memory + threads + signals + time + waiting
        if !capabilities.mounts.isEmpty { rules += fileSystem(capabilities.mounts) }
        if !capabilities.connect.isEmpty || !capabilities.listen.isEmpty { rules += connections }
        if !capabilities.listen.isEmpty { rules += listeners }
        return rules.sorted(by: precedes)
    }

    /// Calls that the C library tries and can do without: it must see that they do not exist.
    package static let refusals = ["clone3": "ENOSYS"]

    // MARK: Always

    private static let descriptors: [SyscallRule] =
        allow(["preadv2", "pwritev2", "read", "readv", "write", "writev"], "standard streams and open files")
        + allow(["close", "lseek"], "descriptors the process holds")
        + [
            SyscallRule(name: "fstat", reason: "type and size of a descriptor"),
            SyscallRule(
                name: "newfstatat", arguments: [int(3, Constant.atEmptyPath)],
                reason: "fstat(3), as the C library makes it"),
        ]
        + allow("fcntl", 1, Constant.fcntlCommands, "duplicate a descriptor, read and set its flags")
        + [SyscallRule(name: "ioctl", arguments: [int(1, Constant.fionread)], reason: "bytes waiting, for poll_oneoff")]
        + [
            SyscallRule(name: "recvmsg", reason: "the control socket: messages and descriptors from the supervisor"),
            // On any other socket its address and what goes with it could not be seen here: a bound datagram socket would
            // reach whom it likes. The socket's number is above the limit of descriptors, so nothing else comes to have it.
            SyscallRule(
                name: "sendmsg",
                arguments: [SyscallArgumentRule(index: 0, comparison: .controlSocket, value: 3), noFastOpen(2)],
                reason: "the control socket: messages to the supervisor"),
        ]

    private static let memory: [SyscallRule] =
        [
            SyscallRule(name: "mmap", arguments: [notExecutable], reason: "memory, never executable"),
            SyscallRule(name: "mprotect", arguments: [notExecutable], reason: "growth and guards, never executable"),
        ]
        + allow(["brk", "mremap", "munmap"], "memory")
        + allow("madvise", 2, Constant.advice, "give memory back, guard it")
        + [
            SyscallRule(
                name: "getrusage", arguments: [int(0, Constant.ofThisThread)],
                reason: "page faults of a thread: what instances touched")
        ]

    private static let threads: [SyscallRule] =
        [
            SyscallRule(
                name: "clone",
                arguments: [SyscallArgumentRule(index: 0, comparison: .equal, value: Constant.newThread)],
                reason: "a thread of this process, and nothing else")
        ]
        + allow(["futex", "sched_yield"], "locks")
        + allow(["rseq", "set_robust_list"], "a thread's start")
        + allow(["sched_getaffinity"], "malloc's count of processors")
        + [
            SyscallRule(name: "prctl", arguments: [int(0, Constant.setName)], reason: "a thread's name"),
            SyscallRule(
                name: "prlimit64",
                arguments: [int(0, 0), SyscallArgumentRule(index: 2, comparison: .equal, value: 0)],
                reason: "read a limit of this process: stack bounds"),
        ]
        + allow(["exit", "exit_group", "getpid", "gettid"], "a thread's and the process's end")

    private static let signals: [SyscallRule] =
        allow(["rt_sigaction"], "the C library's handlers at a first thread and at an abort")
        + allow(["rt_sigprocmask", "rt_sigreturn", "sigaltstack"], "Wasm traps arrive as signals")
        + [
            SyscallRule(
                name: "tgkill", arguments: [SyscallArgumentRule(index: 0, comparison: .ownProcess, value: 0)],
                reason: "abort(3): a signal to this process only")
        ]

    private static let time: [SyscallRule] =
        allow(["clock_getres", "clock_gettime"], "clocks that the vDSO does not answer")
        + allow(["clock_nanosleep", "nanosleep", "restart_syscall"], "sleep")
        + allow(["getrandom"], "hash seeds, random_get")

    private static let waiting: [SyscallRule] = allow(
        ["epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd2", "poll", "ppoll"],
        "wait for descriptors")

    // MARK: By grant

    private static func fileSystem(_ mounts: [MountGrant]) -> [SyscallRule] {
        let rights = mounts.reduce(into: FileRights()) { $0.formUnion($1.rights) }
        var rules =
            allow(["openat2"], "fs: open beneath a mount")
            + allow(["getdents64", "newfstatat", "readlinkat", "statx"], "fs: names and attributes beneath a mount")
            + allow(["fadvise64", "fdatasync", "fsync", "pread64", "preadv"], "fs: open files")
        if !rights.isDisjoint(with: [.write, .create]) {
            rules += allow(["fallocate", "ftruncate", "pwrite64", "pwritev"], "fs: change open files")
            rules += allow(["utimensat"], "fs: times of files")
        }
        if rights.contains(.create) {
            rules += allow(["linkat", "mkdirat"], "fs: create")
        }
        if mounts.contains(where: { $0.symlinks == .create && $0.rights.contains(.create) }) {
            rules += allow(["symlinkat"], "fs: create symbolic links")
        }
        if rights.contains(.delete) {
            rules += allow(["unlinkat"], "fs: delete")
        }
        if rights.isSuperset(of: [.create, .delete]) {
            rules += allow(["renameat", "renameat2"], "fs: rename")
        }
        return rules
    }

    private static let connections: [SyscallRule] =
        [
            SyscallRule(name: "recvfrom", reason: "net: receive on a connection that was handed in"),
            SyscallRule(
                name: "sendto",
                arguments: [noFastOpen(3), SyscallArgumentRule(index: 4, comparison: .equal, value: 0)],
                reason: "net: send on a connection that was handed in, never to an address"),
            SyscallRule(name: "shutdown", reason: "net: end one direction of a connection"),
            SyscallRule(name: "getpeername", reason: "net: a connection's other end, for socket_address"),
            SyscallRule(name: "getsockname", reason: "net: a socket's own end, for socket_address"),
        ]
        + allow(["getpeername", "getsockname"], "net: a socket's addresses, for socket_address")
        + Constant.socketOptions.map {
            SyscallRule(
                name: "getsockopt", arguments: [int(1, Constant.socketLevel), int(2, $0)],
                reason: "net: a socket's type, its pending error, whether it listens")
        }

    private static let listeners: [SyscallRule] =
        [SyscallRule(name: "accept4", reason: "net.listen: take connections of a listener that was handed in")]

    // MARK: Building rules

    private static func allow(_ names: [String], _ reason: String) -> [SyscallRule] {
        names.map { SyscallRule(name: $0, reason: reason) }
    }

    private static func allow(_ name: String, _ index: Int, _ values: [UInt64], _ reason: String) -> [SyscallRule] {
        values.map { SyscallRule(name: name, arguments: [int(index, $0)], reason: reason) }
    }

    /// The argument as the kernel's 32-bit int.
    private static func int(_ index: Int, _ value: UInt64) -> SyscallArgumentRule {
        SyscallArgumentRule(index: index, comparison: .maskedEqual, mask: 0xffff_ffff, value: value)
    }

    private static let notExecutable = SyscallArgumentRule(
        index: 2, comparison: .maskedEqual, mask: Constant.protExec, value: 0)

    /// MSG_FASTOPEN would connect: a listener that was shut down is a fresh socket again.
    private static func noFastOpen(_ index: Int) -> SyscallArgumentRule {
        SyscallArgumentRule(index: index, comparison: .maskedEqual, mask: Constant.msgFastOpen, value: 0)
    }

    private static func precedes(_ left: SyscallRule, _ right: SyscallRule) -> Bool {
        if left.name != right.name { return left.name < right.name }
        let values = (left.arguments.map(\.value), right.arguments.map(\.value))
        return values.0.lexicographicallyPrecedes(values.1)
    }
}

/// The kernel's numbers, the same on x86_64 and aarch64.
private enum Constant {
    static let atEmptyPath: UInt64 = 0x1000
    /// F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC
    static let fcntlCommands: [UInt64] = [1, 2, 3, 4, 1030]
    static let fionread: UInt64 = 0x541b
    static let protExec: UInt64 = 4
    static let msgFastOpen: UInt64 = 0x2000_0000
    /// MADV_NORMAL, DONTNEED, FREE, HUGEPAGE, NOHUGEPAGE, DONTDUMP, GUARD_INSTALL, GUARD_REMOVE
    static let advice: [UInt64] = [0, 4, 8, 14, 15, 16, 102, 103]
    /// pthread_create(3)'s flags: CLONE_VM, FS, FILES, SIGHAND, THREAD, SYSVSEM, SETTLS, PARENT_SETTID, CHILD_CLEARTID
    static let newThread: UInt64 = 0x3d0f00
    static let setName: UInt64 = 15
    /// RUSAGE_THREAD of getrusage(2).
    static let ofThisThread: UInt64 = 1
    static let socketLevel: UInt64 = 1
    /// SO_TYPE, SO_ERROR, SO_ACCEPTCONN
    static let socketOptions: [UInt64] = [3, 4, 30]
}
