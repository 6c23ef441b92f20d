// Connections: the broker makes them where a rule says so, and listeners arrive as descriptors.

import Foundation
import Testing

@Suite("A guest and the network")
struct NetworkTests {
    static let streams = GuestTests.streams

    @Test("connects nowhere without a rule")
    func denied() throws {
        let scratch = try Scratch()
        let outcome = try scratch.run(
            "tcp-connect", policy: "args = true\n" + Self.streams, arguments: ["127.0.0.1", "9"])
        #expect(outcome.lines == ["tcp-connect: denied ENOTCAPABLE"])
        #expect(try scratch.isDenied("tcp_connect", by: "net.connect"))
    }

    @Test("connects to no other port than its rule names")
    func otherPort() throws {
        let scratch = try Scratch()
        let policy = "args = true\n" + Self.streams + "[net]\nconnect = [\"tcp://127.0.0.1:9\"]\n"
        let outcome = try scratch.run("tcp-connect", policy: policy, arguments: ["127.0.0.1", "10"])
        #expect(outcome.lines == ["tcp-connect: denied ENOTCAPABLE"])
    }

    @Test("accepts on a listener that it was handed, and is reached through the broker")
    func echo() throws {
        let served = try EchoService.exchange(
            in: try Scratch(),
            serving: { Self.streams + "[net]\nlisten = [\"tcp://127.0.0.1:\($0)\"]\n" },
            connecting: { "args = true\n" + Self.streams + "[net]\nconnect = [\"tcp://127.0.0.1:\($0)\"]\n" })
        #expect(served == "echoed 5")
    }
}

/// A guest that serves one connection, and a guest that makes it.
enum EchoService {
    /// Lets the two talk under these policies, given a port.
    /// - Returns: the server's last line; nil when no listener came up.
    static func exchange(
        in scratch: Scratch, ports: [UInt16] = [], serving: (UInt16) -> String, connecting: (UInt16) -> String
    ) throws -> String? {
        // The kernel could hand out a port only after the guest has it, so one is guessed; a taken one is guessed again.
        for port in ports + (0..<10).map({ _ in UInt16.random(in: 20_000...30_000) }) {
            let server = try scratch.start("echo-once", policy: serving(port))
            defer { if server.isRunning { server.terminate() } }
            while server.isRunning {
                let client = try scratch.run(
                    "tcp-connect", policy: connecting(port), arguments: ["127.0.0.1", "\(port)"])
                // Not listening yet.
                if client.lines == ["tcp-connect: denied ECONNREFUSED"] { continue }
                // Whoever has the port already may answer anything; then our server does not run.
                guard client.lines == ["tcp-connect: connected", "ping"] else { break }
                return try server.wait().lines.last
            }
        }
        return nil
    }
}
