// with: lib/number.c
// A server that names numbers, by C code that crashes on large ones. A crash ends the process of one connection, and
// nothing else.
import Bulkhead
import CNumber

@main
struct Numbers: Program {
    static func run() throws(HostError) {
        let listener = try TCPListener(port: 0)
        print("naming numbers on \(try listener.address)")
        while true {
            try Process.spawn(try listener.accept(), name)
        }
    }

    static func name(_ connection: consuming TCPStream) throws(HostError) {
        var lines = Lines(of: connection)
        while let line = try lines.next() {
            var name = [CChar](repeating: 0, count: 16)
            let length = line.withCString { number_name($0, UInt32(line.utf8.count), &name) }
            try lines.stream.write(name[..<Int(length)].map { UInt8(bitPattern: $0) })
        }
    }
}
