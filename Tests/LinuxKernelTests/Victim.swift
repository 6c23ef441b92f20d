// Starts the victim program and listens to what it says.

import LinuxKernel

enum Victim {
    /// How the victim ended, and what it wrote to its standard error.
    static func run(_ arguments: [String]) throws -> (exit: ProcessExit, message: String) {
        let directory = try Executable.path().split(separator: "/").dropLast().joined(separator: "/")
        let pipe = try Pipe()
        var request = SpawnRequest(
            executable: "/\(directory)/kernel-victim", arguments: ["kernel-victim"] + arguments)
        request.descriptors = [.init(pipe.writeEnd.rawValue, as: 2)]
        request.environment = [SpawnRequest.noBacktrace]
        let child = try Spawn.start(request)
        let readEnd = pipe.closeWriteEnd()
        let text = try readEnd.readToEnd(limit: 1 << 20) ?? []
        return (try child.wait().exit, String(decoding: text, as: UTF8.self))
    }

    /// The `name number` lines of a victim that ended well.
    static func report(_ arguments: [String]) throws -> [String: Int32] {
        let ended = try run(arguments)
        guard ended.exit == .exited(code: 0) else { throw Failure(text: "\(ended.exit): \(ended.message)") }
        var results: [String: Int32] = [:]
        for line in ended.message.split(separator: "\n") {
            guard let space = line.lastIndex(of: " "), let number = Int32(line[line.index(after: space)...]) else {
                continue
            }
            results[String(line[..<space])] = number
        }
        return results
    }

    struct Failure: Error {
        var text: String
    }
}
