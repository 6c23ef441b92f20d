// The outcome of the policy compiler: one capability set and everything that was lowered from it.

package struct CompiledPolicy: Hashable, Sendable {
    package var capabilities: CapabilitySet
    package var imports: ImportTable
    package var kernel: KernelProfile
    package var onDenied: DenialMode
    /// nil is `auto`: by the module's declared memory.
    package var profile: ExecutionProfile?
    /// SHA-256 digests, hexadecimal; empty accepts any module.
    package var modulePins: Set<String>
    /// Layers without which the cell must not start (`cell.require`).
    package var require: Set<String>
    /// What a syscall outside the profile does.
    package var seccomp: SeccompMode
    /// Every key that could decide something, with the places that grant it or lack it.
    package var provenance: [PolicyKey: [PolicyOrigin]]
    /// What `process.policies` names, in the order of the names; empty where no child may be spawned.
    package var named: [NamedPolicy]
    /// How long a handler process is idle, in nanoseconds, before it is parked; nil is never.
    package var parkAfter: UInt64?
    /// SHA-256 of the canonical form, hexadecimal: equal digests mean equal authority and limits.
    package var digest: String

    package init(
        capabilities: CapabilitySet, imports: ImportTable, kernel: KernelProfile, onDenied: DenialMode,
        profile: ExecutionProfile?, modulePins: Set<String>, require: Set<String>,
        seccomp: SeccompMode = .kill, provenance: [PolicyKey: [PolicyOrigin]], named: [NamedPolicy] = [],
        parkAfter: UInt64? = nil, digest: String
    ) {
        self.capabilities = capabilities
        self.imports = imports
        self.kernel = kernel
        self.onDenied = onDenied
        self.profile = profile
        self.modulePins = modulePins
        self.require = require
        self.seccomp = seccomp
        self.provenance = provenance
        self.named = named
        self.parkAfter = parkAfter
        self.digest = digest
    }
}

/// A policy that a child may be given.
package struct NamedPolicy: Hashable, Sendable {
    package var name: String
    /// The files that it was made of, as the user knows them.
    package var files: [String]
    /// Met with the program's.
    package var capabilities: CapabilitySet
    /// The stricter of its own and the program's.
    package var onDenied: DenialMode
    /// False where only patterns name it: a program's digest does not hold those.
    package var isWritten: Bool

    package init(
        name: String, files: [String], capabilities: CapabilitySet, onDenied: DenialMode, isWritten: Bool = true
    ) {
        self.isWritten = isWritten
        self.name = name
        self.files = files
        self.capabilities = capabilities
        self.onDenied = onDenied
    }
}

extension CompiledPolicy {
    /// Directories that some named policy mounts and the program does not, each once: children find theirs among these and
    /// the program's.
    package var places: [MountGrant] {
        var known = Set(capabilities.mounts.map { [$0.guestPath, $0.hostPath] })
        return named.flatMap(\.capabilities.mounts).filter { known.insert([$0.guestPath, $0.hostPath]).inserted }
    }

    /// The places that decided `key`: its own, or those of the nearest key above it (`fs["/a"].access` → `fs["/a"]` →
    /// `fs`). Empty for a key that no policy knows, which only a broken cell would send; such a one may be all dots, so
    /// only a few are tried.
    package func origins(of key: PolicyKey) -> [PolicyOrigin] {
        var path = key.path[...]
        for _ in 0..<8 {
            if let origins = provenance[PolicyKey(String(path))] {
                return origins
            }
            guard let cut = path.lastIndex(where: { $0 == "." || $0 == "[" }) else { return [] }
            path = path[..<cut]
        }
        return []
    }
}
