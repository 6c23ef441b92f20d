// From a denial to the policy lines that would allow it, and what else they would open up.

package import CapabilityModel

package struct Suggestion: Hashable, Sendable {
    /// TOML that would have let the call pass.
    package let toml: String
    /// What else it allows, in a sentence.
    package let opens: String

    package init(toml: String, opens: String) {
        self.toml = toml
        self.opens = opens
    }

    /// nil where no policy can allow the call: it leaves its mount, or Bulkhead has no such function.
    package init?(for denial: Denial) {
        let key = denial.key.path
        if key == "fs" {
            self = Suggestion.mount(for: denial)
        } else if key.hasPrefix("fs[") {
            guard let made = Suggestion.widenedMount(key: key) else { return nil }
            self = made
        } else if key.hasPrefix("limits.") {
            let name = String(key.dropFirst("limits.".count))
            self.init(
                toml: "[limits]\n\(name) = …  # more than it has now", opens: "The guest may use more of the machine.")
        } else if key.hasPrefix("net.") {
            let name = String(key.dropFirst("net.".count))
            let target =
                DenialArgument.value(of: "target", in: denial.arguments)
                ?? (name == "resolve" ? "HOST" : "tcp://HOST:PORT")
            self.init(
                toml: "[net]\n\(name) = [\(quotedTOML(target))]",
                opens: name == "listen"
                    ? "Whoever reaches that address reaches the guest."
                    : "The guest may send whatever it can read to that \(name == "resolve" ? "name's servers" : "address")."
            )
        } else if let inner = Suggestion.inNamedPolicy(denial) {
            self = inner
        } else if let known = Suggestion.names(key: key, denial.arguments) {
            self = known
        } else if let known = Suggestion.fixed[key == "clocks" ? Suggestion.clock(denial.arguments) : key] {
            self = known
        } else {
            return nil
        }
    }

    private static let fixed: [String: Suggestion] = [
        "net": Suggestion(
            toml: "[net]\nlisten = [\"tcp://127.0.0.1:8080\"]", opens: "Whoever reaches that address reaches the guest."
        ),
        "clocks.realtime": Suggestion(
            toml: "clocks = { realtime = \"1ms\" }", opens: "The guest learns the date and can time things."),
        "clocks.monotonic": Suggestion(
            toml: "clocks = { monotonic = \"1ms\" }",
            opens: "The guest can time things; a coarse step blunts side channels."),
        "clocks.cpu": Suggestion(
            toml: "clocks = { cpu = \"1ms\" }",
            opens: "The guest can time its own work; a coarse step blunts side channels."),
        "random": Suggestion(toml: "random = true", opens: "The guest gets the kernel's random bytes; runs differ."),
        "args": Suggestion(toml: "args = true", opens: "The guest sees its arguments."),
        "env": Suggestion(toml: "[env]\nallow = [\"NAME\"]", opens: "The guest sees those variables of yours."),
        "stdio.stdin": Suggestion(
            toml: "[stdio]\nstdin = \"inherit\"", opens: "The guest reads what you type or pipe in."),
        "stdio.stdout": Suggestion(toml: "[stdio]\nstdout = \"inherit\"", opens: "The guest writes to your output."),
        "stdio.stderr": Suggestion(toml: "[stdio]\nstderr = \"inherit\"", opens: "The guest writes to your output."),
    ]

    /// `process.policies["worker"].net.connect`: what that policy would have to say.
    private static func inNamedPolicy(_ denial: Denial) -> Suggestion? {
        let head = "process.policies[\""
        let key = denial.key.path
        guard key.hasPrefix(head), let end = closing(key, after: head.count) else { return nil }
        var inner = denial
        inner.key = PolicyKey(String(key[key.index(end, offsetBy: 3)...]))
        guard let made = Suggestion(for: inner) else { return nil }
        let name = key[key.index(key.startIndex, offsetBy: head.count)..<end]
        return Suggestion(toml: "# in the policy \(quotedTOML(String(name)))\n" + made.toml, opens: made.opens)
    }

    /// Where `"].` begins.
    private static func closing(_ key: String, after count: Int) -> String.Index? {
        var rest = key.dropFirst(count)
        while !rest.isEmpty {
            if rest.hasPrefix("\"].") { return rest.startIndex }
            rest = rest.dropFirst()
        }
        return nil
    }

    /// Rights over other processes, with the name that was asked for.
    private static func names(key: String, _ arguments: String) -> Suggestion? {
        let name = quotedTOML(DenialArgument.value(of: "name", in: arguments) ?? "NAME")
        switch key {
        case "process.spawn":
            return Suggestion(
                toml: "[process]\nspawn = 100",
                opens: "The guest may have that many processes; together they get no more than its limits.")
        case "process.policies":
            return Suggestion(
                toml: "[process]\npolicies = [\(name)]",
                opens: "The guest may start children with less than it has; nothing more than that.")
        case "process.register":
            return Suggestion(
                toml: "[process]\nregister = [\(name)]",
                opens: "The guest may take that name, and gets what others send to it.")
        case "process.lookup":
            return Suggestion(
                toml: "[process]\nlookup = [\(name)]",
                opens: "The guest may send to whoever has that name, and end it.")
        default: return nil
        }
    }

    /// The clock that was asked for (`id=1`), where none is granted. A program that names none we know wants to time
    /// something, as most do.
    private static func clock(_ arguments: String) -> String {
        switch arguments {
        case "id=0": "clocks.realtime"
        case "id=2", "id=3": "clocks.cpu"
        default: "clocks.monotonic"
        }
    }

    private static func mount(for denial: Denial) -> Suggestion {
        let path = DenialArgument.value(of: "path", in: denial.arguments) ?? "/DIRECTORY"
        let directory = path.hasPrefix("/") ? parent(of: path) : "/DIRECTORY"
        let quoted = quotedTOML(directory)
        return Suggestion(
            toml: "[[fs]]\nguest = \(quoted)\nhost = \(quoted)\naccess = \"read-only\"",
            opens: "The guest reads every file beneath the host's \(directory).")
    }

    private static func widenedMount(key: String) -> Suggestion? {
        guard let bracket = key.lastIndex(of: "]") else { return nil }
        let guest = key[key.index(key.startIndex, offsetBy: 3)..<bracket]
        let head = "[[fs]]\nguest = \(guest)\n"
        switch key[key.index(after: bracket)...] {
        case ".access":
            return Suggestion(
                toml: head + "access = \"read-write\"",
                opens: "The guest may change, make and delete every file beneath that mount.")
        case ".symlinks":
            return Suggestion(
                toml: head + "symlinks = \"create\"", opens: "Other programs may follow the links that the guest makes."
            )
        case ".quota_bytes":
            return Suggestion(
                toml: head + "quota_bytes = …  # more than now", opens: "The guest may fill more of the disk.")
        case ".quota_files":
            return Suggestion(toml: head + "quota_files = …  # more than now", opens: "The guest may make more files.")
        default:
            return nil
        }
    }

    /// The directory that an absolute path's last component is in, without `.` and `..`, which no policy may say.
    private static func parent(of path: String) -> String {
        var components: [Substring] = []
        for component in path.split(separator: "/") where component != "." {
            if component == ".." { _ = components.popLast() } else { components.append(component) }
        }
        return "/" + components.dropLast().joined(separator: "/")
    }
}

/// A TOML basic string (TOML 1.0, String): quotes, backslashes and control characters escaped.
package func quotedTOML(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": result += "\\\""
        case "\\": result += "\\\\"
        case "\u{0}"..<"\u{20}", "\u{7f}"..<"\u{a0}":
            let digits = String(scalar.value, radix: 16)
            result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result + "\""
}
