// The root of a hosted cell: a native process that starts children as it is told, signals them, and says what becomes of
// them. It is their parent; it decides nothing.

import CapabilityModel
import CellProtocol
import LinuxKernel
import ProcessRuntime
import WasmEngine

/// Belongs to the thread that runs it.
final class Keeper: Resumable {
    private struct Child {
        let order: Order
        let grant: Grant
        let process: ProcessID
        /// The supervisor was told that it has started.
        var isStarted: Bool
        var probes = 0
    }

    private struct Probe {
        let child: UInt64
        let id: UInt64
        let tag: UInt32
    }

    /// Done in a row before others run.
    private static let batch = 64

    private let program: Program
    private let template: Grant
    private let control: ControlChannel
    private let process: Process
    private let acknowledgements: Acknowledgements
    private var children: [UInt64: Child] = [:]
    private var numbers: [MonitorID: UInt64] = [:]
    private var probes: [MonitorID: Probe] = [:]
    private var lastTag: UInt32 = 0
    /// What did not go yet; at most a few for each order.
    private var outbox: ArraySlice<CellMessage> = []
    private var isClosing = false

    /// `grant` is what each child holds, its limits aside.
    init(_ program: Program, grant: Grant, control: ControlChannel, process: Process) {
        self.program = program
        template = grant
        self.control = control
        self.process = process
        let (runtime, id) = (program.runtime, process.id)
        acknowledgements = Acknowledgements { runtime.wake(id) }
        program.broker.isFed()
    }

    var canRunDirectly: Bool { false }

    func didOverrun() {}

    func abandon() {}

    func resume(_ mode: ResumeMode) -> Suspension {
        var isBusy = takeMessages()
        if hear() { isBusy = true }
        guard control.isOpen else {
            // Nobody is left to keep anything for.
            for process in program.broker.lose() { program.runtime.wake(process) }
            return .finished(.shutdown)
        }
        flush()
        if isClosing, children.isEmpty, outbox.isEmpty { return .finished(.shutdown) }
        if isBusy { return .yielded }
        let interest: Interest = outbox.isEmpty ? .read : [.read, .write]
        return .waiting(
            Wait(messages: true, descriptor: Wait.Descriptor(raw: control.descriptor, interest: interest)))
    }

    // MARK: Children

    /// - Returns: whether there may be more.
    private func takeMessages() -> Bool {
        for _ in 0..<Keeper.batch {
            // Before each: who acknowledges and ends has started and ended.
            takeAcknowledgements()
            guard let message = process.nextMessage() else { return false }
            switch message.kind {
            case .data: answered(message)
            case .down(let monitor, let reason): down(monitor, reason)
            case .exit: break
            }
            process.remove(message)
        }
        return true
    }

    private func takeAcknowledgements() {
        for (number, info) in acknowledgements.takeAll() {
            guard let child = children[number], !child.isStarted else { continue }
            children[number]?.isStarted = true
            outbox.append(.started(number, process: child.process.rawValue, info: info))
        }
    }

    private func down(_ monitor: MonitorID, _ reason: ExitReason) {
        if let probe = probes.removeValue(forKey: monitor) {
            children[probe.child]?.probes -= 1
            return
        }
        guard let number = numbers.removeValue(forKey: monitor) else { return }
        // An acknowledgement is posted before its process can end, so that it is here by now.
        takeAcknowledgements()
        guard let child = children.removeValue(forKey: number) else { return }
        child.order.takeEntry()
        if child.isStarted { return outbox.append(.ended(number, reason.bounded())) }
        switch child.order.verdict {
        case .ignored: outbox.append(.startIgnored(number))
        case .failed(let bytes): outbox.append(.startFailed(number, .bytes(bytes)))
        case nil: outbox.append(.startFailed(number, reason.bounded()))
        }
    }

    private func start(_ order: ChildOrder, _ list: consuming DescriptorList) {
        // What is left of the list when this returns is closed.
        var descriptors = list
        do throws(LoadedProgram.Refusal) {
            guard !isClosing else { throw LoadedProgram.Refusal(message: "the cell is closing") }
            guard children[order.number] == nil, descriptors.count == Int(order.listeners) else {
                throw LoadedProgram.Refusal(message: "the order does not fit what came with it")
            }
            try begin(order, &descriptors)
        } catch {
            outbox.append(.startFailed(order.number, .refused(message: error.message).bounded()))
        }
    }

    private func begin(
        _ order: ChildOrder, _ descriptors: inout DescriptorList
    ) throws(LoadedProgram.Refusal) {
        guard let module = program.modules[order.module] else {
            throw LoadedProgram.Refusal(message: "the cell has no module of that name")
        }
        guard module.isStartable else {
            throw LoadedProgram.Refusal(message: "the module exports neither _start nor _initialize")
        }
        let name = order.registeredName.map { Array($0.utf8) }
        if let name, program.runtime.names.whereis(name) != nil {
            throw LoadedProgram.Refusal(message: "its registered name is taken")
        }
        let own = Order(order, acknowledgements: acknowledgements)
        let grant = template.supervised(own, order.limits)
        let code: Authority.Code
        do {
            code = try grant.authority.link(module.module, engine: program.engine)
            if order.listeners > 0 {
                own.setEntry(try program.entry(for: grant, own, listeners: &descriptors))
            }
        } catch {
            throw LoadedProgram.Refusal(message: "\(error)")
        }
        // A reactor that handles messages serves them; one that does not has nothing to run.
        let start = WasmProcess.Start.program(isHandler: module.handlesMessages && !module.hasStart)
        var isNamed = true
        let request = SpawnRequest(parent: process, monitor: true, account: grant.account)
        let spawned = program.runtime.spawn(request) { child in
            own.setChild(child.id)
            if let name {
                let result = program.runtime.names.register(
                    name, for: child.id, payer: grant.account, isAlive: { true })
                isNamed = result == .registered
            }
            return WasmProcess(
                start: start,
                context: GuestContext(
                    program: program, grant: grant, process: copy child, module: module, code: code))
        }
        guard case .success(let made) = spawned, let monitor = made.monitor else {
            throw LoadedProgram.Refusal(message: "the cell has no room for another process")
        }
        guard isNamed else {
            process.demonitor(monitor, flush: true)
            process.exit(made.process, .kill, kill: true)
            throw LoadedProgram.Refusal(message: "its registered name is taken")
        }
        numbers[monitor] = order.number
        children[order.number] = Child(
            order: own, grant: grant, process: made.process, isStarted: !order.acknowledges)
        if !order.acknowledges {
            outbox.append(.started(order.number, process: made.process.rawValue, info: []))
        }
    }

    // MARK: The supervisor

    /// - Returns: whether there may be more.
    private func hear() -> Bool {
        for _ in 0..<Keeper.batch {
            guard let (message, raws) = control.receive(waits: false) else { return false }
            switch message {
            case .answered(let answer):
                if let waiting = program.broker.deliver(answer, raws) { program.runtime.wake(waiting) }
            case .start(let order): start(order, DescriptorList(taking: raws))
            case .run, .signal, .probe, .inspect, .close:
                // Nothing is to come with these.
                _ = DescriptorList(taking: raws)
                heed(message)
            }
        }
        return true
    }

    private func heed(_ message: SupervisorMessage) {
        switch message {
        case .signal(let number, let reason, let kill):
            guard let child = children[number] else { return }
            process.exit(child.process, reason, kill: kill)
        case .probe(let number, let id, let payload): probe(number, id, payload)
        case .inspect(let number, let id): inspect(number, id)
        case .close:
            isClosing = true
            for child in children.values { process.exit(child.process, .kill, kill: true) }
        case .run, .answered, .start: break
        }
    }

    /// Sends what there is room for.
    private func flush() {
        while let next = outbox.first, control.send(next, waits: false) { outbox.removeFirst() }
        if outbox.isEmpty { outbox = [] }
    }

    // MARK: Health

    /// The SDKs' call, with an alias of a monitor for the answer; whoever holds that can send one message, once.
    private func probe(_ number: UInt64, _ id: UInt64, _ payload: [UInt8]) {
        guard let child = children[number], child.probes < Hosting.probesUnderWay else { return }
        lastTag &+= 1
        let tag = lastTag
        let (monitor, alias) = process.monitor(child.process, alias: true)
        guard let alias else { return process.demonitor(monitor, flush: true) }
        let isSent = process.call(child.process, tag: ProbeTag.call(tag), payload, answerTo: alias)
        guard isSent else { return process.demonitor(monitor, flush: true) }
        probes[monitor] = Probe(child: number, id: id, tag: tag)
        children[number]?.probes += 1
    }

    /// Only aliases of probes lead here. One is known by its tag, or else by who sends: an answer in whatever form will do.
    private func answered(_ message: Message) {
        let (tag, sender) = (UInt32(truncatingIfNeeded: message.tag), message.sender)
        let found =
            probes.first { message.tag == ProbeTag.answer(tag) && $0.value.tag == tag }
            ?? probes.filter { children[$0.value.child]?.process.rawValue == sender }
            .min { $0.value.id < $1.value.id }
        guard let (monitor, probe) = found else { return }
        probes[monitor] = nil
        children[probe.child]?.probes -= 1
        process.demonitor(monitor, flush: true)
        outbox.append(.probed(probe.id))
    }

    private func inspect(_ number: UInt64, _ id: UInt64) {
        guard let child = children[number], let state = program.runtime.inspect(child.process) else { return }
        let account = child.grant.account
        let counted: [LimitKind] = [.memory, .cpu, .fds, .mailboxBytes, .processes]
        let processes = account.used(.processes)
        outbox.append(
            .inspected(
                id,
                ProcessReport(
                    process: child.process.rawValue, limits: child.grant.limits,
                    used: counted.map { kind in
                        // The child itself is on its account; the limit is about its descendants.
                        let used = kind == .processes ? processes - min(processes, 1) : account.used(kind)
                        return ChildOrder.Narrowing(kind, used)
                    },
                    mailbox: UInt64(state.mailbox), descendants: UInt32(clamping: processes - min(processes, 1)),
                    names: state.names.prefix(ProcessReport.namesLimit).map { String(decoding: $0, as: UTF8.self) })))
    }
}

/// Tags as the SDKs use them for calls (SDK/abi.md, Conventions).
private enum ProbeTag {
    static func call(_ number: UInt32) -> UInt64 { 1 << 62 | 1 << 56 | UInt64(number) }
    static func answer(_ number: UInt32) -> UInt64 { 1 << 62 | 2 << 56 | UInt64(number) }
}
