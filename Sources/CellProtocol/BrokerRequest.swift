// What a cell asks of the supervisor's broker, because it cannot make a socket, address one, or look up a name.

package import CapabilityModel

/// One request of one process. All of it is a claim: the broker checks it against the program's policy whatever the cell says.
package struct BrokerRequest: Hashable, Sendable {
    package enum Operation: Hashable, Sendable {
        /// A connected stream (tcp) or a datagram socket with a peer (udp). `host` is a name or a literal address.
        case connect(Transport, host: String, port: UInt16)
        /// `path` is absolute.
        case unixConnect(path: String)
        /// `host` is a literal address, or `localhost`. Port 0: any that the policy covers.
        case tcpListen(host: String, port: UInt16, backlog: UInt32)
        case udpBind(host: String, port: UInt16)
        case unixListen(path: String, backlog: UInt32)
        /// One datagram from a socket that `udpBind` made, at most `datagramLimit` bytes.
        case udpSend(socket: UInt32, host: String, port: UInt16, data: [UInt8])
        case resolve(name: String)
    }

    /// The cell's own choice; the answer bears it.
    package var id: UInt32
    /// Who asks, for the audit log.
    package var process: UInt64?
    /// The named policies that the asking process was narrowed to, as indices in the plan: what they lack is refused too.
    package var policies: [UInt16]
    package var operation: Operation

    package init(id: UInt32, process: UInt64? = nil, policies: [UInt16] = [], operation: Operation) {
        self.id = id
        self.process = process
        self.policies = policies
        self.operation = operation
    }

    /// How many requests of a cell may be without an answer. A cell that has more breaks the protocol, and is ended.
    package static let concurrencyLimit = 1024
    /// UDP over IPv4 carries no more.
    package static let datagramLimit = 65_507
    /// RFC 1035, 2.3.4, as text.
    package static let hostLimit = 253
    /// unix(7): sun_path less its NUL would do for most; a path that is opened first may be longer.
    package static let pathLimit = 4095
}

/// What came of a request. A descriptor comes with it when `errno` is 0 and the operation makes a socket.
package struct BrokerAnswer: Hashable, Sendable {
    package var id: UInt32
    /// WASI's.
    package var errno: UInt16
    /// Not 0 for a socket that the supervisor keeps a hold of: a bound UDP socket, to send from it, and a unix listener, to
    /// remove its path. `CellMessage.released` lets it go.
    package var socket: UInt32
    /// `resolve`: at most 32 addresses as text, IPv6 without brackets, in the order to try them.
    package var addresses: [String]

    package init(id: UInt32, errno: UInt16, socket: UInt32 = 0, addresses: [String] = []) {
        self.id = id
        self.errno = errno
        self.socket = socket
        self.addresses = addresses
    }
}

extension BrokerRequest: WireCodable {
    package func encode(into writer: inout WireWriter) {
        writer.write(id)
        writer.write(optional: process) { $0.write($1) }
        writer.write(list: policies) { $0.write($1) }
        writer.write(operation)
    }

    package init(from reader: inout WireReader) throws(WireError) {
        self.init(
            id: try reader.read(),
            process: try reader.readOptional { reader throws(WireError) in try reader.read(UInt64.self) },
            policies: try reader.readList { reader throws(WireError) in try reader.read(UInt16.self) },
            operation: try reader.readValue())
    }
}

extension BrokerRequest.Operation: WireCodable {
    package func encode(into writer: inout WireWriter) {
        switch self {
        case .connect(let transport, let host, let port):
            writer.write(UInt8(0))
            writer.write(transport)
            writer.write(host)
            writer.write(port)
        case .unixConnect(let path):
            writer.write(UInt8(1))
            writer.write(path)
        case .tcpListen(let host, let port, let backlog):
            writer.write(UInt8(2))
            writer.write(host)
            writer.write(port)
            writer.write(backlog)
        case .udpBind(let host, let port):
            writer.write(UInt8(3))
            writer.write(host)
            writer.write(port)
        case .unixListen(let path, let backlog):
            writer.write(UInt8(4))
            writer.write(path)
            writer.write(backlog)
        case .udpSend(let socket, let host, let port, let data):
            writer.write(UInt8(5))
            writer.write(socket)
            writer.write(host)
            writer.write(port)
            writer.write(data)
        case .resolve(let name):
            writer.write(UInt8(6))
            writer.write(name)
        }
    }

    package init(from reader: inout WireReader) throws(WireError) {
        switch try reader.read(UInt8.self) {
        case 0:
            let transport: Transport = try reader.readValue()
            guard transport != .unix else { throw .invalid("transport") }
            self = .connect(transport, host: try reader.readString(), port: try reader.read())
        case 1: self = .unixConnect(path: try reader.readString())
        case 2:
            self = .tcpListen(host: try reader.readString(), port: try reader.read(), backlog: try reader.read())
        case 3: self = .udpBind(host: try reader.readString(), port: try reader.read())
        case 4: self = .unixListen(path: try reader.readString(), backlog: try reader.read())
        case 5:
            let socket = try reader.read(UInt32.self)
            let host = try reader.readString()
            let port = try reader.read(UInt16.self)
            self = .udpSend(socket: socket, host: host, port: port, data: try reader.readBytes())
        case 6: self = .resolve(name: try reader.readString())
        default: throw .invalid("request")
        }
    }
}

extension BrokerAnswer: WireCodable {
    package func encode(into writer: inout WireWriter) {
        writer.write(id)
        writer.write(errno)
        writer.write(socket)
        writer.write(list: addresses) { $0.write($1) }
    }

    package init(from reader: inout WireReader) throws(WireError) {
        self.init(
            id: try reader.read(), errno: try reader.read(), socket: try reader.read(),
            addresses: try reader.readList { reader throws(WireError) in try reader.readString() })
    }
}
