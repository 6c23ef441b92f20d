// UDP: a datagram from a connected socket, and one to an address, both with their sender's name.
import Bulkhead

@main
struct Datagrams: Program {
    static func expect(_ name: String, _ held: Bool) {
        print("\(name): \(held ? "ok" : "FAILED")")
    }

    static func error(_ body: () throws(HostError) -> Void) -> HostError? {
        do throws(HostError) {
            try body()
            return nil
        } catch {
            return error
        }
    }

    static func run() throws(HostError) {
        let bound = try UDPSocket(binding: "127.0.0.1", port: 0)
        let own = try bound.address
        expect("udp-bind", own.utf8.starts(with: "127.0.0.1:".utf8))
        guard let port = UInt16(String(own.dropFirst(10))) else { return }
        let peer = try UDPSocket(connecting: "127.0.0.1", port: port)
        let other = try peer.address
        expect("udp-connect", other != own)
        try peer.send("datagram")
        var (bytes, sender) = try bound.receive()
        let received = bytes == Array("datagram".utf8) && sender == other
        try peer.send([])
        (bytes, sender) = try bound.receive()
        expect("udp-receive", received && bytes.isEmpty && sender == other)
        try bound.send("to oneself", to: own)
        (bytes, sender) = try bound.receive(upTo: 2)
        expect("udp-send", bytes == Array("to".utf8) && sender == own)
        let denied = error { () throws(HostError) in try bound.send("x", to: "127.0.0.1:1") }
        let invalid = ["127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", ":1", ""].allSatisfy { address in
            error { () throws(HostError) in try bound.send("x", to: address) } == .invalid
        }
        expect("udp-denied", denied == .notCapable && invalid)
        print("done")
    }
}
