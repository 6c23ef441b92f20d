// What one document means on its own, after what it extends.

internal import CapabilityModel

/// A document's meaning, and the documents it came from.
struct ResolvedPolicy {
    /// The document itself, then what it extends, and so on.
    var chain: [PolicyDocument]
    var capabilities: CapabilitySet
    var onDenied: DenialMode = .errno
    var profile: ExecutionProfile?
    /// Empty accepts any module.
    var modulePins: Set<String> = []
    var require: Set<String> = []
    var seccomp: SeccompMode = .kill
    /// nil is never.
    var parkAfter: UInt64?
    /// A pattern named it, not its name.
    var isMatched = false
    /// What children may be given, by name: the policies that must all permit what such a child does.
    var named: [String: [ResolvedPolicy]] = [:]

    /// The file as the user knows it.
    var name: String { chain.first?.file ?? "" }

    /// - Throws: widening, and secrets or parents that were not loaded.
    static func resolve(_ document: PolicyDocument) throws(PolicyErrors) -> ResolvedPolicy {
        if let extends = document.extends {
            guard let parent = document.parent.first else {
                throw PolicyErrors([PolicyError(at: extends.origin, "`\(extends.value)` was not loaded")])
            }
            let resolved = try resolve(parent)
            var narrowed = try Narrowing(parents: [resolved]).apply(document, to: resolved)
            narrowed.chain = [document] + resolved.chain
            return narrowed
        }
        var policy = ResolvedPolicy(chain: [document], capabilities: CapabilitySet())
        try policy.write(document)
        return policy
    }

    /// Replaces what the document writes; the rest stays.
    mutating func write(_ document: PolicyDocument) throws(PolicyErrors) {
        if let mounts = document.mounts { capabilities.mounts = mounts.map(\.grant) }
        if let connect = document.connect { capabilities.connect = connect.map(\.value) }
        if let listen = document.listen { capabilities.listen = listen.map(\.value) }
        if let resolve = document.resolve { capabilities.resolve = resolve.map(\.value) }
        if let arguments = document.arguments { capabilities.arguments = arguments.value }
        if let random = document.random { capabilities.random = random.value }
        if let allow = document.environmentAllow { capabilities.environment.allow = Set(allow.map(\.value)) }
        for (name, source) in document.environmentSet {
            capabilities.environment.set[name] = try ResolvedPolicy.value(of: source, in: document)
        }
        if let clock = document.clocks["realtime"] { capabilities.clocks.realtime = clock.value }
        if let clock = document.clocks["monotonic"] { capabilities.clocks.monotonic = clock.value }
        if let clock = document.clocks["cpu"] { capabilities.clocks.cpuTime = clock.value }
        if let stream = document.streams["stdin"] { capabilities.stdio.stdin = stream.value }
        if let stream = document.streams["stdout"] { capabilities.stdio.stdout = stream.value }
        if let stream = document.streams["stderr"] { capabilities.stdio.stderr = stream.value }
        if let spawn = document.spawn { capabilities.limits.processes = spawn.value }
        if let names = document.processNames["policies"] {
            capabilities.process.policies = Set(names.map { PolicyLoader.name(of: $0.value) })
            var own: [String: [ResolvedPolicy]] = [:]
            for (name, document) in document.named {
                own[name] = [try ResolvedPolicy.resolve(document)] + (named[name] ?? [])
            }
            for (name, document) in document.matched {
                var match = try ResolvedPolicy.resolve(document)
                match.isMatched = true
                own[name] = [match] + (named[name] ?? [])
            }
            named = own
        }
        if let time = document.parkAfter { parkAfter = time.value }
        if let names = document.processNames["register"] { capabilities.process.register = Set(names.map(\.value)) }
        if let names = document.processNames["lookup"] { capabilities.process.lookup = Set(names.map(\.value)) }
        for (key, limit) in document.limits { capabilities.limits[key] = limit.value }
        if let mode = document.onDenied { onDenied = mode.value }
        if let profile = document.profile { self.profile = profile.value }
        if let pins = document.modulePins { modulePins = Set(pins.map(\.value)) }
        if let layers = document.require { require.formUnion(layers.map(\.value)) }
        if let mode = document.seccomp { seccomp = mode.value }
        capabilities = capabilities.normalised
    }

    private static func value(
        of source: Written<ValueSource>, in document: PolicyDocument
    ) throws(PolicyErrors) -> EnvironmentValue {
        if case .text(let text) = source.value { return EnvironmentValue(value: text, isSecret: false) }
        guard let secret = document.secrets[source.value] else {
            throw PolicyErrors([PolicyError(at: source.origin, "the secret was not loaded")])
        }
        return EnvironmentValue(value: secret, isSecret: true)
    }
}
