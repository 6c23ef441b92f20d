// An echo server with a process for each connection. Reads block, and hold up nobody but their own process.
import Bulkhead

@main
struct EchoServer: Program {
    static func run() throws(HostError) {
        // Any port that the policy covers; ours covers one.
        let listener = try TCPListener(port: 0)
        print("echoing on \(try listener.address)")
        for _ in 1..<4 {
            try Process.spawn(listener.shared(), accept)
        }
        try accept(from: listener)
    }

    static func accept(from listener: consuming TCPListener) throws(HostError) {
        while true {
            try Process.spawn(try listener.accept(), echo)
        }
    }

    static func echo(_ connection: consuming TCPStream) throws(HostError) {
        while true {
            let bytes = try connection.read()
            if bytes.isEmpty { return }
            try connection.write(bytes)
        }
    }
}
