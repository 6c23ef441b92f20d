// What a cell and its supervisor say to each other over the control socket, one message a packet.

package import CapabilityModel

/// From the cell: all of it is a claim.
package enum CellMessage: Hashable, Sendable {
    case denied(Denial)
    /// Denials that the cell could not keep apart, by count.
    case dropped(UInt64)
    /// Asks the broker; answered by `SupervisorMessage.answered` with the same id.
    case request(BrokerRequest)
    /// Nothing will be asked of this socket of a `BrokerAnswer` any more. Not answered.
    case released(socket: UInt32)
    case exited(ExitReason)
    /// A process other than the first ended badly: by a trap, a limit, a refusal or the host's failure. For the audit log; the
    /// cell sends few of these a second, and counts the rest with `dropped`.
    case processExited(process: UInt64, ExitReason)
    /// Values that an invoked export returned, printed for people.
    case results([String])

    // Of a hosted cell, each about an order that it was given.

    /// It runs as this process. `info` is what it acknowledged its start with, if it was to.
    case started(UInt64, process: UInt64, info: [UInt8])
    /// It said that it is not needed, and has ended.
    case startIgnored(UInt64)
    /// It was not started, or has ended before its start was over.
    case startFailed(UInt64, ExitReason)
    /// Once, after `started`.
    case ended(UInt64, ExitReason)
    /// An answer to the probe with this id.
    case probed(UInt64)
    case inspected(UInt64, ProcessReport)
}

/// From the supervisor.
package enum SupervisorMessage: Hashable, Sendable {
    /// Run this plan; comes with the descriptors that the plan counts, the plan itself (a memfd) first.
    case run
    case answered(BrokerAnswer)

    // To a hosted cell. One that is about an order that has ended means nothing.

    /// Comes with as many listening sockets as the order says.
    case start(ChildOrder)
    /// An exit signal from the child's supervisor; with `kill` one that cannot be trapped, whatever the reason.
    case signal(UInt64, ExitReason, kill: Bool)
    /// Calls the child as the SDKs do, with this payload; whatever it answers is `probed`.
    case probe(UInt64, id: UInt64, payload: [UInt8])
    case inspect(UInt64, id: UInt64)
    /// Ends all children, and then the cell.
    case close
}

/// The longest control message, in bytes: a datagram with its address. A cell shortens what it reports to fit.
package let controlMessageLimit = 67_000

extension SupervisorMessage: WireCodable {
    package func encode(into writer: inout WireWriter) {
        switch self {
        case .run:
            writer.write(UInt8(0))
        case .answered(let answer):
            writer.write(UInt8(1))
            writer.write(answer)
        case .start(let order):
            writer.write(UInt8(2))
            writer.write(order)
        case .signal(let number, let reason, let kill):
            writer.write(UInt8(3))
            writer.write(number)
            writer.write(reason)
            writer.write(kill)
        case .probe(let number, let id, let payload):
            writer.write(UInt8(4))
            writer.write(number)
            writer.write(id)
            writer.write(payload)
        case .inspect(let number, let id):
            writer.write(UInt8(5))
            writer.write(number)
            writer.write(id)
        case .close:
            writer.write(UInt8(6))
        }
    }

    package init(from reader: inout WireReader) throws(WireError) {
        switch try reader.read(UInt8.self) {
        case 0: self = .run
        case 1: self = .answered(try reader.readValue())
        case 2: self = .start(try reader.readValue())
        case 3:
            let number = try reader.read(UInt64.self)
            let reason: ExitReason = try reader.readValue()
            self = .signal(number, reason, kill: try reader.readBool())
        case 4:
            let number = try reader.read(UInt64.self)
            let id = try reader.read(UInt64.self)
            self = .probe(number, id: id, payload: try reader.readBytes(upTo: Hosting.probeLimit))
        case 5:
            let number = try reader.read(UInt64.self)
            self = .inspect(number, id: try reader.read())
        case 6: self = .close
        default: throw .invalid("supervisor message")
        }
    }
}

extension CellMessage: WireCodable {
    package func encode(into writer: inout WireWriter) {
        switch self {
        case .denied(let denial):
            writer.write(UInt8(1))
            writer.write(denial)
        case .dropped(let count):
            writer.write(UInt8(2))
            writer.write(count)
        case .request(let request):
            writer.write(UInt8(3))
            writer.write(request)
        case .exited(let reason):
            writer.write(UInt8(4))
            writer.write(reason)
        case .results(let values):
            writer.write(UInt8(5))
            writer.write(list: values) { $0.write($1) }
        case .processExited(let process, let reason):
            writer.write(UInt8(7))
            writer.write(process)
            writer.write(reason)
        case .released(let socket):
            writer.write(UInt8(6))
            writer.write(socket)
        case .started(let number, let process, let info):
            writer.write(UInt8(8))
            writer.write(number)
            writer.write(process)
            writer.write(info)
        case .startIgnored(let number):
            writer.write(UInt8(9))
            writer.write(number)
        case .startFailed(let number, let reason):
            writer.write(UInt8(10))
            writer.write(number)
            writer.write(reason)
        case .ended(let number, let reason):
            writer.write(UInt8(11))
            writer.write(number)
            writer.write(reason)
        case .probed(let id):
            writer.write(UInt8(12))
            writer.write(id)
        case .inspected(let id, let report):
            writer.write(UInt8(13))
            writer.write(id)
            writer.write(report)
        }
    }

    package init(from reader: inout WireReader) throws(WireError) {
        switch try reader.read(UInt8.self) {
        case 1: self = .denied(try reader.readValue())
        case 2: self = .dropped(try reader.read())
        case 3: self = .request(try reader.readValue())
        case 4: self = .exited(try reader.readValue())
        case 5: self = .results(try reader.readList { reader throws(WireError) in try reader.readString() })
        case 7:
            let process = try reader.read(UInt64.self)
            self = .processExited(process: process, try reader.readValue())
        case 6: self = .released(socket: try reader.read())
        case 8:
            let number = try reader.read(UInt64.self)
            let process = try reader.read(UInt64.self)
            self = .started(
                number, process: process, info: try reader.readBytes(upTo: Hosting.acknowledgementLimit))
        case 9: self = .startIgnored(try reader.read())
        case 10:
            let number = try reader.read(UInt64.self)
            self = .startFailed(number, try reader.readValue())
        case 11:
            let number = try reader.read(UInt64.self)
            self = .ended(number, try reader.readValue())
        case 12: self = .probed(try reader.read())
        case 13:
            let id = try reader.read(UInt64.self)
            self = .inspected(id, try reader.readValue())
        default: throw .invalid("cell message")
        }
    }
}

extension Denial: WireCodable {
    package func encode(into writer: inout WireWriter) {
        writer.write(call)
        writer.write(arguments)
        writer.write(layer.rawValue)
        writer.write(key.path)
        writer.write(optional: errno) { $0.write($1) }
        writer.write(count)
        writer.write(optional: process) { $0.write($1) }
    }

    package init(from reader: inout WireReader) throws(WireError) {
        let call = try reader.readString()
        let arguments = try reader.readString()
        guard let layer = AuditLayer(rawValue: try reader.readString()) else { throw .invalid("layer") }
        let key = PolicyKey(try reader.readString())
        let errno = try reader.readOptional { reader throws(WireError) in try reader.read(UInt16.self) }
        let count = try reader.read(UInt64.self)
        guard count > 0 else { throw .invalid("count") }
        self.init(
            call: call, arguments: arguments, layer: layer, key: key, errno: errno, count: count,
            process: try reader.readOptional { reader throws(WireError) in try reader.read(UInt64.self) })
    }
}

extension WasmFrame: WireCodable {
    package func encode(into writer: inout WireWriter) {
        writer.write(optional: function) { $0.write($1) }
        writer.write(functionIndex)
        writer.write(functionOffset)
        writer.write(moduleOffset)
    }

    package init(from reader: inout WireReader) throws(WireError) {
        let function = try reader.readOptional { reader throws(WireError) in try reader.readString() }
        self.init(
            function: function, functionIndex: try reader.read(), functionOffset: try reader.read(),
            moduleOffset: try reader.read())
    }
}

extension ExitReason: WireCodable {
    package func encode(into writer: inout WireWriter) {
        switch self {
        case .normal:
            writer.write(UInt8(0))
        case .exited(let code):
            writer.write(UInt8(1))
            writer.write(code)
        case .trap(let kind, let message, let backtrace):
            writer.write(UInt8(2))
            writer.write(kind)
            writer.write(message)
            writer.write(list: backtrace) { $0.write($1) }
        case .limit(let kind, let used, let allowed):
            writer.write(UInt8(3))
            writer.write(kind.rawValue)
            writer.write(used)
            writer.write(allowed)
        case .refused(let message):
            writer.write(UInt8(4))
            writer.write(message)
        case .killedBySignal(let signal):
            writer.write(UInt8(5))
            writer.write(UInt32(bitPattern: signal))
        case .cellFailed(let message):
            writer.write(UInt8(6))
            writer.write(message)
        case .shutdown: writer.write(UInt8(7))
        case .kill: writer.write(UInt8(8))
        case .killed: writer.write(UInt8(9))
        case .noproc: writer.write(UInt8(10))
        case .noconnection: writer.write(UInt8(11))
        case .bytes(let bytes):
            writer.write(UInt8(12))
            writer.write(bytes)
        case .shutdownWith(let bytes):
            writer.write(UInt8(13))
            writer.write(bytes)
        }
    }

    package init(from reader: inout WireReader) throws(WireError) {
        switch try reader.read(UInt8.self) {
        case 0: self = .normal
        case 1: self = .exited(code: try reader.read())
        case 2:
            let kind = try reader.readString()
            let message = try reader.readString()
            self = .trap(
                kind: kind, message: message,
                backtrace: try reader.readList { reader throws(WireError) in try reader.readValue() })
        case 3:
            guard let kind = LimitKind(rawValue: try reader.readString()) else { throw .invalid("limit") }
            self = .limit(kind, used: try reader.read(), allowed: try reader.read())
        case 4: self = .refused(message: try reader.readString())
        case 5: self = .killedBySignal(Int32(bitPattern: try reader.read()))
        case 6: self = .cellFailed(message: try reader.readString())
        case 7: self = .shutdown
        case 8: self = .kill
        case 9: self = .killed
        case 10: self = .noproc
        case 11: self = .noconnection
        case 12: self = .bytes(try Self.readBytes(from: &reader))
        case 13: self = .shutdownWith(try Self.readBytes(from: &reader))
        default: throw .invalid("exit reason")
        }
    }

    private static func readBytes(from reader: inout WireReader) throws(WireError) -> [UInt8] {
        let bytes = try reader.readBytes()
        guard bytes.count <= ExitReason.bytesLimit else { throw .tooLong }
        return bytes
    }
}
