// Descriptors that go from one process to another: in a message, or as a child's argument.

internal import CapabilityModel
internal import ProcessRuntime

/// A descriptor on its way. It keeps its file open, and closes it where nobody takes it.
package final class TransferredDescriptor: Sendable {
    let descriptor: Descriptor

    init(_ descriptor: Descriptor) {
        self.descriptor = descriptor
    }
}

extension WASIProcess {
    /// A second reference to an open descriptor, for another process; as dup(2), position and flags of the file are one.
    /// - Throws: `badf`.
    package func duplicate(_ fd: UInt32) throws(CallFailure) -> TransferredDescriptor {
        let shared = try descriptor(fd).with {
            $0.isCharged = false
            $0.readable = nil
            $0.needsOwnHandle = true
            // Where a libc starts its paths from is each process's own.
            $0.preopenName = nil
        }
        return TransferredDescriptor(shared)
    }

    /// As `duplicate`, and closes the descriptor here.
    /// - Throws: `badf`.
    package func take(_ fd: UInt32) throws(CallFailure) -> TransferredDescriptor {
        let taken = try duplicate(fd)
        try fdClose(fd: fd)
        return taken
    }

    /// Opens a descriptor that came from another process, if this one's own authority covers it:
    ///
    /// - a file or directory: a mount of this process contains the mount that it was opened beneath, by the names on the
    ///   host, and leaves all rights that the descriptor has; from then on it counts as opened beneath that mount;
    /// - a socket: each rule that it came by is covered by one of this process's rules of the same kind, that of a
    ///   connection that was accepted by the rules for listening;
    /// - a standard stream: this process has that stream.
    ///
    /// A sender gives up rights before by fd_fdstat_set_rights. Nothing of it widens what the receiver may do.
    /// - Parameters:
    ///   - transferred: may be inserted into several processes.
    ///   - call: what a denial names.
    /// - Returns: this process's number for it.
    /// - Throws: `notcapable` and a denial; `mfile` and a denial past a limit.
    package func insert(
        _ transferred: TransferredDescriptor, call: String = "bulkhead.receive"
    ) throws(CallFailure) -> UInt32 {
        let descriptor = transferred.descriptor
        switch descriptor.origin {
        case .mount:
            guard let mount = template.mount(covering: descriptor) else {
                let path = descriptor.mount?.grant.guestPath ?? ""
                throw refuse(call, descriptor.mount?.key("access") ?? PolicyKey("fs"), "mount=\"\(path)\"")
            }
            return try insert(charging: descriptor.with { $0.mount = mount }, call)
        case .standardStream(let index):
            let stream = [template.stdio.stdin, template.stdio.stdout, template.stdio.stderr][index]
            let name = ["stdin", "stdout", "stderr"][index]
            if stream == .closed { throw refuse(call, PolicyKey("stdio.\(name)"), "stream=\(name)") }
        case .connect(let rules):
            if let missing = WASITemplate.missing(rules, in: template.connect) {
                throw refuse(call, PolicyKey("net.connect"), missing)
            }
        case .listen(let rules):
            if let missing = WASITemplate.missing(rules, in: template.listen) {
                throw refuse(call, PolicyKey("net.listen"), missing)
            }
        }
        return try insert(charging: descriptor, call)
    }

    private func refuse(_ call: String, _ key: PolicyKey, _ arguments: String) -> CallFailure {
        caller.deny(named: call, key, .notcapable, arguments)
    }
}

extension WASITemplate {
    func mount(covering descriptor: Descriptor) -> Mount? {
        guard let origin = descriptor.mount else { return nil }
        return mounts.first { mount in
            mount === origin
                || mount.rights.isSuperset(of: descriptor.base)
                    && WASITemplate.contains(mount.grant.hostPath, origin.grant.hostPath)
        }
    }

    /// Whether a host directory is the other or above it; both are normalised.
    private static func contains(_ outer: String, _ inner: String) -> Bool {
        outer == "/" || inner == outer || inner.utf8.starts(with: Array("\(outer)/".utf8))
    }

    /// Text of the first rule that is not covered; a socket without a rule is nobody's.
    static func missing(_ rules: [NetworkGrant], in held: [NetworkGrant]) -> String? {
        if rules.isEmpty { return "rule=none" }
        return rules.first { rule in !held.contains { $0.covers(rule) } }.map { "rule=\"\($0)\"" }
    }
}
