// What a process asks about its mailbox without taking anything from it.

extension Process {
    /// Whether the mailbox holds messages behind the one that `nextMessage` found last, or that came since it found none.
    /// Signals that have arrived are handled first.
    package var hasUnseenMessages: Bool {
        core.receive(block, on: thread)
        return block.it.pendingExit == nil && block.it.flags.contains(.unseen)
    }

    /// Whether a monitor's DOWN is in the mailbox.
    package func holdsDown(of monitor: MonitorID) -> Bool {
        var node = block.it.oldest
        while let each = node {
            if each.it.kind == .down && each.it.tag == 1 << 63 | monitor.rawValue { return true }
            node = NodeRef(address: each.it.next)
        }
        return false
    }
}
