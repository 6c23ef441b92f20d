// The other modules of an app: `--module NAME=PATH`, each made ready beside the first.

import CapabilityModel
import LinuxKernel

struct AppModules: ~Copyable {
    /// As `spawn` knows them, in the order of the command line.
    private(set) var names: [String] = []
    private(set) var summaries: [ModuleSummary] = []
    private(set) var digests: [String] = []
    private var code = DescriptorList()

    mutating func append(_ name: String, _ module: consuming LoadedModule) {
        names.append(name)
        summaries.append(module.summary)
        digests.append(module.digest)
        code.append(module.takeCode())
    }

    consuming func takeCode() -> DescriptorList { code }

    /// Splits `NAME=PATH` words. Names are 1 to 255 bytes, as SDK/abi.md has them, and each stands once.
    static func parse(_ words: [String]) throws(RunFailure) -> [(name: String, path: String)] {
        var parsed: [(name: String, path: String)] = []
        for word in words {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2, (1...255).contains(parts[0].utf8.count), !parts[1].isEmpty else {
                throw RunFailure(
                    message: "bulkhead: --module takes NAME=PATH, such as worker=worker.wasm, not \(word)", status: 64)
            }
            guard !parsed.contains(where: { $0.name == parts[0] }) else {
                throw RunFailure(message: "bulkhead: two modules are named \(parts[0])", status: 64)
            }
            parsed.append((parts[0], parts[1]))
        }
        return parsed
    }
}

extension ModuleSummary {
    var spawns: Bool {
        imports.contains { $0.name == ImportName(ImportTableLowering.bulkhead, "spawn") }
    }
}
