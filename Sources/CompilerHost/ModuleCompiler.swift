// Bytes to native code: tells text from binary, chooses the profile, compiles, and describes the module.

package import CapabilityModel
package import WasmEngine

/// What a compile gives.
package enum CompileOutcome: Hashable, Sendable {
    case success(native: [UInt8], summary: ModuleSummary)
    /// What is wrong with the module, in one or a few lines.
    case failure(String)
}

package enum ModuleCompiler {
    /// Larger input is refused: 512 MiB.
    package static let maximumInputBytes = 512 << 20
    /// Longer messages are cut: they may quote the module.
    static let maximumMessageBytes = 4096

    /// `profile` nil is `auto`.
    package static func compile(_ input: [UInt8], profile: ExecutionProfile?) -> CompileOutcome {
        do throws(EngineError) {
            let wasm = try binary(input)
            let declared = DeclaredMemory(readingBinary: wasm)
            let engine = try Engine(EngineConfiguration(profile: profile ?? choose(for: declared)))
            let module = try Module(compiling: wasm, engine: engine)
            return .success(native: try module.serialized(), summary: module.summary(memory: declared))
        } catch {
            return .failure(message(of: error))
        }
    }

    /// `auto`: heavy for a module that declares over 16 MiB of memory, or that may grow past 1 GiB and holds over 1 MiB of
    /// code; else dense.
    package static func choose(for declared: DeclaredMemory) -> ExecutionProfile {
        if declared.minimum > 16 << 20 { return .heavy }
        let mayGrowLarge = declared.maximum.map { $0 > 1 << 30 } ?? true
        return mayGrowLarge && declared.codeBytes > 1 << 20 ? .heavy : .dense
    }

    private static func binary(_ input: [UInt8]) throws(EngineError) -> [UInt8] {
        guard !input.isEmpty else { throw .invalidModule("the module is empty") }
        guard input.starts(with: [0x00, 0x61, 0x73, 0x6d]) else {
            guard !input.prefix(4096).contains(0), String(validating: input, as: UTF8.self) != nil else {
                throw .invalidModule("neither a WebAssembly binary nor text")
            }
            return try Module.binary(fromText: input)
        }
        guard input.count < 8 || input[6] == 0 else {
            throw .invalidModule("a WebAssembly component; only core modules run here")
        }
        return input
    }

    private static func message(of error: EngineError) -> String {
        let text = "\(error)"
        guard text.utf8.count > maximumMessageBytes else { return text }
        return String(decoding: text.utf8.prefix(maximumMessageBytes), as: UTF8.self) + " …"
    }
}
