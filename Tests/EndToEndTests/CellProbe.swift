// Finds the cell of a running command, and looks at it from outside.

import Foundation

struct CellProbe {
    let pid: Int
    let supervisor: Int

    /// The cell whose supervisor keeps its state in this scratch directory, once it runs its guest; nil when none does
    /// within a minute.
    init?(of scratch: Scratch) {
        for _ in 0..<600 {
            if let found = CellProbe.search(scratch) {
                (pid, supervisor) = found
                return
            }
            Thread.sleep(forTimeInterval: 0.1)
        }
        return nil
    }

    private static func search(_ scratch: Scratch) -> (Int, Int)? {
        let pids = ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { Int($0) }
        for pid in pids {
            guard text("/proc/\(pid)/comm") == "bulkhead-cell\n", let status = text("/proc/\(pid)/status"),
                // Under its filter: the guest is about to run, and nothing more is handed to it.
                status.contains("Seccomp:\t2"),
                let line = status.split(separator: "\n").first(where: { $0.hasPrefix("PPid:") }),
                let parent = Int(line.dropFirst("PPid:".count).trimmingCharacters(in: .whitespaces)),
                let environment = text("/proc/\(parent)/environ"), environment.contains(scratch.path("state"))
            else { continue }
            return (pid, parent)
        }
        return nil
    }

    /// What a process's descriptors lead to.
    static func targets(ofProcess pid: Int) -> [String] {
        let directory = "/proc/\(pid)/fd"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return names.compactMap { try? FileManager.default.destinationOfSymbolicLink(atPath: "\(directory)/\($0)") }
    }

    /// Whether there is such a process, a zombie not counted.
    static func exists(_ pid: Int) -> Bool {
        text("/proc/\(pid)/status").map { !$0.contains("State:\tZ") } ?? false
    }

    /// A number from proc_pid_status(5), in the unit that stands there; 0 where there is none.
    static func status(_ pid: Int, _ key: String) -> Int {
        let line = text("/proc/\(pid)/status")?.split(separator: "\n").first { $0.hasPrefix(key) } ?? ""
        return line.dropFirst(key.count).split { $0 == " " || $0 == "\t" }.first.flatMap { Int($0) } ?? 0
    }

    static func text(_ path: String) -> String? {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Makes the cell do one system call and says how it went; nil where this process may not trace it.
    func inject(_ number: Int, _ arguments: [String]) throws -> String? {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Built.program("cell-injector"))
        process.arguments = ["\(pid)", "\(number)"] + arguments
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return process.terminationStatus == 77 ? nil : text.trimmingCharacters(in: .newlines)
    }
}
