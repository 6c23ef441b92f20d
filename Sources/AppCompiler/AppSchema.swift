// The one table of every key an app file may have: the reader, the suggestions and the JSON Schema all come from it.

package import PolicyCompiler
internal import Supervision

package enum AppSchema {
    static let strategies = Strategy.allCases.map(\.name)
    static let autoShutdowns = AutoShutdown.allCases.map(\.name)
    static let restarts = RestartType.allCases.map(\.name)
    static let shutdowns = ["brutal_kill", "infinity"]
    static let profiles = ["auto", "dense", "heavy"]

    static let instances: ClosedRange<UInt64> = 1...10_000
    static let intensity: ClosedRange<UInt64> = 0...1_000_000
    static let backlog: ClosedRange<UInt64> = 1...65_535
    static let rotateSize: ClosedRange<UInt64> = 4096...(1 << 40)
    static let rotateCount: ClosedRange<UInt64> = 1...1000
    static let rate: ClosedRange<UInt64> = 1024...(1 << 30)
    static let factor: ClosedRange<UInt64> = 1...100
    static let threshold: ClosedRange<UInt64> = 1...1000

    /// Draft 2020-12; editors that know TOML read it for completion and checks.
    package static var json: JSONValue { PolicySchema.json(title: "Bulkhead app", root) }

    static let module: [KeySpec] = [
        KeySpec(
            name: "path", kind: .hostPath,
            documentation: "The module's file: absolute, or relative to this file. Either this or `digest`.",
            example: "\"web.wasm\""),
        KeySpec(
            name: "digest", kind: .digest,
            documentation: "The SHA-256 of a module that is in the cache: what `bulkhead cache ls` lists.",
            example: "\"e3b0…\""),
        KeySpec(
            name: "profile", kind: .choice(profiles),
            documentation: "How the engine lays its processes out; auto (default) decides by the module's memory.",
            example: "\"auto\""),
    ]

    static let listener: [KeySpec] = [
        KeySpec(
            name: "address", kind: .endpoint,
            documentation: "Where to listen: one TCP address and port, or a unix socket's absolute path.",
            example: "\"tcp://127.0.0.1:8080\"", isRequired: true),
        KeySpec(
            name: "backlog", kind: .integer(backlog),
            documentation: "Connections that may wait to be accepted, also while children are restarted. 1024.",
            example: "1024"),
    ]

    static let backoff: [KeySpec] = [
        KeySpec(
            name: "initial", kind: .duration(allowsUnlimited: false),
            documentation: "The pause before a child's first restart.", example: "\"100ms\"", isRequired: true),
        KeySpec(
            name: "maximum", kind: .duration(allowsUnlimited: false), documentation: "The longest pause. 30s.",
            example: "\"30s\""),
        KeySpec(
            name: "factor", kind: .integer(factor),
            documentation: "How many times longer each pause is than the one before it. 2.", example: "2"),
        KeySpec(
            name: "jitter", kind: .percent(0...100),
            documentation: "How much of a pause may be left out at random, so that many do not come back at once. 25%.",
            example: "\"25%\""),
        KeySpec(
            name: "reset", kind: .duration(allowsUnlimited: false),
            documentation: "A child that ran for so long begins with the first pause again. 1m.", example: "\"1m\""),
    ]

    static let health: [KeySpec] = [
        KeySpec(
            name: "message", kind: .text,
            documentation: "A call with this text, as the SDKs make one; any answer will do. Either this or `export`.",
            example: "\"ping\""),
        KeySpec(
            name: "export", kind: .text,
            documentation: "A function that the module exports, without parameters; called between two messages.",
            example: "\"healthy\""),
        KeySpec(
            name: "interval", kind: .duration(allowsUnlimited: false),
            documentation: "From one check to the next. 10s.", example: "\"10s\""),
        KeySpec(
            name: "timeout", kind: .duration(allowsUnlimited: false),
            documentation: "How long an answer may take. 5s.", example: "\"5s\""),
        KeySpec(
            name: "threshold", kind: .integer(threshold),
            documentation: "After so many checks in a row without an answer the child ends as `unhealthy`. 3.",
            example: "3"),
    ]

    /// All processes of a cell have stacks of one size.
    static let limits = PolicySchema.limits.filter { $0.name != "stack" }

    static let child: [KeySpec] = [
        KeySpec(
            name: "id", kind: .identifier, documentation: "The child's name among its siblings.",
            example: "\"web\"", isRequired: true),
        KeySpec(
            name: "module", kind: .identifier,
            documentation: "What it runs: a name under [modules]. Either this or `supervisor`.", example: "\"web\""),
        KeySpec(
            name: "supervisor", kind: .identifier, documentation: "A supervisor under [supervisors], as a child.",
            example: "\"workers\""),
        KeySpec(
            name: "function", kind: .text,
            documentation: "An export to call, without parameters, instead of the program's start.",
            example: "\"serve\""),
        KeySpec(
            name: "policy", kind: .identifier,
            documentation: "What it may touch: a name under [policies]. Every child with a module has one.",
            example: "\"web\""),
        KeySpec(
            name: "args", kind: .sequence(.text), documentation: "Its command line, after the program's name.",
            example: "[\"--verbose\"]"),
        KeySpec(
            name: "env", kind: .map(.text),
            documentation: "Variables that its policy lets through; they go before those of bulkhead itself.",
            example: "{ LANG = \"C\" }"),
        KeySpec(
            name: "restart", kind: .choice(restarts),
            documentation:
                "permanent (default): always started again; transient: only after an end that is neither normal nor an "
                + "orderly shutdown; temporary: never.", example: "\"permanent\""),
        KeySpec(
            name: "shutdown", kind: .oneOf([.choice(shutdowns), .duration(allowsUnlimited: false)]),
            documentation:
                "How it is stopped: brutal_kill at once; else asked, and killed after this time. 5s, for a supervisor "
                + "infinity.", example: "\"5s\""),
        KeySpec(
            name: "significant", kind: .boolean,
            documentation: "Whether its end may end its supervisor: see auto_shutdown. false.", example: "true"),
        KeySpec(
            name: "instances", kind: .integer(instances),
            documentation: "How many copies are started: `id/1`, `id/2` and so on. Without this one, called `id`.",
            example: "4"),
        KeySpec(
            name: "listeners", kind: .list(.identifier),
            documentation: "Names under [listeners], handed down in this order. Its policy must cover their addresses.",
            example: "[\"http\"]"),
        KeySpec(
            name: "name", kind: .text,
            documentation:
                "The name it is registered under; of instances `name/1` and so on. Its policy must cover it.",
            example: "\"shop.web\""),
        KeySpec(
            name: "acknowledges", kind: .boolean,
            documentation: "Whether its start is over only when it says so, by `start_ack`. false.", example: "true"),
        KeySpec(
            name: "health", kind: .table(health), documentation: "A check that it must answer in time.",
            example: "{ message = \"ping\", interval = \"10s\" }"),
        KeySpec(
            name: "limits", kind: .table(limits),
            documentation:
                "Tighter limits than its policy has, by the same names; all but the stack, which is the cell's.",
            example: "{ memory = \"16 MiB\" }"),
    ]

    static let supervisor: [KeySpec] = [
        KeySpec(
            name: "strategy", kind: .choice(strategies),
            documentation:
                "Who is started again with a child: one_for_one (default), one_for_all, rest_for_one; or "
                + "simple_one_for_one, whose children are started later, all from one template.",
            example: "\"one_for_one\""),
        KeySpec(
            name: "intensity", kind: .integer(intensity),
            documentation: "How many restarts within the period are borne; one more ends the supervisor. 1.",
            example: "3"),
        KeySpec(
            name: "period", kind: .duration(allowsUnlimited: false), documentation: "In whole seconds. 5s.",
            example: "\"5s\""),
        KeySpec(
            name: "auto_shutdown", kind: .choice(autoShutdowns),
            documentation:
                "Whether the end of significant children ends it: never (default), any_significant, all_significant.",
            example: "\"never\""),
        KeySpec(
            name: "backoff", kind: .table(backoff),
            documentation: "A pause between restarts. There is none without it; what counts is the same.",
            example: "{ initial = \"100ms\", maximum = \"30s\" }"),
        KeySpec(
            name: "child", kind: .tables(child), documentation: "The children, in the order in which they start.",
            example: "[[child]]"),
    ]

    private static let log: [KeySpec] = [
        KeySpec(
            name: "directory", kind: .hostPath,
            documentation: "Where the children's output is kept: absolute, or relative to this file.",
            example: "\"./log\""),
        KeySpec(
            name: "rotate_size", kind: .size(rotateSize),
            documentation: "A file of this size is closed and a new one begun. 16 MiB.", example: "\"16 MiB\""),
        KeySpec(
            name: "rotate_count", kind: .integer(rotateCount), documentation: "How many files are kept. 8.",
            example: "8"),
        KeySpec(
            name: "rate", kind: .size(rate),
            documentation: "Bytes a second that one process may log; what is over is counted and left out. 1 MiB.",
            example: "\"1 MiB\""),
    ]

    static let root: [KeySpec] = [
        KeySpec(
            name: "name", kind: .identifier, documentation: "The app's name, and its top supervisor's.",
            example: "\"shop\"", isRequired: true),
        KeySpec(
            name: "description", kind: .text, documentation: "What the app is for, in a sentence.",
            example: "\"A web shop\""),
        KeySpec(
            name: "trust_label", kind: .identifier,
            documentation: "Processes share a cell only under the same label. The app's name.", example: "\"shop\""),
        KeySpec(
            name: "modules", kind: .map(.oneOf([.hostPath, .table(module)])),
            documentation: "Modules by name: a path, or a table.", example: "{ web = \"web.wasm\" }"),
        KeySpec(
            name: "policies", kind: .map(.oneOrMany(.text)),
            documentation: "Policies by name: a file's path or a shipped policy's name; of several, what all allow.",
            example: "{ web = \"web.toml\", worker = \"no-fs\" }"),
        KeySpec(
            name: "listeners", kind: .map(.table(listener)),
            documentation: "Sockets that bulkhead opens once and hands down, so that a restart loses no connection.",
            example: "{ http = { address = \"tcp://127.0.0.1:8080\" } }"),
        KeySpec(
            name: "supervisor", kind: .table(supervisor), documentation: "The top of the tree.",
            example: "[supervisor]", isRequired: true),
        KeySpec(
            name: "supervisors", kind: .map(.table(supervisor)), documentation: "Other supervisors by name.",
            example: "{ workers = { strategy = \"one_for_all\" } }"),
        KeySpec(name: "log", kind: .table(log), documentation: "Where output goes.", example: "[log]"),
        KeySpec(
            name: "metrics",
            kind: .table([
                KeySpec(
                    name: "address", kind: .endpoint,
                    documentation: "Where metrics are served: a loopback address or a unix socket.",
                    example: "\"unix:///run/shop/metrics.sock\"", isRequired: true)
            ]), documentation: "Metrics in Prometheus's text form; without this there are none.", example: "[metrics]"),
        KeySpec(
            name: "control",
            kind: .table([
                KeySpec(
                    name: "socket", kind: .hostPath,
                    documentation: "The unix socket that `bulkhead ps` and its like talk to.",
                    example: "\"/run/shop/control.sock\"", isRequired: true)
            ]), documentation: "How the app is controlled.", example: "[control]"),
    ]
}

extension AppSchema {
    private static var tables: [(path: String, keys: [KeySpec])] {
        var tables: [(path: String, keys: [KeySpec])] = [("", root)]
        for (path, keys) in [
            ("modules.NAME", module), ("listeners.NAME", listener), ("supervisor", supervisor),
            ("supervisor.backoff", backoff), ("supervisor.child", child), ("supervisor.child.health", health),
            ("supervisor.child.limits", limits),
        ] {
            tables.append((path, keys))
        }
        for spec in root where spec.name != "supervisor" {
            if case .table(let keys) = spec.kind { tables.append((spec.name, keys)) }
        }
        return tables
    }

    /// The name of every key that is an app's own, once.
    package static var names: Set<String> {
        Set(tables.flatMap(\.keys).map(\.name)).subtracting(limits.map(\.name))
    }

    /// The manual's lines, one a key, and one with two `#` a table.
    package static var reference: [String] {
        tables.flatMap { path, keys in
            ["### \(path.isEmpty ? "Top level" : "`\(path)`")"]
                + keys.map { spec in
                    let isNeeded = spec.isRequired ? " Required." : ""
                    return "| `\(spec.name)` | `\(spec.example)` | \(spec.documentation)\(isNeeded) |"
                }
        }
    }
}
