// A guest as something that runs in slices: instantiation, `_initialize`, its entry, and a handler's messages.

import CapabilityModel
import CellProtocol
import LinuxKernel
import ProcessRuntime
import WasmEngine

/// Belongs to the thread that runs the process.
final class WasmProcess: Resumable {
    /// What runs once the module is instantiated and initialised.
    enum Start {
        /// `_start`, or for a reactor `_initialize` alone.
        case program(isHandler: Bool)
        /// `bulkhead_spawned` with the function's number.
        case function(UInt32, isHandler: Bool)
        /// An export of the program's, with arguments as text.
        case invocation(Invocation)

        var isHandler: Bool {
            switch self {
            case .program(let isHandler), .function(_, let isHandler): isHandler
            case .invocation: false
            }
        }
    }

    private struct Rest {
        /// CLOCK_MONOTONIC, ns.
        var begins: UInt64
        /// Of the wait itself; `.max` for none.
        var deadline: UInt64
    }

    private enum Stage {
        case created
        case instantiating
        case initializing
        case running
        /// A handler between two messages.
        case idle
        /// A handler within `bulkhead_message`, on a fiber.
        case handling
    }

    /// Messages that a handler takes before others run.
    private static let messagesInARow = 64

    /// Messages after which a handler that overran is called directly again. If it does the same then, it costs a slice and a
    /// change of threads for each so many messages.
    private static let forgivenAfter = 1000

    /// Nanoseconds after which a process that waits for messages on its fiber gives its pages back.
    private static let restAfter: UInt64 = 2_000_000_000

    private let code: Authority.Code
    private let start: Start
    private let context: GuestContext
    // Unchecked for the reason that `GuestContext` gives.
    @safe @exclusivity(unchecked) private var store: Store?
    /// In place of the store, while an idle handler is parked.
    @safe @exclusivity(unchecked) private var parked: StoredInstance?
    /// When a handler that is idle is to be parked, CLOCK_MONOTONIC in ns; nil while it is not idle, and when it cannot be.
    @safe @exclusivity(unchecked) private var parkingTime: UInt64?
    /// The wait under way, if it is one for messages that may be long and has a deadline.
    @safe @exclusivity(unchecked) private var rest: Rest?
    /// The wait under way is one for messages without end.
    @safe @exclusivity(unchecked) private var waitsLong = false
    /// From when such a wait is long, CLOCK_MONOTONIC in ns; 0 before the first, `.max` if there were messages since it was set.
    @safe @exclusivity(unchecked) private var longFrom: UInt64 = 0
    @safe @exclusivity(unchecked) private var stage = Stage.created
    /// How many messages are still to be handled on a fiber, since a direct call took too long or had to wait.
    @safe @exclusivity(unchecked) private var fiberMessages = 0

    init(_ code: Authority.Code, start: Start, context: GuestContext) {
        self.code = code
        self.start = start
        self.context = context
    }

    /// Never where a parent has set an end: a direct call cannot be put aside when it has come.
    var canRunDirectly: Bool { fiberMessages == 0 && stage == .idle && context.grant.end == nil }

    func didOverrun() { fiberMessages = WasmProcess.forgivenAfter }

    func resume(_ mode: ResumeMode) -> Suspension {
        guard let end = context.grant.end else { return run(mode) }
        if let reason = end.reason(at: Clock.monotonicNow()) { return finish(reason) }
        return run(mode).ending(by: end.time)
    }

    func abandon() {
        dropStore()
        _ = takeParked()
        context.release()
    }

    /// Its instance may be put back to its beginning and be another process's.
    private func dropStore() {
        if let store = store.take() { code.pool.give(store) }
    }

    // MARK: Running

    private func run(_ mode: ResumeMode) -> Suspension {
        var served = 0
        while true {
            switch stage {
            case .created:
                makeStore()
                // One that was used before is instantiated already.
                if store?.isBusy == false, let end = goOn(after: []) { return end }
            case .idle:
                served += 1
                if let suspension = serve(mode, mayGoOn: served <= WasmProcess.messagesInARow) { return suspension }
            case .instantiating, .initializing, .running, .handling:
                if let suspension = poll() { return suspension }
            }
        }
    }

    private func makeStore() {
        let limits = context.grant.limits
        let bounds = StoreLimits(memoryBytes: limits.memory, tableElements: limits.tableElements)
        // The first process ends with its cell, so that its instance is of no use to any other.
        store =
            context.program.isRoot(context.process.id)
            ? Store(code.linked, limits: bounds, context: context, charge: context.grant.account)
            : code.pool.take(limits: bounds, context: context, charge: context.grant.account)
        stage = .instantiating
    }

    /// Goes on with the call that is under way.
    /// - Returns: nil when another has begun, or a handler waits for its next message.
    private func poll() -> Suspension? {
        if let suspension = goOnResting() { return suspension }
        guard let progress = store?.poll() else { return finish(.cellFailed(message: "nothing to run")) }
        switch progress {
        case .yielded: return .yielded
        case .waiting: return context.messageWait != 0 ? waitOrRest() : waitOrSleep()
        case .finished(let values): return goOn(after: values)
        case .trapped, .exited, .ended, .failed: return finish(reason(of: progress))
        }
    }

    /// A call has returned.
    private func goOn(after values: [WasmValue]) -> Suspension? {
        do throws(EngineError) {
            switch try advance(values) {
            case .calling, .idle: return nil
            case .ended(let reason): return finish(reason)
            }
        } catch {
            return finish(.refused(message: "\(error)"))
        }
    }

    private enum Step {
        /// A call is under way.
        case calling
        case idle
        case ended(ExitReason)
    }

    /// Begins what comes next after a call returned.
    private func advance(_ values: [WasmValue]) throws(EngineError) -> Step {
        switch stage {
        case .created, .instantiating:
            stage = .initializing
            guard context.module.hasInitialize else { return try advance([]) }
            try store?.call("_initialize")
            return .calling
        case .initializing:
            stage = .running
            return try begin()
        case .running:
            if case .invocation(let invocation) = start { invocation.results = values.map(\.description) }
            guard start.isHandler else { return .ended(.normal) }
            stage = .idle
            return .idle
        case .handling, .idle:
            stage = .idle
            return values.first == .i32(0) ? .idle : .ended(.normal)
        }
    }

    private func begin() throws(EngineError) -> Step {
        switch start {
        case .program(let isHandler):
            if context.module.hasStart {
                try store?.call("_start")
                return .calling
            }
            if isHandler {
                stage = .idle
                return .idle
            }
            return .ended(
                context.module.hasInitialize
                    ? .normal
                    : .refused(
                        message: "the module exports neither _start nor _initialize; call an export with --invoke"))
        case .function(let entry, _):
            try store?.call("bulkhead_spawned", [.i32(entry)])
        case .invocation(let invocation):
            try store?.call(invocation.name, try invocation.values(for: context.module.module))
        }
        return .calling
    }

    // MARK: Messages of a handler

    /// Calls the handler if there is a message that it has not seen: one behind that which it found last, or that came since it
    /// found none.
    /// - Returns: nil when a call has begun, or has ended and there may be another message.
    private func serve(_ mode: ResumeMode, mayGoOn: Bool) -> Suspension? {
        guard context.process.hasUnseenMessages else {
            if context.process.hasPendingExit, let end = context.process.pendingExit { return finish(end) }
            return .waitingForMessages(until: whenToPark() ?? .max)
        }
        guard mayGoOn else { return .yielded }
        parkingTime = nil
        if parked != nil, let end = unpark() { return end }
        let mayBeDirect = mode == .direct && fiberMessages == 0
        guard let progress = mayBeDirect ? store?.callDirectAgain() : nil else { return beginMessage(mayBeDirect) }
        return end(ofMessage: progress)
    }

    /// Calls the handler where the last such call is not just to be repeated.
    private func beginMessage(_ mayBeDirect: Bool) -> Suspension? {
        do throws(EngineError) {
            guard let export = context.module.messageExport else { throw .noSuchExport("bulkhead_message") }
            guard mayBeDirect, store?.mayCallDirectly ?? false else {
                if fiberMessages > 0 { fiberMessages -= 1 }
                try store?.call(export)
                stage = .handling
                return nil
            }
            guard let progress = try store?.callDirect(export) else {
                return finish(.cellFailed(message: "nothing to run"))
            }
            return end(ofMessage: progress)
        } catch {
            return finish(.refused(message: "\(error)"))
        }
    }

    @inline(__always)
    private func end(ofMessage progress: DirectProgress) -> Suspension? {
        switch progress {
        case .returned(0): break
        case .returned: return finish(.normal)
        case .ended(let progress): return finish(reason(of: progress))
        }
        if context.process.hasPendingExit, let end = context.process.pendingExit { return finish(end) }
        return nil
    }

    // MARK: Resting

    /// A wait for messages is looked at again after a while, to see whether it is a long one. Others are left alone: what ends
    /// them shows only to the call that waits.
    @inline(__always)
    private func waitOrRest() -> Suspension {
        let deadline = context.takeMessageWait()
        if deadline == .max {
            waitsLong = true
            if longFrom == 0 { longFrom = Clock.monotonicRecently() &+ WasmProcess.restAfter }
            return .waitingLong(lookingAfter: WasmProcess.restAfter)
        }
        let begins = Clock.monotonicRecently() &+ WasmProcess.restAfter
        if deadline <= begins { return .waitingForMessages(until: deadline) }
        rest = Rest(begins: begins, deadline: deadline)
        return .waitingForMessages(until: begins)
    }

    private func waitOrSleep() -> Suspension {
        let wait = context.takeWait()
        guard let deadline = wait.deadline, !wait.messages, wait.descriptor == nil, wait.more == nil else {
            return .waiting(wait)
        }
        return .sleeping(until: deadline)
    }

    /// Gives pages back if nothing but the time has come, and goes on waiting without asking the guest.
    /// - Returns: nil when the process is to run.
    @inline(__always)
    private func goOnResting() -> Suspension? {
        if waitsLong { return goOnWaiting() }
        guard let rest else { return nil }
        self.rest = nil
        guard !context.process.hasUnseenMessages, !context.process.hasPendingExit else { return nil }
        return beginRest(rest)
    }

    private func goOnWaiting() -> Suspension? {
        waitsLong = false
        guard !context.process.hasUnseenMessages, !context.process.hasPendingExit else {
            longFrom = .max
            return nil
        }
        // Nothing but the time has come.
        let now = Clock.monotonicNow()
        if longFrom == .max { longFrom = now &+ WasmProcess.restAfter }
        guard now >= longFrom else {
            waitsLong = true
            return .waitingLong(lookingAfter: WasmProcess.restAfter)
        }
        longFrom = 0
        store?.shrink()
        return .waitingForMessages(until: .max)
    }

    private func beginRest(_ rest: Rest) -> Suspension? {
        let now = Clock.monotonicNow()
        guard now >= rest.begins, now < rest.deadline else { return nil }
        store?.shrink()
        return .waitingForMessages(until: rest.deadline)
    }

    // MARK: Parking

    /// Called when the process is about to wait for messages: parks it if it has been idle for long enough.
    /// - Returns: when to look again; nil when it is parked, or never will be.
    private func whenToPark() -> UInt64? {
        guard let idle = context.program.parkAfter, parked == nil else { return nil }
        let now = Clock.monotonicNow()
        guard let time = parkingTime else {
            parkingTime = now.addingReportingOverflow(idle).partialValue
            return parkingTime
        }
        guard now >= time else { return time }
        // Once in each idle time: what cannot be parked now could not be later.
        parkingTime = .max
        guard let made = store?.park(),
            context.grant.account.charge(.memory, UInt64(made.heldBytes)) == nil
        else { return nil }
        parked = StoredInstance(made)
        dropStore()
        context.program.tidier.instanceIsGone()
        return nil
    }

    /// Makes an instance again, as it was.
    /// - Returns: the end of the process, where there is no memory for it.
    private func unpark() -> Suspension? {
        guard let parked = takeParked() else { return nil }
        let limits = context.grant.limits
        store = code.pool.unpark(
            parked, limits: StoreLimits(memoryBytes: limits.memory, tableElements: limits.tableElements),
            context: context, charge: context.grant.account)
        guard store?.isBusy == true, let progress = store?.poll() else { return nil }
        return finish(reason(of: progress))
    }

    private func takeParked() -> ParkedInstance? {
        guard let stored = parked.take() else { return nil }
        let parked = stored.parked
        context.grant.account.refund(.memory, UInt64(parked.heldBytes))
        return parked
    }

    // MARK: Ending

    private func finish(_ reason: ExitReason) -> Suspension {
        if let denial = store?.memoryDenial { context.reportMemory(denial) }
        _ = takeParked()
        // The first process's memory goes with the cell, which is faster than unmapping it.
        if !context.program.isRoot(context.process.id) {
            dropStore()
            context.reportEnd(reason)
        }
        context.release()
        return .finished(reason)
    }

    private func reason(of progress: CallProgress) -> ExitReason {
        switch progress {
        case .trapped(let trap): .trap(kind: trap.kind.rawValue, message: trap.message, backtrace: trap.backtrace)
        case .exited(let code): code == 0 ? .normal : .exited(code: code)
        case .ended:
            context.ending ?? context.process.pendingExit
                ?? .cellFailed(message: "a host function ended the process and gave no reason")
        case .failed(let message): reason(ofFailure: message)
        case .yielded, .waiting, .finished: .cellFailed(message: "a call that goes on ended its process")
        }
    }

    /// A module that does not fit its memory limit cannot even be instantiated: that is the limit's doing.
    private func reason(ofFailure message: String) -> ExitReason {
        if let denial = store?.memoryDenial {
            // A 64-bit memory may ask for nearly all of 2^64 bytes.
            let (used, overflow) = denial.used.addingReportingOverflow(denial.requested)
            return .limit(.memory, used: overflow ? .max : used, allowed: denial.allowed)
        }
        return stage == .instantiating ? .refused(message: message) : .cellFailed(message: message)
    }
}
