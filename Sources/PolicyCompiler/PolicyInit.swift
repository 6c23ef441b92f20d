// Writes a first policy for a module from what it imports.

package import CapabilityModel

package enum PolicyInit {
    /// A commented policy that grants nothing the module does not import, with every grant that takes a decision
    /// commented out.
    package static func text(for summary: ModuleSummary, name: String, digest: String) -> String {
        let functions = Set(
            summary.imports.map(\.name).filter { $0.module == ImportTableLowering.preview1 }.map(\.name))
        let uses = { (names: [String]) in names.filter { functions.contains($0) } }
        var lines = [
            "# A policy for \(TOMLParser.shown(name)), from its imports. Nothing is granted that stands behind a `#`:",
            "# take the `#` away where the module should have it, and `bulkhead policy explain` says what that means.",
            "description = \(quotedTOML("What \(TOMLParser.shown(name)) may do"))", "",
        ]
        lines += scalarLines(uses, summary)
        lines += fileLines(uses(ImportTableLowering.fileSystem))
        lines += networkLines(uses(ImportTableLowering.accepting + ImportTableLowering.sockets), summary)
        lines += processLines(summary)
        if !uses(["environ_get"]).isEmpty {
            lines += ["# Asks for environment variables.", "# [env]", "# allow = [\"LANG\"]", ""]
        }
        lines += [
            "[stdio]", "stdin = \"\(uses(["fd_read", "poll_oneoff"]).isEmpty ? "null" : "inherit")\"",
            "stdout = \"inherit\"", "stderr = \"inherit\"", "", "[limits]",
        ]
        lines += limitLines(summary)
        lines += ["", "# Only this very module may run under this policy.", "# [module]", "# sha256 = \"\(digest)\""]
        lines += unknownLines(summary)
        return lines.joined(separator: "\n") + "\n"
    }

    private static func scalarLines(_ uses: ([String]) -> [String], _ summary: ModuleSummary) -> [String] {
        var lines: [String] = []
        if !uses(["args_get"]).isEmpty { lines += ["args = true    # reads its command line"] }
        if !uses(ImportTableLowering.random).isEmpty {
            lines += ["# random = true  # asks for random bytes; without them, runs can be repeated"]
        }
        if !uses(ImportTableLowering.clocks).isEmpty {
            lines += [
                "# Asks for the time. A coarse step blunts side channels.",
                "# clocks = { realtime = \"1s\", monotonic = \"1ms\" }",
            ]
        }
        return lines.isEmpty ? [] : lines + [""]
    }

    private static func fileLines(_ used: [String]) -> [String] {
        if used.isEmpty { return [] }
        let writes = used.filter { $0 != "path_open" && $0 != "path_filestat_get" && $0 != "path_readlink" }
            .filter { !["fd_readdir", "fd_pread", "fd_advise"].contains($0) }
        var lines = ["# Opens files (\(used.joined(separator: ", ")))."]
        if !writes.isEmpty { lines.append("# It can change them too: read-only makes those calls fail.") }
        return lines + [
            "# [[fs]]", "# guest = \"/data\"", "# host = \"./data\"", "# access = \"read-only\"", "",
        ]
    }

    private static func networkLines(_ used: [String], _ summary: ModuleSummary) -> [String] {
        let own = hostFunctions(summary)
        let connects = zip(["tcp_connect", "udp_connect", "udp_send", "unix_connect"], Self.endpoints)
            .filter { own.contains($0.0) }.map(\.1)
        let listens =
            zip(
                ["tcp_listen", "udp_bind", "unix_listen"], ["tcp://127.0.0.1:8080", "udp://127.0.0.1:5353", Self.path]
            )
            .filter { own.contains($0.0) }.map(\.1) + (used.contains("sock_accept") ? ["tcp://127.0.0.1:8080"] : [])
        if used.isEmpty && connects.isEmpty && listens.isEmpty && !own.contains("resolve") { return [] }
        var lines = ["# Uses the network.", "# [net]"]
        if !connects.isEmpty { lines.append("# connect = \(array(connects))") }
        if !listens.isEmpty { lines.append("# listen = \(array(listens))") }
        if own.contains("resolve") { lines.append("# resolve = [\"api.example.com\"]") }
        return lines + [""]
    }

    private static let path = "unix:///run/service.sock"
    private static let endpoints = ["tcp://api.example.com:443", "udp://10.0.0.1:514", "udp://10.0.0.1:514", path]

    private static func array(_ texts: [String]) -> String {
        var seen: [String] = []
        for text in texts where !seen.contains(text) { seen.append(text) }
        return TOMLText.array(seen)
    }

    private static func processLines(_ summary: ModuleSummary) -> [String] {
        let own = hostFunctions(summary)
        var lines: [String] = []
        if own.contains("spawn") {
            lines += [
                "# spawn = 100  # how many at once; together they get no more than the limits",
                "# policies = [\"pure-compute\"]  # what a child may be given beside its parent's own",
            ]
        }
        if own.contains("register") { lines.append("# register = [\"service.*\"]") }
        if own.contains("whereis") { lines.append("# lookup = [\"service.*\"]") }
        return lines.isEmpty
            ? [] : ["# Starts processes of its own, or gives them names.", "# [process]"] + lines + [""]
    }

    private static func hostFunctions(_ summary: ModuleSummary) -> Set<String> {
        Set(summary.imports.lazy.map(\.name).filter { $0.module == ImportTableLowering.bulkhead }.map(\.name))
    }

    private static func limitLines(_ summary: ModuleSummary) -> [String] {
        let defaults = Limits.default
        var memory = defaults.memory
        while memory < summary.memoryMinimum, memory < 1 << 40 { memory <<= 1 }
        if let maximum = summary.memoryMaximum, maximum >= 65_536 { memory = min(memory, maximum) }
        return [
            "memory = \"\(Units.sizeText(memory))\"  # it declares a minimum of \(Units.sizeText(summary.memoryMinimum))",
            "# cpu = \"\(Units.text(defaults.cpu, of: .cpu))\"   # the default",
            "# wall = \"\(Units.text(defaults.wall, of: .wall))\"  # the default",
        ]
    }

    private static func unknownLines(_ summary: ModuleSummary) -> [String] {
        let known = ImportTableLowering.table(for: CapabilitySet()).entries
        let unknown = summary.imports.filter { $0.type.hasPrefix("func") && known[$0.name] == nil }
        if unknown.isEmpty { return [] }
        return ["", "# No policy can grant these imports, Bulkhead has no such function:"]
            + unknown.map { "#   \(TOMLParser.shown($0.name.description))" }
    }
}
