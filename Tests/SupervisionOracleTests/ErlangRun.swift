// Runs scenarios on real OTP: one Erlang machine for a file of them.

import Foundation

enum OracleError: Error, CustomStringConvertible {
    case noErlang
    case failed(String)

    var description: String {
        switch self {
        case .noErlang:
            "no erl or erlc on PATH: install Debian's erlang-base (scripts/setup.sh does), or set BULKHEAD_NO_ERLANG=1 to skip"
        case .failed(let text): text
        }
    }
}

struct ErlangRun {
    /// Lines of a scenario by its number; one that never came to rest has none.
    typealias Traces = [Int: [Trace.Line]]

    private let directory: URL
    private let erl: String

    /// Compiles oracle.erl.
    init() throws {
        guard let erl = Self.find("erl"), let erlc = Self.find("erlc") else { throw OracleError.noErlang }
        self.erl = erl
        directory = FileManager.default.temporaryDirectory
            .appending(
                path: "bulkhead-oracle-\(ProcessInfo.processInfo.processIdentifier)-\(UInt32.random(in: 0 ... .max))")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let sources = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Oracle")
        let modules = ["oracle.erl", "oracle_world.erl"].map { sources.appending(path: $0).path }
        try Self.run(erlc, ["-o", directory.path] + modules, bound: 60)
    }

    func remove() { try? FileManager.default.removeItem(at: directory) }

    /// What OTP does in these scenarios, which have numbers; `keep`: where the traces stay, if anywhere.
    func traces(of scenarios: [(Int, Scenario)], keep: URL? = nil) throws -> Traces {
        let input = keep.map { $0.appendingPathExtension("scenarios") } ?? directory.appending(path: "scenarios")
        let output = keep ?? directory.appending(path: "traces")
        let text = scenarios.map { $0.1.term(number: $0.0) }.joined(separator: "\n") + "\n"
        try Data(text.utf8).write(to: input)
        let unit = Int(World.unit / 1_000_000)
        try Self.run(
            erl,
            [
                "-noshell", "-noinput", "-boot", "start_clean", "-pa", directory.path, "-run", "oracle", "main",
                input.path, output.path, "\(unit)", "4",
            ], bound: 600)
        return try Self.read(output)
    }

    static func read(_ file: URL) throws -> Traces {
        var traces: Traces = [:]
        var number = 0
        var isWhole = true
        var lines: [Trace.Line] = []
        for line in String(decoding: try Data(contentsOf: file), as: UTF8.self).split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
            if words[0] == "S", words.count == 3 {
                number = Int(words[1]) ?? 0
                isWhole = words[2] == "ok"
                lines = []
            } else if line == "E" {
                if isWhole { traces[number] = lines }
            } else if !isWhole {
                print("OTP's side of scenario \(number) failed: \(line)")
            } else if words.count == 3, let step = Int(words[0]) {
                lines.append(Trace.Line(step: step, actor: String(words[1]), text: String(words[2])))
            } else {
                throw OracleError.failed("unexpected line of OTP's traces: \(line)")
            }
        }
        return traces
    }

    private static func find(_ program: String) -> String? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        return path.split(separator: ":").map { "\($0)/\(program)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    private static func run(_ program: String, _ arguments: [String], bound seconds: Int) throws {
        let process = Process()
        let errors = Pipe()
        process.executableURL = URL(filePath: "/usr/bin/timeout")
        process.arguments = ["\(seconds)", program] + arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = errors
        process.standardError = errors
        try process.run()
        let said = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            let text = String(decoding: said.prefix(4000), as: UTF8.self)
            throw OracleError.failed("\(program) ended with status \(process.terminationStatus): \(text)")
        }
        if !said.isEmpty { print(String(decoding: said, as: UTF8.self)) }
    }
}
