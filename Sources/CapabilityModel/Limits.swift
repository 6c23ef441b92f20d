// Finite budgets of one process. A limit that a policy leaves out has the default that stands here.

package struct Limits: Hashable, Sendable {
    /// Linear memory of all the process's memories together, in bytes.
    package var memory: UInt64
    /// Elements of all tables together.
    package var tableElements: UInt64
    /// CPU time, in nanoseconds, before the process is ended; nil only where a policy says `unlimited`.
    package var cpu: UInt64?
    /// The most CPU time in each tenth of a second, in percent of one CPU: 1...100. Past it the process stands still
    /// until the tenth is over.
    package var cpuShare: UInt32
    /// Wall time, in nanoseconds, before the process is ended; nil only where a policy says `unlimited`.
    package var wall: UInt64?
    /// Open descriptors at once, standard streams and mounts included.
    package var fds: UInt32
    /// Bytes written to stdout and stderr together.
    package var output: UInt64
    /// Guest stack, in bytes.
    package var stack: UInt64
    /// Messages waiting in the mailbox.
    package var mailboxMessages: UInt32
    /// Bytes waiting in the mailbox.
    package var mailboxBytes: UInt64
    /// Live descendants at once; 0 is no right to spawn. Policies write it as `spawn` under `[process]`.
    package var processes: UInt32

    package init(
        memory: UInt64, tableElements: UInt64, cpu: UInt64?, cpuShare: UInt32 = 100, wall: UInt64?, fds: UInt32,
        output: UInt64, stack: UInt64, mailboxMessages: UInt32, mailboxBytes: UInt64,
        processes: UInt32 = 0
    ) {
        self.memory = memory
        self.tableElements = tableElements
        self.cpu = cpu
        self.cpuShare = cpuShare
        self.wall = wall
        self.fds = fds
        self.output = output
        self.stack = stack
        self.mailboxMessages = mailboxMessages
        self.mailboxBytes = mailboxBytes
        self.processes = processes
    }

    /// What holds where no policy says otherwise; `policy explain` prints it.
    package static let `default` = Limits(
        memory: 256 << 20, tableElements: 1 << 20, cpu: 3_600_000_000_000, wall: 86_400_000_000_000, fds: 64,
        output: 1 << 30, stack: 512 << 10, mailboxMessages: 10_000, mailboxBytes: 16 << 20)

    /// The tighter of two budgets, limit by limit.
    package func meet(_ other: Limits) -> Limits {
        Limits(
            memory: min(memory, other.memory), tableElements: min(tableElements, other.tableElements),
            cpu: Limits.tighter(cpu, other.cpu), cpuShare: min(cpuShare, other.cpuShare),
            wall: Limits.tighter(wall, other.wall), fds: min(fds, other.fds), output: min(output, other.output),
            stack: min(stack, other.stack),
            mailboxMessages: min(mailboxMessages, other.mailboxMessages),
            mailboxBytes: min(mailboxBytes, other.mailboxBytes), processes: min(processes, other.processes))
    }

    private static func tighter(_ left: UInt64?, _ right: UInt64?) -> UInt64? {
        guard let left else { return right }
        guard let right else { return left }
        return min(left, right)
    }
}
