// Finds policies by name or path, with what they extend and the secrets they name. All I/O is the caller's.

package import CapabilityModel

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

    /// Whether patterns of `process.policies` are looked up among the shipped policies. It takes longer than all the rest, and
    /// changes no digest, so that who runs a program leaves it until the program is known to spawn.
    package var expandsPatterns = true

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

    /// What a guest calls the policy: a shipped one by its name, a file by its own without `.toml`.
    package static func name(of reference: String) -> String {
        guard isPath(reference) else { return reference }
        let file = reference.split(separator: "/").last.map(String.init) ?? ""
        return file.hasSuffix(".toml") ? String(file.dropLast(5)) : file
    }

    /// Loads what a command line's `--policy` names: a shipped policy's name or a path.
    ///
    /// `directory` is absolute, the current one; a shipped policy's relative paths start there too.
    package func load(_ reference: String, in directory: String) throws(PolicyErrors) -> PolicyDocument {
        let place = PolicyOrigin(
            file: PolicyDocument.commandLine, line: 0, column: 0, keyPath: "--policy", isPresent: true)
        return try load(reference, shownAs: reference, in: directory, from: place, above: [], withNamed: true)
    }

    /// Loads what another document names at `place`: a path is relative to `directory`, and shown as seen from where that
    /// document was named.
    package func load(
        _ reference: String, in directory: String, from place: PolicyOrigin
    ) throws(PolicyErrors) -> PolicyDocument {
        let shown = PolicyLoader.shown(reference, in: place.file)
        return try load(reference, shownAs: shown, in: directory, from: place, above: [], withNamed: true)
    }

    /// Loads what a document that is already parsed needs.
    package func complete(_ document: inout PolicyDocument) throws(PolicyErrors) {
        try complete(&document, in: document.baseDirectory, above: [], withNamed: true)
    }

    private func load(
        _ reference: String, shownAs shown: String, in directory: String, from place: PolicyOrigin, above: [String],
        withNamed: Bool
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
        try complete(&document, in: base, above: above + [identity], withNamed: withNamed)
        return document
    }

    private func complete(
        _ document: inout PolicyDocument, in directory: String, above: [String], withNamed: Bool
    ) throws(PolicyErrors) {
        if let extends = document.extends {
            let reference = extends.value
            document.parent = [
                try load(
                    reference, shownAs: PolicyLoader.shown(reference, in: document.file), in: directory,
                    from: extends.origin, above: above, withNamed: withNamed)
            ]
        }
        var errors: [PolicyError] = []
        if withNamed { errors += loadNamed(&document, in: directory) }
        for source in document.environmentSet.values {
            if case .text = source.value { continue }
            switch readSecret(source.value) {
            case .success(let value): document.secrets[source.value] = value
            case .failure(let fault): errors.append(fault.error(at: source.origin))
            }
        }
        if !errors.isEmpty { throw PolicyErrors(errors) }
    }

    /// A relative path as seen from where the document was named.
    package static func shown(_ reference: String, in file: String) -> String {
        guard isPath(reference), reference.utf8.first != UInt8(ascii: "/"),
            let slash = file.utf8.lastIndex(of: UInt8(ascii: "/"))
        else { return reference }
        return String(file[...slash] + (reference.hasPrefix("./") ? reference.dropFirst(2) : reference[...]))
    }

    /// Loads what `process.policies` names. What those name in turn is not loaded, so a policy may name itself.
    private func loadNamed(_ document: inout PolicyDocument, in directory: String) -> [PolicyError] {
        var errors: [PolicyError] = []
        var known: [String: (identity: String, place: PolicyOrigin)] = [:]
        let entries = document.processNames["policies"] ?? []
        for entry in entries where !PolicyLoader.isPattern(entry.value) {
            let name = PolicyLoader.name(of: entry.value)
            let isPath = PolicyLoader.isPath(entry.value)
            let identity = isPath ? Paths.resolve(entry.value, beneath: directory) : "builtin:" + name
            if let first = known[name] {
                if first.identity == identity { continue }
                errors.append(
                    PolicyError(
                        at: entry.origin, "two policies are named `\(name)`", advice: "rename one of the files",
                        related: [PolicyError.Related(origin: first.place, note: "the first stands here")]))
                continue
            }
            known[name] = (identity, entry.origin)
            do throws(PolicyErrors) {
                document.named[name] = try load(
                    entry.value, shownAs: PolicyLoader.shown(entry.value, in: document.file), in: directory,
                    from: entry.origin, above: [], withNamed: false)
            } catch {
                errors += error.errors
            }
        }
        let patterns = entries.filter { PolicyLoader.isPattern($0.value) }
        for name in ShippedPolicies.names where expandsPatterns && known[name] == nil {
            guard let entry = patterns.first(where: { NamePattern.covers($0.value, name) }) else { continue }
            do throws(PolicyErrors) {
                document.matched[name] = try load(
                    name, shownAs: name, in: directory, from: entry.origin, above: [], withNamed: false)
            } catch {
                errors += error.errors
            }
        }
        return errors
    }

    /// Whether the names of shipped policies are meant that begin so.
    package static func isPattern(_ reference: String) -> Bool {
        !isPath(reference) && reference.utf8.last == UInt8(ascii: "*")
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
