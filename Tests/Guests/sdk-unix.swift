// Unix sockets, in the directory that the file /data/directory names.
import Bulkhead

@main
struct UnixSockets: Program {
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

    static func echo(_ listener: consuming UnixListener) throws(HostError) {
        var lines = Lines(of: try listener.accept())
        while let line = try lines.next() { try lines.stream.write(line + "!\n") }
    }

    static func run() throws(HostError) {
        let path = try readFile("/data/directory") + "/a.sock"
        do {
            let listener = try UnixListener(path: path)
            let address = try listener.address
            expect("unix-listen", address == "unix:" + path)
            // One reference is sent, the other stays.
            let (_, server) = try Process<Nothing>.spawnMonitored(listener.shared()) {
                (listener, _) throws(HostError) in
                try echo(listener)
            }
            do {
                let client = try UnixStream(connecting: path)
                let peer = try client.peerAddress
                expect("unix-connect", peer == address)
                try client.write("hello\nwor")
                try client.write([108, 100, 10])
                var lines = Lines(of: client)
                let (first, second) = (try lines.next(), try lines.next())
                expect("unix-echo", first == "hello!" && second == "world!" && server.wait(timeout: .zero) == nil)
            }
            // The connection was closed with its value.
            let ended = server.wait(timeout: .seconds(5)) == .normal
            let taken = error { () throws(HostError) in _ = try UnixListener(path: path) }
            // The errno is addrinuse.
            expect("unix-taken", ended && taken == HostError(code: 3))
        }
        // So was the listener, and its path is free.
        var free = false
        for _ in 0..<100 where !free {
            free = error { () throws(HostError) in _ = try UnixListener(path: path) } == nil
            if !free { sleep(.milliseconds(10)) }
        }
        expect("unix-free", free)
        let denied = error { () throws(HostError) in _ = try UnixStream(connecting: "/run/other.sock") }
        let closed = error { () throws(HostError) in _ = try UnixListener(path: "/run/other.sock") }
        expect("unix-denied", denied == .notCapable && closed == .notCapable)
        print("done")
    }
}
