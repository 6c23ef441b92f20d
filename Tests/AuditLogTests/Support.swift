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

extension TemporaryDirectory {
    func writer(_ clock: ManualClock) throws -> AuditWriter {
        var settings = AuditSettings()
        settings.clock = { clock.read() }
        return try AuditWriter(directory: path, keyFile: key, settings: settings)
    }

    func verify(_ settings: AuditSettings = AuditSettings()) throws -> AuditVerification {
        try AuditVerifier(directory: path, keyFile: key, settings: settings).verify()
    }

    /// Every line of the log, each of which has to be a record.
    func records() throws -> [AuditRecord] {
        var reader = try AuditReader(directory: path)
        var records: [AuditRecord] = []
        while let line = try reader.next() {
            guard let record = AuditRecord(line: line.bytes) else { throw SystemError("record", errno: EBADMSG) }
            records.append(record)
        }
        return records
    }

    /// The counts of the denial lines by path, in order.
    func counts() throws -> [String: [UInt64]] {
        var counts: [String: [UInt64]] = [:]
        for record in try records() {
            guard case .denied(let denial, _) = record.event.kind else { continue }
            counts[String(denial.arguments.dropFirst(6).dropLast()), default: []].append(denial.count)
        }
        return counts
    }
}

extension AuditEvent {
    /// How many events the line stands for, where it is a denial or a drop.
    var deniedCount: UInt64 {
        switch kind {
        case .denied(let denial, _): denial.count
        case .dropped(let count): count
        default: 0
        }
    }

    var isDropped: Bool {
        if case .dropped = kind { return true }
        return false
    }

    mutating func setCount(_ count: UInt64) {
        guard case .denied(var denial, let origins) = kind else { return }
        denial.count = count
        kind = .denied(denial, origins: origins)
    }
}

extension AuditVerification.Finding {
    var isTorn: Bool {
        if case .torn = self { return true }
        return false
    }
}

func everyKindOfEvent() -> [AuditEvent] {
    let origin = PolicyOrigin(file: "a \"b\".toml", line: 12, column: 3, keyPath: "fs[0].access", isPresent: true)
    let frame = WasmFrame(function: "main", functionIndex: 7, functionOffset: 3, moduleOffset: 900)
    let anonymous = WasmFrame(function: nil, functionIndex: .max, functionOffset: 0, moduleOffset: .max)
    let ended = Denial(
        call: "bulkhead.tcp_connect", arguments: "", layer: .seccomp, key: PolicyKey("net.connect"), errno: nil,
        count: .max)
    var ofChild = ended
    ofChild.process = .max
    let kinds: [AuditEvent.Kind] =
        [
            .policyLoaded(sources: ["a.toml", "builtin:no-fs", ""]),
            .started(module: "x.wasm", moduleDigest: "00ff", arguments: ["--flag", "ü", "\u{1b}[31m"]),
            .moduleLoaded(name: "worker", moduleDigest: "00ff"),
            .processExited(process: 1 << 40, reason: "trap", detail: "unreachable"),
            .processExited(process: 2, reason: "kill", detail: ""),
            .denied(ended, origins: [origin, origin]), .denied(ofChild, origins: []),
            .limitReached(.mailboxBytes, used: .max, allowed: 0),
            .dropped(count: 12), .cacheRejected(entry: "abc", why: "tampered"), .weakened(what: "seccomp: log"),
            .logMended(tornBytes: 5, missingLines: 6),
        ]
        + [
            .normal, .exited(code: .max), .trap(kind: "unreachable", message: "m", backtrace: [frame, anonymous]),
            .limit(.cpu, used: 5, allowed: 4), .refused(message: "no"), .killedBySignal(9),
            .cellFailed(message: "gone"), .shutdown, .kill, .killed, .noproc, .noconnection, .bytes([0, 0x41, 0xff]),
            .bytes([]), .shutdownWith([]), .shutdownWith([0x41, 0xff]),
        ].map { AuditEvent.Kind.exited($0) }
    return kinds.map { event($0) }
}
