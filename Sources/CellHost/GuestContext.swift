// What a guest's host functions work on: one object for each process, handed to each call by the engine.

import CapabilityModel
import CellProtocol
import LinuxKernel
import ProcessRuntime
import WASIPreview1
import WasmEngine

/// Belongs to the thread that runs its process. There are hundreds of thousands: what most processes never use is made
/// when it is.
final class GuestContext {
    let program: Program
    let grant: Grant
    let process: Process
    /// What this process runs, and its `spawn` where that names no module.
    let module: ProgramModule
    /// `module` under the authority of `grant`.
    let code: Authority.Code
    // Unchecked, here and below: each host call would otherwise ask the language runtime whether another access is under way,
    // which cannot be while one thread at a time runs the process (ThreadSanitizer looks at that in the runtime's tests).
    @safe @exclusivity(unchecked) var handles = HandleTable()
    @safe @exclusivity(unchecked) var monitors = MonitorTable()
    @safe @exclusivity(unchecked) private var wasiProcess: WASIProcess?
    /// What the parent gave, until `argument` takes it.
    var argument: SpawnArgument?
    /// When the wait for messages ends of the call that answered `.wait`: CLOCK_MONOTONIC in ns, `.max` for never; 0 where it
    /// waits for something else, which `wait` says. The usual wait needs no more than this number.
    @safe @exclusivity(unchecked) var messageWait: UInt64 = 0
    /// What the call that answered `.wait` waits for; taken when the fiber is suspended.
    @safe @exclusivity(unchecked) var wait: Wait?
    /// Why the process ends, set with `.end`.
    @safe @exclusivity(unchecked) var ending: ExitReason?
    /// The function that it starts with, while that is called directly because it was not expected to wait.
    @safe @exclusivity(unchecked) var directStart: UInt32?
    /// The call that answered `.wait` and will be made again.
    @safe @exclusivity(unchecked) var underWay = CallUnderWay.none

    /// Of the store, when the runtime was last told what to expect.
    @safe @exclusivity(unchecked) var hotKey: UInt = 0

    init(program: Program, grant: Grant, process: Process, module: ProgramModule, code: Authority.Code) {
        self.program = program
        self.grant = grant
        self.process = process
        self.module = module
        self.code = code
    }

    /// WASI's view of the process, made by its first call: many children never make one.
    /// - Throws: `mfile` or `nomem` when the machine has no room for its files.
    @inline(__always)
    func wasi() throws(CallFailure) -> WASIProcess {
        if let wasiProcess { return wasiProcess }
        return try makeWASI()
    }

    private func makeWASI() throws(CallFailure) -> WASIProcess {
        guard let made = try? program.makeWASI(for: self) else { throw .errno(.mfile) }
        wasiProcess = made
        return made
    }

    /// Tells the runtime what running on will read: what the store says, and this with the process's body, which was made next.
    func expect(_ key: UInt, _ ranges: InlineArray<7, Store.HotRange>?) {
        hotKey = key
        guard let ranges else { return }
        var hints = InlineArray<8, MemoryHint>(repeating: MemoryHint(0, bytes: 0))
        hints[0] = MemoryHint(UInt(bitPattern: ObjectIdentifier(self)), bytes: 368)
        var count = 1
        for index in ranges.indices where ranges[index].bytes > 0 {
            hints[count] = MemoryHint(ranges[index].start, bytes: ranges[index].bytes)
            count += 1
        }
        process.expect(hints.span)
    }

    /// Whether a wait with a deadline and nothing else ends by that and by the process's end only. What wakes those that wait
    /// for room in a mailbox, the broker or the pool shows only to the call that waits.
    var waitsForTimeAlone: Bool {
        switch underWay {
        case .sleep: true
        // WASI's clocks: its calls that wait for the pool give no deadline.
        case .none: true
        case .until, .request: false
        }
    }

    func takeWait() -> Wait {
        if messageWait != 0 {
            let deadline = takeMessageWait()
            return Wait(messages: true, deadline: deadline == .max ? nil : deadline)
        }
        defer { wait = nil }
        // A call that waits says for what; with nothing said, going on at once is the answer that cannot hang.
        return wait ?? Wait(deadline: 0)
    }

    /// The end of a wait for messages; `.max` for never.
    @inline(__always)
    func takeMessageWait() -> UInt64 {
        let deadline = messageWait
        messageWait = 0
        return deadline
    }

    /// Gives back what was charged for the process and forgets all that it did: the next process in its block may get this
    /// context. Called once, when it has ended.
    func release() {
        if handles.count > 0 {
            grant.account.refund(.fds, UInt64(handles.count))
            handles = HandleTable()
        }
        if monitors.count > 0 { grant.account.refund(.memory, MonitorTable.cost * UInt64(monitors.count)) }
        if monitors.isUsed { monitors = MonitorTable() }
        dropArgument()
        if case .request(let id) = underWay { program.broker.forget(id) }
        underWay = .none
        if wasiProcess != nil { wasiProcess = nil }
        messageWait = 0
        if wait != nil { wait = nil }
        if ending != nil { ending = nil }
        directStart = nil
    }

    /// The argument is gone, and so is its charge.
    func dropArgument() {
        guard let argument else { return }
        grant.account.refund(.mailboxBytes, argument.charge)
        self.argument = nil
    }

    /// What happens where a direct call would have to wait, or has used up its slice.
    static let directHooks = DirectHooks(
        onDirectWait: { object in
            let context = guestContext(object)
            if let entry = context.directStart {
                context.directStart = nil
                context.module.starts.disappointed(entry)
            }
            return context.process.blockThread(context.takeWait())
        },
        onDirectSlice: { guestContext($0).process.sliceIsOver() })

    // MARK: Handles

    /// Pays for `count` handles; they are the caller's to insert, or to give back.
    /// - Throws: `mfile` and a denial when the process may hold no more.
    func reserveHandles(_ count: Int = 1, _ call: StaticString) throws(CallFailure) {
        guard let refusal = grant.account.charge(.fds, UInt64(count)) else { return }
        throw deny(
            call, grant.key(of: .fds), .mfile, layer: .limit, "used=\(refusal.used) allowed=\(refusal.allowed)")
    }

    func refundHandles(_ count: Int = 1) {
        grant.account.refund(.fds, UInt64(count))
    }

    /// - Throws: `badf`.
    @inline(__always)
    func target(_ handle: UInt32) throws(CallFailure) -> HandleTarget {
        try handles.target(handle, own: process.id)
    }

    /// The process behind a handle that must not be an alias: those are for messages alone.
    /// - Throws: `badf`; `inval` for an alias.
    func processTarget(_ handle: UInt32) throws(CallFailure) -> ProcessID {
        let target = try target(handle)
        guard target.alias == nil else { throw .errno(.inval) }
        return target.process
    }

    /// Closes a handle; one that is an alias of this process's own stops working.
    /// - Returns: false when there was none.
    @discardableResult
    func closeHandle(_ handle: UInt32) -> Bool {
        guard let target = handles.remove(handle) else { return false }
        refundHandles()
        if let alias = target.alias, target.process == process.id { process.dropAlias(alias) }
        return true
    }

    // MARK: Refusals

    /// Tells of a refusal, and says how the call ends: by the errno, or by a trap where the policy says so.
    func deny(
        _ call: StaticString, _ key: PolicyKey, _ errno: Errno, layer: AuditLayer = .wasi,
        _ arguments: @autoclosure () -> String
    ) -> CallFailure {
        let name = "\(BulkheadFunction.module).\(call)"
        let traps = grant.authority.onDenied == .trap
        report(
            Denial(
                call: name, arguments: arguments(), layer: layer, key: key, errno: traps ? nil : errno.rawValue))
        return traps ? .trap("\(name) is denied by \(key.path)") : .errno(errno)
    }

    /// Host memory that a limit refused.
    func denyMemory(_ call: StaticString, _ refusal: LimitRefusal) -> CallFailure {
        deny(call, grant.key(of: .memory), .nomem, layer: .limit, "used=\(refusal.used) allowed=\(refusal.allowed)")
    }

    /// The growth of a memory that a limit refused, once it has ended the process or the process has ended.
    func reportMemory(_ denial: GrowthDenial) {
        report(
            Denial(
                call: "memory.grow", arguments: "used=\(denial.used) requested=\(denial.requested)", layer: .limit,
                key: grant.key(of: .memory), errno: nil))
    }

    /// Of a supervised child its supervisor hears in any case.
    func reportEnd(_ reason: ExitReason) {
        if grant.order?.isChild(process.id) != true { program.reporter.ended(process.id, reason) }
    }

    /// Sends a denial on its way with this process's id.
    func report(_ denial: Denial) {
        var denial = denial
        denial.process = program.shownID(process.id)
        program.reporter.denied(denial)
    }
}

/// What a call that answered `.wait` must know when it is made again. A process has one call under way at a time.
enum CallUnderWay {
    case none
    /// CLOCK_MONOTONIC, ns; nil waits without end.
    case until(UInt64?)
    /// The same, where nothing else ends the wait.
    case sleep(UInt64?)
    /// The broker was asked.
    case request(UInt32)
}

/// A wait that is looked at before it ends, to see whether it is a long one.
struct LongWait {
    /// When that is, CLOCK_MONOTONIC in ns.
    var begins: UInt64
    /// Of the wait itself; `.max` for none.
    var deadline: UInt64
    /// It waits for no messages.
    var isSleep: Bool
}

/// What a parent gives to its child.
final class SpawnArgument {
    let bytes: [UInt8]
    let attachments: [Attachment]
    let sender: UInt64

    init(bytes: [UInt8], attachments: [Attachment], sender: UInt64) {
        self.bytes = bytes
        self.attachments = attachments
        self.sender = sender
    }

    /// What it costs of the child's mailbox, in bytes.
    var charge: UInt64 { UInt64(bytes.count) + 64 * UInt64(attachments.count) + 64 }
}

/// What WASI refuses goes the same way as the rest, under the key that decided for this process.
final class ProcessDenials: DenialSink {
    private let reporter: DenialReporter
    private let grant: Grant
    private let process: UInt64?

    init(reporter: DenialReporter, grant: Grant, process: UInt64?) {
        self.reporter = reporter
        self.grant = grant
        self.process = process
    }

    func denied(_ denial: Denial) {
        var denial = denial
        denial.process = process
        if denial.key.path == "limits.fds" { denial.key = grant.key(of: .fds) }
        reporter.denied(denial)
    }
}
