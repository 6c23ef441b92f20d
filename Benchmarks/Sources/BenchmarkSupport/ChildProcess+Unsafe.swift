// Starts a program and times it from posix_spawn to waitpid, with as little as possible in between.

import Glibc

package struct ProgramFailed: Error, CustomStringConvertible {
    package let description: String

    package init(description: String) {
        self.description = description
    }
}

package enum ChildProcess {
    package struct Timed {
        package let nanoseconds: Double
        /// What it printed, the first 4 KiB.
        package let output: String
    }

    /// Runs `words` with standard input from /dev/null and standard output into a file.
    ///
    /// Throws if it cannot be started or does not end with status 0.
    package static func run(_ words: [String], output path: String) throws(ProgramFailed) -> Timed {
        var actions = unsafe posix_spawn_file_actions_t()
        // SAFETY: actions is initialised before each use and destroyed once; the paths are copied by the calls.
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_addopen(&actions, 1, path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)

        // SAFETY: each string lives until it is freed below; the array ends with nil, as posix_spawn wants.
        var arguments: [UnsafeMutablePointer<CChar>?] = unsafe words.map { unsafe strdup($0) }
        unsafe arguments.append(nil)
        defer { unsafe arguments.forEach { unsafe free($0) } }

        var pid: pid_t = 0
        let start = now()
        // SAFETY: all pointers are valid for the call.
        let error = unsafe posix_spawnp(&pid, words[0], &actions, nil, arguments, environ)
        guard error == 0 else { throw ProgramFailed(description: "\(words[0]): error \(error)") }
        var status: Int32 = 0
        // SAFETY: status outlives the call.
        while unsafe waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        let end = now()
        guard status == 0 else {
            throw ProgramFailed(
                description: "\(words.joined(separator: " ")): wait status \(status)\n\(contents(of: path))")
        }
        return Timed(nanoseconds: end - start, output: contents(of: path))
    }

    /// Nanoseconds of CLOCK_MONOTONIC.
    package static func now() -> Double {
        var time = timespec()
        // SAFETY: time outlives the call.
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
    }

    /// Makes a directory unless it is there.
    package static func makeDirectory(_ path: String) {
        // SAFETY: the path is copied by the call.
        _ = unsafe mkdir(path, 0o755)
    }

    /// Sets an environment variable of this process, which the programs it runs inherit.
    package static func setVariable(_ name: String, _ value: String) {
        // SAFETY: both are copied by the call; this process has one thread.
        _ = unsafe setenv(name, value, 1)
    }

    private static func contents(of path: String) -> String {
        var bytes = [UInt8](repeating: 0, count: 4096)
        // SAFETY: the path is copied by the call.
        let descriptor = unsafe open(path, O_RDONLY)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        // SAFETY: the buffer is as long as the count says.
        let count = unsafe read(descriptor, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }
}
