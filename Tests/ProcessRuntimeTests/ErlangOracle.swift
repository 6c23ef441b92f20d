// Erlang itself, asked what its processes do: one `escript` for a whole file of programs.

import Foundation

enum ErlangOracle {
    private static let script = URL(filePath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Erlang/signals.escript").path

    /// Where `escript` is; nil where Erlang is not installed.
    static let executable: String? = (environment("PATH") ?? "").split(separator: ":").map { $0 + "/escript" }
        .first { FileManager.default.isExecutableFile(atPath: $0) }

    struct Failure: Error {
        let status: Int32
        let lines: Int
    }

    /// A line for each program: what each step returned, and who ended in it.
    static func run(_ programs: [SignalProgram], _ executable: String) throws -> [String] {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("signals-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let input = directory.appendingPathComponent("programs")
        let output = directory.appendingPathComponent("traces")
        try Data(programs.map { $0.line + "\n" }.joined().utf8).write(to: input)
        try Data().write(to: output)

        let erlang = Process()
        erlang.executableURL = URL(filePath: executable)
        erlang.arguments = [script]
        // A node name or flags of the caller's own would change what runs.
        erlang.environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("ERL_") }
        erlang.standardInput = try FileHandle(forReadingFrom: input)
        erlang.standardOutput = try FileHandle(forWritingTo: output)
        try erlang.run()
        erlang.waitUntilExit()
        let text = String(decoding: try Data(contentsOf: output), as: UTF8.self)
        let lines = text.split(separator: "\n").map(String.init)
        guard erlang.terminationStatus == 0, lines.count == programs.count else {
            throw Failure(status: erlang.terminationStatus, lines: lines.count)
        }
        return lines
    }
}
