// Addresses and stream sockets.

import Glibc
import LinuxKernel
import Testing

struct SocketTests {
    private static func address(_ text: String) throws -> IPAddress {
        let addresses = try HostResolver.resolve(text)
        return try #require(addresses.first)
    }

    @Test(arguments: [
        "8.8.8.8", "1.1.1.1", "192.0.3.1", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808",
        "2002:808:808::1", "100.128.0.1",
    ])
    func publicAddresses(_ text: String) throws {
        #expect(try Self.address(text).isPublic)
    }

    @Test(arguments: [
        "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255",
        "192.168.0.1", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.9",
        "224.0.0.1", "255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1",
        "64:ff9b:1::1", "2002:a00:1::1", "2001::1", "2001:db8::1", "fe80::1", "fc00::1", "fd12::1", "ff02::1",
        "fec0::1", "3fff::1", "4000::1", "2001:20::1",
    ])
    func otherAddresses(_ text: String) throws {
        #expect(try !Self.address(text).isPublic)
    }

    @Test(arguments: [
        "1.2.3.4", "::", "::1", "2001:db8::1", "2001:db8:0:1:1:1:1:1", "1:0:0:2::3", "fe80::1:0:0:0",
    ])
    func descriptionsAreCanonical(_ text: String) throws {
        #expect(try Self.address(text).description == text)
    }

    @Test func prefixes() throws {
        let address = try Self.address("10.1.255.3")
        #expect(address.isIn(prefix: [10, 1, 254, 0], bits: 23))
        #expect(!address.isIn(prefix: [10, 1, 254, 0], bits: 24))
        #expect(address.isIn(prefix: [99, 9, 9, 9], bits: 0))
        #expect(!address.isIn(prefix: [UInt8](repeating: 0, count: 16), bits: 0))
        #expect(!address.isIn(prefix: [10, 1, 255, 3], bits: 33))
        #expect(IPAddress(bytes: [1, 2, 3]) == nil)
    }

    /// A machine without IPv6 cannot show the second half.
    private static let loopbacks = contents("/proc/net/if_inet6").isEmpty ? ["127.0.0.1"] : ["127.0.0.1", "::1"]

    private static func contents(_ path: String) -> [UInt8] { (try? Descriptor.contents(path)) ?? [] }

    @Test(arguments: loopbacks)
    func connectAndAccept(_ text: String) throws {
        let ip = try Self.address(text)
        let listener = try StreamSocket.listen(at: .ip(ip, port: 0))
        let early = try StreamSocket.accept(listener)
        let isEarly = isPresent(early)
        #expect(!isEarly)
        let local = try #require(try StreamSocket.localAddress(listener.rawValue))
        let client = try StreamSocket.connect(to: local, deadline: nil)
        var entries = [PollEntry(raw: listener.rawValue, events: .read)]
        #expect(try Poll.wait(&entries, deadline: nil) == 1)
        let accepted = try StreamSocket.accept(listener)
        let server = try unwrap(consume accepted)
        #expect(try StreamSocket.peerAddress(client.rawValue) == local)
        #expect(
            try StreamSocket.peerAddress(server.rawValue) == StreamSocket.localAddress(client.rawValue))
        try client.writeAll([1, 2, 3])
        entries = [PollEntry(raw: server.rawValue, events: .read)]
        #expect(try Poll.wait(&entries, deadline: nil) == 1)
        var buffer = [UInt8](repeating: 0, count: 10)
        var span = buffer.mutableSpan
        #expect(try server.read(into: &span) == 3)
        #expect(throws: SystemError("read", errno: EAGAIN)) {
            var span = buffer.mutableSpan
            _ = try server.read(into: &span)
        }
        #expect(throws: SystemError("bind", errno: EADDRINUSE)) { _ = try StreamSocket.listen(at: local) }
    }

    @Test func nobodyListens() throws {
        let ip = try Self.address("127.0.0.1")
        let listener = try StreamSocket.listen(at: .ip(ip, port: 0))
        let local = try #require(try StreamSocket.localAddress(listener.rawValue))
        _ = consume listener
        #expect(throws: SystemError("connect", errno: ECONNREFUSED)) {
            _ = try StreamSocket.connect(to: local, deadline: nil)
        }
    }

    @Test func unixPaths() throws {
        let path = "/tmp/bulkhead-socket-\(getpid())-\(UInt64.random(in: 0 ... .max))"
        defer { removeFile(path) }
        let listener = try StreamSocket.listen(at: .unix(path: path))
        let client = try StreamSocket.connect(to: .unix(path: path), deadline: nil)
        let accepted = try StreamSocket.accept(listener)
        let isAccepted = isPresent(accepted)
        #expect(isAccepted)
        #expect(try StreamSocket.peerAddress(client.rawValue) == .unix(path: path))
        for bad in ["", "\0abstract", String(repeating: "x", count: 108)] {
            #expect(throws: SystemError("connect", errno: EINVAL)) {
                _ = try StreamSocket.connect(to: .unix(path: bad), deadline: nil)
            }
        }
    }

    @Test(arguments: ["", "a\0b", "no-such-host.invalid", String(repeating: "a", count: 300)])
    func badNames(_ name: String) {
        let error = #expect(throws: ResolveError.self) { _ = try HostResolver.resolve(name) }
        #expect(error?.description.isEmpty == false)
    }

    @Test func aRequestAnswersOnItsOwnThread() throws {
        let request = try ResolveRequest("127.0.0.9")
        var entries = [PollEntry(raw: request.rawDescriptor, events: .read)]
        #expect(try Poll.wait(&entries, deadline: nil) == 1)
        let addresses = try #require(try request.result?.get())
        #expect(addresses.map(\.description) == ["127.0.0.9"])
    }
}
