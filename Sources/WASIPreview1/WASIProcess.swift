// What preview 1 keeps for one process: arguments, environment, descriptors, grants, and the call under way.

package import CapabilityModel
package import LinuxKernel

/// Hears of each refusal. The text in a denial is the guest's, cut to 512 bytes.
package protocol DenialSink: AnyObject {
    func denied(_ denial: Denial)
}

/// One process's view of the system. Belongs to one thread at a time.
package final class WASIProcess {
    package struct Configuration {
        /// The program's name first. Bytes, as the host gave them; a NUL ends nothing and must not be inside.
        package var arguments: [[UInt8]]
        /// `NAME=value`
        package var environment: [[UInt8]]
        package var clocks: ClockGrant
        package var random: Bool
        /// Only `fds` counts here.
        package var limits: Limits
        package var onDenied: DenialMode

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
        /// The open file description belongs to this process alone, so it is made non-blocking.
        package var isOwned: Bool

        package init(isTerminal: Bool, isOwned: Bool) {
            self.isTerminal = isTerminal
            self.isOwned = isOwned
        }
    }

    /// What a call that answered `.wait` must know when it is made again.
    enum Pending {
        case none
        /// When poll_oneoff was first made: CLOCK_MONOTONIC, ns.
        case poll(start: UInt64)
        /// How much random_get has filled.
        case random(filled: Int)
        /// How much fd_readdir has written, and from which cookie it goes on.
        case listing(written: Int, cookie: UInt64)
        /// How much sock_recv has received of all it waits for.
        case received(UInt64)
        case yielded
    }

    let arguments: StringTable
    let environment: StringTable
    let clocks: ClockGrant
    let mayUseRandom: Bool
    private let onDenied: DenialMode
    private let denials: any DenialSink
    var descriptors: DescriptorTable
    var pending = Pending.none

    package init(_ configuration: Configuration, denials: any DenialSink) {
        arguments = StringTable(configuration.arguments)
        environment = StringTable(configuration.environment)
        clocks = configuration.clocks
        mayUseRandom = configuration.random
        onDenied = configuration.onDenied
        descriptors = DescriptorTable(limit: configuration.limits.fds)
        self.denials = denials
    }

    /// How many descriptors are open.
    package var openDescriptors: Int { descriptors.count }

    /// Sets standard stream 0, 1 or 2; a stream that is never set is closed to the guest.
    /// - Throws: what fstat(2) or fcntl(2) throws; `EINVAL` for another number or a directory.
    package func setStandardStream(
        _ index: Int, _ file: consuming OwnedFileDescriptor, _ options: StreamOptions
    ) throws(SystemError) {
        guard (0...2).contains(index) else { throw SystemError("stdio", errno: 22) }
        let status = try FileDescriptorCalls.status(file.rawValue)
        if status.kind == .directory { throw SystemError("stdio", errno: 22) }
        let isRegular = status.kind == .regular
        if options.isOwned && !isRegular { try FileDescriptorCalls.setNonBlocking(file.rawValue, true) }
        var rights: Rights = isRegular ? Rights.file : Rights.stream
        rights.remove(index == 0 ? .fdWrite : .fdRead)
        rights.subtract([.fdAllocate, .fdFilestatSetSize, .fdFilestatSetTimes])
        let type: FileType = options.isTerminal && !isRegular ? .characterDevice : FileType(status.kind)
        descriptors.setStandard(
            index,
            Descriptor(
                file: file, kind: isRegular ? .regular : .stream, type: type, status: status, mount: nil,
                waiting: isRegular ? .never : (options.isOwned ? .nonBlocking : .shared), base: rights,
                inheriting: [], flags: []))
    }

    /// Preopens a directory under the grant's guest path, at the lowest free descriptor from 3 on. Directories come
    /// before sockets: wasi-libc stops its search at the first descriptor that is not a preopened directory.
    /// - Throws: what fstat(2) throws; `ENOTDIR`; `EMFILE` past the descriptor limit.
    package func addMount(
        _ grant: MountGrant, directory: consuming OwnedFileDescriptor
    ) throws(SystemError) {
        let status = try FileDescriptorCalls.status(directory.rawValue)
        guard status.kind == .directory else { throw SystemError("mount", errno: 20) }
        guard descriptors.hasRoom else { throw SystemError("mount", errno: 24) }
        let mount = Mount(grant: grant, status: status)
        // Content rights stay in `inheriting` whatever the mount allows: wasi-libc masks a program's open() with them,
        // and an open for writing must reach path_open, to be refused and audited there and not at some later write.
        _ = descriptors.insert(
            Descriptor(
                file: directory, kind: .directory, type: .directory, status: status, mount: mount,
                preopenName: Array(grant.guestPath.utf8), waiting: .never,
                base: Rights.directory.intersection(mount.rights), inheriting: Rights.file.union(.directory),
                flags: []))
    }

    /// Preopens `/` as a directory beneath which nothing is granted. A libc looks for a preopened directory above a path
    /// and fails without a call when there is none; with this one it makes the call, which is denied and audited. To every other
    /// call it is not open. To be added after the mounts, and only where none of them is `/`; it counts towards no limit.
    /// - Parameter standIn: any descriptor that is no directory; no call reaches it.
    /// - Throws: what fstat(2) throws.
    package func addAbsentRoot(standIn: consuming OwnedFileDescriptor) throws(SystemError) {
        let status = try FileDescriptorCalls.status(standIn.rawValue)
        _ = descriptors.insert(
            Descriptor(
                file: standIn, kind: .directory, type: .directory, status: status, mount: .absentRoot(status),
                preopenName: Array("/".utf8), waiting: .never, isCounted: false,
                base: Rights.directory,
                inheriting: Rights.file.union(.directory), flags: []))
    }

    /// Gives the guest a socket, listening or connected; it is made non-blocking.
    /// - Parameters:
    ///   - file: the socket.
    ///   - call: what a denial names, such as `bulkhead.tcp_connect`.
    /// - Returns: the guest's descriptor.
    /// - Throws: `mfile` past the descriptor limit, which is a denial; `notsock`; what fcntl(2) throws.
    package func insertSocket(
        _ file: consuming OwnedFileDescriptor, call: String = "bulkhead.tcp_connect"
    ) throws(CallFailure) -> UInt32 {
        guard let socket = SocketCalls.kind(file.rawValue) else { throw .errno(.notsock) }
        let raw = file.rawValue
        try kernel(try FileDescriptorCalls.setNonBlocking(raw, true))
        let status = try kernel(try FileDescriptorCalls.status(raw))
        guard descriptors.hasRoom else { throw full(call) }
        return descriptors.insert(
            Descriptor(
                file: file, kind: socket.isListening ? .listener : .connection,
                type: socket.isStream ? .socketStream : .socketDatagram, status: status, mount: nil,
                waiting: .nonBlocking, base: socket.isListening ? .listener : .socket,
                inheriting: socket.isListening ? .socket : [], flags: []))
    }

    // MARK: What every call needs

    /// - Throws: `badf`.
    @inline(__always)
    func descriptor(_ fd: UInt32) throws(CallFailure) -> Descriptor {
        guard let descriptor = descriptors[fd], descriptor.isCounted else { throw .errno(.badf) }
        return descriptor
    }

    /// As `descriptor`, but the absent root too: what a libc asks to find a path's directory, and path calls.
    /// - Throws: `badf`.
    func preopened(_ fd: UInt32) throws(CallFailure) -> Descriptor {
        guard let descriptor = descriptors[fd] else { throw .errno(.badf) }
        return descriptor
    }

    /// - Throws: `mfile` and a denial when no more descriptors may be opened.
    func checkRoom(_ call: StaticString) throws(CallFailure) {
        guard descriptors.hasRoom else { throw full(WASIProcess.name(call)) }
    }

    private func full(_ call: String) -> CallFailure {
        deny(named: call, PolicyKey("limits.fds"), .mfile, "open=\(descriptors.count)")
    }

    /// - Throws: `notcapable` when the descriptor lacks `right`; a denial when that is so because its mount's policy
    ///   lacks `needed`.
    @inline(__always)
    func require(
        _ descriptor: Descriptor, _ right: Rights, _ needed: FileRights, _ call: StaticString, _ fd: UInt32
    ) throws(CallFailure) {
        if descriptor.base.isSuperset(of: right) { return }
        throw lacking(descriptor, needed, call, fd)
    }

    private func lacking(
        _ descriptor: Descriptor, _ needed: FileRights, _ call: StaticString, _ fd: UInt32
    ) -> CallFailure {
        guard let mount = descriptor.mount, !mount.grant.rights.isSuperset(of: needed) else {
            return .errno(.notcapable)
        }
        return deny(call, mount.key("access"), .notcapable, "fd=\(fd)")
    }

    /// Tells of a refusal, and says how the call ends: by the errno, or by a trap where the policy says so.
    func deny(
        _ call: StaticString, _ key: PolicyKey, _ errno: Errno, _ arguments: @autoclosure () -> String
    ) -> CallFailure {
        deny(named: WASIProcess.name(call), key, errno, arguments())
    }

    private static func name(_ call: StaticString) -> String { "\(WASIFunctions.module).\(call)" }

    private func deny(named name: String, _ key: PolicyKey, _ errno: Errno, _ arguments: String) -> CallFailure {
        let traps = onDenied == .trap
        denials.denied(
            Denial(
                call: name, arguments: WASIProcess.bounded(arguments), layer: .wasi, key: key,
                errno: traps ? nil : errno.rawValue))
        return traps ? .trap("\(name) is denied by \(key.path)") : .errno(errno)
    }

    /// At most 512 bytes, cut between characters.
    private static func bounded(_ text: String) -> String {
        guard text.utf8.count > 512 else { return text }
        var bytes = Array(text.utf8.prefix(509))
        while let last = bytes.last, last & 0xc0 == 0x80 { bytes.removeLast() }
        if let last = bytes.last, last >= 0xc0 { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self) + "…"
    }
}

/// Strings as args_get and environ_get hand them out: one blob, NUL after each, and where each starts.
struct StringTable {
    let blob: [UInt8]
    let starts: [UInt32]

    init(_ strings: [[UInt8]]) {
        var blob: [UInt8] = []
        var starts: [UInt32] = []
        for string in strings {
            starts.append(UInt32(truncatingIfNeeded: blob.count))
            blob.append(contentsOf: string)
            blob.append(0)
        }
        self.blob = blob
        self.starts = starts
    }
}
