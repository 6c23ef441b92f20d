// Runs the built `bulkhead` as a person would, each time in a scratch directory with an audit log of its own.

import Foundation

/// How a command ended.
struct Outcome {
    let status: Int32
    let stdout: String
    let stderr: String

    /// Lines of standard output, without the last line break.
    var lines: [String] {
        let all = stdout.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        return all.last == "" ? all.dropLast() : all
    }
}

/// A directory of one test's own: policies, mounts and the audit log of what ran there.
final class Scratch {
    let directory: URL

    init() throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("bulkhead-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(at: directory)
    }

    func path(_ name: String) -> String {
        directory.appendingPathComponent(name).path
    }

    func makeDirectory(_ name: String) throws {
        try FileManager.default.createDirectory(atPath: path(name), withIntermediateDirectories: true)
    }

    func write(_ text: String, to name: String) throws {
        try Data(text.utf8).write(to: directory.appendingPathComponent(name))
    }

    func read(_ name: String) throws -> String {
        String(decoding: try Data(contentsOf: directory.appendingPathComponent(name)), as: UTF8.self)
    }

    func exists(_ name: String) -> Bool {
        // Not FileManager.fileExists, which follows links.
        (try? FileManager.default.attributesOfItem(atPath: path(name))) != nil
    }

    func link(_ name: String, to target: String) throws {
        try FileManager.default.createSymbolicLink(atPath: path(name), withDestinationPath: target)
    }

    /// Runs a guest under a policy text; nil is no policy.
    func run(
        _ guest: String, policy: String? = nil, options: [String] = [], arguments: [String] = [], stdin: Data = Data()
    ) throws -> Outcome {
        try start(guest, policy: policy, options: options, arguments: arguments, stdin: stdin).wait()
    }

    func start(
        _ guest: String, policy: String? = nil, options: [String] = [], arguments: [String] = [],
        stdin: Data? = Data(), seconds: Int = 300
    ) throws -> RunningCommand {
        var words = ["run"]
        if let policy {
            let name = "policy-\(UUID().uuidString).toml"
            try write(policy, to: name)
            words += ["--policy", path(name)]
        }
        words += options + [Built.guest(guest)]
        return try command(arguments.isEmpty ? words : words + ["--"] + arguments, stdin: stdin, seconds: seconds)
    }

    /// Runs `bulkhead` with these words, to its end.
    func bulkhead(_ words: [String]) throws -> Outcome {
        try command(words, stdin: Data()).wait()
    }

    /// Runs a line of bash in which $BULKHEAD is the program and $GUESTS the folder of guests.
    func shell(_ line: String) throws -> Outcome {
        let settings = ["BULKHEAD": Built.program("bulkhead"), "GUESTS": Built.guests]
        return try launch(["/bin/bash", "-c", line], stdin: Data(), adding: settings).wait()
    }

    /// Starts `bulkhead` with these words; it gets SIGTERM after `seconds`. A nil `stdin` is a pipe that stays open and
    /// empty. `program` is one that takes the place of the built `bulkhead`.
    func command(
        _ words: [String], stdin: Data?, program: String? = nil, seconds: Int = 300
    ) throws -> RunningCommand {
        try launch([program ?? Built.program("bulkhead")] + words, stdin: stdin, seconds: seconds)
    }

    private func launch(
        _ words: [String], stdin: Data?, seconds: Int = 300, adding settings: [String: String] = [:]
    ) throws -> RunningCommand {
        let process = Process()
        // timeout(1), because a supervisor that hangs must fail its test and not stop the others.
        process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
        process.arguments = ["--preserve-status", "--kill-after=5", "\(seconds)"] + words
        var environment = ProcessInfo.processInfo.environment
        environment["BULKHEAD_STATE_DIR"] = path("state")
        environment["BULKHEAD_CACHE_DIR"] = path("cache")
        process.environment = environment.merging(settings) { $1 }
        process.currentDirectoryURL = directory
        return try RunningCommand(process, scratch: self, stdin: stdin)
    }

    /// The audit log's events of one kind; nil is all.
    func auditEvents(_ kind: String? = nil) throws -> [AuditLine] {
        let outcome = try bulkhead(["audit", "--json"])
        guard outcome.status == 0 else { throw AuditFailed(stderr: outcome.stderr) }
        let events = try outcome.lines.filter { !$0.isEmpty }
            .map { try JSONDecoder().decode(AuditLine.self, from: Data($0.utf8)) }
        return kind.map { kind in events.filter { $0.kind == kind } } ?? events
    }

    /// Whether the log has a denial of this call, decided by this key.
    func isDenied(_ call: String, by key: String) throws -> Bool {
        try auditEvents("denied").contains { ($0.call ?? "").hasSuffix(call) && $0.key == key }
    }
}

/// The fields of an event that tests look at.
struct AuditLine: Decodable {
    let kind: String
    let call: String?
    let key: String?
    let count: UInt64?
    let limit: String?
}

struct AuditFailed: Error {
    let stderr: String
}

/// A command under way. Output goes to files, so that neither side waits for the other.
final class RunningCommand {
    private let process: Process
    private let output: URL
    private let errors: URL
    /// Kept, so that an open standard input stays open as long as the command runs.
    private let input: Pipe?
    /// Kept, because the files are in it.
    private let scratch: Scratch

    init(_ process: Process, scratch: Scratch, stdin: Data?) throws {
        self.scratch = scratch
        let name = UUID().uuidString
        output = scratch.directory.appendingPathComponent("out-\(name)")
        errors = scratch.directory.appendingPathComponent("err-\(name)")
        for file in [output, errors] { try Data().write(to: file) }
        if let stdin {
            let file = scratch.directory.appendingPathComponent("in-\(name)")
            try stdin.write(to: file)
            process.standardInput = try FileHandle(forReadingFrom: file)
            input = nil
        } else {
            let pipe = Pipe()
            process.standardInput = pipe
            input = pipe
        }
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = try FileHandle(forWritingTo: errors)
        self.process = process
        try withNoSignalBlocked { try process.run() }
    }

    var isRunning: Bool { process.isRunning }

    /// What it has printed by now.
    var outputSoFar: String {
        (try? Data(contentsOf: output)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    func terminate() {
        process.terminate()
    }

    func wait() throws -> Outcome {
        process.waitUntilExit()
        return Outcome(
            status: process.terminationStatus,
            stdout: String(decoding: try Data(contentsOf: output), as: UTF8.self),
            stderr: String(decoding: try Data(contentsOf: errors), as: UTF8.self))
    }
}

/// Where the build puts things.
enum Built {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// A program that was built together with these tests.
    static func program(_ name: String) -> String {
        let tests = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        let beside = URL(fileURLWithPath: tests).deletingLastPathComponent().appendingPathComponent(name).path
        return FileManager.default.isExecutableFile(atPath: beside)
            ? beside : root.appendingPathComponent(".build/debug/\(name)").path
    }

    static let guests = root.appendingPathComponent(".build/guests").path

    /// A guest that scripts/build-guests.sh built.
    static func guest(_ name: String) -> String {
        let stem = root.appendingPathComponent(".build/guests/\(name)").path
        return FileManager.default.fileExists(atPath: stem + ".wasm") ? stem + ".wasm" : stem + ".wat"
    }
}
