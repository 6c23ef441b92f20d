// Reads one table of a document: which keys it may have, and each value by its kind.

package import CapabilityModel

/// A table together with its keys' specifications and its path.
package struct TableReader {
    package let table: TOMLTable
    package let specs: [KeySpec]
    /// `limits`, `fs["/data"]`; empty for the root.
    package var path: String
    package let file: String
    package let baseDirectory: String
    /// What the document is, in words.
    let document: String

    package init(
        table: TOMLTable, specs: [KeySpec], path: String, file: String, baseDirectory: String,
        document: String = "a policy"
    ) {
        self.table = table
        self.specs = specs
        self.path = path
        self.file = file
        self.baseDirectory = baseDirectory
        self.document = document
    }

    package func keyPath(_ name: String) -> String {
        let shown = TableReader.quoted(name)
        return path.isEmpty ? shown : "\(path).\(shown)"
    }

    /// A key as TOML writes it: bare where that is possible.
    package static func quoted(_ name: String) -> String {
        let isBare =
            !name.isEmpty
            && name.utf8.allSatisfy {
                (0x61...0x7A).contains($0) || (0x41...0x5A).contains($0) || (0x30...0x39).contains($0)
                    || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-")
            }
        return isBare ? name : TOMLText.string(TOMLParser.shown(name))
    }

    package func origin(_ keyPath: String, _ position: TextPosition) -> PolicyOrigin {
        PolicyOrigin(file: file, line: position.line, column: position.column, keyPath: keyPath, isPresent: true)
    }

    /// Errors for keys that are not in the specification, or are required and absent.
    package func strays() -> [PolicyError] {
        let names = specs.map(\.name)
        var errors: [PolicyError] = []
        for entry in table.entries where !names.contains(entry.name) {
            let nearest = PolicySchema.nearest(to: entry.name, among: names)
            let whole = path.isEmpty ? "at the top of \(document)" : "in `\(path)`"
            errors.append(
                PolicyError(
                    at: origin(keyPath(entry.name), entry.position), "unknown key", suggestion: nearest,
                    advice: nearest == nil ? "keys \(whole) are: \(names.joined(separator: ", "))" : nil))
        }
        for spec in specs where spec.isRequired && table[spec.name] == nil {
            errors.append(
                PolicyError(
                    at: origin(path, table.position), "`\(spec.name)` is missing",
                    advice: spec.kind.isTable
                        ? "write \(spec.example) and its keys on the lines below"
                        : "write, for example, \(spec.name) = \(spec.example)"))
        }
        return errors
    }

    /// Reads `name` with `convert`; nil where it is absent or wrong.
    package func read<Value>(
        _ name: String, into errors: inout [PolicyError], _ convert: (TOMLNode) throws(SyntaxFault) -> Value
    ) -> Written<Value>? {
        guard let entry = table[name] else { return nil }
        let place = origin(keyPath(name), entry.position)
        do throws(SyntaxFault) {
            return Written(try convert(entry.node), place)
        } catch {
            errors.append(error.error(at: origin(keyPath(name), entry.node.position)))
            return nil
        }
    }

    /// Reads an array, element by element; nil where the key is absent.
    package func readList<Value>(
        _ name: String, orOne: Bool = false, into errors: inout [PolicyError],
        _ convert: (TOMLNode) throws(SyntaxFault) -> Value
    ) -> [Written<Value>]? {
        guard let entry = table[name] else { return nil }
        let elements: [TOMLNode]
        if case .array(let nodes) = entry.node.value {
            elements = nodes
        } else if orOne {
            elements = [entry.node]
        } else {
            let spec = specs.first { $0.name == name }
            errors.append(
                PolicyError(
                    at: origin(keyPath(name), entry.node.position), "\(entry.node.kind) is not an array",
                    advice: "write, for example, \(name) = \(spec?.example ?? "[]")"))
            return []
        }
        var mayRepeat = false
        if case .sequence? = specs.first(where: { $0.name == name })?.kind { mayRepeat = true }
        var values: [Written<Value>] = []
        for node in elements {
            let place = origin(keyPath(name), node.position)
            do throws(SyntaxFault) {
                let value = try convert(node)
                if !mayRepeat, let first = values.first(where: { $0.value == value }) {
                    errors.append(
                        PolicyError(
                            at: place, "this value stands twice", advice: "remove one of them",
                            related: [PolicyError.Related(origin: first.origin, note: "the first stands here")]))
                }
                values.append(Written(value, place))
            } catch {
                errors.append(error.error(at: place))
            }
        }
        return values
    }

    /// The reader of a table within this one; nil where it is absent or no table.
    package func subtable(_ name: String, into errors: inout [PolicyError]) -> TableReader? {
        guard let entry = table[name], let spec = specs.first(where: { $0.name == name }),
            case .table(let inner) = spec.kind
        else { return nil }
        guard case .table(let table) = entry.node.value else {
            errors.append(
                PolicyError(
                    at: origin(keyPath(name), entry.node.position), "\(entry.node.kind) is not a table",
                    advice: path.isEmpty
                        ? "write [\(name)] and its keys on the lines below"
                        : "write, for example, \(name) = \(spec.example)"))
            return nil
        }
        let reader = TableReader(
            table: table, specs: inner, path: keyPath(name), file: file, baseDirectory: baseDirectory,
            document: document)
        errors += reader.strays()
        return reader
    }

    /// The entries of a table whose names are the user's.
    package func entries(_ name: String, into errors: inout [PolicyError]) -> [TOMLTable.Entry] {
        guard let entry = table[name] else { return [] }
        guard case .table(let inner) = entry.node.value else {
            let spec = specs.first { $0.name == name }
            errors.append(
                PolicyError(
                    at: origin(keyPath(name), entry.node.position), "\(entry.node.kind) is not a table",
                    advice: "write, for example, \(name) = \(spec?.example ?? "{}")"))
            return []
        }
        return inner.entries
    }
}

extension SyntaxFault {
    package func error(at origin: PolicyOrigin) -> PolicyError {
        PolicyError(at: origin, message, suggestion: suggestion, advice: advice.isEmpty ? nil : advice)
    }
}
