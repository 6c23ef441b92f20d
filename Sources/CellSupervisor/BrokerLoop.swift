// The broker's thread: connections under way, sockets that are held for the cell, and answers, all without blocking.

import CapabilityModel
import CellProtocol
import Glibc
import LinuxKernel

/// Used by one thread only.
final class BrokerLoop {
    struct HandedListener: Sendable {
        let address: SocketAddress
        let socket: HeldDescriptor
    }

    struct Settings: Sendable {
        let rules: BrokerRules
        /// Sockets and paths held at once.
        let heldLimit: Int
        let listeners: [HandedListener]
    }

    /// How long one request may take to connect, in nanoseconds.
    private static let timeout: UInt64 = 30_000_000_000
    /// Ports tried for a listener that leaves the choice to the policy.
    private static let portTries = 512

    private struct Attempt {
        let request: BrokerRequest
        let port: UInt16
        /// Addresses still to be tried.
        var candidates: ArraySlice<IPAddress>
        var socket: HeldDescriptor
        /// For this address, and for all.
        var deadline: UInt64
        let end: UInt64
    }

    private enum Held {
        case datagrams(HeldDescriptor)
        case path(SocketFile)
    }

    private let settings: Settings
    private let mail: BrokerMail
    private let outbox: AnswerQueue
    private let lookups: NameLookups
    private var events = EpollBuffer(capacity: 64)
    private var attempts: [UInt32: Attempt] = [:]
    private var waiting: [UInt32: BrokerRequest] = [:]
    private var held: [UInt32: Held] = [:]
    private var lastNumber: UInt32 = 0
    private var isClosed = false

    init(_ settings: Settings, mail: BrokerMail, control: ControlSocket) {
        self.settings = settings
        self.mail = mail
        outbox = AnswerQueue(mail: mail, control: control)
        lookups = NameLookups(mail: mail)
    }

    func run() {
        while !isClosed {
            guard let count = try? mail.epoll.wait(into: &events, deadline: attempts.values.lazy.map(\.deadline).min())
            else {
                break
            }
            for index in 0..<count {
                let token = events[index].token
                if token.raw == outbox.raw {
                    try? mail.epoll.remove(token.raw)
                } else if token.registration != 0 {
                    settle(token.registration)
                }
            }
            for letter in mail.takeLetters() { read(letter) }
            expire()
            if outbox.send() { try? mail.epoll.add(EpollToken(raw: outbox.raw, registration: 0), .write) }
        }
        lookups.close()
    }

    private func read(_ letter: BrokerMail.Letter) {
        switch letter {
        case .request(let request): begin(request)
        case .answer(let answer): outbox.add(answer)
        case .released(let socket): held[socket] = nil
        case .resolved(let lookup, let result): resolved(lookup, result)
        case .close: isClosed = true
        }
    }

    /// Distinct from all that are in use: each kind is bounded far below 2^32.
    private func number() -> UInt32 {
        repeat {
            lastNumber &+= 1
        } while lastNumber == 0 || attempts[lastNumber] != nil
            || waiting[lastNumber] != nil || held[lastNumber] != nil
        return lastNumber
    }

    // MARK: Requests

    private func begin(_ request: BrokerRequest) {
        do throws(SystemError) {
            switch request.operation {
            case .connect(_, let host, let port):
                if let literal = IPAddress(text: host) {
                    try connect(request, to: [literal], port)
                } else {
                    lookUp(host, for: request)
                }
            case .udpSend(_, let host, _, _):
                if let literal = IPAddress(text: host) {
                    try send(request, to: [literal])
                } else {
                    lookUp(host, for: request)
                }
            case .resolve(let name):
                lookUp(name, for: request)
            case .unixConnect(let path):
                guard let place = settings.rules.place(of: path, for: request.operation) else {
                    return answer(request, WASIErrno.notcapable)
                }
                outbox.add(BrokerAnswer(id: request.id, errno: 0), HeldDescriptor(try place.connect()))
            case .unixListen(let path, let backlog): try listen(request, path, backlog)
            case .tcpListen(let host, let port, let backlog): try listen(request, host, port, backlog)
            case .udpBind(let host, let port): try bind(request, host, port)
            }
        } catch {
            answer(request, WASIErrno.of(error.errno))
        }
    }

    private func answer(_ request: BrokerRequest, _ errno: UInt16) {
        outbox.add(BrokerAnswer(id: request.id, errno: errno))
    }

    private func lookUp(_ name: String, for request: BrokerRequest) {
        let lookup = number()
        waiting[lookup] = request
        lookups.start(lookup, name)
    }

    private func resolved(_ lookup: UInt32, _ result: Result<[IPAddress], ResolveError>) {
        guard let request = waiting.removeValue(forKey: lookup) else { return }
        guard case .success(let addresses) = result else {
            // Who connects is told that the host cannot be reached, who asks for a name that there is none.
            if case .resolve = request.operation { return answer(request, WASIErrno.noent) }
            return answer(request, WASIErrno.of(EHOSTUNREACH))
        }
        if case .resolve = request.operation {
            return outbox.add(BrokerAnswer(id: request.id, errno: 0, addresses: addresses.map(\.description)))
        }
        var key: PolicyKey?
        let permitted = addresses.filter { address in
            let verdict = settings.rules.verdict(on: request, resolvedTo: address)
            if case .denied(let denying) = verdict { key = key ?? denying }
            return verdict == .permitted
        }
        if permitted.isEmpty, let key {
            let list = addresses.map(\.description).joined(separator: ",")
            mail.report(request.denial(by: key, because: "resolves to \(list)"))
            return answer(request, WASIErrno.notcapable)
        }
        do throws(SystemError) {
            switch request.operation {
            case .connect(_, _, let port): try connect(request, to: permitted, port)
            default: try send(request, to: permitted)
            }
        } catch {
            answer(request, WASIErrno.of(error.errno))
        }
    }

    // MARK: Connections

    private func connect(_ request: BrokerRequest, to addresses: [IPAddress], _ port: UInt16) throws(SystemError) {
        guard case .connect(.udp, _, _) = request.operation else {
            let now = Clock.monotonicNow()
            return try attempt(request, addresses[...], port, end: now + BrokerLoop.timeout)
        }
        var failure = SystemError("connect", errno: ECONNREFUSED)
        for address in addresses {
            do throws(SystemError) {
                let socket = try DatagramSocket.connect(to: .ip(address, port: port))
                return outbox.add(BrokerAnswer(id: request.id, errno: 0), HeldDescriptor(socket))
            } catch {
                failure = error
            }
        }
        throw failure
    }

    /// Starts on the first address that can be started on.
    private func attempt(
        _ request: BrokerRequest, _ addresses: ArraySlice<IPAddress>, _ port: UInt16, end: UInt64
    ) throws(SystemError) {
        var failure = SystemError("connect", errno: ECONNREFUSED)
        var rest = addresses
        while let address = rest.popFirst() {
            do throws(SystemError) {
                let socket = HeldDescriptor(try StreamSocket.startConnecting(to: .ip(address, port: port)))
                let now = Clock.monotonicNow()
                // Each address its share of the time that is left.
                let share = end > now ? (end - now) / UInt64(rest.count + 1) : 0
                let registration = number()
                try mail.epoll.add(EpollToken(raw: socket.raw, registration: registration), .write)
                attempts[registration] = Attempt(
                    request: request, port: port, candidates: rest, socket: socket, deadline: now + share, end: end)
                return
            } catch {
                failure = error
            }
        }
        throw failure
    }

    /// The socket is writable: connected, or not to be.
    private func settle(_ registration: UInt32) {
        guard let attempt = attempts.removeValue(forKey: registration) else { return }
        try? mail.epoll.remove(attempt.socket.raw)
        do throws(SystemError) {
            try StreamSocket.finishConnecting(attempt.socket.descriptor)
            outbox.add(BrokerAnswer(id: attempt.request.id, errno: 0), attempt.socket)
        } catch {
            goOn(attempt, after: error)
        }
    }

    private func goOn(_ attempt: Attempt, after failure: SystemError) {
        guard !attempt.candidates.isEmpty else { return answer(attempt.request, WASIErrno.of(failure.errno)) }
        do throws(SystemError) {
            try self.attempt(attempt.request, attempt.candidates, attempt.port, end: attempt.end)
        } catch {
            answer(attempt.request, WASIErrno.of(error.errno))
        }
    }

    private func expire() {
        if attempts.isEmpty { return }
        let now = Clock.monotonicNow()
        for (registration, attempt) in attempts where attempt.deadline <= now {
            attempts[registration] = nil
            try? mail.epoll.remove(attempt.socket.raw)
            goOn(attempt, after: SystemError("connect", errno: ETIMEDOUT))
        }
    }

    // MARK: Listeners and datagrams

    private func hold(_ item: Held) -> UInt32 {
        let socket = number()
        held[socket] = item
        return socket
    }

    private func requireRoom() throws(SystemError) {
        if held.count >= settings.heldLimit { throw SystemError("socket", errno: EMFILE) }
    }

    private func listen(_ request: BrokerRequest, _ path: String, _ backlog: UInt32) throws(SystemError) {
        if let handed = settings.listeners.first(where: { $0.address == .unix(path: path) }) {
            return outbox.add(BrokerAnswer(id: request.id, errno: 0), handed.socket)
        }
        guard let place = settings.rules.place(of: path, for: request.operation) else {
            return answer(request, WASIErrno.notcapable)
        }
        try requireRoom()
        let (socket, file) = try place.listen(backlog: BrokerLoop.backlog(backlog))
        outbox.add(BrokerAnswer(id: request.id, errno: 0, socket: hold(.path(file))), socket)
    }

    private func listen(
        _ request: BrokerRequest, _ host: String, _ port: UInt16, _ backlog: UInt32
    ) throws(SystemError) {
        guard let address = Hosts.bindable(host) else { return answer(request, WASIErrno.inval) }
        let socket = try firstFree(request, .tcp, address, port) { [settings] place throws(SystemError) in
            // The policy's own listeners exist already; who asks for one by its address, or for any, means it.
            if let handed = settings.listeners.first(where: { $0.address == place }) { return handed.socket }
            return HeldDescriptor(try StreamSocket.listen(at: place, backlog: BrokerLoop.backlog(backlog)))
        }
        outbox.add(BrokerAnswer(id: request.id, errno: 0), socket)
    }

    private func bind(_ request: BrokerRequest, _ host: String, _ port: UInt16) throws(SystemError) {
        guard let address = Hosts.bindable(host) else { return answer(request, WASIErrno.inval) }
        try requireRoom()
        let socket = try firstFree(request, .udp, address, port) { place throws(SystemError) in
            HeldDescriptor(try DatagramSocket.bind(at: place))
        }
        outbox.add(BrokerAnswer(id: request.id, errno: 0, socket: hold(.datagrams(socket))), socket)
    }

    /// Binds at the port, or for port 0 at the first that the policy covers and nobody has.
    private func firstFree(
        _ request: BrokerRequest, _ transport: Transport, _ address: IPAddress, _ port: UInt16,
        _ make: (SocketAddress) throws(SystemError) -> HeldDescriptor
    ) throws(SystemError) -> HeldDescriptor {
        if port != 0 { return try make(.ip(address, port: port)) }
        var tries = 0
        var failure = SystemError("bind", errno: EADDRINUSE)
        for port in settings.rules.ports(for: request, transport, at: address).lazy.flatMap({ $0 }) {
            tries += 1
            if tries > BrokerLoop.portTries { break }
            do throws(SystemError) {
                return try make(.ip(address, port: port))
            } catch {
                failure = error
                if error.errno != EADDRINUSE { break }
            }
        }
        throw failure
    }

    private func send(_ request: BrokerRequest, to addresses: [IPAddress]) throws(SystemError) {
        guard case .udpSend(let number, _, let port, let data) = request.operation else { return }
        guard case .datagrams(let socket)? = held[number] else { return answer(request, WASIErrno.badf) }
        guard case .ip(let own, _)? = try StreamSocket.localAddress(socket.raw),
            let target = addresses.first(where: { $0.isIPv6 == own.isIPv6 })
        else { throw SystemError("sendto", errno: EAFNOSUPPORT) }
        try DatagramSocket.send(data, from: socket.raw, to: .ip(target, port: port))
        answer(request, 0)
    }

    /// listen(2) takes an int, and cuts it to the system's bound.
    private static func backlog(_ wanted: UInt32) -> Int32 {
        Int32(clamping: max(1, min(wanted, 4096)))
    }
}
