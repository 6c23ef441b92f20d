// What processes of one authority start with, made once for all of them.

package import CapabilityModel
package import LinuxKernel
internal import ProcessRuntime

package final class WASITemplate: Sendable {
    package struct Configuration: Sendable {
        /// The program's name first. Bytes, as the host gave them; a NUL ends nothing and must not be inside.
        package var arguments: [[UInt8]]
        /// `NAME=value`
        package var environment: [[UInt8]]
        package var clocks: ClockGrant
        package var random: Bool
        /// Only `fds` counts here.
        package var limits: Limits
        package var onDenied: DenialMode
        /// What descriptors of sockets that come from other processes are judged by.
        package var connect: [NetworkGrant] = []
        package var listen: [NetworkGrant] = []
        /// And those of standard streams.
        package var stdio: StdioGrant = .closed

        package init(
            arguments: [String] = [], environment: [String] = [], clocks: ClockGrant = ClockGrant(),
            random: Bool = false, limits: Limits = .default, onDenied: DenialMode = .errno
        ) {
            self.arguments = arguments.map { Array($0.utf8) }
            self.environment = environment.map { Array($0.utf8) }
            self.clocks = clocks
            self.random = random
            self.limits = limits
            self.onDenied = onDenied
        }
    }

    /// How a standard stream's descriptor may be used.
    package struct StreamOptions: Hashable, Sendable {
        /// The guest sees a terminal (isatty(3) answers yes), because the supervisor relays from one.
        package var isTerminal: Bool
        /// The open file description belongs to this OS process alone, so it is made non-blocking.
        package var isOwned: Bool

        package init(isTerminal: Bool, isOwned: Bool) {
            self.isTerminal = isTerminal
            self.isOwned = isOwned
        }
    }

    /// The descriptors that a template hands out, put together before it is made.
    package struct Files: Sendable {
        var table = DescriptorTable()
        var mounts: [Mount] = []
        let limit: Int
        let host: WASIHost

        var hasRoom: Bool { table.count < limit }

        /// - Parameters:
        ///   - limit: how many descriptors a process may have open (`Limits.fds`).
        ///   - host: hears of the end of each file.
        package init(limit: UInt32, host: WASIHost = .single) {
            self.limit = Int(limit)
            self.host = host
        }
    }

    let files: Files
    let arguments: StringTable
    let environment: StringTable
    let clocks: ClockGrant
    let mayUseRandom: Bool
    let onDenied: DenialMode
    let host: WASIHost
    let table: DescriptorTable
    /// How many descriptors a process may have open.
    let fileLimit: Int
    let mounts: [Mount]
    let connect: [NetworkGrant]
    let listen: [NetworkGrant]
    let stdio: StdioGrant
    let hasQuota: Bool
    /// Whose output it is where that is captured: the supervised child's order, 0 outside of hosted cells.
    let order: UInt64

    package init(_ configuration: Configuration, _ files: Files) {
        self.files = files
        arguments = StringTable(configuration.arguments)
        environment = StringTable(configuration.environment)
        clocks = configuration.clocks
        mayUseRandom = configuration.random
        onDenied = configuration.onDenied
        host = files.host
        table = files.table
        fileLimit = Int(configuration.limits.fds)
        mounts = files.mounts
        connect = configuration.connect
        listen = configuration.listen
        stdio = configuration.stdio
        hasQuota = files.mounts.contains { $0.hasQuota }
        order = 0
    }

    /// The same for a supervised child.
    /// - Parameters:
    ///   - other: whose files and rights it has.
    ///   - arguments: the program's name first.
    ///   - environment: `NAME=value` each.
    ///   - order: what its captured output is marked with.
    package init(_ other: WASITemplate, arguments: [[UInt8]], environment: [[UInt8]], order: UInt64) {
        files = other.files
        self.arguments = StringTable(arguments)
        self.environment = StringTable(environment)
        clocks = other.clocks
        mayUseRandom = other.mayUseRandom
        onDenied = other.onDenied
        host = other.host
        table = other.table
        fileLimit = other.fileLimit
        mounts = other.mounts
        connect = other.connect
        listen = other.listen
        stdio = other.stdio
        hasQuota = other.hasQuota
        self.order = order
    }

    /// The same with other files.
    init(_ other: WASITemplate, _ files: Files) {
        self.files = files
        arguments = other.arguments
        environment = other.environment
        clocks = other.clocks
        mayUseRandom = other.mayUseRandom
        onDenied = other.onDenied
        host = other.host
        table = files.table
        fileLimit = other.fileLimit
        mounts = files.mounts
        connect = other.connect
        listen = other.listen
        stdio = other.stdio
        hasQuota = files.mounts.contains { $0.hasQuota }
        order = other.order
    }
}

/// The rule that a socket came by.
package enum SocketRule: Hashable, Sendable {
    case connect(NetworkGrant)
    /// Of a listener, what it accepts, and a datagram socket that is bound.
    case listen(NetworkGrant)
}

extension WASITemplate.Files {
    /// Sets standard stream 0, 1 or 2; a stream that is never set is closed to the guest.
    /// - Throws: what fstat(2) or fcntl(2) throws; `EINVAL` for another number or a directory.
    package mutating func setStandardStream(
        _ index: Int, _ file: OpenFile, _ options: WASITemplate.StreamOptions
    ) throws(SystemError) {
        guard (0...2).contains(index) else { throw SystemError("stdio", errno: 22) }
        let status = try FileDescriptorCalls.status(file.raw)
        if status.kind == .directory { throw SystemError("stdio", errno: 22) }
        let isRegular = status.kind == .regular
        if options.isOwned && !isRegular { try FileDescriptorCalls.setNonBlocking(file.raw, true) }
        var rights: Rights = isRegular ? Rights.file : Rights.stream
        rights.remove(index == 0 ? .fdWrite : .fdRead)
        rights.subtract([.fdAllocate, .fdFilestatSetSize, .fdFilestatSetTimes])
        let type: FileType = options.isTerminal && !isRegular ? .characterDevice : FileType(status.kind)
        table.setStandard(
            index,
            Descriptor(
                file: file, kind: isRegular ? .regular : .stream, type: type, status: status,
                waiting: isRegular ? .never : (options.isOwned ? .nonBlocking : .shared),
                origin: .standardStream(index), Descriptor.Traits(base: rights, inheriting: [])))
    }

    /// Preopens a directory under the grant's guest path, at the lowest free descriptor from 3 on. Directories come
    /// before sockets: wasi-libc stops its search at the first descriptor that is not a preopened directory.
    /// - Parameters:
    ///   - grant: what may be done there.
    ///   - directory: an O_PATH handle.
    ///   - parent: the template that this one is narrowed from; quotas of its mount are charged too.
    /// - Throws: what fstat(2) throws; `ENOTDIR`; `EMFILE` past the descriptor limit.
    package mutating func addMount(
        _ grant: MountGrant, directory: OpenFile, within parent: WASITemplate? = nil
    ) throws(SystemError) {
        let status = try FileDescriptorCalls.status(directory.raw)
        guard status.kind == .directory else { throw SystemError("mount", errno: 20) }
        guard hasRoom else { throw SystemError("mount", errno: 24) }
        let wider = parent?.mounts.first { $0.grant.isWholeHost || $0.grant.contains(pathOf: grant) }
        let mount = Mount(grant: grant, status: status, within: wider)
        mounts.append(mount)
        // Content rights stay in `inheriting` whatever the mount allows: wasi-libc masks a program's open() with them,
        // and an open for writing must reach path_open, to be refused and audited there and not at some later write.
        var traits = Descriptor.Traits(
            base: Rights.directory.intersection(mount.rights), inheriting: Rights.file.union(.directory))
        traits.mount = mount
        traits.preopenName = Array(grant.guestPath.utf8)
        traits.needsOwnHandle = true
        _ = table.insert(
            Descriptor(
                file: directory, kind: .directory, type: .directory, status: status, waiting: .never, origin: .mount,
                traits))
    }

    /// Preopens `/` as a directory beneath which nothing is granted. A libc looks for a preopened directory above a path
    /// and fails without a call when there is none; with this one it makes the call, which is denied and audited. To every other
    /// call it is not open. To be added after the mounts, and only where none of them is `/`; it counts towards no limit.
    /// - Parameter standIn: any descriptor that is no directory; no call reaches it.
    /// - Throws: what fstat(2) throws.
    package mutating func addAbsentRoot(standIn: OpenFile) throws(SystemError) {
        let status = try FileDescriptorCalls.status(standIn.raw)
        var traits = Descriptor.Traits(base: .directory, inheriting: Rights.file.union(.directory))
        traits.mount = .absentRoot(status)
        traits.preopenName = Array("/".utf8)
        traits.isCounted = false
        _ = table.insert(
            Descriptor(
                file: standIn, kind: .directory, type: .directory, status: status, waiting: .never, origin: .mount,
                traits))
    }

    /// A listening socket, at the lowest free descriptor; it is made non-blocking.
    /// - Parameters:
    ///   - listener: bound and listening.
    ///   - rules: what a receiver of the descriptor must hold.
    /// - Throws: what fcntl(2) and fstat(2) throw; `ENOTSOCK`; `EMFILE` past the descriptor limit.
    package mutating func addListener(_ listener: OpenFile, rules: [NetworkGrant]) throws(SystemError) {
        guard hasRoom else { throw SystemError("listener", errno: 24) }
        _ = table.insert(try Descriptor(socket: listener, origin: { _ in .listen(rules) }))
    }
}

extension WASITemplate {
    /// The rules that a receiver of a socket must hold: where nothing more is known, all of this template's.
    func origin(_ isListening: Bool, _ rule: SocketRule?) -> Descriptor.Origin {
        switch rule {
        case .connect(let grant): .connect([grant])
        case .listen(let grant): .listen([grant])
        case nil: isListening ? .listen(listen) : .connect(connect)
        }
    }
}

extension Descriptor {
    convenience init(socket file: OpenFile, origin: (_ isListening: Bool) -> Origin) throws(SystemError) {
        guard let socket = SocketCalls.kind(file.raw) else { throw SystemError("socket", errno: 88) }
        try FileDescriptorCalls.setNonBlocking(file.raw, true)
        self.init(
            file: file, kind: socket.isListening ? .listener : .connection,
            type: socket.isStream ? .socketStream : .socketDatagram, status: nil, waiting: .nonBlocking,
            origin: origin(socket.isListening),
            Traits(
                base: socket.isListening ? .listener : .socket, inheriting: socket.isListening ? .socket : []))
    }

    /// A connection that was accepted from `listener`: who may hold the one may hold the other.
    convenience init(
        accepted file: OpenFile, from listener: Descriptor, flags: DescriptorFlags
    ) {
        self.init(
            file: file, kind: .connection, type: listener.type, status: nil, waiting: .nonBlocking,
            origin: listener.origin,
            Traits(base: Rights.socket.intersection(listener.inheriting), inheriting: [], flags: flags))
    }
}
