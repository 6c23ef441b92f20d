// From a module's bytes to native code that this machine compiled from exactly those bytes.

package import CapabilityModel
internal import CellProtocol
internal import Glibc
package import LinuxKernel
internal import MachineKey

/// Native code, ready to be loaded from `/proc/self/fd/N`.
package struct CachedModule: ~Copyable {
    /// SHA-256 of the module's bytes, hexadecimal.
    package let digest: String
    package let summary: ModuleSummary
    /// A sealed memory file: nobody can change it any more. Its offset is unspecified.
    package let code: OwnedFileDescriptor
    package let wasCompiled: Bool
    /// Why an entry of the cache was removed and compiled anew; for the audit event `cacheRejected`.
    package let rejected: String?
    /// The entry's name in the cache, for the same event.
    package let entry: String
    /// Why the code could not be kept for the next time.
    package let warning: String?

    package consuming func takeCode() -> OwnedFileDescriptor { code }
}

package struct ModuleCacheSettings {
    package var compile = CompileLimits()
    /// The largest module that is read, in bytes.
    package var moduleBytes: UInt64 = 1 << 30
    /// Called about ten times a second while a compilation goes on, once it has taken half a second.
    package var progress: ((Double) -> Void)?
    /// From this many bytes on, an unchanged file is recognised by its status instead of being read and hashed again.
    package var indexedBytes: UInt64 = 1 << 20
    /// Nanoseconds since its last change after which a file counts as unchanged.
    package var indexedAge: Int64 = 2_000_000_000

    package init() {}
}

/// Used by one thread; any number of processes may share a directory.
package final class ModuleCache {
    let directory: String
    let limitBytes: UInt64
    let settings: ModuleCacheSettings
    private let compilerPath: String
    /// Keyed apart from everything else that the machine key authenticates; nil when there is no key to be had.
    private let key: Authenticator?
    let precompiledKey: Authenticator?
    private let indexKey: Authenticator?
    /// Bytes of modules that were read and hashed so far.
    package private(set) var hashedBytes: UInt64 = 0
    private let unusable: String?

    /// A directory or key that cannot be used makes a cache that keeps nothing, and modules carry the reason as `warning`; a
    /// key file that others can get at is an error.
    package init(
        directory: String, keyFile: String, limitBytes: UInt64 = 2 << 30, compilerPath: String,
        settings: ModuleCacheSettings = ModuleCacheSettings()
    ) throws(ModuleCacheError) {
        self.directory = directory
        self.limitBytes = limitBytes
        self.compilerPath = compilerPath
        self.settings = settings
        var unusable: String?
        var root: Authenticator?
        do throws(SystemError) {
            try HostFile.makeDirectories(directory)
            guard let status = try HostFile.status(path: directory), status.isDirectory else {
                throw SystemError("mkdir", errno: ENOTDIR)
            }
            if status.owner != geteuid() || status.mode & 0o022 != 0 {
                unusable = "\(directory) can be written by others"
            }
        } catch {
            unusable = "\(directory): \(error)"
        }
        // `bulkhead compile` may be the first command of all: nobody has made the key's directory yet.
        if let slash = keyFile.lastIndex(of: "/") { try? HostFile.makeDirectories(String(keyFile[..<slash])) }
        do throws(MachineKeyError) {
            root = try MachineKey(path: keyFile).root
        } catch {
            guard case .system = error else { throw .key(error) }
            unusable = unusable ?? "\(error)"
        }
        key = root?.derived(for: "bulkhead module cache 1")
        precompiledKey = root?.derived(for: "bulkhead precompiled module 1")
        indexKey = root?.derived(for: "bulkhead module index 1")
        self.unusable = unusable
    }

    /// The module in the file at `path`: WebAssembly, binary or text, or a module that `bulkhead compile` made.
    package func module(path: String, profile: ExecutionProfile?) throws(ModuleCacheError) -> CachedModule {
        let file = try reading(path) { () throws(SystemError) in try HostFile.open(path, O_RDONLY | O_NOCTTY) }
        let status = try reading(path) { () throws(SystemError) in try HostFile.status(file) }
        if status.isRegular,
            try reading(path, { () throws(SystemError) in try EntryFile.isEntry(file, size: status.size) })
        {
            return try trusted(file, path: path, size: status.size, profile: profile)
        }
        guard status.size <= settings.moduleBytes else { throw .tooLarge(path: path, limit: settings.moduleBytes) }
        var rejected: String?
        if let known = index(for: status)?.digest(status) {
            switch lookUp(CacheKey(moduleDigest: known, profile: profile)) {
            case .hit(let module): return module
            case .rejected(let why): rejected = why
            case .miss: break
            }
        }
        let bytes = try reading(path) { () throws(SystemError) in
            try HostFile.readToEnd(file, limit: Int(settings.moduleBytes))
        }
        if bytes.starts(with: [0x7f, 0x45, 0x4c, 0x46]) {
            throw .untrusted(path: path, why: "it does not (the file is native code without its signature)")
        }
        let digest = hash(bytes)
        if let index = index(for: status), (try? HostFile.status(file)) == status { index.record(digest, status) }
        return try module(bytes, CacheKey(moduleDigest: digest, profile: profile), rejected: rejected)
    }

    /// The module whose bytes these are, compiled before or now.
    package func module(bytes: [UInt8], profile: ExecutionProfile?) throws(ModuleCacheError) -> CachedModule {
        try module(bytes, CacheKey(moduleDigest: hash(bytes), profile: profile), rejected: nil)
    }

    private func hash(_ bytes: [UInt8]) -> Hash256 {
        hashedBytes += UInt64(bytes.count)
        return RunningHash.hash(bytes)
    }

    /// nil for files that are read anyway, and where nothing is kept.
    private func index(for status: HostFileStatus) -> DigestIndex? {
        guard status.isRegular, status.size >= settings.indexedBytes, unusable == nil, let indexKey else { return nil }
        return DigestIndex(directory: directory, key: indexKey, minimumAge: settings.indexedAge)
    }

    private enum Known: ~Copyable {
        case hit(CachedModule)
        case miss
        case rejected(String)
    }

    private func lookUp(_ cacheKey: CacheKey) -> Known {
        guard let key, unusable == nil else { return .miss }
        switch CacheStore(directory: directory, limitBytes: limitBytes, key: key).lookUp(cacheKey) {
        case .hit(let code, let summary):
            return .hit(
                CachedModule(
                    digest: cacheKey.moduleDigest.description, summary: summary, code: code, wasCompiled: false,
                    rejected: nil, entry: cacheKey.name, warning: nil))
        case .miss: return .miss
        case .rejected(let why): return .rejected(why)
        }
    }

    private func module(
        _ bytes: [UInt8], _ cacheKey: CacheKey, rejected: String?
    ) throws(ModuleCacheError) -> CachedModule {
        guard let key, unusable == nil else {
            return try compile(
                bytes, cacheKey, rejected: nil, warning: "module cache unusable: \(unusable ?? "no key")")
        }
        let store = CacheStore(directory: directory, limitBytes: limitBytes, key: key)
        switch lookUp(cacheKey) {
        case .hit(let module): return module
        case .miss: return try fill(store, bytes, cacheKey, rejected: rejected)
        case .rejected(let why): return try fill(store, bytes, cacheKey, rejected: why)
        }
    }

    /// Removes the entry of a module that the engine would not load after all, so that the next run compiles it anew.
    package func discard(_ module: borrowing CachedModule) {
        guard let key else { return }
        CacheStore(directory: directory, limitBytes: limitBytes, key: key).remove(module.entry)
    }

    /// Compiles, unless another process that was at it has finished in the meantime.
    private func fill(
        _ store: CacheStore, _ bytes: [UInt8], _ cacheKey: CacheKey, rejected: String?
    ) throws(ModuleCacheError) -> CachedModule {
        let turn = store.waitForTurn(cacheKey, limit: settings.compile.wall, progress: settings.progress)
        return try fill(store, bytes, cacheKey, rejected: rejected, during: turn)
    }

    /// `turn` is borrowed so that it stays open to the end.
    private func fill(
        _ store: CacheStore, _ bytes: [UInt8], _ cacheKey: CacheKey, rejected: String?,
        during turn: borrowing OwnedFileDescriptor?
    ) throws(ModuleCacheError) -> CachedModule {
        if case .hit(let code, let summary) = store.lookUp(cacheKey) {
            return CachedModule(
                digest: cacheKey.moduleDigest.description, summary: summary, code: code, wasCompiled: false,
                rejected: rejected, entry: cacheKey.name, warning: nil)
        }
        let module = try compile(bytes, cacheKey, rejected: rejected, warning: nil)
        guard let warning = store.insert(module, cacheKey) else { return module }
        return CachedModule(
            digest: module.digest, summary: module.summary, code: module.code, wasCompiled: true, rejected: rejected,
            entry: module.entry, warning: warning)
    }

    private func compile(
        _ bytes: [UInt8], _ cacheKey: CacheKey, rejected: String?, warning: String?
    ) throws(ModuleCacheError) -> CachedModule {
        // The compiler reads the very bytes that were hashed: from a copy that nobody else can open or change.
        let input = try system { () throws(SystemError) in
            let input = try OwnedFileDescriptor(memoryNamed: "bulkhead-wasm", sealable: true)
            try HostFile.write(bytes, to: input)
            try input.seal()
            try HostFile.rewind(input)
            return input
        }
        let compiler = CompilerProcess(path: compilerPath, limits: settings.compile, progress: settings.progress)
        let compiled = try compiler.compile(module: input, profile: cacheKey.profile)
        return CachedModule(
            digest: cacheKey.moduleDigest.description, summary: compiled.summary, code: compiled.code,
            wasCompiled: true, rejected: rejected, entry: cacheKey.name, warning: warning)
    }
}

private func reading<Value: ~Copyable>(
    _ path: String, _ body: () throws(SystemError) -> Value
) throws(ModuleCacheError) -> Value {
    do throws(SystemError) {
        return try body()
    } catch {
        throw .unreadable(path: path, error)
    }
}
