// A program that is watched while it runs: its lines as they come, and what its processes use of the machine.

import BenchmarkSupport
import Glibc

/// Ends with its owner's patience: whoever starts one calls `stop`.
final class LiveProgram {
    private let words: [String]
    private let pid: pid_t
    /// The read end of its standard output.
    private let output: Int32
    private var buffered: [UInt8] = []

    /// Starts `words` in a process group of its own, standard input from /dev/null.
    init(_ words: [String]) throws(ProgramFailed) {
        self.words = words
        var ends: [Int32] = [0, 0]
        // SAFETY: the array has room for both descriptors.
        guard unsafe pipe(&ends) == 0 else { throw ProgramFailed(description: "pipe: error \(errno)") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var actions = unsafe posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        // SAFETY: both are initialised before use and destroyed once; paths are copied by the calls.
        unsafe posix_spawn_file_actions_init(&actions)
        unsafe posix_spawnattr_init(&attributes)
        defer {
            unsafe posix_spawn_file_actions_destroy(&actions)
            unsafe posix_spawnattr_destroy(&attributes)
        }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))

        // SAFETY: each string lives until it is freed below; the array ends with nil, as posix_spawn wants.
        var arguments: [UnsafeMutablePointer<CChar>?] = unsafe words.map { unsafe strdup($0) }
        unsafe arguments.append(nil)
        defer { unsafe arguments.forEach { unsafe free($0) } }
        var started: pid_t = 0
        // SAFETY: all pointers are valid for the call.
        let error = unsafe posix_spawnp(&started, words[0], &actions, &attributes, arguments, environ)
        close(ends[1])
        guard error == 0 else {
            close(ends[0])
            throw ProgramFailed(description: "\(words[0]): error \(error)")
        }
        pid = started
        output = ends[0]
    }

    /// The next line that says `wanted` or begins with it and a space; lines before go to `skipped`.
    ///
    /// Throws when the output ends, or nothing comes for `seconds`.
    func line(_ wanted: String, within seconds: Int32 = 240, skipped: (Substring) -> Void = { _ in })
        throws(ProgramFailed) -> String
    {
        while true {
            while let end = buffered.firstIndex(of: 10) {
                let line = String(decoding: buffered[..<end], as: UTF8.self)
                buffered.removeSubrange(...end)
                if line == wanted || line.hasPrefix(wanted + " ") { return line }
                skipped(line[...])
            }
            var waiting = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
            // SAFETY: one pollfd, which outlives the call.
            guard unsafe poll(&waiting, 1, seconds * 1000) > 0 else {
                throw ProgramFailed(description: "\(words.joined(separator: " ")): no line \(wanted) in \(seconds) s")
            }
            var bytes = [UInt8](repeating: 0, count: 4096)
            // SAFETY: the buffer is as long as the count says.
            let count = unsafe read(output, &bytes, bytes.count)
            guard count > 0 else {
                let said = String(decoding: buffered, as: UTF8.self)
                throw ProgramFailed(
                    description: "\(words.joined(separator: " ")): ended without a line \(wanted) \(said)")
            }
            buffered += bytes.prefix(count)
        }
    }

    /// Ends the program and everything in its group, and waits for it.
    func stop() {
        kill(-pid, SIGTERM)
        // timeout(1) at its head passes the signal on; what does not end in 5 s is killed.
        for turn in 0..<500 {
            var status: Int32 = 0
            // SAFETY: status outlives the call.
            if unsafe waitpid(pid, &status, WNOHANG) != 0 { break }
            if turn == 300 { for process in tree { kill(process.pid, SIGKILL) } }
            usleep(10000)
        }
        close(output)
    }

    /// The program and all its descendants.
    var tree: [ProcessFigures] {
        var children: [pid_t: [ProcessFigures]] = [:]
        for process in ProcessFigures.all { children[process.parent, default: []].append(process) }
        var found: [ProcessFigures] = []
        var next = [pid]
        while let parent = next.popLast() {
            for child in children[parent] ?? [] {
                found.append(child)
                next.append(child.pid)
            }
        }
        return found
    }

    /// Those of them with one of these names.
    func processes(_ names: Set<String>) -> [ProcessFigures] {
        tree.filter { names.contains($0.name) }
    }
}

/// Waits, in seconds.
func pause(_ seconds: Double) {
    usleep(UInt32(seconds * 1e6))
}

/// What proc_pid_stat(5) and proc_pid_status(5) say of a process at one moment.
struct ProcessFigures {
    let pid: pid_t
    let parent: pid_t
    let name: String
    /// User and system time of all its threads, in nanoseconds; the kernel counts in hundredths of a second.
    let processorTime: Double

    /// All processes of the machine that this one may see.
    static var all: [ProcessFigures] {
        var found: [ProcessFigures] = []
        // SAFETY: the path is copied; readdir's entry is used before the next call.
        guard let directory = unsafe opendir("/proc") else { return [] }
        defer { unsafe closedir(directory) }
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if let pid = pid_t(name), let figures = ProcessFigures(pid) { found.append(figures) }
        }
        return found
    }

    init?(_ pid: pid_t) {
        let text = fileText("/proc/\(pid)/stat")
        // The name is in parentheses and may hold anything.
        guard let open = text.firstIndex(of: "("), let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 12, let parent = pid_t(fields[1]), let user = Double(fields[11]),
            let system = Double(fields[12])
        else { return nil }
        self.pid = pid
        self.parent = parent
        name = String(text[text.index(after: open)..<end])
        processorTime = (user + system) * 1e9 / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// Resident memory and page tables, in bytes.
    var memory: Double { Self.status(pid, "VmRSS:") + Self.status(pid, "VmPTE:") }

    private static func status(_ pid: pid_t, _ key: String) -> Double {
        for line in fileText("/proc/\(pid)/status").split(separator: "\n") where line.hasPrefix(key) {
            let words = line.dropFirst(key.count).split { $0 == " " || $0 == "\t" }
            return (words.first.flatMap { Double($0) } ?? 0) * 1024
        }
        return 0
    }
}

/// The first 16 KiB of a file; empty if there is none.
func fileText(_ path: String) -> String {
    // SAFETY: the path is copied by the call.
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return "" }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 16384)
    // SAFETY: the buffer is as long as the count says.
    let count = unsafe read(descriptor, &bytes, bytes.count)
    return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
}

/// A line on standard error.
func tell(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    // SAFETY: the buffer is as long as the count says.
    _ = unsafe write(2, bytes, bytes.count)
}
