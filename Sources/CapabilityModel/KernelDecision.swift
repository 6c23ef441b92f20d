// What a kernel profile says of one system call: the meaning that every compiled filter must have.

package enum KernelDecision: Hashable, Sendable {
    case allow
    /// Returns an errno, by name.
    case refuse(errno: String)
    /// The filter's default: the process is killed, or whatever it was installed with.
    case deny
}

extension SyscallArgumentRule {
    /// Of the register's value, all 64 bits.
    package func holds(for value: UInt64, ownProcess: UInt32, controlSocket: UInt32) -> Bool {
        switch comparison {
        case .equal: value & mask == self.value
        case .notEqual: value & mask != self.value
        case .lessOrEqual: value & mask <= self.value
        case .greater: value & mask > self.value
        case .maskedEqual: value & mask == self.value
        case .ownProcess: value & 0xffff_ffff == UInt64(ownProcess)
        case .controlSocket: value & 0xffff_ffff == UInt64(controlSocket)
        }
    }
}

extension KernelProfile {
    /// A call is allowed when one of its rules has all its comparisons hold.
    package func decision(
        for name: String, arguments: [UInt64], ownProcess: UInt32, controlSocket: UInt32 = 3
    ) -> KernelDecision {
        if let errno = refusals[name] { return .refuse(errno: errno) }
        let isAllowed = syscalls.contains { rule in
            rule.name == name
                && rule.arguments.allSatisfy { condition in
                    arguments.indices.contains(condition.index)
                        && condition.holds(
                            for: arguments[condition.index], ownProcess: ownProcess, controlSocket: controlSocket)
                }
        }
        return isAllowed ? .allow : .deny
    }
}
