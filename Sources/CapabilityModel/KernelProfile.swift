// The kernel half of a policy, as data: what the cell's OS process may ask of the kernel.

/// A comparison on one 64-bit syscall argument, masked first.
package struct SyscallArgumentRule: Hashable, Sendable {
    package enum Comparison: String, Hashable, Sendable {
        case equal = "=="
        case notEqual = "!="
        case lessOrEqual = "<="
        case greater = ">"
        /// `argument & mask == value`
        case maskedEqual = "&=="
        /// The argument, as an int, is the process ID of the cell itself, known when the filter is made.
        case ownProcess = "== own pid"
        /// The argument, as an int, is the descriptor of the cell's control socket, known when the filter is made.
        case controlSocket = "== control socket"
    }

    /// 0...5
    package var index: Int
    package var comparison: Comparison
    package var mask: UInt64
    package var value: UInt64

    package init(index: Int, comparison: Comparison, mask: UInt64 = .max, value: UInt64) {
        self.index = index
        self.comparison = comparison
        self.mask = mask
        self.value = value
    }
}

/// One allowed syscall: by name, when all of `arguments` hold, and why it is in the profile.
package struct SyscallRule: Hashable, Sendable {
    package var name: String
    package var arguments: [SyscallArgumentRule]
    package var reason: String

    package init(name: String, arguments: [SyscallArgumentRule] = [], reason: String) {
        self.name = name
        self.arguments = arguments
        self.reason = reason
    }
}

/// One beneath-rule of Landlock: a host path and the rights on it, by the kernel's names without prefix (`read_file`).
package struct LandlockRule: Hashable, Sendable {
    package var hostPath: String
    package var access: [String]

    package init(hostPath: String, access: [String]) {
        self.hostPath = hostPath
        self.access = access
    }
}

package struct ResourceLimitRule: Hashable, Sendable {
    /// `nofile`, `core`, `fsize`, …
    package var name: String
    package var value: UInt64
    package var reason: String

    package init(name: String, value: UInt64, reason: String) {
        self.name = name
        self.value = value
        self.reason = reason
    }
}

package struct KernelProfile: Hashable, Sendable {
    /// The filter under which guests run. Whatever is not listed is denied.
    package var syscalls: [SyscallRule]
    /// Refused with an errno instead of killing: name → errno name (`clone3` → `ENOSYS`).
    package var refusals: [String: String]
    package var landlock: [LandlockRule]
    package var resourceLimits: [ResourceLimitRule]
    /// `user`, `mount`, `pid`, `net`, `ipc`, `uts`, `cgroup`
    package var namespaces: [String]

    package init(
        syscalls: [SyscallRule], refusals: [String: String], landlock: [LandlockRule],
        resourceLimits: [ResourceLimitRule], namespaces: [String]
    ) {
        self.syscalls = syscalls
        self.refusals = refusals
        self.landlock = landlock
        self.resourceLimits = resourceLimits
        self.namespaces = namespaces
    }
}
