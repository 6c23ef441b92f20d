// The import module `bulkhead` of SDK/abi.md: what WASI preview 1 has no call for. One file for each area.

import CapabilityModel
import WasmEngine

enum BulkheadImports {
    private static let functions: [String: BulkheadFunction] = Dictionary(
        [
            Messages.functions, Signals.functions, Processes.functions, Spawning.functions, Names.functions,
            Network.functions, Datagrams.functions, Supervised.functions,
        ]
        .flatMap(\.self).map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })

    static func define(_ name: ImportName, in linker: Linker) throws(EngineError) {
        guard let function = functions[name.name] else { return }
        if function.suspends {
            try linker.defineWaiting(name, function.type, body: function.body)
        } else {
            try linker.define(name, function.type, body: function.body)
        }
    }

    /// nil for what the module does not have.
    static func signature(of name: ImportName) -> FunctionType? { functions[name.name]?.type }

    /// Made on first use: better while a guest is not waiting.
    static func warmUp() { _ = functions.count }
}
