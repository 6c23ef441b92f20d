// The policies that a program may give its children: each met with the program's own, so that none is wider.

internal import CapabilityModel

enum NamedPolicies {
    struct Compiled {
        var policy: NamedPolicy
        /// By keys such as `process.policies["worker"].fs`.
        var provenance: [PolicyKey: [PolicyOrigin]]
    }

    /// In the order of their names; none where nothing may be spawned. What they require of the cell, the program requires.
    static func compile(_ program: inout ResolvedPolicy) throws(PolicyErrors) -> [Compiled] {
        guard program.capabilities.limits.processes > 0 else { return [] }
        let names = program.named.keys.filter { NamePattern.covers(program.capabilities.process.policies, $0) }
        var compiled: [Compiled] = []
        var errors: [PolicyError] = []
        for name in names.sorted() {
            let sources = program.named[name] ?? []
            var merged = program
            merged.named = [:]
            for source in sources {
                merged.capabilities = merged.capabilities.meet(source.capabilities)
                merged.onDenied = max(merged.onDenied, source.onDenied)
                program.require.formUnion(source.require)
                errors += cellErrors(source)
            }
            errors += streamErrors(merged.capabilities.stdio, program.capabilities.stdio, sources)
            do throws(PolicyErrors) {
                try PolicyCompiler.check(merged, sources)
            } catch {
                errors += error.errors
            }
            var provenance: [PolicyKey: [PolicyOrigin]] = [:]
            for (key, origins) in Provenance.table(for: merged.capabilities, sources) {
                provenance[key.in(policy: name)] = origins
            }
            compiled.append(
                Compiled(
                    policy: NamedPolicy(
                        name: name, files: sources.map(\.name), capabilities: merged.capabilities,
                        onDenied: merged.onDenied, isWritten: sources.contains { !$0.isMatched }),
                    provenance: provenance))
        }
        if !errors.isEmpty { throw PolicyErrors(errors) }
        return compiled
    }

    /// Processes of one program share a cell, so a child's policy has no say in it.
    private static func cellErrors(_ source: ResolvedPolicy) -> [PolicyError] {
        var errors: [PolicyError] = []
        func refuse(_ key: String, _ message: String) {
            for place in Provenance.origins(of: PolicyKey(key), in: source.chain).prefix(1) where place.isPresent {
                errors.append(PolicyError(at: place, message, advice: "say it in the policy of the program"))
            }
        }
        if source.profile != nil { refuse("cell.profile", "a child runs in its program's cell, whose profile is set") }
        if !source.modulePins.isEmpty { refuse("module.sha256", "modules are pinned for a whole program") }
        return errors
    }

    /// A child's streams are its program's, or lead nowhere.
    private static func streamErrors(
        _ child: StdioGrant, _ program: StdioGrant, _ sources: [ResolvedPolicy]
    ) -> [PolicyError] {
        ["stdin", "stdout", "stderr"].flatMap { name -> [PolicyError] in
            let grant = child[name]
            if grant == program[name] || grant == .null || grant == .closed { return [] }
            let places = sources.flatMap { Provenance.origins(of: PolicyKey("stdio.\(name)"), in: $0.chain) }
            guard let place = places.first(where: \.isPresent) else { return [] }
            return [
                PolicyError(
                    at: place, "a child's \(name) cannot lead elsewhere than its program's",
                    advice: "write inherit, null or closed")
            ]
        }
    }
}
