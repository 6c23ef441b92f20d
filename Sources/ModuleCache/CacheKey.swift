// What native code depends on, and so what names it in the cache.

internal import CapabilityModel
internal import CellProtocol
internal import MachineKey

/// The profile that was asked for; nil leaves the choice to the compiler.
struct CacheKey: Hashable {
    let moduleDigest: Hash256
    let profile: ExecutionProfile?

    /// Goes up with each change of the entry's format or of the flags that bulkhead-compiler compiles with.
    static let formatVersion = 2
    static let engine = "wasmtime 50.0.1"
    #if arch(x86_64)
        static let architecture = "x86_64"
    #elseif arch(arm64)
        static let architecture = "aarch64"
    #endif

    var profileName: String { profile?.rawValue ?? "auto" }

    /// What else than the module decides about its native code.
    var recipe: String { "\(Self.engine) \(Self.architecture) format \(Self.formatVersion) profile \(profileName)" }

    /// 64 hexadecimal digits.
    var name: String {
        var hash = RunningHash()
        hash.update(recipe)
        hash.update("\n")
        hash.update(moduleDigest)
        return hash.finalize().description
    }
}

/// What stands behind the native code in an entry, and is authenticated with it.
struct EntryMetadata {
    var moduleDigest: Hash256
    var recipe: String
    var summary: ModuleSummary

    func encoded() -> [UInt8] {
        var writer = WireWriter()
        writer.write(moduleDigest.array)
        writer.write(recipe)
        writer.write(summary)
        return writer.bytes
    }

    /// nil for bytes that are no metadata of this version.
    init?(decoding bytes: ArraySlice<UInt8>) {
        var reader = WireReader(bytes)
        guard let digest = try? reader.readBytes(), let moduleDigest = Hash256(raw: digest),
            let recipe = try? reader.readString(), let summary = try? reader.readValue(ModuleSummary.self),
            reader.isAtEnd
        else { return nil }
        self.init(moduleDigest: moduleDigest, recipe: recipe, summary: summary)
    }

    init(moduleDigest: Hash256, recipe: String, summary: ModuleSummary) {
        self.moduleDigest = moduleDigest
        self.recipe = recipe
        self.summary = summary
    }
}
