// Reads a policy's text into a document, collecting every mistake.

internal import CapabilityModel

package struct PolicyReader {
    let file: String
    let baseDirectory: String
    var errors: [PolicyError] = []

    /// More than any policy needs.
    static let maximumBytes = 256 << 10

    init(file: String, baseDirectory: String) {
        self.file = file
        self.baseDirectory = baseDirectory
    }

    mutating func read(_ text: String) -> PolicyDocument {
        var document = PolicyDocument(file: file, baseDirectory: baseDirectory)
        guard text.utf8.count <= PolicyReader.maximumBytes else {
            errors.append(
                PolicyError(
                    at: origin(TextPosition(line: 0, column: 0)),
                    "the policy is longer than \(Units.sizeText(UInt64(PolicyReader.maximumBytes)))"))
            return document
        }
        let parser = TOMLParser(text)
        if !parser.mistakes.isEmpty {
            errors += parser.errors(file: file)
            if !parser.isReadable { return document }
        }
        document.endLine = parser.endLine
        let root = TableReader(
            table: parser.root, specs: PolicySchema.root, path: "", file: file, baseDirectory: baseDirectory)
        errors += root.strays()
        for entry in parser.root.entries {
            if case .table(let table) = entry.node.value { document.tablePositions[entry.name] = table.position }
        }
        readScalars(root, into: &document)
        readMounts(root, into: &document)
        if let net = root.subtable("net", into: &errors) {
            document.noteLists(net, ["connect", "listen", "resolve"])
            document.connect = net.readList("connect", into: &errors, ValueReaders.endpoint)
            document.listen = net.readList("listen", into: &errors, ValueReaders.endpoint)
            document.resolve = net.readList("resolve", into: &errors, ValueReaders.hostName)
            checkListeners(document.listen ?? [])
        }
        if let env = root.subtable("env", into: &errors) { readEnvironment(env, into: &document) }
        if let process = root.subtable("process", into: &errors) {
            document.spawn = process.read("spawn", into: &errors) { node throws(SyntaxFault) in
                UInt32(clamping: try ValueReaders.integer(0...UInt64(UInt32.max), node))
            }
            document.noteLists(process, ["policies", "register", "lookup"])
            document.processNames["policies"] = process.readList(
                "policies", into: &errors, ValueReaders.policyReference)
            for name in ["register", "lookup"] {
                document.processNames[name] = process.readList(name, into: &errors, ValueReaders.namePattern)
            }
            document.parkAfter = process.read("park_after", into: &errors, ValueReaders.durationOrNever)
        }
        if let limits = root.subtable("limits", into: &errors) { document.limits = limits.readLimits(into: &errors) }
        if let module = root.subtable("module", into: &errors) {
            document.modulePins = module.readList("sha256", orOne: true, into: &errors, ValueReaders.digest)
        }
        if let cell = root.subtable("cell", into: &errors) { readCell(cell, into: &document) }
        return document
    }

    private func origin(_ position: TextPosition, _ keyPath: String = "") -> PolicyOrigin {
        PolicyOrigin(file: file, line: position.line, column: position.column, keyPath: keyPath, isPresent: true)
    }

    private mutating func readScalars(_ root: TableReader, into document: inout PolicyDocument) {
        document.summary = root.read("description", into: &errors, ValueReaders.text)?.value
        document.extends = root.read("extends", into: &errors) { node throws(SyntaxFault) in
            let name = try ValueReaders.text(node)
            guard !name.isEmpty, !name.utf8.contains(0) else {
                throw SyntaxFault(message: "this names no policy", advice: "write a shipped policy's name or a path")
            }
            return name
        }
        document.onDenied = root.read("on_denied", into: &errors) { node throws(SyntaxFault) in
            switch try ValueReaders.choice(PolicySchema.denialNames, node) {
            case "trap": .trap
            case "refuse": .refuse
            default: .errno
            }
        }
        document.arguments = root.read("args", into: &errors, ValueReaders.boolean)
        document.random = root.read("random", into: &errors, ValueReaders.boolean)
        if let clocks = root.subtable("clocks", into: &errors) {
            for spec in clocks.specs {
                document.clocks[spec.name] = clocks.read(spec.name, into: &errors, ValueReaders.clock)
            }
        }
        if let stdio = root.subtable("stdio", into: &errors) {
            for spec in stdio.specs {
                document.streams[spec.name] = stdio.read(spec.name, into: &errors) { node throws(SyntaxFault) in
                    try ValueReaders.stream(spec.name, node, beneath: baseDirectory)
                }
            }
        }
    }

    private mutating func readMounts(_ root: TableReader, into document: inout PolicyDocument) {
        guard let entry = root.table["fs"] else { return }
        document.mounts = []
        document.lists["fs"] = root.origin("fs", entry.position)
        guard case .array(let elements) = entry.node.value else {
            errors.append(
                PolicyError(
                    at: root.origin("fs", entry.node.position), "\(entry.node.kind) is not a list of mounts",
                    advice: "write [[fs]], with two brackets, before each mount"))
            return
        }
        for (index, element) in elements.enumerated() {
            guard case .table(let table) = element.value else {
                errors.append(
                    PolicyError(
                        at: root.origin("fs[\(index)]", element.position), "\(element.kind) is not a mount",
                        advice: "write [[fs]] and its keys on the lines below"))
                continue
            }
            if let mount = readMount(table, index: index) { add(mount, to: &document) }
        }
    }

    private mutating func readMount(_ table: TOMLTable, index: Int) -> WrittenMount? {
        var reader = TableReader(
            table: table, specs: PolicySchema.mount, path: "fs[\(index)]", file: file, baseDirectory: baseDirectory)
        let guest = reader.read("guest", into: &errors, ValueReaders.guestPath)
        if let guest { reader.path = "fs[\"\(guest.value)\"]" }
        errors += reader.strays()
        let host = reader.read("host", into: &errors) { node throws(SyntaxFault) in
            try ValueReaders.hostPath(node, beneath: baseDirectory)
        }
        let access = reader.read("access", into: &errors, ValueReaders.access)
        let symlinks = reader.read("symlinks", into: &errors) { node throws(SyntaxFault) -> SymlinkPolicy in
            switch try ValueReaders.choice(PolicySchema.symlinkNames, node) {
            case "refuse": .refuse
            case "create": .create
            default: .follow
            }
        }
        let range: ClosedRange<UInt64> = 0...UInt64(Int64.max)
        let bytes = reader.read("quota_bytes", into: &errors) { node throws(SyntaxFault) in
            try ValueReaders.size(range, node)
        }
        let files = reader.read("quota_files", into: &errors) { node throws(SyntaxFault) in
            try ValueReaders.integer(range, node)
        }
        guard let guest, let host else { return nil }
        let grant = MountGrant(
            guestPath: guest.value, hostPath: host.value, rights: access?.value ?? .readOnly,
            symlinks: symlinks?.value ?? .follow, quotaBytes: bytes?.value, quotaFiles: files?.value)
        var keys: [String: PolicyOrigin] = [:]
        keys["access"] = access?.origin
        keys["symlinks"] = symlinks?.origin
        keys["quota_bytes"] = bytes?.origin
        keys["quota_files"] = files?.origin
        return WrittenMount(grant: grant, origin: reader.origin(reader.path, table.position), keys: keys)
    }

    private mutating func add(_ mount: WrittenMount, to document: inout PolicyDocument) {
        if let first = document.mounts?.first(where: { $0.grant.guestPath == mount.grant.guestPath }) {
            errors.append(
                PolicyError(
                    at: mount.origin, "`\(mount.grant.guestPath)` is mounted twice",
                    advice: "give each directory a guest path of its own",
                    related: [PolicyError.Related(origin: first.origin, note: "the first stands here")]))
        }
        document.mounts?.append(mount)
    }

    /// A listener binds an address; a name or a public range says none.
    private mutating func checkListeners(_ listeners: [Written<NetworkGrant>]) {
        for listener in listeners {
            if listener.value.isBindable { continue }
            errors.append(
                PolicyError(
                    at: listener.origin, "a listener needs an address",
                    advice: "write such as \"tcp://127.0.0.1:8080\" or, for every address, \"tcp://0.0.0.0/0:8080\""))
        }
    }

    private mutating func readEnvironment(_ env: TableReader, into document: inout PolicyDocument) {
        document.noteLists(env, ["allow"])
        document.environmentAllow = env.readList("allow", into: &errors, ValueReaders.namePattern)
        for (table, isSecret) in [("set", false), ("secret", true)] {
            for entry in env.entries(table, into: &errors) {
                let path = env.keyPath(table) + "." + TableReader.quoted(entry.name)
                let place = env.origin(path, entry.position)
                guard PolicyReader.isVariableName(entry.name) else {
                    errors.append(
                        PolicyError(
                            at: place, "this is not a variable's name", advice: "write printable ASCII without = or *"))
                    continue
                }
                do throws(SyntaxFault) {
                    let source: ValueSource =
                        isSecret
                        ? try ValueReaders.secret(entry.node, beneath: baseDirectory)
                        : .text(try ValueReaders.text(entry.node))
                    if let first = document.environmentSet[entry.name] {
                        errors.append(
                            PolicyError(
                                at: place, "`\(entry.name)` is set twice", advice: "remove one of them",
                                related: [PolicyError.Related(origin: first.origin, note: "the first stands here")]))
                    }
                    document.environmentSet[entry.name] = Written(source, place)
                } catch {
                    errors.append(error.error(at: env.origin(path, entry.node.position)))
                }
            }
        }
    }

    package static func isVariableName(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= 255
            && name.utf8.allSatisfy {
                (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "=") && $0 != UInt8(ascii: "*")
            }
    }

    private mutating func readCell(_ cell: TableReader, into document: inout PolicyDocument) {
        document.profile = cell.read("profile", into: &errors) { node throws(SyntaxFault) in
            ExecutionProfile(rawValue: try ValueReaders.choice(["auto", "dense", "heavy"], node))
        }
        document.require = cell.readList("require", into: &errors) { node throws(SyntaxFault) in
            try ValueReaders.choice(PolicySchema.layerNames, node)
        }
        document.seccomp = cell.read("seccomp", into: &errors) { node throws(SyntaxFault) in
            SeccompMode(rawValue: try ValueReaders.choice(["kill", "log"], node)) ?? .kill
        }
    }
}

extension PolicyDocument {
    mutating func noteLists(_ reader: TableReader, _ names: [String]) {
        for name in names {
            if let entry = reader.table[name] {
                lists[reader.keyPath(name)] = reader.origin(reader.keyPath(name), entry.position)
            }
        }
    }
}

extension TableReader {
    /// The values of a table of limits; a nil value is `unlimited`.
    package func readLimits(into errors: inout [PolicyError]) -> [LimitKey: Written<UInt64?>] {
        var limits: [LimitKey: Written<UInt64?>] = [:]
        for spec in specs {
            guard let key = LimitKey(rawValue: spec.name) else { continue }
            limits[key] = read(spec.name, into: &errors) { node throws(SyntaxFault) -> UInt64? in
                switch spec.kind {
                case .size(let range): try ValueReaders.size(range, node)
                case .integer(let range): try ValueReaders.integer(range, node)
                case .duration(let allowsUnlimited):
                    try ValueReaders.duration(allowsUnlimited: allowsUnlimited, node)
                case .percent(let range): try ValueReaders.percent(range, node)
                default: throw SyntaxFault(message: "this limit has no kind", advice: "")
                }
            }
        }
        return limits
    }
}
