// Finds policies by name or path, with what they extend and the secrets they name. All I/O is the caller's.

internal import CapabilityModel

/// The policies that come with Bulkhead, in the binary: there is nothing to find and nothing to tamper with.
package enum ShippedPolicies {
    package static var names: [String] { texts.map(\.name) }

    package static func text(of name: String) -> String? {
        texts.first { $0.name == name }?.text
    }
}

package struct PolicyLoader: Sendable {
    /// Reads a policy's text from an absolute path.
    package var readText: @Sendable (String) -> Result<String, SyntaxFault>
    /// Reads a secret, without the line end behind it.
    package var readSecret: @Sendable (ValueSource) -> Result<String, SyntaxFault>

    package init(
        readText: @escaping @Sendable (String) -> Result<String, SyntaxFault>,
        readSecret: @escaping @Sendable (ValueSource) -> Result<String, SyntaxFault>
    ) {
        self.readText = readText
        self.readSecret = readSecret
    }

    /// Longer chains are a mistake.
    private static let maximumDepth = 8

    /// A reference with a slash or ending in `.toml` is a file, any other is a shipped policy's name.
    package static func isPath(_ reference: String) -> Bool {
        reference.utf8.contains(UInt8(ascii: "/")) || reference.hasSuffix(".toml")
    }

    /// Loads what a command line's `--policy` names: a shipped policy's name or a path.
    ///
    /// `directory` is absolute, the current one; a shipped policy's relative paths start there too.
    package func load(_ reference: String, in directory: String) throws(PolicyErrors) -> PolicyDocument {
        let place = PolicyOrigin(
            file: PolicyDocument.commandLine, line: 0, column: 0, keyPath: "--policy", isPresent: true)
        return try load(reference, shownAs: reference, in: directory, from: place, above: [])
    }

    /// Loads what a document that is already parsed needs.
    package func complete(_ document: inout PolicyDocument) throws(PolicyErrors) {
        try complete(&document, in: document.baseDirectory, above: [])
    }

    private func load(
        _ reference: String, shownAs shown: String, in directory: String, from place: PolicyOrigin, above: [String]
    ) throws(PolicyErrors) -> PolicyDocument {
        let isPath = PolicyLoader.isPath(reference)
        let identity = isPath ? Paths.resolve(reference, beneath: directory) : "builtin:" + reference
        guard !above.contains(identity), above.count < PolicyLoader.maximumDepth else {
            throw PolicyErrors([
                PolicyError(
                    at: place,
                    above.contains(identity) ? "`\(shown)` extends itself" : "the chain of `extends` is too long",
                    advice: "a policy may extend at most \(PolicyLoader.maximumDepth - 1) others, each once")
            ])
        }
        let text: String
        do throws(SyntaxFault) {
            text = try isPath ? readText(identity).get() : PolicyLoader.shippedText(reference)
        } catch {
            throw PolicyErrors([error.error(at: place)])
        }
        let base = isPath ? Paths.normalised(identity + "/..") : directory
        var document = try PolicyDocument.parse(text: text, file: isPath ? shown : identity, baseDirectory: base)
        try complete(&document, in: base, above: above + [identity])
        return document
    }

    private func complete(
        _ document: inout PolicyDocument, in directory: String, above: [String]
    ) throws(PolicyErrors) {
        if let extends = document.extends {
            let reference = extends.value
            let isRelative = PolicyLoader.isPath(reference) && reference.utf8.first != UInt8(ascii: "/")
            let slash = document.file.utf8.lastIndex(of: UInt8(ascii: "/"))
            let beside = isRelative ? slash.map { String(document.file[...$0]) } ?? "" : ""
            document.parent = [
                try load(reference, shownAs: beside + reference, in: directory, from: extends.origin, above: above)
            ]
        }
        var errors: [PolicyError] = []
        for source in document.environmentSet.values {
            if case .text = source.value { continue }
            switch readSecret(source.value) {
            case .success(let value): document.secrets[source.value] = value
            case .failure(let fault): errors.append(fault.error(at: source.origin))
            }
        }
        if !errors.isEmpty { throw PolicyErrors(errors) }
    }

    private static func shippedText(_ name: String) throws(SyntaxFault) -> String {
        if let text = ShippedPolicies.text(of: name) { return text }
        throw SyntaxFault(
            message: "there is no policy named `\(TOMLParser.shown(name))`",
            suggestion: PolicySchema.nearest(to: name, among: ShippedPolicies.names),
            advice: "shipped policies are: \(ShippedPolicies.names.joined(separator: ", ")); "
                + "a file is named by its path, such as ./mine.toml")
    }
}

extension PolicyDocument {
    /// What runs when no policy is given.
    static func noPolicy() throws(PolicyErrors) -> PolicyDocument {
        try parse(
            text: ShippedPolicies.text(of: "pure-compute") ?? "", file: "builtin:pure-compute", baseDirectory: "/")
    }
}
