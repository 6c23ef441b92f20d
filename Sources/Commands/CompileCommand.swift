// bulkhead compile: native code for this machine, signed with this machine's key.

package import ArgumentParser
internal import CapabilityModel
internal import Glibc
internal import LinuxKernel
internal import ModuleCache

package struct CompileCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "compile", abstract: "Compiles a module ahead of time, for this machine and this version.",
        discussion: """
            The result holds the native code, what the module imports and exports, and the module's digest, authenticated with \
            this machine's key. `bulkhead run` takes it only where that key vouches for it.
            """)

    @Argument(help: "The module, binary or text.")
    var module: String
    @Option(name: .shortAndLong, help: "Where to write; MODULE with .bhm by default.")
    var output: String?
    @Option(help: "dense, heavy, or auto: by the module's declared memory.")
    var profile: ProfileChoice = .auto

    package init() {}

    package func run() throws {
        let places = Locations.current()
        var settings = ModuleCacheSettings()
        let spinner = CompileProgress(name: EscapedText.forTerminal(module))
        settings.progress = { spinner.show(seconds: $0) }
        let cache = try ModuleCache(
            directory: places.cacheDirectory, keyFile: places.keyFile,
            compilerPath: try Companion.path("bulkhead-compiler"), settings: settings)
        let target = output ?? Self.defaultOutput(module)
        let made: (summary: ModuleSummary, digest: String)
        do throws(ModuleCacheError) {
            made = try cache.precompile(path: module, profile: profile.profile, to: target)
        } catch {
            spinner.clear()
            throw error.failure(module)
        }
        spinner.clear()
        var text = CommandOutput()
        try text.write(
            "\(EscapedText.forTerminal(target)): \(made.summary.profile.rawValue) profile, sha256:\(made.digest)")
        try text.flush()
    }

    static func defaultOutput(_ module: String) -> String {
        for ending in [".wasm", ".wat"] where module.hasSuffix(ending) {
            return String(module.dropLast(ending.count)) + ".bhm"
        }
        return module + ".bhm"
    }
}

enum ProfileChoice: String, ExpressibleByArgument, CaseIterable {
    case auto, dense, heavy

    var profile: ExecutionProfile? {
        switch self {
        case .auto: nil
        case .dense: .dense
        case .heavy: .heavy
        }
    }
}
