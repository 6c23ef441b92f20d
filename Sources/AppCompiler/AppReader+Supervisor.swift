// Reads supervisors and their children.

internal import CapabilityModel
internal import PolicyCompiler

extension AppReader {
    mutating func readSupervisor(_ table: TableReader, name: String) -> AppDocument.Supervisor {
        var supervisor = AppDocument.Supervisor(
            name: name, origin: table.origin(table.path, table.table.position))
        supervisor.strategy = table.read("strategy", into: &errors) { node throws(SyntaxFault) in
            try ValueReaders.choice(AppSchema.strategies, node)
        }
        supervisor.intensity = table.read("intensity", into: &errors) { node throws(SyntaxFault) in
            try ValueReaders.integer(AppSchema.intensity, node)
        }
        supervisor.period = table.read("period", into: &errors, AppValues.wholeSeconds)
        supervisor.autoShutdown = table.read("auto_shutdown", into: &errors) { node throws(SyntaxFault) in
            try ValueReaders.choice(AppSchema.autoShutdowns, node)
        }
        supervisor.backoff = readBackoff(table)
        for (index, element) in elements(of: table) {
            supervisor.children.append(readChild(element, index: index, in: table))
        }
        return supervisor
    }

    private mutating func elements(of table: TableReader) -> [(index: Int, table: TOMLTable)] {
        guard let entry = table.table["child"] else { return [] }
        let path = table.keyPath("child")
        guard case .array(let nodes) = entry.node.value else {
            errors.append(
                PolicyError(
                    at: table.origin(path, entry.node.position), "\(entry.node.kind) is not a list of children",
                    advice: "write [[\(path)]], with two brackets, before each child"))
            return []
        }
        var found: [(index: Int, table: TOMLTable)] = []
        for (index, node) in nodes.enumerated() {
            guard case .table(let element) = node.value else {
                errors.append(
                    PolicyError(
                        at: table.origin("\(path)[\(index)]", node.position), "\(node.kind) is not a child",
                        advice: "write [[\(path)]] and its keys on the lines below"))
                continue
            }
            found.append((index, element))
        }
        return found
    }

    private mutating func readBackoff(_ table: TableReader) -> AppDocument.Backoff? {
        guard let inner = table.subtable("backoff", into: &errors) else { return nil }
        return AppDocument.Backoff(
            origin: inner.origin(inner.path, inner.table.position),
            initial: inner.read("initial", into: &errors, AppValues.duration),
            maximum: inner.read("maximum", into: &errors, AppValues.duration),
            factor: inner.read("factor", into: &errors) { node throws(SyntaxFault) in
                try ValueReaders.integer(AppSchema.factor, node)
            },
            jitter: inner.read("jitter", into: &errors) { node throws(SyntaxFault) in
                try ValueReaders.percent(0...100, node)
            },
            reset: inner.read("reset", into: &errors, AppValues.duration))
    }

    private mutating func readChild(
        _ table: TOMLTable, index: Int, in supervisor: TableReader
    ) -> AppDocument.Child {
        let list = supervisor.keyPath("child")
        var reader = reader(table, AppSchema.child, "\(list)[\(index)]")
        let id = reader.read("id", into: &errors, AppValues.identifier)
        if let id { reader.path = "\(list)[\"\(id.value)\"]" }
        errors += reader.strays()
        var child = AppDocument.Child(origin: reader.origin(reader.path, table.position))
        child.id = id
        for entry in table.entries {
            child.keys[entry.name] = reader.origin(reader.keyPath(entry.name), entry.position)
        }
        child.module = reader.read("module", into: &errors, ValueReaders.text)
        child.supervisor = reader.read("supervisor", into: &errors, ValueReaders.text)
        child.function = reader.read("function", into: &errors, AppValues.export)
        child.policy = reader.read("policy", into: &errors, ValueReaders.text)
        child.arguments =
            reader.readList("args", into: &errors, ValueReaders.text) ?? []
        child.environment = readVariables(reader)
        child.restart = reader.read("restart", into: &errors) { node throws(SyntaxFault) in
            try ValueReaders.choice(AppSchema.restarts, node)
        }
        child.shutdown = reader.read("shutdown", into: &errors, AppValues.shutdown)
        child.significant = reader.read("significant", into: &errors, ValueReaders.boolean)
        child.instances = reader.read("instances", into: &errors) { node throws(SyntaxFault) in
            try ValueReaders.integer(AppSchema.instances, node)
        }
        child.listeners = reader.readList("listeners", into: &errors, ValueReaders.text) ?? []
        child.registeredName = reader.read("name", into: &errors, AppValues.registeredName)
        child.acknowledges = reader.read("acknowledges", into: &errors, ValueReaders.boolean)
        child.health = readHealth(reader)
        child.limits = reader.subtable("limits", into: &errors)?.readLimits(into: &errors) ?? [:]
        return child
    }

    private mutating func readVariables(_ reader: TableReader) -> [AppDocument.Variable] {
        var variables: [AppDocument.Variable] = []
        for entry in reader.entries("env", into: &errors) {
            let path = reader.keyPath("env") + "." + TableReader.quoted(entry.name)
            let place = reader.origin(path, entry.position)
            guard PolicyReader.isVariableName(entry.name) else {
                errors.append(
                    PolicyError(
                        at: place, "this is not a variable's name", advice: "write printable ASCII without = or *"))
                continue
            }
            do throws(SyntaxFault) {
                let value = try ValueReaders.text(entry.node)
                variables.append(AppDocument.Variable(name: entry.name, value: Written(value, place)))
            } catch {
                errors.append(error.error(at: reader.origin(path, entry.node.position)))
            }
        }
        return variables
    }

    private mutating func readHealth(_ child: TableReader) -> AppDocument.Health? {
        guard let table = child.subtable("health", into: &errors) else { return nil }
        let health = AppDocument.Health(
            origin: table.origin(table.path, table.table.position),
            message: table.read("message", into: &errors, AppValues.probe),
            export: table.read("export", into: &errors, AppValues.export),
            interval: table.read("interval", into: &errors, AppValues.duration),
            timeout: table.read("timeout", into: &errors, AppValues.duration),
            threshold: table.read("threshold", into: &errors) { node throws(SyntaxFault) in
                try ValueReaders.integer(AppSchema.threshold, node)
            })
        if let message = health.message, let export = health.export {
            errors.append(
                PolicyError(
                    at: export.origin, "the check is a message already", advice: "remove one of them",
                    related: [PolicyError.Related(origin: message.origin, note: "the message stands here")]))
        } else if table.table["message"] == nil, table.table["export"] == nil {
            errors.append(
                PolicyError(
                    at: health.origin, "the check has neither message nor export",
                    advice: "write, for example, message = \"ping\""))
        }
        return health
    }
}
