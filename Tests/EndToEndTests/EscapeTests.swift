// Every way out that a guest may try: each attempt is denied, the host is as it was, and the denial is in the log.

import Foundation
import Testing

/// What stands around a guest that tries to get out.
enum Surroundings: String, CaseIterable {
    /// /data, read-write, with planted links, a FIFO and a socket.
    case data
    /// /ro, read-only, and /rw, read-write.
    case readOnlyAndReadWrite
    /// The host's /proc, read-only.
    case proc
    case nothing
}

struct Attempt: CustomTestStringConvertible {
    let guest: String
    let surroundings: Surroundings
    /// A call and the key that must be in the audit log, as far as the policy decides.
    var denial: (call: String, key: String)?
    /// Lines besides `NAME: ok` and `NAME: denied ERRNO`.
    var otherLines: [String] = []

    var testDescription: String { guest }
}

@Suite("A guest that tries to get out")
struct EscapeTests {
    static let attempts = [
        Attempt(guest: "escape-dotdot", surroundings: .data, denial: ("path_open", #"fs["/data"]"#)),
        Attempt(guest: "escape-absolute", surroundings: .data, denial: ("path_open", #"fs["/data"]"#)),
        Attempt(guest: "escape-symlink", surroundings: .data, denial: ("path_open", #"fs["/data"]"#)),
        Attempt(guest: "escape-symlink-create", surroundings: .data, denial: ("path_open", #"fs["/data"]"#)),
        Attempt(guest: "escape-slashes", surroundings: .data),
        Attempt(guest: "escape-magic-links", surroundings: .proc),
        Attempt(
            guest: "escape-link", surroundings: .readOnlyAndReadWrite, denial: ("path_link", #"fs["/ro"].access"#)),
        Attempt(
            guest: "escape-rename", surroundings: .readOnlyAndReadWrite, denial: ("path_rename", #"fs["/ro"].access"#)),
        Attempt(
            guest: "escape-truncate", surroundings: .readOnlyAndReadWrite, denial: ("path_open", #"fs["/ro"].access"#)),
        Attempt(
            guest: "escape-renumber", surroundings: .readOnlyAndReadWrite,
            otherLines: ["over-preopen: moved", "over-preopen: refused"]),
        Attempt(guest: "escape-fifo", surroundings: .data),
        Attempt(guest: "escape-poll", surroundings: .nothing),
        Attempt(guest: "escape-random", surroundings: .nothing),
        Attempt(
            guest: "escape-sparse", surroundings: .data,
            denial: ("fd_filestat_set_size", #"fs["/data"].quota_bytes"#), otherLines: ["size 0"]),
        Attempt(guest: "escape-fds", surroundings: .data, otherLines: ["opened"]),
        Attempt(guest: "escape-iovecs", surroundings: .nothing),
    ]

    @Test("is denied, and leaves the host as it was", arguments: attempts)
    func denied(_ attempt: Attempt) throws {
        let scratch = try Scratch()
        let policy = try Self.surround(attempt.surroundings, in: scratch)
        let outcome = try scratch.run(attempt.guest, policy: policy)

        #expect(outcome.status == 0, "\(outcome.stderr)")
        #expect(outcome.lines.contains { $0.contains(": denied E") })
        for line in outcome.lines {
            #expect(!line.contains("ESCAPED"))
            #expect(
                line.hasSuffix(": ok") || line.contains(": denied E")
                    || attempt.otherLines.contains { line.hasPrefix($0) }, "\(line)")
        }
        try Self.expectUntouched(scratch)
        if let denial = attempt.denial {
            #expect(try scratch.isDenied(denial.call, by: denial.key))
        }
    }

    @Test("has no more descriptors than its limit says")
    func descriptors() throws {
        let scratch = try Scratch()
        let policy = try Self.surround(.data, in: scratch) + "[limits]\nfds = 20\n"
        let outcome = try scratch.run("escape-fds", policy: policy)
        // Three streams and one mount are open before the guest opens its first.
        #expect(outcome.lines == ["fds: denied EMFILE", "opened 16", "after-close: ok"], "\(outcome.stderr)")
    }

    /// Makes what the guests' first comments ask for, and returns the policy that grants it.
    static func surround(_ surroundings: Surroundings, in scratch: Scratch) throws -> String {
        var policy = """
            args = true
            random = true
            clocks = { monotonic = true }
            stdio = { stdin = "inherit", stdout = "inherit", stderr = "inherit" }

            """
        for directory in ["data/sub", "ro", "rw"] { try scratch.makeDirectory(directory) }
        try scratch.write("outside", to: "outside.txt")
        try scratch.write("inside", to: "data/inside.txt")
        try scratch.write("read-only", to: "ro/file.txt")
        try scratch.link("link", to: "outside.txt")
        for (name, target) in [
            ("planted-inside", "inside.txt"), ("planted-absolute", "/etc/passwd"),
            ("planted-relative", "../outside.txt"), ("planted-parent", ".."), ("planted-loop", "planted-loop"),
            ("dangling", "../made-by-guest"),
        ] {
            try scratch.link("data/\(name)", to: target)
        }
        switch surroundings {
        case .data:
            try makeSpecialFiles(in: scratch)
            policy += """
                [[fs]]
                guest = "/data"
                host = "data"
                access = "read-write"
                symlinks = "create"
                quota_bytes = "1 MiB"

                """
        case .readOnlyAndReadWrite:
            policy += """
                [[fs]]
                guest = "/ro"
                host = "ro"
                access = "read-only"
                [[fs]]
                guest = "/rw"
                host = "rw"
                access = "read-write"
                symlinks = "create"

                """
        case .proc:
            policy += """
                [[fs]]
                guest = "/proc"
                host = "/proc"
                access = "read-only"

                """
        case .nothing:
            break
        }
        return policy
    }

    private static func makeSpecialFiles(in scratch: Scratch) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "python3", "-c",
            "import os, socket; os.mkfifo('fifo'); socket.socket(socket.AF_UNIX).bind('sock')",
        ]
        process.currentDirectoryURL = scratch.directory.appendingPathComponent("data")
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
    }

    private static func expectUntouched(_ scratch: Scratch) throws {
        #expect(try scratch.read("outside.txt") == "outside")
        #expect(try scratch.read("ro/file.txt") == "read-only")
        #expect(!scratch.exists("made-by-guest"))
        #expect(!scratch.exists("taken.txt"))
        #expect(!scratch.exists("linked.txt"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path("ro")) == ["file.txt"])
        #expect(!FileManager.default.fileExists(atPath: "/tmp/made-by-guest"))
        #expect(!FileManager.default.fileExists(atPath: "/tmp/taken.txt"))
    }
}
