// bulkhead-compiler: module on descriptor 0, native code to 3, one CompileResult to 4, then exit 0.
//
// Any other ending is a compile that crashed or was killed. The supervisor bounds memory and time from outside.

import CapabilityModel
import CellProtocol

package enum CompilerMain {
    /// EX_USAGE and EX_IOERR of sysexits.h.
    static let usageError: Int32 = 64
    static let inputOutputError: Int32 = 74

    /// The exit status. `arguments` are those after the program's name: `--profile dense|heavy|auto`.
    package static func run(
        arguments: [String], input: Int32 = 0, native: Int32 = 3, report: Int32 = 4
    ) -> Int32 {
        guard arguments.count == 2, arguments[0] == "--profile",
            arguments[1] == "auto" || ExecutionProfile(rawValue: arguments[1]) != nil
        else { return usageError }
        let outcome: CompileOutcome
        switch Descriptor.readAll(input, limit: ModuleCompiler.maximumInputBytes) {
        case .failed: return inputOutputError
        case .tooLong:
            outcome = .failure("the module is larger than \(ModuleCompiler.maximumInputBytes >> 20) MiB")
        case .bytes(let bytes):
            outcome = ModuleCompiler.compile(bytes, profile: ExecutionProfile(rawValue: arguments[1]))
        }
        let result: CompileResult
        switch outcome {
        case .success(let code, let summary):
            guard Descriptor.writeAll(native, code) else { return inputOutputError }
            result = .success(summary)
        case .failure(let message):
            result = .failure(message)
        }
        return Descriptor.writeAll(report, result.encoded()) ? 0 : inputOutputError
    }
}
