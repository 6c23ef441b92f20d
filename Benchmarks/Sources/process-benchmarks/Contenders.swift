// Who is measured, and how each is started.

import BenchmarkSupport

enum Contender: Int, CaseIterable {
    case bulkhead, erlang, go

    var name: String {
        switch self {
        case .bulkhead: "bulkhead"
        case .erlang: "erlang"
        case .go: "go"
        }
    }
}

/// Bulkhead's installed layout, its guests, and the peers as far as they are there.
struct Contenders {
    let root: String
    private(set) var peers: Set<Contender> = []
    /// Why a peer does not take part, one line each.
    private(set) var absences: [String] = []

    var bulkhead: String { scratch + "/prefix/bin/bulkhead" }
    /// Everything that a run of the benchmarks writes.
    var scratch: String { root + "/.build/bench" }
    var output: String { scratch + "/process-output" }
    var built: String { scratch + "/peers" }
    /// The load generator, built together with this program.
    var load: String { root + "/Benchmarks/.build/release/load" }
    var policy: String { root + "/Benchmarks/processes/policy.toml" }

    /// Builds the peers whose sources are in `directory` and whose compiler is installed; the others are told about.
    init(root: String, peers directory: String?) {
        self.root = root
        for path in [root + "/.build", scratch, built] { ChildProcess.makeDirectory(path) }
        ChildProcess.setVariable("BULKHEAD_STATE_DIR", scratch + "/state")
        ChildProcess.setVariable("BULKHEAD_CACHE_DIR", scratch + "/cache")
        guard let directory else {
            absences.append("no peers: --peers names the directory with peer_erlang.erl and peer_go.go")
            return
        }
        // One file by itself is no module of Go's.
        ChildProcess.setVariable("GO111MODULE", "off")
        build(.erlang, ["erlc", "-o", built, directory + "/peer_erlang.erl"], package: "erlang-base")
        build(.go, ["go", "build", "-o", built + "/peer_go", directory + "/peer_go.go"], package: "golang-go")
    }

    private mutating func build(_ peer: Contender, _ words: [String], package: String) {
        do throws(ProgramFailed) {
            _ = try ChildProcess.run(words, output: output)
            peers.insert(peer)
        } catch {
            absences.append("\(peer.name) does not take part (Debian's package is \(package)): \(error)")
        }
    }

    /// A run of ours: `guest` from .build/guests with its arguments.
    func ours(_ guest: String, _ arguments: [String], on cores: Cores, options: [String] = []) -> [String] {
        var words = pinned(on: cores) + [bulkhead, "run", "--policy", policy] + options
        if cores == .one { words += ["--workers", "1"] }
        return words + ["\(root)/.build/guests/\(guest).wasm", "--"] + arguments
    }

    /// A run of Erlang's program: the function and its arguments.
    func erlang(_ arguments: [String], on cores: Cores) -> [String] {
        let schedulers = cores == .one ? ["+S", "1:1"] : []
        return pinned(on: cores) + ["erl", "-noshell", "+P", "4194304", "+Q", "65536"] + schedulers
            + ["-pa", built, "-s", "peer_erlang", "main", "-extra"] + arguments
    }

    /// A run of Go's program, which takes the number of its threads from the cores it may use.
    func go(_ arguments: [String], on cores: Cores) -> [String] {
        pinned(on: cores) + [built + "/peer_go"] + arguments
    }

    /// A run that hangs must not hang the others.
    private func pinned(on cores: Cores) -> [String] {
        let bounded = ["timeout", "--kill-after=10", "300"]
        return cores == .one ? bounded + ["taskset", "-c", "0"] : bounded
    }
}
