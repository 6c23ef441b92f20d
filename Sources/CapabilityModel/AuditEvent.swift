// What the audit log records. The cell sends claims; the supervisor adds facts and writes.

/// The layer that refused.
package enum AuditLayer: String, Hashable, Sendable, CaseIterable {
    /// The import table: the function is not linked.
    case importTable = "import"
    /// A host function's own check: rights, mounts, quotas.
    case wasi
    case broker
    case seccomp
    case landlock
    case limit
    case supervisor
    case cache
}

/// A denial as a cell reports it. Text in it is the guest's and may be anything.
package struct Denial: Hashable, Sendable {
    /// `wasi_snapshot_preview1.path_open`
    package var call: String
    /// The arguments that mattered, for people: `path="/etc/passwd" oflags=create`. At most 512 bytes.
    package var arguments: String
    package var layer: AuditLayer
    /// What decided.
    package var key: PolicyKey
    /// The WASI errno the guest got; nil when the process was ended.
    package var errno: UInt16?
    /// How many times, folded; at least 1.
    package var count: UInt64
    /// The id of the process within its cell that was refused, as the cell says; nil for the program's first process.
    package var process: UInt64?

    package init(
        call: String, arguments: String, layer: AuditLayer, key: PolicyKey, errno: UInt16?, count: UInt64 = 1,
        process: UInt64? = nil
    ) {
        self.call = call
        self.arguments = arguments
        self.layer = layer
        self.key = key
        self.errno = errno
        self.count = count
        self.process = process
    }
}

/// One line of the audit log, before sequence number, time and chain are added.
package struct AuditEvent: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        case policyLoaded(sources: [String])
        case started(module: String, moduleDigest: String, arguments: [String])
        /// Another module of the app, which the process's children may run, by the name that `spawn` knows.
        case moduleLoaded(name: String, moduleDigest: String)
        case denied(Denial, origins: [PolicyOrigin])
        case exited(ExitReason)
        /// A process within the cell ended badly, by its id: the reason's name and what there is to say of it.
        case processExited(process: UInt64, reason: String, detail: String)
        case limitReached(LimitKind, used: UInt64, allowed: UInt64)
        /// Events lost to flooding, by what they were.
        case dropped(count: UInt64)
        /// A cache entry that was tampered with or stale, and recompiled.
        case cacheRejected(entry: String, why: String)
        /// Something runs with less protection than it could, because the policy said so.
        case weakened(what: String)
        /// The log itself was mended before it went on: the bytes of a line that was cut off (kept aside), and how many
        /// whole lines were missing although an anchor knows them.
        case logMended(tornBytes: UInt64, missingLines: UInt64)
    }

    /// The process, as `run` names it: the module's name and the cell's OS pid, `hello.wasm/4242`.
    package var process: String
    /// SHA-256 of the compiled policy, hexadecimal.
    package var policyDigest: String
    /// True when only a cell says so; false when the supervisor saw it.
    package var isClaim: Bool
    package var kind: Kind

    package init(process: String, policyDigest: String, isClaim: Bool, kind: Kind) {
        self.process = process
        self.policyDigest = policyDigest
        self.isClaim = isClaim
        self.kind = kind
    }
}
