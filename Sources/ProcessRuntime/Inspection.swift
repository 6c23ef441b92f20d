// What can be told of a process from outside while it runs.

internal import Synchronization

package struct ProcessInspection: Hashable, Sendable {
    /// Messages in the mailbox, those that it has not looked at included; EXIT and DOWN are not counted.
    package let mailbox: Int
    package let names: [[UInt8]]
}

extension Runtime {
    /// From any thread; nil for a process that is gone.
    package func inspect(_ process: ProcessID) -> ProcessInspection? {
        guard let block = core.it.table.block(process.slot) else { return nil }
        let mailbox = Int(block.it.mailboxCount.load(ordering: .relaxed))
        let queue = Int(ProcessWord(rawValue: block.it.word.load(ordering: .relaxed)).count)
        guard isAlive(process) else { return nil }
        return ProcessInspection(mailbox: mailbox + queue, names: names.names(of: process))
    }
}
