// The cache's directory: one file an entry, complete or absent, and not more of them than the bound allows.

internal import CapabilityModel
internal import Glibc
internal import LinuxKernel
internal import MachineKey

/// Entries are `NAME.bhm`, written as `new.RANDOM` and renamed; `seen.NAME` are DigestIndex's. `turn.NN` are locks that keep two processes from compiling the
/// same module at once; losing one costs a second compilation, nothing else.
struct CacheStore {
    let directory: String
    let limitBytes: UInt64
    let key: Authenticator

    enum LookUp: ~Copyable {
        case hit(OwnedFileDescriptor, ModuleSummary)
        case miss
        /// There was an entry, it could not be used, and it is removed.
        case rejected(String)
    }

    private func path(_ name: String) -> String { "\(directory)/\(name).bhm" }

    func lookUp(_ cacheKey: CacheKey) -> LookUp {
        let why: String
        do throws(SystemError) {
            let file = try HostFile.open(path(cacheKey.name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
            let status = try HostFile.status(file)
            switch check(file, status, cacheKey) {
            case .hit(let code, let summary):
                touch(file, status)
                return .hit(code, summary)
            case .rejected(let reason): why = reason
            case .miss: return .miss
            }
        } catch {
            if error.errno == ENOENT { return .miss }
            why = "\(error)"
        }
        remove(cacheKey.name)
        return .rejected(why)
    }

    private func check(_ file: borrowing OwnedFileDescriptor, _ status: HostFileStatus, _ cacheKey: CacheKey) -> LookUp
    {
        guard status.isRegular, status.owner == geteuid(), status.mode & 0o022 == 0 else {
            return .rejected("it belongs to another user or can be written by others")
        }
        do throws(EntryFile.Rejection) {
            let entry = try EntryFile.load(file, size: status.size, key: key)
            guard entry.metadata.moduleDigest.matches(cacheKey.moduleDigest) else {
                return .rejected("it is another module's")
            }
            guard entry.metadata.recipe == cacheKey.recipe else {
                return .rejected("it was compiled by \(entry.metadata.recipe)")
            }
            return entry.hit()
        } catch {
            return .rejected(error.why)
        }
    }

    /// The entry's modification time says when it was last used, to the hour.
    private func touch(_ file: borrowing OwnedFileDescriptor, _ status: HostFileStatus) {
        let now = Int64(clamping: Clock.realtimeNow())
        if now - status.modified > 3_600_000_000_000 { try? HostFile.touch(file) }
    }

    func remove(_ name: String) {
        try? HostFile.remove(path(name))
    }

    /// Keeps a compiled module; the reason why it could not, or nil.
    func insert(_ module: borrowing CachedModule, _ cacheKey: CacheKey) -> String? {
        do throws(SystemError) {
            let size = try HostFile.status(module.code).size
            guard size <= limitBytes else { return "its native code is larger than the whole cache may be" }
            let name = "\(directory)/new.\(hexadecimal(try HostFile.randomBytes(8)))"
            let file = try HostFile.open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o400)
            do throws(SystemError) {
                try EntryFile.write(
                    code: module.code, codeCount: size,
                    metadata: EntryMetadata(
                        moduleDigest: cacheKey.moduleDigest, recipe: cacheKey.recipe, summary: module.summary),
                    key: key, to: file)
                try HostFile.rename(name, to: path(cacheKey.name))
            } catch {
                try? HostFile.remove(name)
                throw error
            }
            try evict(keeping: cacheKey.name)
            return nil
        } catch {
            return "module not cached: \(error)"
        }
    }

    struct Entry {
        var name: String
        var status: HostFileStatus
    }

    /// The entries, least recently used first.
    static func entries(directory: String) throws(SystemError) -> [Entry] {
        var entries: [Entry] = []
        for file in try HostFile.names(in: directory) where file.hasSuffix(".bhm") {
            if let status = try HostFile.status(path: "\(directory)/\(file)", followLinks: false) {
                entries.append(Entry(name: String(file.dropLast(4)), status: status))
            }
        }
        return entries.sorted { $0.status.modified < $1.status.modified }
    }

    /// Removes the least recently used entries until the rest fit, and what crashed writers left behind.
    private func evict(keeping kept: String) throws(SystemError) {
        let all = try Self.entries(directory: directory)
        var total = all.reduce(0) { $0 + $1.status.size }
        for entry in all where total > limitBytes && entry.name != kept {
            remove(entry.name)
            total -= entry.status.size
        }
        let now = Int64(clamping: Clock.realtimeNow())
        let names = try HostFile.names(in: directory)
        // A hundred bytes each; past some number most are of files that are long gone.
        let seen = names.filter { $0.hasPrefix("seen.") }
        if seen.count > 1000 { for file in seen { try? HostFile.remove("\(directory)/\(file)") } }
        for file in names where file.hasPrefix("new.") {
            if let status = try HostFile.status(path: "\(directory)/\(file)", followLinks: false),
                now - status.modified > 3_600_000_000_000
            {
                try? HostFile.remove("\(directory)/\(file)")
            }
        }
    }

    /// Removes every entry; how many there were and their bytes.
    static func clear(directory: String) throws(SystemError) -> (entries: Int, bytes: UInt64) {
        let all = try entries(directory: directory)
        for name in try HostFile.names(in: directory)
        where name.hasSuffix(".bhm") || name.hasPrefix("new.") || name.hasPrefix("turn.") || name.hasPrefix("seen.") {
            try HostFile.remove("\(directory)/\(name)")
        }
        return (all.count, all.reduce(0) { $0 + $1.status.size })
    }

    /// Waits while another process compiles a module of the same turn, at most `limit` nanoseconds; nil without a lock.
    /// The turn ends when the descriptor is closed.
    func waitForTurn(_ cacheKey: CacheKey, limit: UInt64, progress: ((Double) -> Void)?) -> OwnedFileDescriptor? {
        guard
            let file = try? HostFile.open(
                "\(directory)/turn.\(cacheKey.name.prefix(2))", O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
        else { return nil }
        let start = Clock.monotonicNow()
        var next = start + 500_000_000
        while flock(file.rawValue, LOCK_EX | LOCK_NB) != 0 {
            let now = Clock.monotonicNow()
            guard errno == EWOULDBLOCK || errno == EINTR, now - start < limit else { return nil }
            if let progress, now >= next {
                progress(Double(now - start) / 1e9)
                next = now + 100_000_000
            }
            var nothing: [PollEntry] = []
            _ = try? Poll.wait(&nothing, deadline: now + 20_000_000)
        }
        return file
    }
}

extension LoadedEntry {
    fileprivate consuming func hit() -> CacheStore.LookUp { .hit(code, metadata.summary) }
}
