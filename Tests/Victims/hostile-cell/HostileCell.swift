// What the taken-over cell does. Its guest's environment says which behaviour: `HOSTILE=<name>:<seed>`.

import CapabilityModel
import CellProtocol
import Glibc
import LinuxKernel

enum HostileCell {
    static func run() -> Never {
        let socket = MessageSocket(OwnedFileDescriptor(taking: 3))
        var buffer = [UInt8](repeating: 0, count: 4096)
        var span = buffer.mutableSpan
        guard var message = try? socket.receive(into: &span, maximumDescriptors: 253) else { _exit(1) }
        guard let planFile = message.descriptors.takeFirst(),
            let bytes = try? planFile.readToEnd(limit: WireReader.lengthLimit),
            let plan = try? CellPlan(decoding: bytes)
        else { _exit(2) }
        if plan.isHosted {
            for _ in 0..<plan.streamCount { _ = message.descriptors.takeFirst() }
            let output = message.descriptors.takeFirst()?.release() ?? -1
            try? Signal.ignore(SIGPIPE)
            HostileHost(socket, output: output).run()
        }
        _ = message.descriptors.takeFirst()
        var streams: [Int32] = []
        for stream in plan.streams where stream != .closed {
            streams.append(message.descriptors.takeFirst()?.release() ?? -1)
        }
        let words =
            plan.environment.map { String(decoding: $0, as: UTF8.self) }
            .first { $0.hasPrefix("HOSTILE=") }?.dropFirst(8).split(separator: ":") ?? []
        guard words.count == 2, let seed = UInt64(words[1]) else { _exit(3) }
        try? Signal.ignore(SIGPIPE)
        var cell = Misbehaviour(socket: socket, streams: streams, generator: SplitMix(state: seed))
        cell.perform(String(words[0]))
        _exit(0)
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): the same sequence for the same seed on every machine.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

/// What a cell leaves behind: a process that holds its ends of socket and streams open. Ends by itself after a while.
enum Orphan {
    static func run(floods: Bool) -> Never {
        alarm(20)
        let socket = MessageSocket(OwnedFileDescriptor(taking: 3))
        let output = [UInt8](repeating: UInt8(ascii: "o"), count: 4096)
        while floods {
            _ = try? socket.send(CellMessage.dropped(1).encoded().span, wait: false)
            _ = try? Descriptor.write(1, output.span)
        }
        while true { pause() }
    }
}

struct Misbehaviour: ~Copyable {
    let socket: MessageSocket
    /// Standard input, output and error, those that are not closed.
    var streams: [Int32]
    var generator: SplitMix

    mutating func perform(_ name: String) {
        switch name {
        case "silent": hang()
        case "stopped": raise(SIGSTOP)
        case "gone": _exit(9)
        case "crashed": kill(getpid(), SIGSEGV)
        case "deaf":
            shutdown(socket.descriptor.rawValue, Int32(SHUT_RDWR))
            hang()
        case "empty":
            _ = unsafe Glibc.send(socket.descriptor.rawValue, [0], 0, 0)
            hang()
        case "oversized":
            send([UInt8](repeating: 7, count: 150_000))
            hang()
        case "garbage":
            send((0..<500).map { _ in UInt8.random(in: 0 ... .max, using: &generator) })
            hang()
        case "descriptors":
            for _ in 0..<1000 { send(CellMessage.dropped(1).encoded(), descriptors: Array(repeating: 3, count: 200)) }
            hang()
        case "counts":
            for _ in 0..<3 { say(.denied(denial("counts", key: "fs", count: .max))) }
            say(.dropped(.max))
            say(.dropped(.max))
            say(.exited(.normal))
        case "killed":
            say(.exited(.killedBySignal([.max, .min, -128, 0, 9, 200].randomElement(using: &generator) ?? 0)))
        case "changing":
            say(.exited(.normal))
            say(.exited(.exited(code: 3)))
            say(.denied(denial("afterwards", key: "fs", count: 1)))
        case "liar":
            say(.exited(.normal))
            kill(getpid(), SIGKILL)
        case "burying":
            while true { say(.processExited(process: generator.next(), .refused(message: "again"))) }
        case "dropping": while true { say(.dropped(1)) }
        case "dots":
            while true { say(.denied(denial("dots", key: String(repeating: ".", count: 4200), count: 1))) }
        case "flood":
            while true { say(.denied(denial("\(generator.next())", key: "fs[\"/\(generator.next())\"]", count: 1))) }
        case "connecting":
            while true {
                let id = UInt32(truncatingIfNeeded: generator.next())
                say(.request(BrokerRequest(id: id, operation: .connect(.tcp, host: "localhost", port: 9))))
            }
        case "holding":
            // As many sockets and paths as there are; none is let go.
            for id in 0..<300 as Range<UInt32> {
                say(.request(BrokerRequest(id: id, operation: .udpBind(host: "127.0.0.1", port: 0))))
                var buffer = [UInt8](repeating: 0, count: 4096)
                var span = buffer.mutableSpan
                _ = try? socket.receive(into: &span)
            }
            say(.exited(.normal))
        case "late":
            say(.exited(.normal))
            for id in 0..<100 as Range<UInt32> {
                say(.request(BrokerRequest(id: id, operation: .connect(.tcp, host: "localhost", port: 9))))
            }
        case "printing":
            let output = [UInt8](repeating: UInt8(ascii: "x"), count: 65536)
            while true { for stream in streams.dropFirst() { _ = try? Descriptor.write(stream, output.span) } }
        case "escapes":
            let text = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{202e}\r\n"
            say(.denied(Denial(call: text, arguments: text, layer: .wasi, key: PolicyKey(text), errno: 76)))
            say(.results([text]))
            say(.exited(.trap(kind: text, message: text, backtrace: [frame(text)])))
        case "orphan": leave("waits")
        case "orphan-floods": leave("floods")
        default: misbehave()
        }
    }

    private func hang() -> Never {
        while true { pause() }
    }

    private func leave(_ what: String) {
        guard let path = try? Executable.path() else { _exit(4) }
        var request = SpawnRequest(executable: path, arguments: ["hostile-cell", "orphan", what])
        request.descriptors = [.init(socket.descriptor.rawValue, as: 3)]
        for (number, stream) in streams.enumerated() where number > 0 {
            request.descriptors.append(.init(stream, as: Int32(number)))
        }
        request.parentDeathSignal = nil
        guard (try? Spawn.start(request)) != nil else { _exit(5) }
        say(.exited(.normal))
    }

    private func say(_ message: CellMessage) {
        send(message.encoded())
    }

    private func send(_ bytes: [UInt8], descriptors: [Int32] = []) {
        try? socket.send(bytes, descriptors: descriptors)
    }

    private func denial(_ call: String, key: String, count: UInt64) -> Denial {
        Denial(call: call, arguments: "", layer: .wasi, key: PolicyKey(key), errno: 76, count: count)
    }

    private func frame(_ name: String?) -> WasmFrame {
        WasmFrame(function: name, functionIndex: .max, functionOffset: .max, moduleOffset: .max)
    }

    // MARK: Anything at all

    private mutating func misbehave() {
        for _ in 0..<Int.random(in: 0...60, using: &generator) {
            switch Int.random(in: 0..<200, using: &generator) {
            case 0: send(mutated(message().encoded()))
            case 1: send((0..<20).map { _ in UInt8.random(in: 0 ... .max, using: &generator) })
            case 2: send(message().encoded(), descriptors: [0, 3])
            case 3: close(streams.randomElement(using: &generator) ?? -1)
            case 4...24:
                let text = [UInt8](repeating: 0x7a, count: Int.random(in: 1...5000, using: &generator))
                _ = try? Descriptor.write(streams.randomElement(using: &generator) ?? -1, text.span)
            case 25...30: usleep(1000)
            case 31: _ = try? Descriptor.write(2, Array("the cell's \u{1b}[31mlast words\n".utf8).span)
            default: say(message())
            }
        }
        switch Int.random(in: 0..<8, using: &generator) {
        case 0: hang()
        case 1: kill(getpid(), [SIGKILL, SIGSEGV, SIGSYS, SIGSTOP].randomElement(using: &generator) ?? SIGKILL)
        case 2: _exit(Int32.random(in: 0...255, using: &generator))
        case 3: break
        default: say(.exited(reason()))
        }
    }

    private mutating func mutated(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<3 where !bytes.isEmpty {
            let place = Int.random(in: bytes.indices, using: &generator)
            if Bool.random(using: &generator) {
                bytes[place] = UInt8.random(in: 0 ... .max, using: &generator)
            } else {
                bytes.remove(at: place)
            }
        }
        return bytes
    }

    private mutating func number() -> UInt64 {
        [0, 1, 2, 1 << 63, .max, generator.next()].randomElement(using: &generator) ?? 0
    }

    private mutating func text() -> String {
        let piece =
            ["a", "fs", ".", "[", "e\u{301}\u{301}", "\u{1b}[31m", "\u{202e}", "\n", "\u{1F6A2}", "\0", "\"", "\\"]
            .randomElement(using: &generator) ?? ""
        let count = [0, 1, 3, 100, 4000].randomElement(using: &generator) ?? 0
        return String(repeating: piece, count: count)
    }

    private mutating func message() -> CellMessage {
        switch Int.random(in: 0..<12, using: &generator) {
        case 0: return .exited(reason())
        case 1: return .dropped(number())
        case 2: return .results((0..<Int.random(in: 0...20, using: &generator)).map { _ in text() })
        case 3...5:
            let hosts = ["localhost", "127.0.0.1", "::1", "::ffff:127.0.0.1", "", "a\0b", "0x7f.1", text()]
            return .request(
                BrokerRequest(
                    id: UInt32(truncatingIfNeeded: number()), process: number(),
                    policies: [[], [0], [.max]].randomElement(using: &generator) ?? [],
                    operation: operation(host: hosts.randomElement(using: &generator) ?? "")))
        case 6: return .released(socket: UInt32(truncatingIfNeeded: number()))
        default:
            let keys = ["fs", "net", "limits.memory", "fs[\"/data\"].access", text()]
            return .denied(
                Denial(
                    call: text(), arguments: text(),
                    layer: AuditLayer.allCases.randomElement(using: &generator) ?? .wasi,
                    key: PolicyKey(keys.randomElement(using: &generator) ?? ""),
                    errno: Bool.random(using: &generator) ? UInt16(truncatingIfNeeded: number()) : nil,
                    count: max(1, number())))
        }
    }

    private mutating func operation(host: String) -> BrokerRequest.Operation {
        let port = UInt16(truncatingIfNeeded: number())
        let paths = ["/tmp/bulkhead-hostile/x", "/tmp/bulkhead-hostile/../x", "", "/", "a\0", text()]
        let path = paths.randomElement(using: &generator) ?? ""
        switch Int.random(in: 0..<8, using: &generator) {
        case 0: return .unixConnect(path: path)
        case 1: return .unixListen(path: path, backlog: UInt32(truncatingIfNeeded: number()))
        case 2: return .tcpListen(host: host, port: port, backlog: UInt32(truncatingIfNeeded: number()))
        case 3: return .udpBind(host: host, port: port)
        case 4:
            let data = [UInt8](repeating: 1, count: [0, 1, 65_507, 65_508].randomElement(using: &generator) ?? 0)
            return .udpSend(socket: UInt32(truncatingIfNeeded: number()), host: host, port: port, data: data)
        case 5: return .resolve(name: host)
        default: return .connect(Bool.random(using: &generator) ? .tcp : .udp, host: host, port: port)
        }
    }

    private mutating func reason() -> ExitReason {
        switch Int.random(in: 0..<10, using: &generator) {
        case 0: .normal
        case 1: .exited(code: UInt32(truncatingIfNeeded: number()))
        case 2: .killedBySignal(Int32(truncatingIfNeeded: number()))
        case 3: .limit(LimitKind.allCases.randomElement(using: &generator) ?? .cpu, used: number(), allowed: number())
        case 4: .refused(message: text())
        case 5: .cellFailed(message: text())
        case 6: [.shutdown, .kill, .killed, .noproc, .noconnection].randomElement(using: &generator) ?? .kill
        case 7: .bytes(Array(text().utf8.prefix(ExitReason.bytesLimit)))
        case 8: .shutdownWith(Array(text().utf8.prefix(ExitReason.bytesLimit)))
        default:
            .trap(
                kind: text(), message: text(),
                backtrace: (0..<Int.random(in: 0...100, using: &generator)).map { _ in frame("f") } + [frame(text())])
        }
    }
}
