// Policies and secrets from this machine's files and descriptors.

internal import CapabilityModel
internal import Glibc
internal import LinuxKernel
internal import PolicyCompiler
internal import Synchronization

extension PolicyLoader {
    /// Reads files, and secrets from files and descriptors.
    static var host: PolicyLoader {
        PolicyLoader(readText: HostPolicyFiles.text, readSecret: HostPolicyFiles.secret)
    }

    /// Reads files, and no secret: each stands for its source, so that equal sources compare as equal.
    static var hostWithoutSecrets: PolicyLoader {
        PolicyLoader(readText: HostPolicyFiles.text, readSecret: { .success("\($0)") })
    }
}

enum HostPolicyFiles {
    /// More than any policy or app that the readers take.
    private static let maximumTextBytes = 2 << 20
    private static let maximumSecretBytes = 64 << 10
    /// A descriptor is read once, and a policy may be loaded again, as its own child's for one.
    private static let descriptorSecrets = Mutex<[Int32: [UInt8]]>([:])

    static func text(_ path: String) -> Result<String, SyntaxFault> {
        text(path, of: "policy", hint: "shipped policies are: \(ShippedPolicies.names.joined(separator: ", "))")
    }

    /// The text of a file that is to be a `kind`; `hint` is for one that cannot be read.
    static func text(_ path: String, of kind: String, hint: String) -> Result<String, SyntaxFault> {
        do throws(SystemError) {
            let file = try HostFile.open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK)
            guard try !HostFile.status(file).isDirectory else {
                return .failure(SyntaxFault(message: "`\(shown(path))` is a directory", advice: "name a \(kind) file"))
            }
            guard let bytes = try Descriptor.readToEnd(file.rawValue, limit: maximumTextBytes) else {
                return .failure(
                    SyntaxFault(message: "`\(shown(path))` is longer than any \(kind)", advice: "name a \(kind) file"))
            }
            return decode(bytes, "`\(shown(path))`")
        } catch {
            return .failure(
                SyntaxFault(message: "cannot read `\(shown(path))`: \(errnoText(error.errno))", advice: hint))
        }
    }

    static func secret(_ source: ValueSource) -> Result<String, SyntaxFault> {
        let what: String
        let bytes: [UInt8]?
        do throws(SystemError) {
            switch source {
            case .text(let text): return .success(text)
            case .secretFile(let path):
                what = "the secret's file `\(shown(path))`"
                let file = try HostFile.open(path, O_RDONLY | O_NOCTTY)
                bytes = try Descriptor.readToEnd(file.rawValue, limit: maximumSecretBytes)
            case .secretDescriptor(let descriptor):
                what = "the secret's descriptor \(descriptor)"
                if let known = descriptorSecrets.withLock({ $0[descriptor] }) {
                    bytes = known
                } else {
                    bytes = try Descriptor.readToEnd(descriptor, limit: maximumSecretBytes)
                    descriptorSecrets.withLock { $0[descriptor] = bytes }
                }
            }
        } catch {
            return .failure(
                SyntaxFault(
                    message: "cannot read the secret: \(errnoText(error.errno))",
                    advice: "give a file that this user may read, or a descriptor that is open"))
        }
        guard var bytes else {
            return .failure(SyntaxFault(message: "\(what) is longer than 64 KiB", advice: "give a shorter one"))
        }
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        return decode(bytes, what)
    }

    private static func decode(_ bytes: [UInt8], _ what: String) -> Result<String, SyntaxFault> {
        guard !bytes.contains(0), let text = String(validating: bytes, as: UTF8.self) else {
            return .failure(SyntaxFault(message: "\(what) is not text in UTF-8", advice: "save it as UTF-8"))
        }
        return .success(text)
    }

    private static func shown(_ path: String) -> String { EscapedText.forTerminal(path) }
}
