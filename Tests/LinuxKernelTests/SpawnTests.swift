// Starting, waiting for and signalling child processes.

import Glibc
import LinuxKernel
import Synchronization
import Testing

final class Started: Sendable {
    let pid = Atomic<Int32>(0)
}

struct SpawnTests {
    private func shell(_ script: String, _ edit: (inout SpawnRequest) -> Void = { _ in }) throws -> String {
        let pipe = try Pipe()
        var request = SpawnRequest(executable: "/bin/sh", arguments: ["sh", "-c", script])
        request.descriptors = [.init(pipe.writeEnd.rawValue, as: 1)]
        edit(&request)
        let child = try Spawn.start(request)
        let readEnd = pipe.closeWriteEnd()
        let text = try #require(try Descriptor.readToEnd(readEnd.rawValue, limit: 1 << 20))
        _ = try child.wait()
        return String(decoding: text, as: UTF8.self)
    }

    @Test(arguments: [0, 1, 255] as [Int32])
    func exitCode(_ code: Int32) throws {
        let child = try Spawn.start(SpawnRequest(executable: "/bin/sh", arguments: ["sh", "-c", "exit \(code)"]))
        #expect(try child.wait().exit == .exited(code: code))
        let error = #expect(throws: SystemError.self) { _ = try child.wait() }
        #expect(error?.errno == ECHILD)
    }

    @Test func aSignalEndsIt() throws {
        let child = try Spawn.start(SpawnRequest(executable: "/bin/sleep", arguments: ["sleep", "1000"]))
        #expect(try child.poll() == nil)
        try child.send(signal: SIGTERM)
        let ended = try child.wait()
        #expect(ended.exit == .signaled(signal: SIGTERM, dumpedCore: false))
        #expect(ended.usage.maximumResidentSize > 0)
    }

    @Test func theDescriptorIsReadableAtTheEnd() throws {
        let child = try Spawn.start(SpawnRequest(executable: "/bin/true", arguments: ["true"]))
        var entries = [PollEntry(raw: child.descriptor.rawValue, events: .read)]
        #expect(try Poll.wait(&entries, deadline: nil) == 1)
        #expect(try child.poll()?.exit == .exited(code: 0))
    }

    @Test(arguments: [("/nonexistent/program", ENOENT), ("/etc/passwd", EACCES), ("/", EACCES)])
    func aFailedExecLeavesNoChild(_ path: String, _ errno: Int32) throws {
        let error = #expect(throws: SystemError.self) {
            _ = try Spawn.start(SpawnRequest(executable: path, arguments: ["x"]))
        }
        #expect(error == SystemError("execve", errno: errno))
    }

    @Test func stringsWithNULAreRefused() {
        let error = #expect(throws: SystemError.self) {
            _ = try Spawn.start(SpawnRequest(executable: "/bin/true", arguments: ["a\0b"]))
        }
        #expect(error?.errno == EINVAL)
    }

    @Test func onlyListedDescriptorsAreInherited() throws {
        let leaked = try OwnedFileDescriptor(opening: "/dev/null", flags: O_RDONLY)
        // Without close-on-exec it would reach the child, did the spawn not close it.
        #expect(fcntl(leaked.rawValue, F_SETFD, 0) == 0)
        let null = try OwnedFileDescriptor(opening: "/dev/zero", flags: O_RDONLY)
        let list = try shell("ls -l /proc/self/fd | grep -o '[0-9]* -> .*'") {
            $0.descriptors.append(.init(null.rawValue, as: 7))
        }
        let numbers = list.split(separator: "\n").compactMap { Int($0.split(separator: " ")[0]) }
        // 3 is the directory that `ls` itself reads.
        #expect(Set(numbers) == [0, 1, 2, 3, 7])
        #expect(list.contains("0 -> /dev/null"))
        #expect(list.contains("2 -> /dev/null"))
        #expect(list.contains("7 -> /dev/zero"))
    }

    @Test func descriptorsMayTradePlaces() throws {
        let pipe = try Pipe()
        let zero = try OwnedFileDescriptor(opening: "/dev/zero", flags: O_RDONLY)
        let full = try OwnedFileDescriptor(opening: "/dev/full", flags: O_RDONLY)
        var request = SpawnRequest(
            executable: "/bin/sh",
            arguments: [
                "sh", "-c", "readlink /proc/self/fd/\(zero.rawValue) /proc/self/fd/\(full.rawValue)",
            ])
        request.descriptors = [
            .init(pipe.writeEnd.rawValue, as: 1), .init(zero.rawValue, as: full.rawValue),
            .init(full.rawValue, as: zero.rawValue),
        ]
        let child = try Spawn.start(request)
        #expect(try child.wait().exit == .exited(code: 0))
        var buffer = [UInt8](repeating: 0, count: 100)
        var span = buffer.mutableSpan
        let count = try pipe.readEnd.read(into: &span)
        #expect(String(decoding: buffer[..<count], as: UTF8.self) == "/dev/full\n/dev/zero\n")
    }

    @Test func duplicateTargetsAndBadSourcesAreErrors() throws {
        var request = SpawnRequest(executable: "/bin/true", arguments: ["true"])
        request.descriptors = [.init(0, as: 5), .init(1, as: 5)]
        #expect(throws: SystemError("dup2", errno: EINVAL)) { _ = try Spawn.start(request) }
        request.descriptors = [.init(99_999, as: 5)]
        #expect(throws: SystemError("dup2", errno: EBADF)) { _ = try Spawn.start(request) }
        request.descriptors = [.init(0, as: -1)]
        #expect(throws: SystemError("dup2", errno: EBADF)) { _ = try Spawn.start(request) }
    }

    @Test func limitsAreSetAndNeverRaised() throws {
        let hard = try ResourceLimit.get("nofile").hard
        #expect(
            try shell("ulimit -n; ulimit -Hn; ulimit -c") {
                $0.limits = [("nofile", 50), ("core", 0)]
            } == "50\n50\n0\n")
        #expect(try shell("ulimit -n") { $0.limits = [("nofile", ResourceLimit.unlimited)] } == "\(hard)\n")
        #expect(throws: SystemError("setrlimit", errno: EINVAL)) {
            _ = try shell("true") { $0.limits = [("no such limit", 1)] }
        }
    }

    @Test func theEnvironmentIsOnlyWhatIsListed() throws {
        #expect(
            try shell("/usr/bin/env | grep -v -e ^PWD -e ^SHLVL -e ^_=") {
                $0.environment = ["A=1", "B=two words"]
            } == "A=1\nB=two words\n")
    }

    @Test func signalsAndPrivilegesAreReset() throws {
        try Signal.ignore(SIGPIPE)
        let status = try shell("grep -E '^(SigBlk|SigIgn|NoNewPrivs)' /proc/self/status")
        #expect(status == "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nNoNewPrivs:\t1\n")
        #expect(try shell("grep NoNewPrivs /proc/self/status") { $0.noNewPrivileges = false }.hasSuffix("0\n"))
    }

    @Test func groupsAndOutOfMemoryScore() throws {
        // pid, process group, session
        let fields = "read -r pid name state parent group session rest < /proc/self/stat; "
        let separate = try shell(fields + "echo $pid $group $session") { $0.group = .newSession }
        let numbers = separate.split(whereSeparator: \.isWhitespace)
        #expect(numbers.count == 3 && Set(numbers).count == 1)
        let grouped = try shell(fields + "echo $pid $group $session").split(whereSeparator: \.isWhitespace)
        #expect(grouped[0] == grouped[1] && grouped[0] != grouped[2])
        #expect(try shell("cat /proc/self/oom_score_adj") { $0.oomScoreAdjustment = 777 } == "777\n")
    }

    /// A child whose spawning process dies is killed, and the pipe it holds reaches its end.
    @Test func itDiesWithTheThreadThatSpawnedIt() throws {
        let pipe = try Pipe()
        let writeEnd = try pipe.writeEnd.duplicate().release()
        let started = Started()
        let thread = try spawnThread(name: "parent") {
            var request = SpawnRequest(executable: "/bin/sleep", arguments: ["sleep", "1000"])
            request.descriptors = [.init(writeEnd, as: 1)]
            if let child = try? Spawn.start(request) { started.pid.store(child.pid, ordering: .releasing) }
            close(writeEnd)
        }
        thread.join()
        let readEnd = pipe.closeWriteEnd()
        let content = try readEnd.readToEnd(limit: 10)
        #expect(content == [])
        // Unreaped children keep the monitor of exit tests busy.
        let exit = try PidFD(opening: started.pid.load(ordering: .acquiring)).wait().exit
        #expect(exit == .signaled(signal: SIGKILL, dumpedCore: false))
    }
}
