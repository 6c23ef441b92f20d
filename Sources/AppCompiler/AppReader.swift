// Reads an app's text into a document, collecting every mistake.

internal import CapabilityModel
internal import PolicyCompiler

struct AppReader {
    let file: String
    let baseDirectory: String
    var errors: [PolicyError] = []

    /// Room for thousands of children.
    static let maximumBytes = 1 << 20

    init(file: String, baseDirectory: String) {
        self.file = file
        self.baseDirectory = baseDirectory
    }

    mutating func read(_ text: String) -> AppDocument {
        var document = AppDocument(file: file, baseDirectory: baseDirectory)
        guard text.utf8.count <= AppReader.maximumBytes else {
            let place = PolicyOrigin(file: file, line: 0, column: 0, keyPath: "", isPresent: true)
            let most = Units.sizeText(UInt64(AppReader.maximumBytes))
            errors.append(PolicyError(at: place, "the app is longer than \(most)"))
            return document
        }
        let parser = TOMLParser(text)
        errors += parser.errors(file: file)
        guard parser.isReadable else { return document }
        let root = reader(parser.root, AppSchema.root, "")
        errors += root.strays()
        document.name = root.read("name", into: &errors, AppValues.identifier)
        document.summary = root.read("description", into: &errors, ValueReaders.text)?.value
        document.trustLabel = root.read("trust_label", into: &errors, AppValues.identifier)
        readModules(root, into: &document)
        readPolicies(root, into: &document)
        readListeners(root, into: &document)
        if let top = root.subtable("supervisor", into: &errors) { document.root = readSupervisor(top, name: "") }
        for (name, table) in tables(root, "supervisors") {
            let inner = reader(table, AppSchema.supervisor, name.origin.keyPath)
            errors += inner.strays()
            document.others.append(readSupervisor(inner, name: name.value))
        }
        readSurroundings(root, into: &document)
        return document
    }

    func reader(_ table: TOMLTable, _ specs: [KeySpec], _ path: String) -> TableReader {
        TableReader(
            table: table, specs: specs, path: path, file: file, baseDirectory: baseDirectory, document: "an app")
    }

    /// The entries of a table whose names are the user's and whose values are tables; the rest are mistakes.
    private mutating func tables(_ root: TableReader, _ key: String) -> [(name: Written<String>, table: TOMLTable)] {
        var found: [(name: Written<String>, table: TOMLTable)] = []
        for entry in root.entries(key, into: &errors) {
            guard let name = name(entry, in: root, key) else { continue }
            guard case .table(let table) = entry.node.value else {
                errors.append(
                    PolicyError(
                        at: root.origin(name.origin.keyPath, entry.node.position), "\(entry.node.kind) is not a table",
                        advice: "write [\(name.origin.keyPath)] and its keys on the lines below"))
                continue
            }
            found.append((name, table))
        }
        return found
    }

    /// The name of an entry in a table whose names are the user's, where it may be one.
    private mutating func name(_ entry: TOMLTable.Entry, in root: TableReader, _ key: String) -> Written<String>? {
        let place = root.origin(root.keyPath(key) + "." + TableReader.quoted(entry.name), entry.position)
        do throws(SyntaxFault) {
            try AppValues.checkIdentifier(entry.name)
            return Written(entry.name, place)
        } catch {
            errors.append(error.error(at: place))
            return nil
        }
    }

    private mutating func readModules(_ root: TableReader, into document: inout AppDocument) {
        for entry in root.entries("modules", into: &errors) {
            guard let name = name(entry, in: root, "modules") else { continue }
            var module = AppDocument.Module(name: name)
            if case .table(let table) = entry.node.value {
                readModule(table, into: &module)
            } else {
                do throws(SyntaxFault) {
                    let path = try ValueReaders.hostPath(entry.node, beneath: baseDirectory)
                    module.source = Written(.path(path), root.origin(name.origin.keyPath, entry.node.position))
                } catch {
                    errors.append(error.error(at: root.origin(name.origin.keyPath, entry.node.position)))
                }
            }
            document.modules.append(module)
        }
    }

    private mutating func readModule(_ table: TOMLTable, into module: inout AppDocument.Module) {
        let inner = reader(table, AppSchema.module, module.name.origin.keyPath)
        errors += inner.strays()
        let path = inner.read("path", into: &errors) { node throws(SyntaxFault) in
            ModuleSource.path(try ValueReaders.hostPath(node, beneath: baseDirectory))
        }
        let digest = inner.read("digest", into: &errors) { node throws(SyntaxFault) in
            ModuleSource.digest(try ValueReaders.digest(node))
        }
        module.source = path ?? digest
        module.profile = inner.read("profile", into: &errors) { node throws(SyntaxFault) in
            ExecutionProfile(rawValue: try ValueReaders.choice(AppSchema.profiles, node))
        }
        if let path, let digest {
            errors.append(
                PolicyError(
                    at: digest.origin, "the module has a path already", advice: "remove one of them",
                    related: [PolicyError.Related(origin: path.origin, note: "the path stands here")]))
        } else if table["path"] == nil, table["digest"] == nil {
            errors.append(
                PolicyError(
                    at: inner.origin(inner.path, table.position), "the module has neither path nor digest",
                    advice: "write, for example, path = \"web.wasm\""))
        }
    }

    private mutating func readPolicies(_ root: TableReader, into document: inout AppDocument) {
        guard case .table(let table)? = root.table["policies"]?.node.value else {
            // Says what is wrong where it is no table.
            _ = root.entries("policies", into: &errors)
            return
        }
        let inner = reader(
            table,
            table.entries.map {
                KeySpec(name: $0.name, kind: .oneOrMany(.text), documentation: "", example: "\"no-fs\"")
            },
            "policies")
        for entry in table.entries {
            guard let name = name(entry, in: root, "policies") else { continue }
            let references = inner.readList(entry.name, orOne: true, into: &errors) { node throws(SyntaxFault) in
                try AppValues.policyReference(node)
            }
            if case .array(let elements) = entry.node.value, elements.isEmpty {
                errors.append(
                    PolicyError(
                        at: root.origin(name.origin.keyPath, entry.node.position), "no policy is named",
                        advice: "write a file's path or a shipped policy's name"))
            }
            document.policies.append(AppDocument.Policy(name: name, references: references ?? []))
        }
    }

    private mutating func readListeners(_ root: TableReader, into document: inout AppDocument) {
        for (name, table) in tables(root, "listeners") {
            let inner = reader(table, AppSchema.listener, name.origin.keyPath)
            errors += inner.strays()
            let address = inner.read("address", into: &errors, AppValues.listenAddress)
            let backlog = inner.read("backlog", into: &errors) { node throws(SyntaxFault) in
                try ValueReaders.integer(AppSchema.backlog, node)
            }
            document.listeners.append(AppDocument.Listener(name: name, address: address, backlog: backlog))
        }
    }

    private mutating func readSurroundings(_ root: TableReader, into document: inout AppDocument) {
        if let log = root.subtable("log", into: &errors) {
            document.log.directory = log.read("directory", into: &errors) { node throws(SyntaxFault) in
                try ValueReaders.hostPath(node, beneath: baseDirectory)
            }
            document.log.rotateSize = log.read("rotate_size", into: &errors) { node throws(SyntaxFault) in
                try ValueReaders.size(AppSchema.rotateSize, node)
            }
            document.log.rotateCount = log.read("rotate_count", into: &errors) { node throws(SyntaxFault) in
                try ValueReaders.integer(AppSchema.rotateCount, node)
            }
            document.log.rate = log.read("rate", into: &errors) { node throws(SyntaxFault) in
                try ValueReaders.size(AppSchema.rate, node)
            }
        }
        if let metrics = root.subtable("metrics", into: &errors) {
            document.metrics = metrics.read("address", into: &errors, AppValues.localAddress)
        }
        if let control = root.subtable("control", into: &errors) {
            document.control = control.read("socket", into: &errors) { node throws(SyntaxFault) in
                let path = try ValueReaders.hostPath(node, beneath: baseDirectory)
                try AppValues.checkSocketPath(path)
                return path
            }
        }
    }
}
