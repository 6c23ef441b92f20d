// What preview 1 keeps for one process: what it started with, its descriptors, and the call under way.

package import CapabilityModel
package import LinuxKernel
package import ProcessRuntime

/// Hears of each refusal, on any thread. The text in a denial is the guest's, cut to 512 bytes.
package protocol DenialSink: AnyObject, Sendable {
    func denied(_ denial: Denial)
}

/// One process's view of the system. Belongs to one thread at a time. It costs no system call to make, and no more than
/// its own fields until the process opens or changes something.
package final class WASIProcess {
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

    var template: WASITemplate
    let process: ProcessID
    private let account: Account?
    private let denials: any DenialSink
    var descriptors: DescriptorTable
    var pending = Pending.none
    /// What the pool does for the call under way; a `BlockingJob`.
    var job: AnyObject?
    /// Set by a call that must wait for the pool, with whatever it throws.
    var isSuspended = false

    /// - Parameters:
    ///   - template: what it starts with.
    ///   - process: whom the reactor and the pool wake.
    ///   - account: pays for descriptors that it opens (`LimitKind.fds`) and for buffers of the pool; those that it starts
    ///     with cost nothing, being its template's.
    ///   - denials: hears of refusals.
    package init(
        _ template: WASITemplate, process: ProcessID = .outside, account: Account? = nil, denials: any DenialSink
    ) {
        self.template = template
        self.process = process
        self.account = account
        self.denials = denials
        descriptors = template.table
    }

    deinit {
        if let account {
            let count = descriptors.chargedCount
            if count > 0 { account.refund(.fds, UInt64(count)) }
        }
    }

    /// A mount has a quota, so calls that change files are made one at a time (`Mount.quotaLock`).
    var hasQuota: Bool { template.hasQuota }

    /// How many descriptors are open.
    package var openDescriptors: Int { descriptors.count }

    /// What may be refused wherever a call is worked on.
    var caller: FileCaller { FileCaller(denials: denials, onDenied: template.onDenied, host: template.host) }

    // MARK: Descriptors in and out

    /// Gives the guest a socket, listening or connected; it is made non-blocking.
    /// - Parameters:
    ///   - file: the socket.
    ///   - call: what a denial names, such as `bulkhead.tcp_connect`.
    ///   - origin: the rule that it came by, which a receiver must hold before it gets the descriptor; nil stands for all of
    ///     this process's rules of that direction.
    ///   - companion: kept for as long as some process has the socket open; `companion(of:)` finds it.
    /// - Returns: the guest's descriptor.
    /// - Throws: `mfile` past the descriptor limit, which is a denial; `notsock`; what fcntl(2) throws.
    package func insertSocket(
        _ file: consuming OwnedFileDescriptor, call: String = "bulkhead.tcp_connect", origin: SocketRule? = nil,
        keeping companion: (any AnyObject & Sendable)? = nil
    ) throws(CallFailure) -> UInt32 {
        let open = OpenFile(file, reactor: template.host.reactor, companion: companion)
        let descriptor = try kernel(try Descriptor(socket: open) { template.origin($0, origin) })
        return try insert(charging: descriptor, call)
    }

    /// What `insertSocket` kept with a descriptor.
    /// - Throws: `badf`; `notsock`.
    package func companion(of fd: UInt32) throws(CallFailure) -> (any AnyObject & Sendable)? {
        try socket(fd).file.companion
    }

    /// The host's number of a socket, for calls that WASI lacks; good while the guest's descriptor is open.
    /// - Throws: `badf`; `notsock`; `notcapable` without the rights.
    package func rawSocket(_ fd: UInt32, reading: Bool = false) throws(CallFailure) -> Int32 {
        let descriptor = try socket(fd)
        if reading { try require(descriptor, .fdRead, [], "udp_receive", fd) }
        return descriptor.raw
    }

    private var hasRoom: Bool { descriptors.count < template.fileLimit }

    /// Takes a descriptor that was paid for.
    func insert(paid descriptor: Descriptor) -> UInt32 {
        guard account != nil else { return descriptors.insert(descriptor) }
        return descriptors.insert(descriptor.with { $0.isCharged = true })
    }

    func insert(charging descriptor: Descriptor, _ call: String) throws(CallFailure) -> UInt32 {
        try pay(call)
        return insert(paid: descriptor)
    }

    /// One more descriptor is paid for, if it fits the process's own limit and its account's, whose parents pay too.
    func pay(_ call: String) throws(CallFailure) {
        guard hasRoom else { throw full(call) }
        if let account, account.charge(.fds, 1) != nil { throw full(call) }
    }

    func pay(_ call: StaticString) throws(CallFailure) {
        guard hasRoom else { throw full(FileCaller.name(call)) }
        if let account, account.charge(.fds, 1) != nil { throw full(FileCaller.name(call)) }
    }

    /// Gives back what `pay` paid.
    func refund() {
        account?.refund(.fds, 1)
    }

    func settle(closed descriptor: Descriptor) {
        if descriptor.traits.isCharged { refund() }
    }

    /// A host buffer's bytes, paid for by the account until the buffer goes away.
    /// - Throws: `nomem`.
    func payForBuffer(_ count: Int) throws(CallFailure) -> BufferCharge {
        guard let charge = BufferCharge.pay(account, count) else { throw .errno(.nomem) }
        return charge
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

    private func full(_ call: String) -> CallFailure {
        caller.deny(named: call, PolicyKey("limits.fds"), .mfile, "open=\(descriptors.count)")
    }

    /// - Throws: `mfile` and a denial when no more descriptors may be opened.
    func checkRoom(_ call: StaticString) throws(CallFailure) {
        guard hasRoom, account.map({ $0.left(.fds) > 0 }) ?? true else {
            throw full(FileCaller.name(call))
        }
    }

    /// - Throws: `notcapable` when the descriptor lacks `right`; a denial when that is so because its mount's policy
    ///   lacks `needed`.
    @inline(__always)
    func require(
        _ descriptor: Descriptor, _ right: Rights, _ needed: FileRights, _ call: StaticString, _ fd: UInt32
    ) throws(CallFailure) {
        if descriptor.base.isSuperset(of: right) { return }
        throw caller.lacking(descriptor, needed, call, fd)
    }

    /// Tells of a refusal, and says how the call ends: by the errno, or by a trap where the policy says so.
    func deny(
        _ call: StaticString, _ key: PolicyKey, _ errno: Errno, _ arguments: @autoclosure () -> String
    ) -> CallFailure {
        caller.deny(named: FileCaller.name(call), key, errno, arguments())
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
