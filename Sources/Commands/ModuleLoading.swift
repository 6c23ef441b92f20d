// Gets native code for a module, with progress on a terminal and an audit event for a cache entry that was not trusted.

import CapabilityModel
import Glibc
import LinuxKernel
import ModuleCache

/// A module that is ready to run.
struct LoadedModule: ~Copyable {
    let digest: String
    let summary: ModuleSummary
    private let code: OwnedFileDescriptor

    init(digest: String, summary: ModuleSummary, code: consuming OwnedFileDescriptor) {
        self.digest = digest
        self.summary = summary
        self.code = code
    }

    consuming func takeCode() -> OwnedFileDescriptor { code }
}

struct ModuleLoading {
    let locations: Locations
    let log: RunLog

    func load(
        _ path: String, profile: ExecutionProfile?, policyDigest: String
    ) throws(RunFailure) -> LoadedModule {
        let progress = CompileProgress(name: EscapedText.forTerminal(path))
        var settings = ModuleCacheSettings()
        settings.progress = { progress.show(seconds: $0) }
        do throws(ModuleCacheError) {
            let cache = try ModuleCache(
                directory: locations.cacheDirectory, keyFile: locations.keyFile,
                compilerPath: try companion(), settings: settings)
            let module = try cache.module(path: path, profile: profile)
            progress.clear()
            if let why = module.rejected {
                log.record(.cacheRejected(entry: module.entry, why: why), process: path, policyDigest: policyDigest)
                StandardError.write("bulkhead: a cached module was not trusted and was compiled anew: \(why)\n")
            }
            if let warning = module.warning {
                StandardError.write("bulkhead: \(warning)\n")
            }
            return module.loaded()
        } catch {
            progress.clear()
            throw error.failure(path)
        }
    }

    private func companion() throws(ModuleCacheError) -> String {
        do throws(RunFailure) {
            return try Companion.path("bulkhead-compiler")
        } catch {
            throw .compilerMissing(path: "bulkhead-compiler", SystemError("open", errno: ENOENT))
        }
    }

}

extension ModuleCacheError {
    /// What a person is told who asked for the module at `path`, and the exit status.
    func failure(_ path: String) -> RunFailure {
        let subject: String
        switch self {
        case .invalidModule, .compilerEnded, .compilerExceeded: subject = "\(path): "
        case .unreadable, .unwritable, .tooLarge, .key, .compilerMissing, .compilerMisbehaved, .untrusted, .system:
            subject = ""
        }
        return RunFailure(message: "bulkhead: \(EscapedText.lines("\(subject)\(self)"))", status: status)
    }

    private var status: Int32 {
        switch self {
        case .unreadable, .tooLarge: RunStatus.noInput
        case .invalidModule, .compilerEnded, .compilerExceeded: RunStatus.badModule
        case .untrusted: RunStatus.refused
        case .key, .compilerMissing, .compilerMisbehaved, .unwritable, .system: RunStatus.failed
        }
    }
}

extension CachedModule {
    consuming func loaded() -> LoadedModule {
        let digest = digest
        let summary = summary
        return LoadedModule(digest: digest, summary: summary, code: takeCode())
    }
}

/// One line on a terminal that is rewritten while a compilation goes on; nothing elsewhere.
final class CompileProgress {
    private let name: String
    private let isShown = Terminal.isTerminal(STDERR_FILENO)
    private var hasLine = false

    init(name: String) {
        self.name = name
    }

    func show(seconds: Double) {
        guard isShown else { return }
        let tenths = Int(seconds * 10)
        StandardError.write("\r\u{1b}[Kcompiling \(name) … \(tenths / 10).\(tenths % 10) s")
        hasLine = true
    }

    func clear() {
        guard hasLine else { return }
        StandardError.write("\r\u{1b}[K")
        hasLine = false
    }
}
