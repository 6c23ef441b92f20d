// A taken-over cell that was to host children. The first order's environment says which behaviour: `HOSTILE=<name>:<seed>`.

import CapabilityModel
import CellProtocol
import Glibc
import LinuxKernel

final class HostileHost {
    let socket: MessageSocket
    /// Where frames go.
    let output: MessageSocket
    var generator: SplitMix
    /// The first order's.
    var number: UInt64 = 0

    init(_ socket: consuming MessageSocket, output: Int32) {
        self.socket = socket
        self.output = MessageSocket(OwnedFileDescriptor(taking: output))
        generator = SplitMix(state: 0)
    }

    func run() -> Never {
        while true {
            guard let order = hear() else { continue }
            let words =
                order.environment.map { String(decoding: $0, as: UTF8.self) }
                .first { $0.hasPrefix("HOSTILE=") }?.dropFirst(8).split(separator: ":") ?? []
            guard words.count == 2, let seed = UInt64(words[1]) else { _exit(3) }
            number = order.number
            generator = SplitMix(state: seed)
            perform(String(words[0]))
            hang()
        }
    }

    /// The next message, if it is an order.
    private func hear() -> ChildOrder? {
        var buffer = [UInt8](repeating: 0, count: controlMessageLimit)
        var span = buffer.mutableSpan
        guard let received = try? socket.receive(into: &span, maximumDescriptors: 253) else { _exit(1) }
        let count = received.count
        guard count > 0 else { _exit(1) }
        guard case .start(let order)? = try? SupervisorMessage(decoding: Array(buffer[..<count])) else { return nil }
        return order
    }

    private func perform(_ name: String) {
        switch name {
        case "silent": break
        case "stopped": raise(SIGSTOP)
        case "gone": _exit(9)
        case "mute": shutdown(socket.descriptor.rawValue, Int32(SHUT_RDWR))
        case "starts": start()
        case "unordered": say(.started(number + 1, process: 1, info: []))
        case "nothing": say(.started(0, process: 1, info: []))
        case "twice":
            start()
            start()
        case "ends-unstarted": say(.ended(number, .normal))
        case "ends-twice":
            start()
            say(.ended(number, .normal))
            say(.ended(number, .normal))
        case "fails-started":
            start()
            say(.startFailed(number, .normal))
        case "ignored-started":
            start()
            say(.startIgnored(number))
        case "answers": say(.probed(77))
        case "reports":
            say(
                .inspected(
                    1, ProcessReport(process: 1, limits: .default, used: [], mailbox: 0, descendants: 0, names: [])))
        case "results": say(.results(["1"]))
        case "oversized": send([UInt8](repeating: 7, count: 150_000))
        case "garbage": send((0..<500).map { _ in UInt8.random(in: 0 ... .max, using: &generator) })
        case "descriptors": for _ in 0..<100 { send(CellMessage.probed(1).encoded(), [3, 3]) }
        case "claims-signal":
            start()
            say(.ended(number, .killedBySignal(11)))
        case "leaves":
            start()
            say(.exited(.killedBySignal(11)))
            _exit(0)
        case "frame-empty": _ = unsafe Glibc.send(output.descriptor.rawValue, [0], 0, 0)
        case "frame-short": emit([1, 2, 3])
        case "frame-order": emit(frame(order: number + 1))
        case "frame-nobody": emit(frame(order: 0))
        case "frame-stream": emit(frame(order: number, stream: 0))
        case "frame-length": emit(frame(order: number, length: 5))
        case "frame-long": emit(frame(order: number, length: 9000, bytes: 9000))
        case "frame-huge": emit([UInt8](repeating: 1, count: 150_000))
        case "frame-descriptors": emit(frame(order: number), [3, 3])
        case "frame-garbage": emit((0..<200).map { _ in UInt8.random(in: 0 ... .max, using: &generator) })
        case "frame-flood": while true { emit(frame(order: number, length: 4096, bytes: 4096)) }
        default: misbehave()
        }
    }

    private func misbehave() {
        for _ in 0..<Int.random(in: 0...60, using: &generator) {
            let other = [number, number, number, 0, 1, .max].randomElement(using: &generator) ?? number
            switch Int.random(in: 0..<14, using: &generator) {
            case 0...2: start()
            case 3: say(.ended(other, .bytes([0x1b, 0x5b])))
            case 4: say(.startFailed(other, .refused(message: "\u{1b}[2J\u{202e}")))
            case 5: say(.startIgnored(other))
            case 6: say(.probed(generator.next() % 4))
            case 7: emit(frame(order: other))
            case 8: emit(mutated(frame(order: number, length: 3)))
            case 9: send(mutated(CellMessage.started(number, process: generator.next(), info: [1]).encoded()))
            case 10: usleep(1000)
            case 11: say(.dropped(generator.next()))
            case 12: say(.request(BrokerRequest(id: 1, operation: .resolve(name: "localhost"))))
            default: say(.processExited(process: generator.next(), .refused(message: "x")))
            }
        }
        if Bool.random(using: &generator) { _exit(Int32.random(in: 0...3, using: &generator)) }
    }

    private func mutated(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        let place = Int.random(in: bytes.indices, using: &generator)
        bytes[place] = UInt8.random(in: 0 ... .max, using: &generator)
        return bytes
    }

    private func start() {
        say(.started(number, process: 1, info: []))
    }

    private func frame(order: UInt64, stream: UInt8 = 1, length: Int = 4, bytes: Int = 4) -> [UInt8] {
        OutputFrame(order: order, process: 1, stream: stream, length: length).header
            + [UInt8](repeating: UInt8(ascii: "x"), count: bytes)
    }

    private func say(_ message: CellMessage) { send(message.encoded()) }

    private func send(_ bytes: [UInt8], _ descriptors: [Int32] = []) {
        try? socket.send(bytes, descriptors: descriptors)
    }

    private func emit(_ bytes: [UInt8], _ descriptors: [Int32] = []) {
        try? output.send(bytes, descriptors: descriptors)
    }

    private func hang() -> Never {
        while true { pause() }
    }
}
