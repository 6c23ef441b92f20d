// A directory of the test's own, and compilers that are shell scripts: what the cache promises does not hang on the engine.

import CapabilityModel
import CellProtocol
import Glibc
import LinuxKernel
import MachineKey
import ModuleCache

/// F_SETLEASE, which Glibc's module leaves out.
private let setLease: Int32 = 1024

final class CacheDirectory {
    let path: String

    init() throws {
        path = "/tmp/bulkhead-cache-test.\(getpid()).\(hexadecimal(try HostFile.randomBytes(6)))"
        try HostFile.makeDirectories(path + "/cache")
    }

    deinit {
        for directory in [path + "/cache", path] {
            for name in (try? HostFile.names(in: directory)) ?? [] { try? HostFile.remove(directory + "/" + name) }
            try? HostFile.removeDirectory(directory)
        }
    }

    static let summary = ModuleSummary(
        imports: [.init(name: ImportName("wasi_snapshot_preview1", "fd_write"), type: "func (i32) -> i32")],
        exports: [.init(name: "_start", type: "func ()")], memoryMinimum: 65_536, memoryMaximum: nil, profile: .dense)

    func write(_ bytes: [UInt8], to name: String, mode: UInt32 = 0o600) throws -> String {
        // An entry may be written by nobody; only root would get past that.
        try? HostFile.remove(path + "/" + name)
        let file = try HostFile.open(path + "/" + name, O_WRONLY | O_CREAT | O_TRUNC, mode: mode)
        try HostFile.write(bytes, to: file)
        return path + "/" + name
    }

    /// A script that is given the name of a file with a successful result in `$result`.
    func compiler(_ body: String) throws -> String {
        let result = try write(CompileResult.success(Self.summary).encoded(), to: "result")
        let path = try write(
            Array("#!/bin/sh\nPATH=/usr/bin:/bin\nresult=\(result)\n\(body)\n".utf8), to: "compiler", mode: 0o700)
        // What is open for writing cannot be executed, and a child that another test is just starting may hold the file for
        // a moment longer. A read lease (fcntl(2)) is granted once nobody does.
        let file = try HostFile.open(path, O_RDONLY)
        while fcntl(file.rawValue, setLease, Int32(F_RDLCK)) != 0 { sched_yield() }
        _ = fcntl(file.rawValue, setLease, Int32(F_UNLCK))
        return path
    }

    /// Counts its runs in the file `runs`, and "compiles" by putting `native:` before the module.
    func honestCompiler() throws -> String {
        try compiler("echo x >> \(path)/runs\nprintf native: >&3\ncat >&3\ncat $result >&4")
    }

    var runs: Int { ((try? read("runs"))?.count ?? 0) / 2 }

    func read(_ name: String) throws -> [UInt8] {
        try HostFile.readToEnd(try HostFile.open(path + "/" + name, O_RDONLY), limit: 1 << 30)
    }

    func cache(
        compiler: String, limitBytes: UInt64 = 1 << 30, settings: ModuleCacheSettings = ModuleCacheSettings()
    ) throws -> ModuleCache {
        try ModuleCache(
            directory: path + "/cache", keyFile: path + "/cache.key", limitBytes: limitBytes, compilerPath: compiler,
            settings: settings)
    }

    var entries: [String] {
        ((try? HostFile.names(in: path + "/cache")) ?? []).filter { $0.hasSuffix(".bhm") }.sorted()
    }
}

func content(_ code: borrowing OwnedFileDescriptor) throws -> String {
    String(decoding: try HostFile.read(code, at: 0, count: 1 << 20), as: UTF8.self)
}

extension CacheDirectory {
    /// Sets a file's times back.
    func age(_ name: String, hours: Int) {
        let then = Int64(Clock.realtimeNow() / 1_000_000_000) - Int64(hours) * 3600
        guard let file = try? HostFile.open(path + "/" + name, O_RDONLY) else { return }
        setTimes(file.rawValue, to: then)
    }
}
