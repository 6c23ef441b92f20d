// The file system behind policies: texts and secrets, read for the compiler, which does no I/O.

import Glibc
import LinuxKernel
import PolicyCompiler

extension PolicyLoader {
    /// No policy is longer.
    private static let textLimit = 1 << 20
    private static let secretLimit = 64 << 10

    /// Reads what policies name from this machine.
    static var host: PolicyLoader {
        PolicyLoader(
            readText: { path in
                read(path, limit: textLimit).flatMap { bytes in
                    guard let text = String(validating: bytes, as: UTF8.self) else {
                        return .failure(SyntaxFault(message: "\(path) is not UTF-8", advice: "policies are UTF-8 text"))
                    }
                    return .success(text)
                }
            },
            readSecret: { source in
                switch source {
                case .text(let text): .success(text)
                case .secretFile(let path): read(path, limit: secretLimit).map(secretText)
                case .secretDescriptor(let number): read("/proc/self/fd/\(number)", limit: secretLimit).map(secretText)
                }
            })
    }

    private static func read(_ path: String, limit: Int) -> Result<[UInt8], SyntaxFault> {
        do throws(SystemError) {
            let file = try OwnedFileDescriptor(opening: path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
            guard let bytes = try file.readToEnd(limit: limit) else {
                return .failure(
                    SyntaxFault(message: "\(path) is too long", advice: "at most \(limit >> 10) KiB are read"))
            }
            return .success(bytes)
        } catch {
            return .failure(
                SyntaxFault(
                    message: "cannot read \(path): \(errnoText(error.errno))",
                    advice: "check the path and its permissions"))
        }
    }

    private static func secretText(_ bytes: [UInt8]) -> String {
        var text = String(decoding: bytes, as: UTF8.self)
        if text.hasSuffix("\n") {
            text.removeLast()
        }
        return text
    }
}
