// Grants given as flags of `bulkhead run`, as a policy document.

package import CapabilityModel

package struct QuickGrants: Sendable {
    /// `HOST::GUEST`, with `:ro` behind it for reading only; without `::GUEST` the guest sees the host's absolute path.
    package var directories: [String] = []
    /// `NAME=VALUE`, or `NAME` to pass the caller's value through.
    package var environment: [String] = []
    package var listen: [String] = []
    package var connect: [String] = []
    /// A size: `64 MiB`
    package var memory: String?
    /// A duration of wall time: `10s`
    package var timeout: String?

    package init() {}

    package var isEmpty: Bool {
        directories.isEmpty && environment.isEmpty && listen.isEmpty && connect.isEmpty && memory == nil
            && timeout == nil
    }

    /// The document that says what the flags say, and nothing else.
    ///
    /// `currentDirectory` is absolute, and relative host paths start there. Throws every flag that is not well formed.
    package func document(currentDirectory: String) throws(PolicyErrors) -> PolicyDocument {
        var document = PolicyDocument(file: PolicyDocument.commandLine, baseDirectory: currentDirectory)
        var errors: [PolicyError] = []
        func read<Value>(
            _ flag: String, _ text: String, _ convert: (TOMLNode) throws(SyntaxFault) -> Value
        ) -> Written<Value>? {
            let place = PolicyOrigin(
                file: PolicyDocument.commandLine, line: 0, column: 0, keyPath: "--\(flag) \(TOMLParser.shown(text))",
                isPresent: true)
            do throws(SyntaxFault) {
                let node = TOMLNode(value: .string(text), position: TextPosition(line: 0, column: 0))
                return Written(try convert(node), place)
            } catch {
                errors.append(error.error(at: place))
                return nil
            }
        }
        for text in directories {
            let mount = read("dir", text) { node throws(SyntaxFault) in
                try QuickGrants.mount(text, in: currentDirectory)
            }
            guard let mount else { continue }
            document.mounts =
                (document.mounts ?? []) + [
                    WrittenMount(grant: mount.value, origin: mount.origin, keys: ["access": mount.origin])
                ]
        }
        for text in environment {
            if let split = text.utf8.firstIndex(of: UInt8(ascii: "=")) {
                let name = String(text[..<split])
                let value = String(text[text.utf8.index(after: split)...])
                let source = read("env", name + "=…") { _ throws(SyntaxFault) in
                    guard PolicyReader.isVariableName(name) else { throw QuickGrants.notAName }
                    return ValueSource.text(value)
                }
                if let source { document.environmentSet[name] = source }
            } else if let name = read("env", text, ValueReaders.namePattern) {
                document.environmentAllow = (document.environmentAllow ?? []) + [name]
            }
        }
        let listeners = listen.compactMap { read("listen", $0, ValueReaders.endpoint) }
        if !listen.isEmpty { document.listen = listeners }
        let connections = connect.compactMap { read("connect", $0, ValueReaders.endpoint) }
        if !connect.isEmpty { document.connect = connections }
        if let memory {
            let size = read("max-memory", memory) { node throws(SyntaxFault) -> UInt64? in
                try ValueReaders.size(65_536...(1 << 40), node)
            }
            document.limits[.memory] = size
        }
        if let timeout {
            document.limits[.wall] = read("timeout", timeout) { node throws(SyntaxFault) in
                try ValueReaders.duration(allowsUnlimited: true, node)
            }
        }
        for listener in listeners where !listener.value.isBindable {
            errors.append(
                PolicyError(
                    at: listener.origin, "a listener needs an address", advice: "write such as tcp://127.0.0.1:8080"))
        }
        if !errors.isEmpty { throw PolicyErrors(errors) }
        return document
    }

    private static let notAName = SyntaxFault(
        message: "this is not a variable's name", advice: "write NAME=VALUE, or NAME to pass the caller's value through"
    )

    /// `HOST::GUEST[:ro]`
    private static func mount(_ text: String, in directory: String) throws(SyntaxFault) -> MountGrant {
        var rest = text
        var rights = FileRights.readWrite
        if rest.hasSuffix(":ro") {
            rest.removeLast(3)
            rights = .readOnly
        } else if rest.hasSuffix(":rw") {
            rest.removeLast(3)
        }
        let bytes = Array(rest.utf8)
        let colon = UInt8(ascii: ":")
        let split = bytes.indices.last { $0 > 0 && bytes[$0] == colon && bytes[$0 - 1] == colon }
        let host = split.map { String(decoding: bytes[..<($0 - 1)], as: UTF8.self) } ?? rest
        let position = TextPosition(line: 0, column: 0)
        let hostPath = try ValueReaders.hostPath(TOMLNode(value: .string(host), position: position), beneath: directory)
        let guest = split.map { String(decoding: bytes[($0 + 1)...], as: UTF8.self) } ?? hostPath
        let guestPath = try ValueReaders.guestPath(TOMLNode(value: .string(guest), position: position))
        return MountGrant(guestPath: guestPath, hostPath: hostPath, rights: rights)
    }
}

extension NetworkGrant {
    /// Whether it names an address or path that can be bound.
    package var isBindable: Bool {
        switch host {
        case .cidr, .path: true
        case .anyPublic, .name, .subdomains: false
        }
    }
}

extension PolicyDocument {
    /// What runs when only flags are given: the default and the flags in one document, for `--print-policy`.
    package static func standalone(_ flags: PolicyDocument) throws(PolicyErrors) -> PolicyDocument {
        var document = try noPolicy().adding(flags)
        document.summary = "From the command line"
        return document
    }

    /// This document with what the flags write on top of it; lists are joined.
    package func adding(_ flags: PolicyDocument) -> PolicyDocument {
        var sum = self
        if let mounts = flags.mounts { sum.mounts = (sum.mounts ?? []) + mounts }
        if let connect = flags.connect { sum.connect = (sum.connect ?? []) + connect }
        if let listen = flags.listen { sum.listen = (sum.listen ?? []) + listen }
        if let allow = flags.environmentAllow { sum.environmentAllow = (sum.environmentAllow ?? []) + allow }
        sum.environmentSet.merge(flags.environmentSet) { $1 }
        sum.limits.merge(flags.limits) { $1 }
        return sum
    }
}
