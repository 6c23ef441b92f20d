// What the app compiler asks of the machine. All I/O is the caller's.

package import PolicyCompiler

/// What a module's first bytes say.
package enum ModuleForm: Hashable, Sendable {
    /// A WebAssembly module in binary.
    case binary
    /// Its text form, as far as the first bytes tell.
    case text
    /// What `bulkhead compile` made.
    case precompiled
    /// Native code in the cache.
    case cached

    /// Bytes of a file that are enough to judge it.
    package static let prefix = 64

    /// `beginning` is the first 64 bytes of a file, or all of a shorter one.
    package static func judge(_ beginning: some Collection<UInt8>) -> Result<ModuleForm, SyntaxFault> {
        let bytes = Array(beginning)
        if bytes.starts(with: [0x00, 0x61, 0x73, 0x6D]) {
            // Core specification, section 5.5.16: the version; components have a layer in its upper half.
            switch bytes.dropFirst(4).prefix(4) {
            case [1, 0, 0, 0]: return .success(.binary)
            case let version where version.count == 4 && version.suffix(2) == [1, 0]:
                return .failure(
                    SyntaxFault(
                        message: "this is a WebAssembly component", advice: "build it as a module for WASI preview 1"))
            default:
                return .failure(
                    SyntaxFault(
                        message: "this WebAssembly has another version than 1", advice: "build it as a module"))
            }
        }
        let text = bytes.drop { [0x20, 0x09, 0x0A, 0x0D].contains($0) }
        if text.first == UInt8(ascii: "(") || text.starts(with: ";;".utf8) { return .success(.text) }
        return .failure(
            SyntaxFault(
                message: bytes.isEmpty ? "the file is empty" : "this is not a WebAssembly module",
                advice: "name a .wasm or .wat file, or what `bulkhead compile` made"))
    }
}

package struct AppHost: Sendable {
    package struct Machine: Hashable, Sendable {
        /// Bytes of memory that there are.
        package var memory: UInt64
        /// Layers that cells have around them here, by the names of `cell.require`.
        package var layers: Set<String>

        package init(memory: UInt64, layers: Set<String>) {
            self.memory = memory
            self.layers = layers
        }
    }

    package var policies: PolicyLoader
    /// Looks at a module without reading it whole.
    package var module: @Sendable (ModuleSource) -> Result<ModuleForm, SyntaxFault>
    /// The SHA-256 of a file, hexadecimal: asked only where a policy pins its modules.
    package var digest: @Sendable (String) -> Result<String, SyntaxFault>
    /// What is wrong with the directories that a policy mounts.
    package var mounts: @Sendable (PolicyDocument) -> [PolicyError]
    /// nil leaves out what only the machine can say.
    package var machine: Machine?

    package init(
        policies: PolicyLoader, module: @escaping @Sendable (ModuleSource) -> Result<ModuleForm, SyntaxFault>,
        digest: @escaping @Sendable (String) -> Result<String, SyntaxFault>,
        mounts: @escaping @Sendable (PolicyDocument) -> [PolicyError] = { _ in [] }, machine: Machine? = nil
    ) {
        self.policies = policies
        self.module = module
        self.digest = digest
        self.mounts = mounts
        self.machine = machine
    }
}
