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
    /// SHA-256 of the canonical form, hexadecimal: equal digests mean equal authority and limits.
    package var digest: String

    package init(
        capabilities: CapabilitySet, imports: ImportTable, kernel: KernelProfile, onDenied: DenialMode,
        profile: ExecutionProfile?, modulePins: Set<String>, require: Set<String>,
        seccomp: SeccompMode = .kill, provenance: [PolicyKey: [PolicyOrigin]], digest: String
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
        self.digest = digest
    }
}

extension CompiledPolicy {
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
