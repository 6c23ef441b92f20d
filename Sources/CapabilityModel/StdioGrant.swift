// Where a process's standard streams lead.

/// One standard stream. The supervisor opens it; a cell never holds a terminal.
package enum StreamGrant: Hashable, Sendable {
    /// The descriptor does not exist in the guest.
    case closed
    /// Reads end at once, writes vanish.
    case null
    /// The supervisor relays to and from its own stream.
    case inherit
    /// A host file: read for stdin, appended to for the others.
    case file(String)
    /// Lines go to the supervisor's log (stdout and stderr only).
    case log
}

package struct StdioGrant: Hashable, Sendable {
    package var stdin: StreamGrant
    package var stdout: StreamGrant
    package var stderr: StreamGrant

    package init(stdin: StreamGrant, stdout: StreamGrant, stderr: StreamGrant) {
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
    }

    package static let closed = StdioGrant(stdin: .closed, stdout: .closed, stderr: .closed)
    package static let inherit = StdioGrant(stdin: .inherit, stdout: .inherit, stderr: .inherit)
}
