// What servers and calls promise, on both kinds of process.
import Bulkhead

enum Request: Wire {
    case add, late, crash, stop, put_off
    case large([UInt8])
    case nested(Server<Counter>)

    func encode(to encoder: inout Encoder) {
        switch self {
        case .add: UInt8(0).encode(to: &encoder)
        case .late: UInt8(1).encode(to: &encoder)
        case .crash: UInt8(2).encode(to: &encoder)
        case .stop: UInt8(3).encode(to: &encoder)
        case .put_off: UInt8(4).encode(to: &encoder)
        case .large(let bytes):
            UInt8(5).encode(to: &encoder)
            bytes.encode(to: &encoder)
        case .nested(let other):
            UInt8(6).encode(to: &encoder)
            other.encode(to: &encoder)
        }
    }

    static func decode(from decoder: inout Decoder) throws(HostError) -> Request {
        switch try UInt8.decode(from: &decoder) {
        case 0: .add
        case 1: .late
        case 2: .crash
        case 3: .stop
        case 4: .put_off
        case 5: .large(try .decode(from: &decoder))
        case 6: .nested(try .decode(from: &decoder))
        default: throw .malformed
        }
    }
}

struct Counter: GenServer {
    var count: Int
    var waiting: Caller<Int>?

    init(_ start: Int) { count = start }

    mutating func call(_ request: Request, from caller: Caller<Int>) -> Next {
        switch request {
        // Calls itself while others call.
        case .nested(let other): _ = try? other.call(.late)
        case .late: sleep(.milliseconds(60))
        case .crash: fail("as asked")
        case .stop: return .stop
        case .put_off:
            waiting = caller
            return .goOn
        case .large(let bytes): count += bytes.count
        case .add: break
        }
        count += 1
        try? caller.reply(count)
        return .goOn
    }

    mutating func cast(_ number: Int) -> Next {
        count += number
        return .goOn
    }

    mutating func info(_ info: Info) -> Next {
        count += 1000
        try? waiting?.reply(count)
        waiting = nil
        return .goOn
    }
}

/// One server that is to call another.
struct Nesting: Wire {
    let server: Server<Counter>
    let other: Server<Counter>

    func encode(to encoder: inout Encoder) {
        server.encode(to: &encoder)
        other.encode(to: &encoder)
    }

    static func decode(from decoder: inout Decoder) throws(HostError) -> Nesting {
        Nesting(server: try .decode(from: &decoder), other: try .decode(from: &decoder))
    }
}

struct Deferral: Wire {
    let server: Server<Counter>
    let parent: Process<Int>

    func encode(to encoder: inout Encoder) {
        server.encode(to: &encoder)
        parent.encode(to: &encoder)
    }

    static func decode(from decoder: inout Decoder) throws(HostError) -> Deferral {
        Deferral(server: try .decode(from: &decoder), parent: try .decode(from: &decoder))
    }
}

@main
struct Servers: Program {
    static func expect(_ name: String, _ held: Bool) {
        print("\(name): \(held ? "ok" : "FAILED")")
    }

    enum Answer: Equatable {
        case value(Int)
        case timeout, callingSelf, failed
        case down(Reason)

        var isTrap: Bool {
            guard case .down(.trap) = self else { return false }
            return true
        }
    }

    static func ask(_ server: Server<Counter>, _ request: Request, _ timeout: Time = .seconds(5)) -> Answer {
        do throws(CallError) {
            return .value(try server.call(request, timeout: timeout))
        } catch {
            switch error {
            case .timeout: return .timeout
            case .callingSelf: return .callingSelf
            case .down(let reason): return .down(reason)
            case .failed: return .failed
            }
        }
    }

    static func kind(blocking: Bool) throws(HostError) {
        var server = try Server<Counter>.start(0, blocking: blocking)
        expect("call", ask(server, .add) == .value(1))
        try server.cast(10)
        expect("cast", ask(server, .add) == .value(12))
        try server.process.send(Nothing())
        expect("info", ask(server, .add) == .value(1013))
        expect("call-timeout", ask(server, .late, .milliseconds(5)) == .timeout)
        sleep(.milliseconds(100))
        expect("late-reply", Mailbox<Nothing>.current.next(timeout: .zero) == nil)
        expect("large-request", ask(server, .large([UInt8](repeating: 0, count: 100_000))) == .value(101_015))
        try Process.spawn(Deferral(server: server, parent: .current)) { deferral throws(HostError) in
            guard case .value(let count) = ask(deferral.server, .put_off) else { return }
            try deferral.parent.send(count)
        }
        sleep(.milliseconds(30))
        try server.process.send(Nothing())
        expect("deferred-reply", Mailbox<Int>.current.receive() == 102_015)
        let other = try Server<Counter>.start(0, blocking: blocking)
        try Process.spawn(Nesting(server: server, other: other)) { nesting in
            _ = try? nesting.server.call(.nested(nesting.other))
        }
        sleep(.milliseconds(20))
        expect("nested-call", ask(server, .add, .seconds(2)) == .value(102_017))
        expect("stop", ask(server, .stop) == .down(.normal))
        expect("call-dead", ask(server, .add) == .down(.noProcess))
        server = try Server<Counter>.start(0, blocking: blocking)
        expect("callee-dies", ask(server, .crash).isTrap)
        expect("nothing-left", Mailbox<Nothing>.current.next(timeout: .zero) == nil)
    }

    static func run() throws(HostError) {
        try kind(blocking: true)
        try kind(blocking: false)
        expect("call-self", ask(Server(.current), .add) == .callingSelf)
        print("done")
    }
}
