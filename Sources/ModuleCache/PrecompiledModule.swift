// Modules that `bulkhead compile` made: the same form as a cache entry, under a key purpose of their own.

package import CapabilityModel
internal import Glibc
internal import LinuxKernel
internal import MachineKey

extension ModuleCache {
    /// Compiles the module at `source` and writes it to `output`, replacing what is there, for `module(path:profile:)` to take
    /// on this machine. The summary says what the compiler chose.
    package func precompile(
        path source: String, profile: ExecutionProfile?, to output: String
    ) throws(ModuleCacheError) -> (summary: ModuleSummary, digest: String) {
        guard let key = precompiledKey else { throw .untrusted(path: output, why: "there is no key to sign it with") }
        let module = try module(path: source, profile: profile)
        guard let digest = Hash256(hexadecimal: Array(module.digest.utf8)) else {
            throw .system(SystemError("hash", errno: EINVAL))
        }
        let cacheKey = CacheKey(moduleDigest: digest, profile: profile)
        do throws(SystemError) {
            let name = "\(output).new.\(hexadecimal(try HostFile.randomBytes(4)))"
            let file = try HostFile.open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o644)
            do throws(SystemError) {
                try EntryFile.write(
                    code: module.code, codeCount: try HostFile.status(module.code).size,
                    metadata: EntryMetadata(
                        moduleDigest: digest, recipe: cacheKey.recipe, summary: module.summary),
                    key: key, to: file)
                try HostFile.rename(name, to: output)
            } catch {
                try? HostFile.remove(name)
                throw error
            }
        } catch {
            throw .unwritable(path: output, error)
        }
        return (module.summary, module.digest)
    }

    /// Code that a file brings along: taken only if this machine's key vouches for it and this version made it.
    func trusted(
        _ file: borrowing OwnedFileDescriptor, path: String, size: UInt64, profile: ExecutionProfile?
    ) throws(ModuleCacheError) -> CachedModule {
        guard let key = precompiledKey else { throw .untrusted(path: path, why: "there is no key to check it with") }
        let entry: LoadedEntry
        do throws(EntryFile.Rejection) {
            entry = try EntryFile.load(file, size: size, key: key)
        } catch {
            throw .untrusted(path: path, why: error.why)
        }
        let digest = entry.metadata.moduleDigest
        let recipes = [nil, .dense, .heavy].map { CacheKey(moduleDigest: digest, profile: $0).recipe }
        guard recipes.contains(entry.metadata.recipe) else {
            throw .untrusted(path: path, why: "it was compiled by another version (\(entry.metadata.recipe))")
        }
        if let profile, profile != entry.metadata.summary.profile {
            throw .untrusted(
                path: path, why: "it was compiled for the profile \(entry.metadata.summary.profile.rawValue)")
        }
        return entry.module()
    }
}

extension LoadedEntry {
    fileprivate consuming func module() -> CachedModule {
        CachedModule(
            digest: metadata.moduleDigest.description, summary: metadata.summary, code: code, wasCompiled: false,
            rejected: nil, entry: "", warning: nil)
    }
}
