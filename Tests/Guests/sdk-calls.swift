// Every call of SDK/swift, each checked for what it promises: a line `NAME: ok` or `NAME: FAILED` for each.
import Bulkhead

struct Question: Wire {
    let number: Int
    let from: Process<Int>

    func encode(to encoder: inout Encoder) {
        number.encode(to: &encoder)
        from.encode(to: &encoder)
    }

    static func decode(from decoder: inout Decoder) throws(HostError) -> Question {
        Question(number: try .decode(from: &decoder), from: try .decode(from: &decoder))
    }
}

/// An argument with many values and a process in it.
struct Job: Wire {
    let numbers: [Int]
    let parent: Process<String>

    func encode(to encoder: inout Encoder) {
        numbers.encode(to: &encoder)
        parent.encode(to: &encoder)
    }

    static func decode(from decoder: inout Decoder) throws(HostError) -> Job {
        Job(numbers: try .decode(from: &decoder), parent: try .decode(from: &decoder))
    }
}

@main
struct Calls: Program {
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

    static func quiet() {
        while true { _ = Mailbox<Nothing>.current.receive() }
    }

    static func spawning() throws(HostError) {
        let mailbox = Mailbox<String>.current
        try Process.spawn(Job(numbers: Array(0..<500), parent: .current)) { job throws(HostError) in
            try job.parent.send("sum \(job.numbers.reduce(0, +))")
        }
        expect("argument", mailbox.receive(timeout: .seconds(5)) == "sum 124750")
        expect("receive-timeout", mailbox.receive(timeout: .milliseconds(5)) == nil && mailbox.tryReceive() == nil)
        let adder = try Process<Question>.spawn(1) { (step, mailbox) throws(HostError) in
            while true {
                let question = mailbox.receive()
                try question.from.send(question.number + step)
            }
        }
        for number in 1...3 { try adder.send(Question(number: number, from: .current)) }
        let answers = Mailbox<Int>.current
        expect("send", answers.receive() == 2 && answers.receive() == 3 && answers.receive() == 4)
        let full = try Process<Nothing>.spawn(with: .limit(.mailboxMessages, 2)) {
            while true {
                sleep(.milliseconds(20))
                _ = Mailbox<Nothing>.current.tryReceive()
            }
        }
        let refused = error { () throws(HostError) in
            for _ in 0..<3 { try full.trySend(Nothing()) }
        }
        try full.send(Nothing())
        expect("mailbox-full", refused == .again)
        let (_, small) = try Process<Nothing>.spawnMonitored(8 << 20, with: .limit(.memory, 2 << 20)) { size, _ in
            print([UInt8](repeating: 1, count: size).count)
        }
        guard case .trap = small.wait() else { return expect("limit-memory", false) }
        expect("limit-memory", true)
    }

    static func isTrap(_ reason: Reason?) -> Bool {
        guard case .trap = reason else { return false }
        return true
    }

    static func signals() throws(HostError) {
        expect("monitor-normal", try Process<Nothing>.spawnMonitored(0) { _, _ in }.1.wait() == .normal)
        expect("monitor-trap", isTrap(try Process<Nothing>.spawnMonitored(0) { _, _ in fail("as asked") }.1.wait()))
        let (_, because) = try Process<Nothing>.spawnMonitored(0) { _, _ in exit(.bytes([1, 2])) }
        expect("monitor-bytes", because.wait() == .bytes([1, 2]))
        let (_, orderly) = try Process<Nothing>.spawnMonitored(0) { _, _ in exit(.shutdownWith([1, 2])) }
        expect("monitor-shutdown-with", orderly.wait() == .shutdownWith([1, 2]))
        let (_, thrown) = try Process<Nothing>.spawnMonitored(0) { (_, _) throws(HostError) in throw .noEntry }
        expect("monitor-error", thrown.wait() == .bytes(Array("not found".utf8)))
        var child = try Process.spawn(quiet)
        try child.exit(.normal)
        let ignored = child.isAlive
        let monitor = try child.monitor()
        let waiting = monitor.wait(timeout: .milliseconds(5))
        try child.exit(.shutdown)
        expect("exit-shutdown", ignored && waiting == nil && monitor.wait() == .shutdown)
        expect("alive", !child.isAlive)
        expect("monitor-noproc", try child.monitor().wait() == .noProcess)
        let (kept, watch) = try Process<Nothing>.spawnMonitored(0) { _, _ in quiet() }
        try kept.exit(.kill)
        expect("exit-kill", watch.wait() == .killed)
        expect("exit-invalid", error { () throws(HostError) in try kept.exit(.noProcess) } == .invalid)
        child = try Process.spawn {}
        do {
            let unheard = try child.monitor()
            while child.isAlive { sleep(.milliseconds(1)) }
            _ = unheard.number
        }
        expect("demonitor", Mailbox<Nothing>.current.next(timeout: .zero) == nil)
        let (_, linked) = try Process<Nothing>.spawnMonitored(0) { (_, _) throws(HostError) in
            try Process.spawn(with: .linked) { fail("as asked") }
            quiet()
        }
        expect("link", isTrap(linked.wait()))
        trapExit(true)
        child = try Process.spawn(quiet)
        let link = try child.link()
        try child.exit(.shutdown)
        expect("trap-exit", link.wait(timeout: .seconds(5)) == .shutdown)
        child = try Process.spawn(with: .linked, quiet)
        try child.exit(.kill)
        if case .exit(let id, .killed) = Mailbox<Nothing>.current.next(timeout: .seconds(5)) {
            expect("event", id == child.id)
        } else {
            expect("event", false)
        }
        child = try Process.spawn(quiet)
        let end = try child.monitor()
        try child.link().unlink()
        try child.exit(.kill)
        let killed = end.wait() == .killed
        expect("unlink", killed && Mailbox<Nothing>.current.next(timeout: .zero) == nil)
        trapExit(false)
    }

    static func names() throws(HostError) {
        let child = try Process.spawn(quiet)
        try child.register("calls.one")
        expect("register", true)
        let twice = error { () throws(HostError) in try Process<Nothing>.current.register("calls.one") }
        expect("register-twice", twice == .exists)
        let absent = error { () throws(HostError) in _ = try Process<Nothing>.find("calls.none") }
        expect("whereis", try Process<Nothing>.find("calls.one") == child && absent == .noEntry)
        try Process<Nothing>.unregister("calls.one")
        let gone = error { () throws(HostError) in try Process<Nothing>.unregister("calls.one") }
        expect("unregister", gone == .noEntry)
        expect("register-denied", error { () throws(HostError) in try child.register("other") } == .notCapable)
        let denied = error { () throws(HostError) in _ = try Process<Nothing>.find("other") }
        expect("whereis-denied", denied == .notCapable)
        try Process.spawn(Process<Bool>.current, with: .without(.spawn)) { parent throws(HostError) in
            let denied = error { () throws(HostError) in try Process.spawn {} }
            try parent.send(denied == .notCapable)
        }
        expect("without-spawn", Mailbox<Bool>.current.receive())
        let policy = error { () throws(HostError) in try Process.spawn(with: .policy("nobody")) {} }
        expect("policy-denied", policy == .notCapable || policy == .noEntry)
    }

    static func network() throws(HostError) {
        let listener = try TCPListener(port: 0)
        let address = try listener.address
        expect("tcp-listen", address.utf8.starts(with: "127.0.0.1:".utf8))
        guard let port = UInt16(String(address.dropFirst(10))) else { return }
        let client = try TCPStream(connecting: "127.0.0.1", port: port)
        try Process.spawn(try listener.accept()) { connection throws(HostError) in
            var lines = Lines(of: connection)
            while let line = try lines.next() { try lines.stream.write(line + "!\n") }
        }
        try client.write("hello\nwor")
        try client.write([108, 100, 10])
        var lines = Lines(of: client)
        let (first, second) = (try lines.next(), try lines.next())
        expect("tcp-echo", first == "hello!" && second == "world!")
        let denied = error { () throws(HostError) in _ = try TCPStream(connecting: "127.0.0.1", port: 1) }
        expect("tcp-denied", denied == .notCapable)
        expect("resolve", try resolve("localhost").contains("127.0.0.1"))
        let hidden = error { () throws(HostError) in _ = try resolve("example.com") }
        expect("resolve-denied", hidden == .notCapable)
    }

    static func wire() {
        var encoder = Encoder()
        UInt32(7).encode(to: &encoder)
        "abc".encode(to: &encoder)
        Bool?.some(true).encode(to: &encoder)
        [UInt16(1), 2].encode(to: &encoder)
        expect("wire-format", encoder.bytes == [7, 0, 0, 0, 3, 0, 0, 0, 97, 98, 99, 1, 1, 2, 0, 0, 0, 1, 0, 2, 0])
        // A generator of its own, so that a run can be repeated.
        var state = Process<Nothing>.current.id
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(truncatingIfNeeded: (state >> 33) % UInt64(bound))
        }
        var same = true
        var bounded = true
        for _ in 0..<2000 {
            let value: [String?] = (0..<random(20)).map { _ in
                random(3) == 0 ? nil : String(repeating: "é\(random(1000))", count: random(4))
            }
            var encoder = Encoder()
            value.encode(to: &encoder)
            (random(1 << 30) - (1 << 29)).encode(to: &encoder)
            same =
                same
                && encoder.bytes.withUnsafeBytes {
                    var decoder = Decoder($0)
                    guard let back = try? [String?].decode(from: &decoder), (try? Int.decode(from: &decoder)) != nil
                    else { return false }
                    return back == value && decoder.remaining == 0
                }
            // Whatever arrives, decoding ends, with a value or without.
            var bytes = encoder.bytes
            bytes[random(bytes.count)] = UInt8(random(256))
            bounded =
                bounded
                && bytes.withUnsafeBytes {
                    var decoder = Decoder($0)
                    return ((try? [String?].decode(from: &decoder)) ?? []).count <= $0.count
                }
        }
        expect("wire-round-trips", same)
        expect("wire-bounded", bounded)
    }

    static func run() throws(HostError) {
        try spawning()
        try signals()
        try names()
        try network()
        wire()
        print("done")
    }
}
