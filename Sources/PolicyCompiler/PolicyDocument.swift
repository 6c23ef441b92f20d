// What a policy file says, key by key, each with its place. What it means is a CapabilitySet.

package import CapabilityModel

/// A value and where it was written.
package struct Written<Value: Hashable & Sendable>: Hashable, Sendable {
    package var value: Value
    package var origin: PolicyOrigin

    package init(_ value: Value, _ origin: PolicyOrigin) {
        self.value = value
        self.origin = origin
    }
}

/// Where an environment variable's value comes from.
package enum ValueSource: Hashable, Sendable {
    case text(String)
    /// A secret's file: absolute, normalised.
    case secretFile(String)
    /// A secret's descriptor, read to its end.
    case secretDescriptor(Int32)
}

/// One `[[fs]]` table.
package struct WrittenMount: Hashable, Sendable {
    package var grant: MountGrant
    package var origin: PolicyOrigin
    /// Where `access`, `symlinks`, `quota_bytes` and `quota_files` stand, as far as they are written.
    package var keys: [String: PolicyOrigin]

    package init(grant: MountGrant, origin: PolicyOrigin, keys: [String: PolicyOrigin] = [:]) {
        self.grant = grant
        self.origin = origin
        self.keys = keys
    }
}

package struct PolicyDocument: Hashable, Sendable {
    /// As the user wrote it, `builtin:NAME`, or `command line`.
    package var file: String
    package var summary: String?
    package var extends: Written<String>?
    package var onDenied: Written<DenialMode>?
    package var arguments: Written<Bool>?
    package var random: Written<Bool>?
    /// By `realtime`, `monotonic`, `cpu`; a nil value is no access.
    package var clocks: [String: Written<UInt64?>] = [:]
    /// nil where no `[[fs]]` is written.
    package var mounts: [WrittenMount]?
    package var connect: [Written<NetworkGrant>]?
    package var listen: [Written<NetworkGrant>]?
    package var resolve: [Written<HostPattern>]?
    package var environmentAllow: [Written<String>]?
    package var environmentSet: [String: Written<ValueSource>] = [:]
    /// By `stdin`, `stdout`, `stderr`.
    package var streams: [String: Written<StreamGrant>] = [:]
    package var spawn: Written<UInt32>?
    /// By `policies` (names of shipped policies, patterns of those, and paths), `register`, `lookup`.
    package var processNames: [String: [Written<String>]] = [:]
    /// A nil value is `never`.
    package var parkAfter: Written<UInt64?>?
    /// By the names of `LimitKey`; nil is `unlimited`.
    package var limits: [LimitKey: Written<UInt64?>] = [:]
    package var modulePins: [Written<String>]?
    /// A nil value is `auto`.
    package var profile: Written<ExecutionProfile?>?
    package var require: [Written<String>]?
    package var seccomp: Written<SeccompMode>?

    /// Where the keys of lists stand: `fs`, `net.connect`, …; for lists that are written and empty.
    package var lists: [String: PolicyOrigin] = [:]
    /// The directory against which relative paths were resolved.
    package var baseDirectory: String
    /// Where the tables stand, and the line after the last: for what is not written.
    package var tablePositions: [String: TextPosition] = [:]
    package var endLine = 1

    /// What `extends` names, once loaded.
    package var parent: [PolicyDocument] = []
    /// What `process.policies` names, by the names that a guest knows, once loaded. Their own `process.policies` are names
    /// only: each means what it means in the policy of the program.
    package var named: [String: PolicyDocument] = [:]
    /// The shipped policies that patterns in `process.policies` match, once loaded.
    package var matched: [String: PolicyDocument] = [:]
    /// Values of secrets, once read.
    package var secrets: [ValueSource: String] = [:]

    package init(file: String, baseDirectory: String) {
        self.file = file
        self.baseDirectory = baseDirectory
    }

    /// Reads a policy's text. Nothing else is touched: `extends` and secrets are loaded by `PolicyLoader`.
    ///
    /// `baseDirectory` is absolute, and relative paths in the text start there. Throws every mistake in the text.
    package static func parse(
        text: String, file: String, baseDirectory: String
    ) throws(PolicyErrors) -> PolicyDocument {
        var reader = PolicyReader(file: file, baseDirectory: baseDirectory)
        let document = reader.read(text)
        if !reader.errors.isEmpty { throw PolicyErrors(reader.errors) }
        return document
    }

    /// What it extends, and what that extends.
    package var ancestors: [PolicyDocument] {
        var chain: [PolicyDocument] = []
        var next = parent.first
        while let document = next {
            chain.append(document)
            next = document.parent.first
        }
        return chain
    }

    /// Where a key of the table `table` (empty for the root) would stand.
    package func absence(of keyPath: String, inTable table: String) -> PolicyOrigin {
        let position = tablePositions[table] ?? TextPosition(line: endLine, column: 1)
        return PolicyOrigin(
            file: file, line: file == PolicyDocument.commandLine ? 0 : position.line, column: position.column,
            keyPath: keyPath, isPresent: false)
    }

    /// The `file` of a document made from flags.
    package static let commandLine = "command line"
}

/// The keys of `[limits]`.
package enum LimitKey: String, Hashable, Sendable, CaseIterable {
    case memory, tables, cpu
    case cpuShare = "cpu_share"
    case wall, fds, output, stack
    case mailboxMessages = "mailbox_messages"
    case mailboxBytes = "mailbox_bytes"
}

extension Limits {
    /// nil is unlimited.
    package subscript(key: LimitKey) -> UInt64? {
        get {
            switch key {
            case .memory: memory
            case .tables: tableElements
            case .cpu: cpu
            case .cpuShare: UInt64(cpuShare)
            case .wall: wall
            case .fds: UInt64(fds)
            case .output: output
            case .stack: stack
            case .mailboxMessages: UInt64(mailboxMessages)
            case .mailboxBytes: mailboxBytes
            }
        }
        set {
            let value = newValue ?? .max
            switch key {
            case .memory: memory = value
            case .tables: tableElements = value
            case .cpu: cpu = newValue
            case .cpuShare: cpuShare = UInt32(clamping: value)
            case .wall: wall = newValue
            case .fds: fds = UInt32(clamping: value)
            case .output: output = value
            case .stack: stack = value
            case .mailboxMessages: mailboxMessages = UInt32(clamping: value)
            case .mailboxBytes: mailboxBytes = value
            }
        }
    }
}
