// What `--invoke` calls: an export by name, with arguments and results as text.

import WasmEngine

extension WasmProcess {
    final class Invocation {
        let name: String
        let arguments: [String]
        /// What the export returned, as text.
        var results: [String] = []

        init(name: String, arguments: [String]) {
            self.name = name
            self.arguments = arguments
        }

        /// The arguments, as the export takes them.
        /// - Throws: `noSuchExport`; `argumentMismatch` for too few, too many, and one that is no such number.
        func values(for module: Module) throws(EngineError) -> [WasmValue] {
            guard case .function(let type)? = module.exports[name] else { throw .noSuchExport(name) }
            var values: [WasmValue] = []
            for (text, parameter) in zip(arguments, type.parameters) {
                guard let value = WasmValue(text, as: parameter) else {
                    throw .argumentMismatch(name, type: "\(type) (\(text) is no \(parameter))")
                }
                values.append(value)
            }
            guard arguments.count == type.parameters.count else {
                throw .argumentMismatch(name, type: "\(type)")
            }
            return values
        }
    }
}
