// Standard streams and sockets: they wait instead of blocking, whoever else holds the other copies.

import CapabilityModel
import Glibc
import LinuxKernel
import ProcessRuntime
import Testing

@testable import WASIPreview1

@Suite struct StreamTests {
    private func wait(_ answer: Answer) -> Wait? {
        if case .wait(let wait) = answer { return wait }
        return nil
    }

    @Test(arguments: [true, false])
    func anEmptyPipeWaitsAndAnEndedOneEnds(isOwned: Bool) throws {
        let pipe = try Pair.pipe()
        let guest = Guest()
        try guest.process.setStandardStream(0, pipe.first, .init(isTerminal: false, isOwned: isOwned))
        let waited = wait(guest.read(0).0)
        #expect(waited?.descriptors.map(\.interest) == [.read])
        #expect(waited?.deadline == nil)
        Pair.write(pipe.otherRaw, "line")
        #expect(guest.read(0) == (.errno(.success), "line"))
        #expect(wait(guest.read(0).0) != nil)
        #expect(guest.call("fd_fdstat_set_flags", 0, 4) == .errno(.success))
        #expect(guest.read(0).0 == .errno(.again))
        #expect(guest.write(0, "x") == .errno(.notcapable))
        #expect(guest.call("fd_seek", 0, 0, 0, 0x90) == .errno(.spipe))
        #expect(guest.call("fd_sync", 0) == .errno(.inval))
        #expect(guest.call("fd_advise", 0, 0, 0, 0) == .errno(.spipe))
        #expect(guest.call("sock_shutdown", 0, 1) == .errno(.notsock))
        #expect(guest.call("sock_recv", 0, 0x200, 1, 0, 0x88, 0x8c) == .errno(.notsock))
        #expect(guest.call("sock_send", 0, 0x200, 1, 0, 0x88) == .errno(.notsock))
        #expect(guest.call("sock_accept", 0, 0, 0x88) == .errno(.notsock))
        close(pipe.otherRaw)
        #expect(guest.read(0) == (.errno(.success), ""))
    }

    @Test(arguments: [true, false])
    func aFullPipeWaits(isOwned: Bool) throws {
        let pipe = try Pair.pipe()
        let guest = Guest(memory: 1 << 20)
        let reader = pipe.first
        try guest.process.setStandardStream(
            1, OwnedFileDescriptor(taking: pipe.otherRaw), .init(isTerminal: false, isOwned: isOwned))
        guest.put(UInt32(0x1000), at: 0x200)
        guest.put(UInt32(900_000), at: 0x204)
        #expect(guest.call("fd_write", 1, 0x200, 1, 0x88) == .errno(.success))
        let written = guest.get(UInt32.self, at: 0x88)
        #expect(written > 0 && written < 900_000)
        #expect(wait(guest.call("fd_write", 1, 0x200, 1, 0x88))?.descriptors.map(\.interest) == [.write])
        #expect(Pair.drain(reader.rawValue, Int(written)) == Int(written))
        #expect(guest.call("fd_write", 1, 0x200, 1, 0x88) == .errno(.success))
    }

    /// A pseudo-terminal knows no RWF_NOWAIT, so it is polled first.
    @Test func aTerminalIsPolled() throws {
        let terminal = try Pair.terminal()
        let master = terminal.otherRaw
        let guest = Guest()
        try guest.process.setStandardStream(
            0, OwnedFileDescriptor(taking: dup(terminal.first.rawValue)), .init(isTerminal: true, isOwned: false))
        try guest.process.setStandardStream(1, terminal.first, .init(isTerminal: true, isOwned: false))
        #expect(guest.call("fd_fdstat_get", 0, 0x90) == .errno(.success))
        #expect(guest.memory[0x90] == FileType.characterDevice.rawValue)
        var answer = guest.read(0).0
        if wait(answer)?.descriptors.isEmpty == true { answer = guest.read(0).0 }
        #expect(wait(answer)?.descriptors.count == 1)
        Pair.write(master, "typed\n")
        guest.put(UInt32(0x1000), at: 0x200)
        guest.put(UInt32(64), at: 0x204)
        #expect(guest.run("fd_read", 0, 0x200, 1, 0x88) == .errno(.success))
        #expect(guest.text(at: 0x1000, 6) == "typed\n")
        guest.put(Array("shown".utf8), at: 0x1000)
        guest.put(UInt32(5), at: 0x204)
        #expect(guest.run("fd_write", 1, 0x200, 1, 0x88) == .errno(.success))
    }

    @Test func aFileAsAStreamHasAPosition() throws {
        let scratch = try Scratch()
        scratch.write("input", "content")
        let guest = try Guest(try Scratch())
        try guest.process.setStandardStream(
            0, scratch.opened("input"), .init(isTerminal: false, isOwned: true))
        #expect(guest.call("fd_seek", 0, 3, 0, 0x90) == .errno(.success))
        #expect(guest.read(0) == (.errno(.success), "tent"))
        #expect(guest.call("fd_fdstat_set_flags", 0, 1) == .errno(.notsup))
        #expect(guest.call("fd_filestat_set_size", 0, 0) == .errno(.notcapable))
    }

    @Test func unsetStreamsAreClosedAndStaySo() throws {
        let guest = try Guest(try Scratch())
        for fd: UInt64 in 0...2 {
            #expect(guest.read(fd).0 == .errno(.badf))
            #expect(guest.write(fd, "x") == .errno(.badf))
        }
        #expect(guest.open("new", mode: .create) == (.errno(.success), 4))
        let fourth = failure(guest, stream: 3, OwnedFileDescriptor(taking: dup(0)))
        #expect(fourth == EINVAL)
        let scratch = try Scratch()
        let directory = failure(guest, stream: 0, try scratch.opened("."))
        #expect(directory == EINVAL)
    }

    @Test func aConnectionSendsReceivesAndShutsDown() throws {
        let guest = Guest()
        let pair = try Pair.sockets()
        let fd = UInt64(try guest.process.insertSocket(pair.first, call: "test.insert"))
        #expect(fd == 3)
        guest.put(Array("hello".utf8), at: 0x1000)
        guest.put(UInt32(0x1000), at: 0x200)
        guest.put(UInt32(5), at: 0x204)
        #expect(guest.call("sock_send", fd, 0x200, 1, 0, 0x88) == .errno(.success))
        #expect(Pair.drain(pair.otherRaw, 5) == 5)
        #expect(guest.call("sock_send", fd, 0x200, 1, 1, 0x88) == .errno(.inval))
        #expect(wait(guest.call("sock_recv", fd, 0x200, 1, 0, 0x88, 0x8c)) != nil)
        Pair.write(pair.otherRaw, "abc")
        #expect(guest.call("sock_recv", fd, 0x200, 1, 1, 0x88, 0x8c) == .errno(.success))
        #expect(guest.get(UInt32.self, at: 0x88) == 3)
        #expect(wait(guest.call("sock_recv", fd, 0x200, 1, 2, 0x88, 0x8c)) != nil)
        Pair.write(pair.otherRaw, "defgh")
        #expect(guest.run("sock_recv", fd, 0x200, 1, 2, 0x88, 0x8c) == .errno(.success))
        #expect(guest.get(UInt32.self, at: 0x88) == 5)
        #expect(guest.text(at: 0x1000, 5) == "abcde")
        #expect(guest.read(fd) == (.errno(.success), "fgh"))
        #expect(guest.call("sock_recv", fd, 0x200, 1, 4, 0x88, 0x8c) == .errno(.inval))
        #expect(guest.call("sock_recv", fd, 0x200, 1025, 0, 0x88, 0x8c) == .errno(.inval))
        #expect(guest.call("sock_accept", fd, 0, 0x88) == .errno(.inval))
        #expect(guest.call("sock_shutdown", fd, 0) == .errno(.inval))
        #expect(guest.call("sock_shutdown", fd, 4) == .errno(.inval))
        #expect(guest.call("sock_shutdown", fd, 2) == .errno(.success))
        #expect(guest.write(fd, "x") == .errno(.pipe))
        close(pair.otherRaw)
        #expect(guest.read(fd) == (.errno(.success), ""))
        #expect(guest.call("sock_shutdown", 9, 1) == .errno(.badf))
    }

    @Test func aListenerAcceptsWithinTheLimit() throws {
        var limits = Limits.default
        limits.fds = 2
        let guest = Guest(WASIProcess.Configuration(limits: limits))
        let scratch = try Scratch()
        let path = scratch.path + "/socket"
        let fd = UInt64(try guest.process.insertSocket(try Pair.listener(path), call: "test.insert"))
        #expect(wait(guest.call("sock_accept", fd, 0, 0x88))?.descriptors.map(\.interest) == [.read])
        let first = try Pair.connect(path)
        let second = try Pair.connect(path)
        #expect(guest.call("sock_accept", fd, 16, 0x88) == .errno(.inval))
        #expect(guest.call("sock_accept", fd, 4, 0x88) == .errno(.success))
        let accepted = UInt64(guest.get(UInt32.self, at: 0x88))
        #expect(guest.read(accepted).0 == .errno(.again))
        Pair.write(first.rawValue, "x")
        #expect(guest.read(accepted) == (.errno(.success), "x"))
        #expect(guest.call("sock_accept", fd, 0, 0x88) == .errno(.mfile))
        #expect(guest.denials.all.map(\.key.path) == ["limits.fds"])
        #expect(guest.call("fd_close", accepted) == .errno(.success))
        #expect(guest.call("sock_accept", fd, 0, 0x88) == .errno(.success))
        #expect(guest.call("sock_recv", fd, 0x200, 0, 0, 0x88, 0x8c) == .errno(.notconn))
        #expect(guest.call("sock_send", fd, 0x200, 0, 0, 0x88) == .errno(.notconn))
        _ = second
        let pair = try Pair.sockets()
        let refused = failure(guest, pair.first)
        #expect(refused == .errno(.mfile))
        #expect(guest.denials.all.last?.call == "bulkhead.tcp_connect")
        let pipe = try Pair.pipe()
        let noSocket = failure(guest, pipe.first)
        #expect(noSocket == .errno(.notsock))
    }

    private func failure(_ guest: Guest, _ file: consuming OwnedFileDescriptor) -> CallFailure? {
        do throws(CallFailure) {
            _ = try guest.process.insertSocket(file, call: "bulkhead.tcp_connect")
            return nil
        } catch {
            return error
        }
    }

    private func failure(_ guest: Guest, stream index: Int, _ file: consuming OwnedFileDescriptor) -> Int32? {
        do throws(SystemError) {
            try guest.process.setStandardStream(index, file, .init(isTerminal: false, isOwned: false))
            return nil
        } catch {
            return error.errno
        }
    }
}
