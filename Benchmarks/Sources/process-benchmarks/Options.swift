// What was asked for on the command line.

struct Options {
    /// Bulkhead's source tree, with an installed layout beneath .build/bench/prefix.
    var root: String
    var asksJSON = false
    /// How often each side runs; medians are compared.
    var rounds = 5
    /// Where the peers' programs are; nil: no peers.
    var peers: String?
    /// Smaller numbers, to see whether everything runs.
    var isQuick = false
    /// On one core with one worker, on all, or both.
    var cores: [Cores] = [.one, .all]
    /// Names of groups; empty is all but `million`.
    var groups: [String] = []

    static let allGroups = [
        "spawn", "memory", "million", "messages", "ring", "sleepers", "call", "echo", "fairness",
    ]

    static let usage = """
        usage: process-benchmarks ROOT [--json] [--rounds N] [--peers DIRECTORY] [--cores one|all] [--quick] [GROUP...]
        groups: \(allGroups.joined(separator: " ")); without one, all but million (which needs 20 GiB of memory)

        """

    /// nil where the words make no sense.
    init?(_ words: [String]) {
        guard let first = words.first, !first.hasPrefix("-") else { return nil }
        root = first
        var rest = words.dropFirst()
        while let word = rest.popFirst() {
            switch word {
            case "--json": asksJSON = true
            case "--quick": isQuick = true
            case "--rounds":
                guard let count = rest.popFirst().flatMap({ Int($0) }), count > 0 else { return nil }
                rounds = count
            case "--peers":
                guard let directory = rest.popFirst() else { return nil }
                peers = directory.isEmpty ? nil : directory
            case "--cores":
                switch rest.popFirst() {
                case "one": cores = [.one]
                case "all": cores = [.all]
                default: return nil
                }
            case _ where Self.allGroups.contains(word): groups.append(word)
            default: return nil
            }
        }
        if groups.isEmpty { groups = Self.allGroups.filter { $0 != "million" } }
    }
}

/// What a run may use of the machine.
enum Cores {
    /// Pinned to the first core; one worker, one scheduler.
    case one
    case all

    var name: String {
        switch self {
        case .one: "1 core"
        case .all: "all"
        }
    }
}
