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
            "process.policies", "process.register", "process.lookup", "on_denied", "module.sha256", "cell.require",
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
    static func origins(of key: PolicyKey, in chain: [PolicyDocument]) -> [PolicyOrigin] {
        for document in chain {
            let found = present(key, in: document)
            if !found.isEmpty { return found }
        }
        return chain.first.map { [absent(key, in: $0)] } ?? []
    }

    private static func present(_ key: PolicyKey, in document: PolicyDocument) -> [PolicyOrigin] {
        switch key.path {
        case "fs": return document.mounts?.map(\.origin) ?? []
        case "net":
            return (document.connect ?? []).map(\.origin) + (document.listen ?? []).map(\.origin)
        case "net.connect": return (document.connect ?? []).map(\.origin)
        case "net.listen": return (document.listen ?? []).map(\.origin)
        case "net.resolve": return (document.resolve ?? []).map(\.origin)
        case "clocks":
            return document.clocks.values.map(\.origin).sorted { ($0.line, $0.column) < ($1.line, $1.column) }
        case "random": return [document.random?.origin].compactMap { $0 }
        case "args": return [document.arguments?.origin].compactMap { $0 }
        case "env":
            let places = (document.environmentAllow ?? []).map(\.origin) + document.environmentSet.values.map(\.origin)
            return places.sorted { ($0.line, $0.column) < ($1.line, $1.column) }
        case "on_denied": return [document.onDenied?.origin].compactMap { $0 }
        case "module.sha256": return (document.modulePins ?? []).map(\.origin)
        case "cell.require": return (document.require ?? []).map(\.origin)
        case "cell.profile": return [document.profile?.origin].compactMap { $0 }
        case "cell.seccomp": return [document.seccomp?.origin].compactMap { $0 }
        case "process.spawn": return [document.spawn?.origin].compactMap { $0 }
        default: return presentInTable(key, in: document)
        }
    }

    private static func presentInTable(_ key: PolicyKey, in document: PolicyDocument) -> [PolicyOrigin] {
        let path = key.path
        if let name = rest(of: path, after: "clocks.") { return [document.clocks[name]?.origin].compactMap { $0 } }
        if let name = rest(of: path, after: "stdio.") { return [document.streams[name]?.origin].compactMap { $0 } }
        if let name = rest(of: path, after: "process.") {
            return (document.processNames[name] ?? []).map(\.origin)
        }
        if let name = rest(of: path, after: "limits.") {
            return [LimitKey(rawValue: name).flatMap { document.limits[$0]?.origin }].compactMap { $0 }
        }
        guard let mount = mount(of: key, in: document) else { return [] }
        let attribute = path.utf8.lastIndex(of: UInt8(ascii: ".")).map { String(path[path.utf8.index(after: $0)...]) }
        guard let attribute else { return [mount.origin] }
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
