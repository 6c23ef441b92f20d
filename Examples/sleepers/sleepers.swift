// Twenty thousand processes that sleep 100 ms in a loop. After each ten naps a process says so, and the first one
// counts.
import Bulkhead

@main
struct Sleepers: Program {
    static let count = 20_000

    static func run() throws(HostError) {
        for _ in 0..<count {
            try Process.spawn(Process<Nothing>.current, nap)
        }
        let mailbox = Mailbox<Nothing>.current
        for second in 1...3 {
            for _ in 0..<count { _ = mailbox.receive() }
            print("\(count) processes have slept \(second * 10) times each")
        }
    }

    static func nap(reportingTo parent: consuming Process<Nothing>) throws(HostError) {
        while true {
            for _ in 0..<10 { sleep(.milliseconds(100)) }
            try parent.send(Nothing())
        }
    }
}
