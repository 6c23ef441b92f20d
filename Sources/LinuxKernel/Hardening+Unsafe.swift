// Small steps by which a process gives up rights for good. Each says whether this kernel and container allow it.

internal import CLinux
internal import Glibc

package enum NoNewPrivileges {
    /// No program that is executed from now on gains privileges (PR_SET_NO_NEW_PRIVS); inherited, not to be undone.
    package static func set() throws(SystemError) {
        try requireZero(bulkhead_no_new_privileges(), "prctl")
    }
}

/// Memory that is not executable can never become so (PR_SET_MDWE, Linux 6.3). A mapping of a file that was written
/// before is not covered: a system call filter has to refuse it.
package enum MemoryDenyWriteExecute {
    package static var isSupported: Bool { bulkhead_can_deny_executable_memory() == 1 }

    /// - Throws: EINVAL where it is not supported.
    package static func set() throws(SystemError) {
        try requireZero(bulkhead_deny_new_executable_memory(), "prctl")
    }
}

package enum Capabilities {
    /// Empties every capability set of this thread, and the bounding set where the process may (capabilities(7)).
    /// Call it while there is one thread: the others keep theirs.
    package static func dropAll() throws(SystemError) {
        try requireZero(bulkhead_drop_capabilities(), "capset")
    }

    /// The effective and permitted sets of this thread, one bit for each capability.
    package static func current() throws(SystemError) -> (effective: UInt64, permitted: UInt64) {
        var effective: UInt64 = 0
        var permitted: UInt64 = 0
        // SAFETY: the callee writes one value into each of the locals.
        try requireZero(unsafe bulkhead_capabilities(&effective, &permitted), "capget")
        return (effective, permitted)
    }
}

/// Whether the process may be traced by its own user and leaves a core (PR_SET_DUMPABLE).
package enum Dumpable {
    package static func set(_ on: Bool) throws(SystemError) {
        try requireZero(bulkhead_set_dumpable(on ? 1 : 0), "prctl")
    }
}

/// Namespaces by the names that a kernel profile uses (namespaces(7)).
package struct Namespaces: OptionSet, Hashable, Sendable {
    package let rawValue: Int32

    package init(rawValue: Int32) {
        self.rawValue = rawValue
    }

    package static let cgroup = Namespaces(rawValue: 0x0200_0000)
    package static let ipc = Namespaces(rawValue: 0x0800_0000)
    package static let mount = Namespaces(rawValue: 0x0002_0000)
    package static let net = Namespaces(rawValue: 0x4000_0000)
    package static let pid = Namespaces(rawValue: 0x2000_0000)
    package static let user = Namespaces(rawValue: 0x1000_0000)
    package static let uts = Namespaces(rawValue: 0x0400_0000)

    private static let byName: [String: Namespaces] = [
        "cgroup": .cgroup, "ipc": .ipc, "mount": .mount, "net": .net, "pid": .pid, "user": .user, "uts": .uts,
    ]

    /// nil when one of the names is unknown.
    package init?(names: [String]) {
        var all: Namespaces = []
        for name in names {
            guard let one = Namespaces.byName[name] else { return nil }
            all.insert(one)
        }
        self = all
    }

    /// Whether this process may make them now; tried in a child.
    package var isSupported: Bool { bulkhead_try_unshare(rawValue) == 0 }

    /// Moves this process into new namespaces (unshare(2)); a new `pid` one holds its future children only.
    /// - Throws: EPERM where a container forbids it, EINVAL for `user` while there are several threads.
    package func unshare() throws(SystemError) {
        try requireZero(bulkhead_unshare(rawValue), "unshare")
    }
}

/// System calls as such, for probes of a sealed process.
package enum RawSystemCall {
    /// Makes the call with up to six registers; missing ones are 0. Gives what the kernel returned, or minus an errno.
    /// The caller answers for pointers: only ones that the call cannot write through, or must refuse, are sound.
    @unsafe package static func perform(_ number: Int32, _ arguments: [UInt64]) -> Int {
        let padded = arguments + [UInt64](repeating: 0, count: 6)
        return bulkhead_raw_syscall(
            Int(number), padded[0], padded[1], padded[2], padded[3], padded[4], padded[5])
    }
}
