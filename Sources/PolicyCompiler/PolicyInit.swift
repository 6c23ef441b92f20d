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
        let connects = summary.imports.contains { $0.name == ImportName("bulkhead", "tcp_connect") }
        if used.isEmpty && !connects { return [] }
        var lines = ["# Uses the network.", "# [net]"]
        if connects { lines.append("# connect = [\"tcp://api.example.com:443\"]") }
        if used.contains("sock_accept") { lines.append("# listen = [\"tcp://127.0.0.1:8080\"]") }
        return lines + [""]
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
