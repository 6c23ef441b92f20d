// What is run: Bulkhead's release build as `make install` lays it out, wasmtime's command line, and the guests.

import BenchmarkSupport

struct Programs {
    let root: String

    var bulkhead: String { root + "/.build/bench/prefix/bin/bulkhead" }
    var wasmtime: String { root + "/.deps/peers/wasmtime" }
    /// Everything that a run of the benchmarks writes.
    var scratch: String { root + "/.build/bench" }
    var output: String { scratch + "/output" }
    /// What Benchmarks/policy.toml mounts.
    var data: String { scratch + "/data" }
    var policy: String { root + "/Benchmarks/policy.toml" }

    func guest(_ name: String) -> String { "\(root)/.build/guests/\(name).wasm" }
    /// Native code in wasmtime's form.
    func native(_ name: String) -> String { "\(scratch)/\(name).cwasm" }
    /// Native code in Bulkhead's form.
    func precompiled(_ name: String) -> String { "\(scratch)/\(name).bhm" }

    /// Makes the directories and the native code. Bulkhead's audit log and cache go beneath `scratch`, the user's stay as they are.
    func prepare() throws(ProgramFailed) {
        for directory in [root + "/.build", scratch, data] { ChildProcess.makeDirectory(directory) }
        ChildProcess.setVariable("BULKHEAD_STATE_DIR", scratch + "/state")
        ChildProcess.setVariable("BULKHEAD_CACHE_DIR", scratch + "/cache")
        // The first run makes the machine key and fills the cache.
        try run([bulkhead, "run", guest("hello")])
        try run([bulkhead, "compile", guest("hello"), "--output", precompiled("hello")])
        for name in ["hello", "bench-calls", "bench-files", "bench-compute"] {
            try run([wasmtime, "compile", guest(name), "-o", native(name)])
        }
    }

    @discardableResult
    func run(_ words: [String]) throws(ProgramFailed) -> ChildProcess.Timed {
        try ChildProcess.run(words, output: output)
    }
}
