// `bulkhead policy init`: a first policy for a module, from its imports.

internal import ArgumentParser
internal import CapabilityModel
internal import LinuxKernel
internal import ModuleCache
internal import PolicyCompiler

struct PolicyInitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Writes a commented policy for a module from what it imports.",
        discussion: """
            Nothing is granted that takes a decision: what the module could use stands behind a #. The module is compiled, \
            not run, and its native code is kept in the cache.

            Examples:
              bulkhead policy init plugin.wasm > plugin.toml
            """)

    @Argument(help: "A module, binary or text.", completion: .file())
    var module: String

    func run() throws {
        let places = Locations.current()
        let progress = CompileProgress(name: EscapedText.forTerminal(module))
        var settings = ModuleCacheSettings()
        settings.progress = { progress.show(seconds: $0) }
        defer { progress.clear() }
        let compiler = try Companion.path("bulkhead-compiler")
        let compiled: CachedModule
        do throws(ModuleCacheError) {
            let cache = try ModuleCache(
                directory: places.cacheDirectory, keyFile: places.keyFile, compilerPath: compiler, settings: settings)
            compiled = try cache.module(path: module, profile: nil)
        } catch {
            throw error.failure(module)
        }
        let name = String(module.split(separator: "/").last ?? "module")
        print(
            PolicyInit.text(for: compiled.summary, name: EscapedText.forTerminal(name), digest: compiled.digest),
            terminator: "")
    }
}
