// For each decision: the lines that grant or limit it, and for a document that lacks it, where it would stand.

internal import CapabilityModel

enum Provenance {
    /// Every key that can decide something under this set.
    static func keys(for capabilities: CapabilitySet) -> [PolicyKey] {
        let mounts = capabilities.mounts.flatMap { mount in
            ["access", "symlinks", "quota_bytes", "quota_files"].map { PolicyKey("\(mount.key.path).\($0)") }
        }
        return fixedKeys + mounts
    }

    private static let fixedKeys: [PolicyKey] =
        ([
            "fs", "net", "net.connect", "net.listen", "net.resolve", "clocks", "clocks.realtime", "clocks.monotonic",
            "clocks.cpu", "random", "env", "args", "stdio.stdin", "stdio.stdout", "stdio.stderr", "process.spawn",
            "process.policies", "process.register", "process.lookup", "process.park_after", "on_denied",
            "module.sha256", "cell.require",
            "cell.profile", "cell.seccomp",
        ] + LimitKey.allCases.map { "limits.\($0.rawValue)" }).map { PolicyKey($0) }

    static func table(for capabilities: CapabilitySet, _ policies: [ResolvedPolicy]) -> [PolicyKey: [PolicyOrigin]] {
        var table: [PolicyKey: [PolicyOrigin]] = [:]
        for key in keys(for: capabilities) {
            table[key] = policies.flatMap { origins(of: key, in: $0.chain) }
        }
        return table
    }

    /// Where the nearest document of the chain writes the key; else where the first one would.
    ///
    /// A line that gives nothing (`false`, an empty list) lacks the key: it is not present, and stands in its place.
    static func origins(of key: PolicyKey, in chain: [PolicyDocument]) -> [PolicyOrigin] {
        for document in chain {
            if let found = written(key, in: document) { return found }
        }
        return chain.first.map { [absent(key, in: $0)] } ?? []
    }

    /// nil where the document says nothing of the key.
    private static func written(_ key: PolicyKey, in document: PolicyDocument) -> [PolicyOrigin]? {
        switch key.path {
        case "fs": return list(document.mounts?.map(\.origin), "fs", document)
        case "net":
            let connect = written(PolicyKey("net.connect"), in: document)
            let listen = written(PolicyKey("net.listen"), in: document)
            return connect == nil && listen == nil ? nil : (connect ?? []) + (listen ?? [])
        case "net.connect": return list(document.connect?.map(\.origin), key.path, document)
        case "net.listen": return list(document.listen?.map(\.origin), key.path, document)
        case "net.resolve": return list(document.resolve?.map(\.origin), key.path, document)
        case "clocks":
            let steps = document.clocks.values.map { flag($0.origin, $0.value != nil) }
            return steps.isEmpty ? nil : ordered(steps)
        case "random": return document.random.map { [flag($0.origin, $0.value)] }
        case "args": return document.arguments.map { [flag($0.origin, $0.value)] }
        case "env":
            let allowed = list(document.environmentAllow?.map(\.origin), "env.allow", document)
            let set = document.environmentSet.values.map(\.origin)
            return allowed == nil && set.isEmpty ? nil : ordered((allowed ?? []) + set)
        case "on_denied": return document.onDenied.map { [$0.origin] }
        case "module.sha256": return document.modulePins?.map(\.origin)
        case "cell.require": return document.require?.map(\.origin)
        case "cell.profile": return document.profile.map { [$0.origin] }
        case "cell.seccomp": return document.seccomp.map { [$0.origin] }
        case "process.park_after": return document.parkAfter.map { [$0.origin] }
        case "process.spawn": return document.spawn.map { [flag($0.origin, $0.value > 0)] }
        default: return writtenInTable(key, in: document)
        }
    }

    private static func list(
        _ elements: [PolicyOrigin]?, _ key: String, _ document: PolicyDocument
    ) -> [PolicyOrigin]? {
        guard let elements, elements.isEmpty else { return elements }
        return document.lists[key].map { [flag($0, false)] }
    }

    private static func flag(_ origin: PolicyOrigin, _ isPresent: Bool) -> PolicyOrigin {
        var place = origin
        place.isPresent = isPresent
        return place
    }

    private static func ordered(_ origins: [PolicyOrigin]) -> [PolicyOrigin] {
        origins.sorted { ($0.line, $0.column) < ($1.line, $1.column) }
    }

    private static func writtenInTable(_ key: PolicyKey, in document: PolicyDocument) -> [PolicyOrigin]? {
        let path = key.path
        if let name = rest(of: path, after: "clocks.") {
            return document.clocks[name].map { [flag($0.origin, $0.value != nil)] }
        }
        if let name = rest(of: path, after: "stdio.") {
            return document.streams[name].map { [flag($0.origin, $0.value != .closed)] }
        }
        if let name = rest(of: path, after: "process.") {
            return list(document.processNames[name]?.map(\.origin), path, document)
        }
        if let name = rest(of: path, after: "limits.") {
            return LimitKey(rawValue: name).flatMap { document.limits[$0] }.map { [$0.origin] }
        }
        guard document.mounts != nil else { return nil }
        guard let mount = mount(of: key, in: document) else { return document.lists["fs"].map { [flag($0, false)] } }
        let attribute = path.utf8.lastIndex(of: UInt8(ascii: ".")).map { String(path[path.utf8.index(after: $0)...]) }
        guard let attribute, attribute.utf8.last != UInt8(ascii: "]") else { return [mount.origin] }
        if let place = mount.keys[attribute] { return [place] }
        // The mount stands there and the attribute has its default.
        var place = mount.origin
        place.keyPath += "." + attribute
        place.isPresent = attribute == "access"
        return [place]
    }

    /// The document's mount that covers the key's guest path, the deepest first.
    private static func mount(of key: PolicyKey, in document: PolicyDocument) -> WrittenMount? {
        (document.mounts ?? []).filter { mount in
            let own = mount.grant.key.path
            if key.path.hasPrefix(own) { return true }
            let prefix = mount.grant.guestPath == "/" ? "fs[\"/" : "fs[\"\(mount.grant.guestPath)/"
            return key.path.hasPrefix(prefix)
        }.max { $0.grant.guestPath.utf8.count < $1.grant.guestPath.utf8.count }
    }

    private static func rest(of path: String, after prefix: String) -> String? {
        path.hasPrefix(prefix) ? String(path.dropFirst(prefix.count)) : nil
    }

    private static func absent(_ key: PolicyKey, in document: PolicyDocument) -> PolicyOrigin {
        let path = key.path
        if path.hasPrefix("fs") { return document.absence(of: path, inTable: "fs") }
        guard let dot = path.utf8.firstIndex(of: UInt8(ascii: ".")) else {
            return document.absence(of: path, inTable: ["net", "env", "clocks"].contains(path) ? path : "")
        }
        return document.absence(of: path, inTable: String(path[..<dot]))
    }
}
