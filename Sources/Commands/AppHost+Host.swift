// What an app file names, looked at on this machine: policies, modules, the cache, directories, memory.

internal import AppCompiler
internal import Glibc
internal import LinuxKernel
internal import MachineKey
internal import ModuleCache
internal import PolicyCompiler

extension AppHost {
    static func host(readingSecrets: Bool) -> AppHost {
        AppHost(
            policies: readingSecrets ? .host : .hostWithoutSecrets, module: HostModules.form,
            digest: HostModules.digest, mounts: { PolicyFiles.missingDirectories([$0]) },
            machine: AppHost.Machine(memory: HostModules.memory, layers: GuestRun.layers))
    }
}

private enum HostModules {
    static func form(_ source: ModuleSource) -> Result<ModuleForm, SyntaxFault> {
        switch source {
        case .path(let path): form(path)
        case .digest(let digest): cached(digest)
        }
    }

    private static func form(_ path: String) -> Result<ModuleForm, SyntaxFault> {
        do throws(SystemError) {
            let file = try HostFile.open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK)
            let status = try HostFile.status(file)
            guard status.isRegular else {
                return .failure(SyntaxFault(message: "this is not a file", advice: "name a .wasm or .wat file"))
            }
            if try ModuleCache.precompiledDigest(file) != nil { return .success(.precompiled) }
            let count = Int(min(status.size, UInt64(ModuleForm.prefix)))
            return ModuleForm.judge(try HostFile.read(file, at: 0, count: count))
        } catch {
            return .failure(
                SyntaxFault(
                    message: "cannot read the module: \(errnoText(error.errno))",
                    advice: "name a file that this user may read; relative paths start at the app file"))
        }
    }

    private static func cached(_ digest: String) -> Result<ModuleForm, SyntaxFault> {
        let entries: [CacheListing]
        do throws(SystemError) {
            entries = try ModuleCache.listing(directory: Locations.current().cacheDirectory)
        } catch {
            return .failure(
                SyntaxFault(
                    message: "cannot read the cache: \(errnoText(error.errno))", advice: "name the module's file"))
        }
        if entries.contains(where: { $0.moduleDigest == digest }) { return .success(.cached) }
        return .failure(
            SyntaxFault(
                message: "no module in the cache has this digest",
                advice: "name the module's file, or run it once; `bulkhead cache ls` lists what is there"))
    }

    static func digest(_ path: String) -> Result<String, SyntaxFault> {
        do throws(SystemError) {
            let file = try HostFile.open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK)
            if let stated = try ModuleCache.precompiledDigest(file) { return .success(stated) }
            let bytes = try HostFile.readToEnd(file, limit: 1 << 30)
            return .success(RunningHash.hash(bytes).description)
        } catch {
            return .failure(SyntaxFault(message: "cannot read the module: \(errnoText(error.errno))", advice: ""))
        }
    }

    /// Bytes; as much as there can be where the kernel does not say.
    static var memory: UInt64 {
        let (pages, size) = (sysconf(Int32(_SC_PHYS_PAGES)), sysconf(Int32(_SC_PAGESIZE)))
        guard pages > 0, size > 0 else { return .max }
        return UInt64(pages) * UInt64(size)
    }
}
