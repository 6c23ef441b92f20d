// A guest as something that runs in slices: instantiation, `_initialize`, its entry, and a handler's messages.

import CapabilityModel
import CellProtocol
import LinuxKernel
import ProcessRuntime
import WasmEngine

/// Belongs to the thread that runs the process.
final class WasmProcess: Resumable {
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

    /// Nanoseconds after which a process that waits for messages on its fiber gives its pages back, or one that sleeps.
    private static let restAfter: UInt64 = 2_000_000_000

    private var start: Start
    let context: GuestContext
    // Unchecked as in `GuestContext`; set anew by `retire`.
    @safe @exclusivity(unchecked) var store: Store?
    /// In place of the store, while an idle handler is parked.
    @safe @exclusivity(unchecked) var parked: StoredInstance?
    /// When a handler that is idle is to be parked, CLOCK_MONOTONIC in ns; nil while it is not idle, and when it cannot be.
    @safe @exclusivity(unchecked) var parkingTime: UInt64?
    /// The wait under way, if it may be long and has a deadline: one for messages or for time.
    @safe @exclusivity(unchecked) private var rest: LongWait?
    /// The wait under way is one for messages without end.
    @safe @exclusivity(unchecked) private var waitsLong = false
    /// From when such a wait is long, CLOCK_MONOTONIC in ns; 0 before the first, `.max` if there were messages since it was set.
    @safe @exclusivity(unchecked) private var longFrom: UInt64 = 0
    @safe @exclusivity(unchecked) private var stage = Stage.created
    /// How many messages are still to be handled on a fiber, since a direct call took too long or had to wait.
    @safe @exclusivity(unchecked) private var fiberMessages = 0
    @safe @exclusivity(unchecked) private var startsDirectly = false
    @safe @exclusivity(unchecked) private var hasWaited = false

    init(start: Start, context: GuestContext) {
        self.start = start
        self.context = context
        startsDirectly = mayStartDirectly
    }

    /// What starts a handler is short as a rule, and then the handler never has a stack; other functions have to show it.
    private var mayStartDirectly: Bool {
        switch start {
        case .program(let isHandler): isHandler
        case .function(let entry, let isHandler): isHandler || context.module.starts.mayStartDirectly(entry)
        case .invocation: false
        }
    }

    /// Makes one that was retired what the next process in its block runs, if code and grant are the same.
    /// - Returns: whether they are; else nothing has changed.
    func restart(_ start: Start, code: Authority.Code, grant: Grant, argument: SpawnArgument?) -> Bool {
        guard context.code === code, context.grant === grant else { return false }
        self.start = start
        startsDirectly = mayStartDirectly
        if let argument { context.argument = argument }
        return true
    }

    func retire() -> Bool {
        // A narrowed grant must not be held longer than its processes, nor what the first process leaves to the cell's end.
        guard context.grant.isPrograms, store == nil, parked == nil else { return false }
        stage = .created
        fiberMessages = 0
        hasWaited = false
        parkingTime = nil
        rest = nil
        waitsLong = false
        longFrom = 0
        context.hotKey = 0
        return true
    }

    var code: Authority.Code { context.code }

    /// Never where a parent has set an end: a direct call cannot be put aside when it has come.
    var canRunDirectly: Bool {
        guard fiberMessages == 0, context.grant.end == nil else { return false }
        return stage == .idle || (stage == .created && startsDirectly)
    }

    func didOverrun() {
        fiberMessages = WasmProcess.forgivenAfter
        if case .function(let entry, isHandler: false) = start { context.module.starts.ended(entry, hasWaited: true) }
    }

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
    func dropStore() {
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
                if store?.isBusy == false, let end = goOn(after: [], mode) { return end }
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
        case .yielded:
            hasWaited = true
            return .yielded
        case .waiting:
            hasWaited = true
            if let key = store?.hotKey, key != context.hotKey { context.expect(key, store?.hotRanges) }
            return context.messageWait != 0 ? waitOrRest() : waitOrSleep()
        case .finished(let values): return goOn(after: values)
        case .trapped, .exited, .ended, .failed: return finish(reason(of: progress))
        }
    }

    /// A call has returned.
    private func goOn(after values: [WasmValue], _ mode: ResumeMode = .fiber) -> Suspension? {
        do throws(EngineError) {
            switch try advance(values, mode) {
            case .calling, .idle: return nil
            case .overran: return .yielded
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
        /// Idle, but its worker may have gone on without it.
        case overran
        case ended(ExitReason)
    }

    private func advance(_ values: [WasmValue], _ mode: ResumeMode) throws(EngineError) -> Step {
        switch stage {
        case .created, .instantiating:
            stage = .initializing
            guard let export = context.module.initializeExport else { return try advance([], mode) }
            return try startCall(export, 0, mode)
        case .initializing:
            stage = .running
            return try begin(mode)
        case .running:
            if case .invocation(let invocation) = start { invocation.results = values.map(\.description) }
            guard start.isHandler else {
                if mode == .fiber, case .function(let entry, _) = start {
                    context.module.starts.ended(entry, hasWaited: hasWaited)
                }
                return .ended(.normal)
            }
            stage = .idle
            return .idle
        case .handling, .idle:
            stage = .idle
            return values.first == .i32(0) ? .idle : .ended(.normal)
        }
    }

    private func begin(_ mode: ResumeMode) throws(EngineError) -> Step {
        switch start {
        case .program(let isHandler):
            if let export = context.module.startExport { return try startCall(export, 0, mode) }
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
            guard let export = context.module.spawnedExport else { throw .noSuchExport("bulkhead_spawned") }
            return try startCall(export, entry, mode)
        case .invocation(let invocation):
            try store?.call(invocation.name, try invocation.values(for: context.module.module))
            return .calling
        }
    }

    /// A call that a process starts with.
    private func startCall(
        _ export: PreparedExport, _ argument: UInt32, _ mode: ResumeMode
    ) throws(EngineError) -> Step {
        guard mode == .direct, fiberMessages == 0, store?.mayCallDirectly ?? false else {
            try store?.call(export, argument: argument)
            return .calling
        }
        if case .function(let entry, isHandler: false) = start { context.directStart = entry }
        switch try store?.callDirect(export, argument, mayRepeat: false) {
        case .returned?: break
        case .ended(let progress)?: return .ended(reason(of: progress))
        case nil: return .ended(.cellFailed(message: "nothing to run"))
        }
        if let reason = context.process.pendingExit { return .ended(reason) }
        if fiberMessages == 0 { return try advance([], mode) }
        // A start that takes long or waits says nothing of the messages: the rest of it on a fiber, those directly again.
        fiberMessages = 0
        let step = try advance([], .fiber)
        if case .idle = step { return .overran }
        return step
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
                try store?.call(export, argument: 0)
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

    /// A wait is looked at again after a while, to see whether it is a long one. Where something else than messages and time may
    /// end it, it is left alone: that shows only to the call that waits.
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
        rest = LongWait(begins: begins, deadline: deadline, isSleep: false)
        return .waitingForMessages(until: begins)
    }

    private func waitOrSleep() -> Suspension {
        let wait = context.takeWait()
        guard let deadline = wait.deadline, !wait.messages, wait.descriptor == nil, wait.more == nil else {
            return .waiting(wait)
        }
        guard context.waitsForTimeAlone else { return .sleeping(until: deadline) }
        let begins = Clock.monotonicRecently() &+ WasmProcess.restAfter
        if deadline <= begins { return .sleeping(until: deadline) }
        rest = LongWait(begins: begins, deadline: deadline, isSleep: true)
        return .sleeping(until: begins)
    }

    /// Gives pages back if nothing but the time has come, and goes on waiting without asking the guest.
    /// - Returns: nil when the process is to run.
    @inline(__always)
    private func goOnResting() -> Suspension? {
        if waitsLong { return goOnWaiting() }
        guard let rest else { return nil }
        self.rest = nil
        guard rest.isSleep || !context.process.hasUnseenMessages, !context.process.hasPendingExit else { return nil }
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

    private func beginRest(_ rest: LongWait) -> Suspension? {
        let now = Clock.monotonicNow()
        guard now >= rest.begins, now < rest.deadline else { return nil }
        store?.shrink()
        return rest.isSleep ? .sleeping(until: rest.deadline) : .waitingForMessages(until: rest.deadline)
    }

    // MARK: Ending

    func finish(_ reason: ExitReason) -> Suspension {
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

    func reason(of progress: CallProgress) -> ExitReason {
        context.reason(of: progress, denial: store?.memoryDenial, isNew: stage == .instantiating)
    }
}
