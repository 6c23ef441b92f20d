// What a message is sent to, and what may be sent along.

package enum Address: Hashable, Sendable {
    case process(ProcessID)
    /// An alias, and whose it is.
    case alias(AliasID, of: ProcessID)

    @inline(__always)
    var process: ProcessID {
        switch self {
        case .process(let process), .alias(_, let process): process
        }
    }

    @inline(__always)
    var alias: UInt64 {
        switch self {
        case .process: 0
        case .alias(let alias, _): alias.rawValue
        }
    }
}

package enum Attachment: Sendable {
    case process(ProcessID)
    case alias(AliasID, ProcessID)
    /// Anything of the user's: released when the message is, unless its receiver keeps it.
    case object(any AnyObject & Sendable)
}

package enum SendResult: Hashable, Sendable {
    case sent
    /// The mailbox, or the budget that its bytes are charged to, is full now; `awaitRoom` waits.
    case full
    /// There is no such process any more.
    case gone
    /// More bytes than the mailbox may ever hold.
    case tooLong
}

package enum LinkResult: Hashable, Sendable {
    case linked
    /// The process is gone, and the caller does not trap exits.
    case noproc
}
