// What the tests of the log share: a directory of their own, events, a clock that they move.

import AuditLog
import CapabilityModel
import Glibc
import LinuxKernel
import MachineKey
import Synchronization

final class TemporaryDirectory {
    let path: String

    init() throws {
        path = "/tmp/bulkhead-audit-test.\(getpid()).\(hexadecimal(try HostFile.randomBytes(6)))"
        try HostFile.makeDirectories(path)
    }

    deinit {
        for name in (try? HostFile.names(in: path)) ?? [] { try? HostFile.remove(path + "/" + name) }
        try? HostFile.removeDirectory(path)
    }

    var key: String { path + "/audit.key" }
    var files: LogFiles { LogFiles(directory: path) }

    func read(_ name: String) throws -> [UInt8] { try readFile(path + "/" + name) }

    func write(_ bytes: [UInt8], to name: String) throws {
        let file = try HostFile.open(path + "/" + name, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
        try HostFile.write(bytes, to: file)
    }

    func lines(_ name: String = "audit.jsonl") throws -> [String] {
        String(decoding: try read(name), as: UTF8.self).split(separator: "\n").map(String.init)
    }
}

func readFile(_ path: String) throws -> [UInt8] {
    try HostFile.readToEnd(try HostFile.open(path, O_RDONLY), limit: 1 << 30)
}

/// A clock that stands still until it is moved.
final class ManualClock: Sendable {
    private let nanoseconds = Atomic<UInt64>(1_000_000_000_000)

    func advance(_ by: UInt64) { nanoseconds.add(by, ordering: .relaxed) }

    func read() -> (time: Int64, monotonic: UInt64) {
        let now = nanoseconds.load(ordering: .relaxed)
        return (1_800_000_000_000_000_000 + Int64(now), now)
    }
}

func event(_ kind: AuditEvent.Kind, process: String = "guest.wasm/7") -> AuditEvent {
    AuditEvent(process: process, policyDigest: String(repeating: "ab", count: 32), isClaim: false, kind: kind)
}

func denial(_ path: String, process: String = "guest.wasm/7", count: UInt64 = 1) -> AuditEvent {
    AuditEvent(
        process: process, policyDigest: String(repeating: "ab", count: 32), isClaim: true,
        kind: .denied(
            Denial(
                call: "wasi_snapshot_preview1.path_open", arguments: "path=\"\(path)\"", layer: .wasi,
                key: PolicyKey("fs"), errno: 76, count: count),
            origins: [PolicyOrigin(file: "policies/no-fs.toml", line: 3, column: 1, keyPath: "fs", isPresent: false)]))
}

/// A generator that repeats itself from its seed (xorshift64*).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed | 1 }

    mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 2_685_821_657_736_338_717
    }
}
