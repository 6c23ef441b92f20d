// The broker served by a test in the place of a cell: what arrives is what was asked for, and floods stay bounded.

import CapabilityModel
import CellProtocol
import Glibc
import LinuxKernel
import Testing

@testable import CellSupervisor

/// The cell's end of a control socket, and the broker at the other.
final class BrokerBench {
    let broker: Broker
    private let cell: MessageSocket
    let directory: String

    init(connect: [String] = [], listen: [String] = [], resolve: [HostPattern] = [], handed: [Int32] = []) throws {
        directory = "/tmp/bulkhead-broker-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        try HostFile.makeDirectories(directory)
        let (ours, theirs) = try UnixSocketPair().release()
        cell = MessageSocket(OwnedFileDescriptor(taking: theirs))
        let place = directory
        func grants(_ texts: [String]) -> [NetworkGrant] { texts.map { BrokerBench.grant($0, in: place) } }
        broker = Broker(
            capabilities: CapabilitySet(connect: grants(connect), listen: grants(listen), resolve: resolve),
            policies: [], listeners: handed, control: ControlSocket(MessageSocket(OwnedFileDescriptor(taking: ours))))
    }

    deinit {
        broker.close()
        for name in (try? HostFile.names(in: directory)) ?? [] { try? HostFile.remove(directory + "/" + name) }
        try? HostFile.removeDirectory(directory)
    }

    /// `tcp 127.0.0.1 0-65535`, `unix NAME`
    private static func grant(_ text: String, in directory: String) -> NetworkGrant {
        let words = text.split(separator: " ").map(String.init)
        guard words.count == 3 else {
            return NetworkGrant(transport: .unix, host: .path(directory + "/" + words[1]), ports: 0...0)
        }
        let ports = words[2].split(separator: "-").compactMap { UInt16($0) }
        let host: HostPattern =
            IPAddress(text: words[1]).map { .cidr(address: $0.bytes, prefix: $0.bytes.count * 8) } ?? .name(words[1])
        return NetworkGrant(
            transport: words[0] == "tcp" ? .tcp : .udp, host: host, ports: (ports.first ?? 0)...(ports.last ?? 0))
    }

    /// Asks, and waits for the answer to it.
    func ask(_ operation: BrokerRequest.Operation) throws -> (answer: BrokerAnswer, socket: HeldDescriptor?) {
        guard case .accepted = broker.submit(BrokerRequest(id: 7, operation: operation)) else {
            return (BrokerAnswer(id: 7, errno: WASIErrno.notcapable), nil)
        }
        return try next()
    }

    func next() throws -> (answer: BrokerAnswer, socket: HeldDescriptor?) {
        var buffer = [UInt8](repeating: 0, count: 4096)
        var span = buffer.mutableSpan
        guard var message = try cell.receive(into: &span, maximumDescriptors: 4) else { throw WireError.truncated }
        let descriptor: HeldDescriptor? =
            if let taken = message.descriptors.takeFirst() { HeldDescriptor(taken) } else { nil }
        let count = message.count
        guard case .answered(let answer) = try SupervisorMessage(decoding: Array(buffer[..<count])) else {
            throw WireError.invalid("answer")
        }
        return (answer, descriptor)
    }
}

@Suite struct BrokerTests {
    @Test func listensConnectsAndTalks() throws {
        let bench = try BrokerBench(connect: ["tcp 127.0.0.1 1-65535"], listen: ["tcp 127.0.0.1 0"])
        let listener = try #require(try bench.ask(.tcpListen(host: "localhost", port: 0, backlog: 8)).socket)
        let port = try #require(try StreamSocket.localAddress(listener.raw)?.port)
        let (answer, socket) = try bench.ask(.connect(.tcp, host: "127.0.0.1", port: port))
        #expect(answer.errno == 0 && answer.socket == 0)
        let client = try #require(socket)
        #expect(try StreamSocket.peerAddress(client.raw)?.port == port)
        guard let served = try StreamSocket.accept(listener.descriptor) else {
            Issue.record("nobody is waiting")
            return
        }
        let sent: [UInt8] = [1, 2, 3]
        _ = try Descriptor.write(client.raw, sent.span)
        var bytes = [UInt8](repeating: 0, count: 8)
        var span = bytes.mutableSpan
        #expect(try served.read(into: &span) == 3)
    }

    @Test func aRangeOfPortsIsTriedInOrder() throws {
        let bench = try BrokerBench(listen: ["tcp 127.0.0.1 0", "tcp 127.0.0.2 30000-30400"])
        var ports: Set<UInt16> = []
        var sockets: [HeldDescriptor] = []
        for _ in 0..<5 {
            let (answer, socket) = try bench.ask(.tcpListen(host: "127.0.0.2", port: 0, backlog: 1))
            #expect(answer.errno == 0)
            let held = try #require(socket)
            sockets.append(held)
            ports.insert(try #require(try StreamSocket.localAddress(held.raw)?.port))
        }
        #expect(ports.count == 5 && ports.allSatisfy { (30000...30400).contains($0) })
    }

    @Test func whatWasHandedInIsNotBoundTwice() throws {
        let handed = try StreamSocket.listen(at: .ip(try #require(IPAddress(text: "127.0.0.1")), port: 0))
        let port = try #require(try StreamSocket.localAddress(handed.rawValue)?.port)
        let bench = try BrokerBench(listen: ["tcp 127.0.0.1 1-65535"], handed: [handed.rawValue])
        let (answer, socket) = try bench.ask(.tcpListen(host: "127.0.0.1", port: port, backlog: 8))
        #expect(answer.errno == 0)
        #expect(try StreamSocket.localAddress(try #require(socket).raw)?.port == port)
    }

    @Test func anyPortMayBeTheOneThatWasHandedIn() throws {
        let handed = try StreamSocket.listen(at: .ip(try #require(IPAddress(text: "127.0.0.1")), port: 0))
        let port = try #require(try StreamSocket.localAddress(handed.rawValue)?.port)
        let bench = try BrokerBench(listen: ["tcp 127.0.0.1 \(port)"], handed: [handed.rawValue])
        let (answer, socket) = try bench.ask(.tcpListen(host: "127.0.0.1", port: 0, backlog: 8))
        #expect(answer.errno == 0)
        #expect(try StreamSocket.localAddress(try #require(socket).raw)?.port == port)
    }

    @Test func datagramsAreSentForTheCell() throws {
        let bench = try BrokerBench(connect: ["udp 127.0.0.1 1-65535"], listen: ["udp 127.0.0.1 0"])
        let (bound, socket) = try bench.ask(.udpBind(host: "127.0.0.1", port: 0))
        #expect(bound.errno == 0 && bound.socket != 0)
        let receiver = try #require(socket)
        let port = try #require(try StreamSocket.localAddress(receiver.raw)?.port)
        #expect(
            try bench.ask(.udpSend(socket: bound.socket, host: "127.0.0.1", port: port, data: [9, 8])).answer.errno == 0
        )
        var bytes = [UInt8](repeating: 0, count: 8)
        var span = bytes.mutableSpan
        #expect(try receiver.descriptor.read(into: &span) == 2)
        // As long as UDP takes.
        let long = [UInt8](repeating: 1, count: BrokerRequest.datagramLimit)
        #expect(
            try bench.ask(.udpSend(socket: bound.socket, host: "127.0.0.1", port: port, data: long)).answer.errno == 0)
        let (connected, peer) = try bench.ask(.connect(.udp, host: "127.0.0.1", port: port))
        #expect(connected.errno == 0)
        #expect(try StreamSocket.peerAddress(try #require(peer).raw)?.port == port)

        #expect(try bench.ask(.udpSend(socket: 999, host: "127.0.0.1", port: port, data: [])).answer.errno == 8)
        bench.broker.release(socket: bound.socket)
        #expect(
            try bench.ask(.udpSend(socket: bound.socket, host: "127.0.0.1", port: port, data: [])).answer.errno == 8)
    }

    @Test func unixSocketsArePathsThatGoAway() throws {
        let bench = try BrokerBench(connect: ["unix *"], listen: ["unix *"])
        let path = bench.directory + "/a.sock"
        let (answer, socket) = try bench.ask(.unixListen(path: path, backlog: 4))
        #expect(answer.errno == 0 && answer.socket != 0)
        let listener = try #require(socket)
        #expect(try bench.ask(.unixListen(path: path, backlog: 4)).answer.errno == WASIErrno.of(EADDRINUSE))
        let client = try #require(try bench.ask(.unixConnect(path: path)).socket)
        var isAccepted = false
        if let _ = try StreamSocket.accept(listener.descriptor) { isAccepted = true }
        #expect(isAccepted)
        #expect(try StreamSocket.peerAddress(client.raw) == .unix(path: path))
        bench.broker.release(socket: answer.socket)
        #expect(try bench.ask(.unixConnect(path: path)).answer.errno == WASIErrno.noent)

        #expect(try bench.ask(.unixListen(path: path, backlog: 4)).answer.errno == 0)
        bench.broker.close()
        #expect(try HostFile.status(path: path, followLinks: false) == nil)
    }

    @Test func nothingIsReplacedAndNoLinkLeadsOut() throws {
        let bench = try BrokerBench(connect: ["unix *"], listen: ["unix *"])
        let outside = try BrokerBench(listen: ["unix *"])
        let target = outside.directory + "/out.sock"
        #expect(try outside.ask(.unixListen(path: target, backlog: 1)).answer.errno == 0)
        // SAFETY: both strings live for the call.
        _ = unsafe symlink(target, bench.directory + "/link.sock")
        _ = unsafe symlink(outside.directory, bench.directory + "/link")
        _ = try OwnedFileDescriptor(opening: bench.directory + "/file", flags: O_CREAT | O_WRONLY, mode: 0o600)
        #expect(try bench.ask(.unixConnect(path: bench.directory + "/link.sock")).answer.errno != 0)
        #expect(try bench.ask(.unixConnect(path: bench.directory + "/link/out.sock")).answer.errno != 0)
        #expect(try bench.ask(.unixConnect(path: bench.directory + "/file")).answer.errno == WASIErrno.of(ECONNREFUSED))
        #expect(try bench.ask(.unixListen(path: bench.directory + "/link/in.sock", backlog: 1)).answer.errno != 0)
        #expect(try bench.ask(.unixListen(path: bench.directory + "/link.sock", backlog: 1)).answer.errno == 3)
        #expect(try bench.ask(.unixListen(path: bench.directory + "/file", backlog: 1)).answer.errno == 3)
        #expect(try HostFile.names(in: outside.directory) == ["out.sock"])
        bench.broker.close()
        #expect(try HostFile.names(in: bench.directory).sorted() == ["file", "link", "link.sock"])
    }

    @Test func localNamesResolve() throws {
        let bench = try BrokerBench(resolve: [.name("localhost")])
        let (answer, _) = try bench.ask(.resolve(name: "localhost"))
        #expect(answer.errno == 0)
        #expect(answer.addresses.contains("127.0.0.1") || answer.addresses.contains("::1"))
    }

    /// This machine's own name, where it leads to a private address, as it does in most /etc/hosts.
    private static let ownName: String? = {
        guard let name = try? HostFile.readLine("/proc/sys/kernel/hostname"),
            let list = try? HostResolver.resolve(name),
            list.allSatisfy({ !$0.isPublic })
        else { return nil }
        return name
    }()

    @Test(.enabled(if: ownName != nil)) func aNameThatLeadsInsideIsAudited() throws {
        let name = try #require(Self.ownName)
        let bench = try BrokerBench(connect: ["tcp \(name.lowercased()) 9"])
        #expect(try bench.ask(.connect(.tcp, host: name, port: 9)).answer.errno == WASIErrno.notcapable)
        let denial = try #require(bench.broker.takeDenials().first)
        #expect(denial.call == "bulkhead.tcp_connect" && denial.key == PolicyKey("net.connect"))
        #expect(denial.arguments.contains("resolves to"))
        #expect(bench.broker.takeDenials().isEmpty)
    }

    @Test func manyRequestsAtOnceAreAnsweredEach() throws {
        let bench = try BrokerBench(connect: ["tcp 127.0.0.1 1-65535"], listen: ["tcp 127.0.0.1 0"])
        let listener = try #require(try bench.ask(.tcpListen(host: "127.0.0.1", port: 0, backlog: 4096)).socket)
        let port = try #require(try StreamSocket.localAddress(listener.raw)?.port)
        for id in 0..<600 as Range<UInt32> {
            let operation = BrokerRequest.Operation.connect(.tcp, host: "127.0.0.1", port: port)
            guard case .accepted = bench.broker.submit(BrokerRequest(id: id, operation: operation)) else {
                Issue.record("request \(id) was not accepted")
                return
            }
        }
        var answered: Set<UInt32> = []
        for _ in 0..<600 {
            let (answer, socket) = try bench.next()
            #expect(answer.errno == 0 && socket != nil)
            answered.insert(answer.id)
        }
        #expect(answered.count == 600)
    }

    @Test func aCellThatReadsNoAnswersRunsOutOfRequests() throws {
        let bench = try BrokerBench()
        var refused = 0
        for id in 0..<100_000 as Range<UInt32> {
            let request = BrokerRequest(id: id, operation: .connect(.tcp, host: "127.0.0.1", port: 9))
            if case .tooMany = bench.broker.submit(request) { refused += 1 }
            if refused > 0 { break }
        }
        #expect(refused == 1)
    }
}

extension HostFile {
    fileprivate static func readLine(_ path: String) throws -> String? {
        guard let bytes = try OwnedFileDescriptor(opening: path, flags: O_RDONLY).readToEnd(limit: 4096) else {
            return nil
        }
        return String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }
}
