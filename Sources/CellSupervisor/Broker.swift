// Makes sockets and looks up names for a cell, which can do neither. What it asks for is judged on the supervisor's own
// thread; what takes time happens on a thread that only serves this cell, and look-ups on a few more.

import CapabilityModel
import CellProtocol
import LinuxKernel

/// Belongs to the thread that runs the cell.
final class Broker {
    enum Admission {
        case accepted
        case denied(Denial)
        /// The cell has more requests under way than it may: it breaks the protocol.
        case tooMany
    }

    private let rules: BrokerRules
    private let control: ControlSocket
    private let settings: BrokerLoop.Settings
    /// Made with the first request: most programs have none.
    private var mail: BrokerMail?
    private var thread: ThreadHandle?

    /// `listeners` are sockets that the cell was handed: an address of theirs is not bound a second time.
    init(
        capabilities: CapabilitySet, policies: [CellPlan.NamedPolicy], listeners: [Int32], control: ControlSocket
    ) {
        rules = BrokerRules(program: capabilities, policies: policies)
        self.control = control
        settings = BrokerLoop.Settings(
            rules: rules, heldLimit: Int(min(capabilities.limits.fds, 4096)),
            listeners: listeners.compactMap { Broker.handed($0) })
    }

    deinit {
        close()
    }

    /// Readable when `takeDenials` has something; nil while nothing was asked.
    var notice: Int32? { mail?.notice.descriptor.rawValue }

    /// Denials found after a name was resolved; each is handed out once.
    func takeDenials() -> [Denial] {
        mail?.takeDenials() ?? []
    }

    /// Takes on one request; its answer goes to the cell from the broker's thread.
    func submit(_ request: BrokerRequest) -> Admission {
        let mail: BrokerMail
        do throws(SystemError) {
            mail = try start()
        } catch {
            control.reply(.answered(BrokerAnswer(id: request.id, errno: WASIErrno.of(error.errno))))
            return .accepted
        }
        let verdict = rules.verdict(on: request)
        let letter: BrokerMail.Letter =
            switch verdict {
            case .permitted: .request(request)
            case .denied: .answer(BrokerAnswer(id: request.id, errno: WASIErrno.notcapable))
            case .invalid(let errno): .answer(BrokerAnswer(id: request.id, errno: errno))
            }
        guard mail.post(counting: letter, upTo: BrokerRequest.concurrencyLimit) else { return .tooMany }
        if case .denied(let key) = verdict { return .denied(request.denial(by: key)) }
        return .accepted
    }

    /// The cell will not ask anything of this socket any more.
    func release(socket: UInt32) {
        mail?.post(.released(socket))
    }

    /// Lets go of everything that is held for the cell: paths of listeners are removed when this returns.
    func close() {
        guard let thread = thread.take() else { return }
        mail?.post(.close)
        thread.join()
    }

    private func start() throws(SystemError) -> BrokerMail {
        if let mail { return mail }
        let mail = try BrokerMail()
        let (control, settings) = (control, settings)
        thread = try spawnThread(name: "broker") {
            BrokerLoop(settings, mail: mail, control: control).run()
        }
        self.mail = mail
        // A connection under way takes a descriptor.
        try? ResourceLimit.lower("nofile", to: ResourceLimit.unlimited)
        return mail
    }

    private static func handed(_ raw: Int32) -> BrokerLoop.HandedListener? {
        guard let address = try? StreamSocket.localAddress(raw), let copy = try? Descriptor.duplicate(raw) else {
            return nil
        }
        return BrokerLoop.HandedListener(address: address, socket: HeldDescriptor(copy))
    }
}

extension BrokerRequest {
    /// A refusal of this request, as a fact.
    func denial(by key: PolicyKey, because why: String? = nil) -> Denial {
        let target = DenialArgument.quoted("target", operation.target, limit: 300)
        return Denial(
            call: "bulkhead.\(operation.function)", arguments: target + (why.map { " \($0)" } ?? ""), layer: .broker,
            key: key, errno: WASIErrno.notcapable, process: process)
    }
}

extension BrokerRequest.Operation {
    /// Of SDK/abi.md.
    var function: String {
        switch self {
        case .connect(.udp, _, _): "udp_connect"
        case .connect: "tcp_connect"
        case .unixConnect: "unix_connect"
        case .tcpListen: "tcp_listen"
        case .udpBind: "udp_bind"
        case .unixListen: "unix_listen"
        case .udpSend: "udp_send"
        case .resolve: "resolve"
        }
    }

    /// As a policy would write it.
    var target: String {
        switch self {
        case .connect(let transport, let host, let port): Self.text(transport, host, port)
        case .udpSend(_, let host, let port, _), .udpBind(let host, let port): Self.text(.udp, host, port)
        case .tcpListen(let host, let port, _): Self.text(.tcp, host, port)
        case .unixConnect(let path), .unixListen(let path, _): "unix://\(path)"
        case .resolve(let name): name
        }
    }

    private static func text(_ transport: Transport, _ host: String, _ port: UInt16) -> String {
        let isSix = host.utf8.contains(UInt8(ascii: ":"))
        return "\(transport.rawValue)://\(isSix ? "[\(host)]" : host):\(port)"
    }
}
