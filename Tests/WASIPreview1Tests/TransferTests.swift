// Descriptors that go from one process to another, and those that must not.

import CapabilityModel
import LinuxKernel
import ProcessRuntime
import Testing

@testable import WASIPreview1

@Suite struct TransferTests {
    private struct Receiver {
        var hostPath: String?
        var rights: FileRights = .readWrite
        var stdio = StdioGrant.closed
        var connect: [NetworkGrant] = []
        var listen: [NetworkGrant] = []
        var fds: UInt32 = 16

        func guest() throws -> Guest {
            var configuration = WASITemplate.Configuration()
            configuration.limits.fds = fds
            configuration.stdio = stdio
            configuration.connect = connect
            configuration.listen = listen
            var files = WASITemplate.Files(limit: fds)
            if let hostPath {
                try files.addMount(
                    MountGrant(guestPath: "/data", hostPath: hostPath, rights: rights),
                    directory: try Host.directory(hostPath))
            }
            return Guest(WASITemplate(configuration, files))
        }
    }

    private static func refusal(_ guest: Guest, _ transferred: TransferredDescriptor) -> String? {
        do throws(CallFailure) {
            _ = try guest.process.insert(transferred)
            return nil
        } catch {
            guard error == .errno(.notcapable) else { return "\(error)" }
            return guest.denials.all.last?.key.path
        }
    }

    private static func rule(_ transport: Transport, _ host: [UInt8], _ port: UInt16) -> NetworkGrant {
        NetworkGrant(transport: transport, host: .cidr(address: host, prefix: 32), ports: port...port)
    }

    @Test func aFileArrivesWhereItsMountIsHeld() throws {
        let scratch = try Scratch()
        scratch.makeDirectory("inner")
        scratch.makeDirectory("innermost")
        scratch.write("inner/file", "content")
        let sender = try Receiver(hostPath: scratch.path + "/inner").guest()
        let file = try sender.process.duplicate(UInt32(try sender.opened("file")))
        #expect(Self.refusal(try Receiver(hostPath: scratch.path + "/inner").guest(), file) == nil)
        #expect(Self.refusal(try Receiver(hostPath: scratch.path).guest(), file) == nil)
        #expect(
            Self.refusal(try Receiver(hostPath: scratch.path + "/innermost").guest(), file) == "fs[\"/data\"].access")
        #expect(Self.refusal(try Receiver().guest(), file) == "fs[\"/data\"].access")
        let reader = try Receiver(hostPath: scratch.path, rights: .readOnly).guest()
        #expect(Self.refusal(reader, file) == "fs[\"/data\"].access")
        // A sender that gives up what the receiver may not have.
        let narrowed = try sender.opened("file", base: .fdRead)
        let fd = try reader.process.insert(try sender.process.take(UInt32(narrowed)))
        #expect(sender.read(narrowed).0 == .errno(.badf))
        #expect(reader.read(UInt64(fd)) == (.errno(.success), "content"))
        #expect(reader.write(UInt64(fd), "x") == .errno(.notcapable))
    }

    @Test func aDirectoryOpensWithTheReceiversRightsOnly() throws {
        let scratch = try Scratch()
        scratch.write("file", "content")
        let sender = try Receiver(hostPath: scratch.path).guest()
        let receiver = try Receiver(hostPath: scratch.path, rights: [.read, .create, .delete]).guest()
        let everything = try sender.process.duplicate(3)
        #expect(Self.refusal(receiver, everything) == "fs[\"/data\"].access")
        let readable = Rights.directory.intersection(
            Rights.allowed(by: MountGrant(guestPath: "/", hostPath: "/", rights: .readOnly)))
        #expect(
            sender.call("fd_fdstat_set_rights", 3, readable.rawValue, Rights.file.union(.directory).rawValue)
                == .errno(.success))
        let fd = try receiver.process.insert(try sender.process.duplicate(3))
        #expect(receiver.open("file", in: fd, base: .fdRead).0 == .errno(.success))
        // The sender could write to it; the receiver's mount decides.
        #expect(receiver.open("file", in: fd, base: .fdWrite).0 == .errno(.notcapable))
        #expect(receiver.call("fd_prestat_get", UInt64(fd), 0x400) == .errno(.badf))
    }

    @Test func positionsAreSharedAndClosingIsNot() throws {
        let scratch = try Scratch()
        scratch.write("file", "abcdef")
        let (sender, receiver) = (
            try Receiver(hostPath: scratch.path).guest(), try Receiver(hostPath: scratch.path).guest()
        )
        let fd = try sender.opened("file")
        let other = UInt64(try receiver.process.insert(try sender.process.duplicate(UInt32(fd))))
        #expect(sender.read(fd, 2).1 == "ab")
        #expect(receiver.read(other, 2).1 == "cd")
        #expect(sender.call("fd_close", fd) == .errno(.success))
        #expect(receiver.read(other, 2).1 == "ef")
        #expect(
            receiver.call("fd_fdstat_set_flags", other, UInt64(DescriptorFlags.append.rawValue)) == .errno(.success))
    }

    @Test func standardStreamsGoToWhoHasThem() throws {
        let pipe = try Pipe()
        let (readEnd, writeEnd) = pipe.release()
        let sender = try Guest(Scratch())
        try sender.process.setStandardStream(
            2, OwnedFileDescriptor(taking: writeEnd), .init(isTerminal: false, isOwned: true))
        let stream = try sender.process.duplicate(2)
        #expect(Self.refusal(try Receiver().guest(), stream) == "stdio.stderr")
        let stdio = StdioGrant(stdin: .inherit, stdout: .inherit, stderr: .null)
        #expect(Self.refusal(try Receiver(stdio: stdio).guest(), stream) == nil)
        _ = OwnedFileDescriptor(taking: readEnd)
    }

    @Test func socketsGoToWhoHasTheirRule() throws {
        let (near, far) = (Self.rule(.tcp, [127, 0, 0, 1], 80), Self.rule(.tcp, [127, 0, 0, 1], 81))
        let sender = try Receiver(connect: [near, far]).guest()
        let (mine, other) = try UnixSocketPair().release()
        let fd = try sender.process.insertSocket(OwnedFileDescriptor(taking: mine), origin: .connect(near))
        let socket = try sender.process.duplicate(fd)
        #expect(Self.refusal(try Receiver(connect: [near]).guest(), socket) == nil)
        #expect(Self.refusal(try Receiver(connect: [far]).guest(), socket) == "net.connect")
        #expect(Self.refusal(try Receiver(listen: [near]).guest(), socket) == "net.connect")
        #expect(Self.refusal(try Receiver().guest(), socket) == "net.connect")
        // Of a socket whose rule is not known, all of the sender's count.
        let unknown = try sender.process.insertSocket(OwnedFileDescriptor(taking: other))
        let second = try sender.process.take(unknown)
        #expect(Self.refusal(try Receiver(connect: [near]).guest(), second) == "net.connect")
        #expect(Self.refusal(try Receiver(connect: [near, far]).guest(), second) == nil)
    }

    @Test func aListenersConnectionsGoWhereItMay() throws {
        let rule = Self.rule(.tcp, [127, 0, 0, 1], 0)
        let address = try #require(IPAddress(bytes: [127, 0, 0, 1]))
        let listener = try StreamSocket.listen(at: .ip(address, port: 0))
        let place = try #require(try StreamSocket.localAddress(listener.rawValue))
        let sender = try Receiver(listen: [rule]).guest()
        let fd = UInt64(try sender.process.insertSocket(listener, origin: .listen(rule)))
        let client = try StreamSocket.connect(to: place, deadline: nil)
        #expect(sender.run("sock_accept", fd, 0, 0x88) == .errno(.success))
        let connection = try sender.process.duplicate(sender.get(UInt32.self, at: 0x88))
        for transferred in [connection, try sender.process.duplicate(UInt32(fd))] {
            #expect(Self.refusal(try Receiver(listen: [rule]).guest(), transferred) == nil)
            #expect(Self.refusal(try Receiver(connect: [rule]).guest(), transferred) == "net.listen")
        }
        withExtendedLifetime(client) {}
    }

    @Test func theReceiversLimitHolds() throws {
        let scratch = try Scratch()
        scratch.write("file", "")
        let sender = try Receiver(hostPath: scratch.path).guest()
        let file = try sender.process.duplicate(UInt32(try sender.opened("file")))
        let receiver = try Receiver(hostPath: scratch.path, fds: 2).guest()
        #expect(Self.refusal(receiver, file) == nil)
        #expect(throws: CallFailure.errno(.mfile)) { try receiver.process.insert(file) }
        #expect(receiver.denials.all.map(\.key.path) == ["limits.fds"])
        #expect(throws: CallFailure.errno(.badf)) { try receiver.process.duplicate(60) }
    }

    @Test func whatNobodyTakesIsClosed() throws {
        let scratch = try Scratch()
        scratch.write("file", "")
        let sender = try Receiver(hostPath: scratch.path).guest()
        let before = try Host.openDescriptors()
        for _ in 0..<100 { _ = try sender.process.take(UInt32(try sender.opened("file"))) }
        #expect(try Host.openDescriptors() < before + 50)
    }
}
