// A thousand processes in a ring hand a token on, until it has made its rounds.
import Bulkhead

@main
struct Ring: Program {
    static let size = 1_000
    static let rounds = 100

    static func run() throws(HostError) {
        let mailbox = Mailbox<Int>.current
        var next = Process<Int>.current
        for _ in 1..<size {
            next = try Process<Int>.spawn(next, handOn)
        }
        try next.send(size * rounds)
        while true {
            let hops = mailbox.receive()
            if hops <= 1 { break }
            try next.send(hops - 1)
        }
        print("\(size * rounds) hops around a ring of \(size)")
    }

    static func handOn(to next: consuming Process<Int>, mailbox: borrowing Mailbox<Int>) throws(HostError) {
        while true {
            try next.send(mailbox.receive() - 1)
        }
    }
}
