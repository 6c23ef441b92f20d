// The machine of a run, in one line: a figure without it says little.

import BenchmarkSupport

enum Machine {
    static var description: String {
        let release = fileText("/proc/sys/kernel/osrelease").split(separator: "\n").first ?? "?"
        let load = fileText("/proc/loadavg").split(separator: " ").first ?? "?"
        let kilobytes = value("/proc/meminfo", "MemTotal").split(separator: " ").first.flatMap { Double($0) } ?? 0
        return
            "\(value("/proc/cpuinfo", "model name")), \(processors) processors, \(fixed(kilobytes / 1_048_576, 0)) GiB, "
            + "Linux \(release), load \(load) at the start"
    }

    private static var processors: Int {
        fileText("/proc/stat").split(separator: "\n").count { line in
            line.hasPrefix("cpu") && line.dropFirst(3).first?.isNumber == true
        }
    }

    private static func value(_ path: String, _ key: String) -> String {
        for line in fileText(path).split(separator: "\n") where line.hasPrefix(key) {
            guard let colon = line.firstIndex(of: ":") else { continue }
            return line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }.description
        }
        return "?"
    }
}
