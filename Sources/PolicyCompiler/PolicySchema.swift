// The one table of every key a policy may have: the reader, the suggestions and the JSON Schema all come from it.

/// What a key's value looks like.
package indirect enum KeyKind: Sendable {
    case text
    case boolean
    case integer(ClosedRange<UInt64>)
    /// `"64 MiB"`, or an integer of bytes.
    case size(ClosedRange<UInt64>)
    /// `"10s"`; with `"unlimited"` where allowed.
    case duration(allowsUnlimited: Bool)
    /// `"30s"` or `"never"`
    case durationOrNever
    /// `"20%"`
    case percent(ClosedRange<UInt64>)
    /// `true`, `false`, or the finest step as a duration.
    case clock
    case choice([String])
    /// `"read-only"`, `"read-write"`, or a list of rights.
    case access
    case guestPath
    case hostPath
    /// `"tcp://host:port"`
    case endpoint
    /// `"example.com"`, `"*.example.com"`, `"*"`
    case hostName
    /// A name, with `*` at its end for any ending.
    case namePattern
    /// A letter, digit or `_`, then those, `.` and `-`; at most 64.
    case identifier
    /// A shipped policy's name, a pattern of those, or a file's path.
    case policyReference
    case digest
    /// `"inherit"`, `"null"`, `"closed"`, `"log"`, or `{ file = "…" }`.
    case stream
    /// `{ file = "…" }` or `{ fd = 5 }`
    case secret
    /// A list in which a value may stand twice.
    case sequence(KeyKind)
    /// A value of any of these kinds.
    case oneOf([KeyKind])
    /// One value or an array of them.
    case oneOrMany(KeyKind)
    case list(KeyKind)
    case table([KeySpec])
    /// `[[name]]`
    case tables([KeySpec])
    /// Names of the user's choice, each with a value.
    case map(KeyKind)
}

extension KeyKind {
    var isTable: Bool {
        if case .table = self { true } else { false }
    }
}

package struct KeySpec: Sendable {
    package var name: String
    package var kind: KeyKind
    /// One sentence for people: editors show it, and so does `policy schema`.
    package var documentation: String
    /// A value as it would be written.
    package var example: String
    package var isRequired = false

    package init(name: String, kind: KeyKind, documentation: String, example: String, isRequired: Bool = false) {
        self.name = name
        self.kind = kind
        self.documentation = documentation
        self.example = example
        self.isRequired = isRequired
    }
}

package enum PolicySchema {
    static let rights = ["read", "write", "create", "delete"]
    static let accessNames = ["read-only", "read-write"]
    static let symlinkNames = ["refuse", "follow", "create"]
    static let denialNames = ["errno", "trap", "refuse"]
    static let streamNames = ["inherit", "null", "closed", "log"]
    static let layerNames = ["cgroups", "landlock", "mdwe", "namespaces", "no-wasm-only", "seccomp"]

    static let mount: [KeySpec] = [
        KeySpec(
            name: "guest", kind: .guestPath, documentation: "Where the guest sees the directory: an absolute path.",
            example: "\"/data\"", isRequired: true),
        KeySpec(
            name: "host", kind: .hostPath,
            documentation: "The directory on the host: absolute, or relative to the policy file.",
            example: "\"./data\"",
            isRequired: true),
        KeySpec(
            name: "access", kind: .access,
            documentation: "read-only (default), read-write, or a list of read, write, create and delete.",
            example: "\"read-only\""),
        KeySpec(
            name: "symlinks", kind: .choice(symlinkNames),
            documentation: "At a symbolic link: refuse it, follow it within the mount (default), or also create links.",
            example: "\"follow\""),
        KeySpec(
            name: "quota_bytes", kind: .size(0...UInt64(Int64.max)),
            documentation: "The most bytes the guest may add beneath the mount. Enforced by the WASI layer only.",
            example: "\"64 MiB\""),
        KeySpec(
            name: "quota_files", kind: .integer(0...UInt64(Int64.max)),
            documentation: "The most files and directories the guest may make. Enforced by the WASI layer only.",
            example: "1000"),
    ]

    package static let limits: [KeySpec] = [
        KeySpec(
            name: "memory", kind: .size(65_536...(1 << 40)), documentation: "Linear memory of all memories together.",
            example: "\"64 MiB\""),
        KeySpec(
            name: "tables", kind: .integer(0...(1 << 32)), documentation: "Elements of all tables together.",
            example: "100_000"),
        KeySpec(
            name: "cpu", kind: .duration(allowsUnlimited: true), documentation: "CPU time before the process is ended.",
            example: "\"10s\""),
        KeySpec(
            name: "cpu_share", kind: .percent(1...100),
            documentation:
                "CPU time in each 100 ms, in percent of one CPU; the program is held still past it. 100% holds nothing.",
            example: "\"20%\""),
        KeySpec(
            name: "wall", kind: .duration(allowsUnlimited: true),
            documentation: "Wall time before the process is ended.",
            example: "\"1m\""),
        KeySpec(
            name: "fds", kind: .integer(3...100_000_000),
            documentation: "Descriptors and handles of processes open at once, streams and mounts included.",
            example: "32"),
        KeySpec(
            name: "output", kind: .size(0...UInt64(Int64.max)),
            documentation: "Bytes written to stdout and stderr together.", example: "\"16 MiB\""),
        KeySpec(
            name: "stack", kind: .size(65_536...(16 << 20)), documentation: "The guest's stack.", example: "\"1 MiB\""),
        KeySpec(
            name: "mailbox_messages", kind: .integer(1...UInt64(UInt32.max)),
            documentation: "Messages waiting in the mailbox.", example: "1000"),
        KeySpec(
            name: "mailbox_bytes", kind: .size(1...UInt64(Int64.max)), documentation: "Bytes waiting in the mailbox.",
            example: "\"1 MiB\""),
    ]

    private static let clocks: [KeySpec] = [
        KeySpec(
            name: "realtime", kind: .clock,
            documentation: "The wall clock; a duration is the finest step the guest sees.",
            example: "true"),
        KeySpec(
            name: "monotonic", kind: .clock, documentation: "The clock that never goes back.", example: "\"1ms\""),
        KeySpec(name: "cpu", kind: .clock, documentation: "Both CPU-time clocks.", example: "false"),
    ]

    private static let network: [KeySpec] = [
        KeySpec(
            name: "connect", kind: .list(.endpoint),
            documentation: "Where the guest may connect. `*` is every public address; private ranges must be named.",
            example: "[\"tcp://api.example.com:443\"]"),
        KeySpec(
            name: "listen", kind: .list(.endpoint), documentation: "Where the guest may accept connections.",
            example: "[\"tcp://127.0.0.1:8080\"]"),
        KeySpec(
            name: "resolve", kind: .list(.hostName), documentation: "Names the guest may look up.",
            example: "[\"*.example.com\"]"),
    ]

    private static let environment: [KeySpec] = [
        KeySpec(
            name: "allow", kind: .list(.namePattern),
            documentation: "Names passed through from the caller's environment; `*` at the end stands for any ending.",
            example: "[\"LANG\", \"LC_*\"]"),
        KeySpec(
            name: "set", kind: .map(.text), documentation: "Variables with fixed values.", example: "{ TZ = \"UTC\" }"),
        KeySpec(
            name: "secret", kind: .map(.secret),
            documentation: "Variables whose values come from a file or a descriptor and are never shown.",
            example: "{ TOKEN = { file = \"/run/secrets/token\" } }"),
    ]

    private static let stdio: [KeySpec] = ["stdin", "stdout", "stderr"].map { name in
        KeySpec(
            name: name, kind: .stream,
            documentation: "inherit, null, closed\(name == "stdin" ? "" : ", log") or a file.", example: "\"inherit\"")
    }

    private static let process: [KeySpec] = [
        KeySpec(
            name: "spawn", kind: .integer(0...UInt64(UInt32.max)), documentation: "How many live descendants at once.",
            example: "10"),
        KeySpec(
            name: "policies", kind: .list(.policyReference),
            documentation: "Policies that a child may be given: shipped ones by name (`*` is all), files by path. "
                + "A guest knows a file by its name without .toml.",
            example: "[\"no-fs\", \"./worker.toml\"]"),
        KeySpec(
            name: "register", kind: .list(.namePattern), documentation: "Names the process may register.",
            example: "[\"shop.*\"]"),
        KeySpec(
            name: "lookup", kind: .list(.namePattern), documentation: "Names the process may look up.",
            example: "[\"shop.*\"]"),
        KeySpec(
            name: "park_after", kind: .durationOrNever,
            documentation: "How long a handler process is idle before its memory is put away; never is the default.",
            example: "\"30s\""),
    ]

    static let root: [KeySpec] = [
        KeySpec(
            name: "description", kind: .text, documentation: "What the policy is for, in a sentence.",
            example: "\"Renders images\""),
        KeySpec(
            name: "extends", kind: .text,
            documentation:
                "A shipped policy's name or a file. What is not written here is as there; what is, may only narrow.",
            example: "\"no-net\""),
        KeySpec(
            name: "on_denied", kind: .choice(denialNames),
            documentation:
                "A denied call returns an errno (default), traps, or the module is refused before it starts.",
            example: "\"errno\""),
        KeySpec(
            name: "args", kind: .boolean, documentation: "Whether the guest sees its command line.", example: "true"),
        KeySpec(
            name: "random", kind: .boolean, documentation: "Whether the guest may draw random bytes.", example: "true"),
        KeySpec(
            name: "clocks", kind: .table(clocks), documentation: "Clocks the guest may read.",
            example: "{ monotonic = \"1ms\" }"),
        KeySpec(
            name: "fs", kind: .tables(mount), documentation: "Directories of the host, each at a path of its own.",
            example: "[[fs]]"),
        KeySpec(name: "net", kind: .table(network), documentation: "Network rules.", example: "[net]"),
        KeySpec(name: "env", kind: .table(environment), documentation: "Environment variables.", example: "[env]"),
        KeySpec(name: "stdio", kind: .table(stdio), documentation: "Standard streams.", example: "[stdio]"),
        KeySpec(
            name: "process", kind: .table(process), documentation: "Rights over other processes.", example: "[process]"),
        KeySpec(
            name: "limits", kind: .table(limits), documentation: "Finite budgets; what is not written has a default.",
            example: "[limits]"),
        KeySpec(
            name: "module",
            kind: .table([
                KeySpec(
                    name: "sha256", kind: .oneOrMany(.digest),
                    documentation: "The only modules this policy is for: SHA-256 digests, hexadecimal.",
                    example: "\"e3b0…\"")
            ]), documentation: "Which modules may run.", example: "[module]"),
        KeySpec(
            name: "cell",
            kind: .table([
                KeySpec(
                    name: "profile", kind: .choice(["auto", "dense", "heavy"]),
                    documentation: "How the engine lays the process out; auto decides by the module's memory.",
                    example: "\"auto\""),
                KeySpec(
                    name: "require", kind: .list(.choice(layerNames)),
                    documentation:
                        "Layers without which nothing starts; no-wasm-only refuses grants only Wasm enforces.",
                    example: "[\"landlock\", \"seccomp\"]"),
                KeySpec(
                    name: "seccomp", kind: .choice(["kill", "log"]),
                    documentation: "log lets syscalls outside the profile pass and counts as unsealed.",
                    example: "\"kill\""),
            ]), documentation: "The operating-system process around the guest.", example: "[cell]"),
    ]

    /// The nearest of `names`, if it is near enough to be meant.
    package static func nearest(to name: String, among names: [String]) -> String? {
        guard name.utf8.count <= 64 else { return nil }
        let lower = name.lowercased()
        let scored = names.map { (name: $0, distance: editDistance(lower, $0)) }
        guard let best = scored.min(by: { ($0.distance, $0.name) < ($1.distance, $1.name) }) else { return nil }
        return best.distance <= Swift.max(1, best.name.utf8.count / 3) ? best.name : nil
    }

    /// Levenshtein distance with swaps of neighbours as one step, over bytes.
    private static func editDistance(_ left: String, _ right: String) -> Int {
        let (a, b) = (Array(left.utf8), Array(right.utf8))
        var before = [Int](repeating: 0, count: b.count + 1)
        var above = Array(0...b.count)
        for i in 0..<a.count {
            var row = [i + 1]
            for j in 0..<b.count {
                var cost = Swift.min(above[j + 1] + 1, row[j] + 1, above[j] + (a[i] == b[j] ? 0 : 1))
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = Swift.min(cost, before[j - 1] + 1) }
                row.append(cost)
            }
            (before, above) = (above, row)
        }
        return above[b.count]
    }
}
