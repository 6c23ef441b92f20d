// A process that does anything at random, and knows enough of what it did to tell when the runtime is wrong.

import CapabilityModel
import Glibc
import LinuxKernel
import Synchronization

@testable import ProcessRuntime

/// What a process writes of itself. Others read it once they have heard that it ended, or while all stand still.
// SAFETY: written by the process's own thread alone; a reader comes after it by way of the runtime's queues.
final class SoakDiary: @unchecked Sendable {
    var sent: [ProcessID: UInt64] = [:]
    var heard: [ProcessID: UInt64] = [:]
    var monitors: [MonitorID: ProcessID] = [:]
    /// Peers that this one has unlinked and not linked since, where nobody else may make the link.
    var unlinked: Set<ProcessID> = []
    var aliases: Set<AliasID> = []
    /// What its signal state holds, written when it is asked to.
    var report: SoakReport?
}

struct SoakReport {
    var links: Set<ProcessID> = []
    var watchers: Set<MonitorID> = []
    var watched: Set<MonitorID> = []
    var records = 0
}

/// What all processes of a soak share.
final class SoakField: Sendable {
    enum Phase: UInt64 {
        case busy
        /// Only answer; start nothing.
        case still
    }

    struct Population {
        var diaries: [ProcessID: SoakDiary] = [:]
        /// The last ones that were spawned, whether they live or not.
        var recent: [ProcessID] = []
    }

    static let ping: UInt64 = 1
    static let pong: UInt64 = 2
    static let data: UInt64 = 3
    static let aliased: UInt64 = 4

    let phase = Atomic<UInt64>(Phase.busy.rawValue)
    let population = Lock(Population())
    let spawned = Counter()
    let ended = Counter()
    private let problems = Lock<[String]>([])
    let most: Int

    init(most: Int) {
        self.most = most
    }

    var isBusy: Bool { phase.load(ordering: .acquiring) == Phase.busy.rawValue }

    func complain(_ problem: String) {
        problems.withLock { if $0.count < 20 { $0.append(problem) } }
    }

    var complaints: [String] { problems.withLock { $0 } }

    func diary(_ process: ProcessID) -> SoakDiary? { population.withLock { $0.diaries[process] } }

    func enter(_ process: ProcessID, _ diary: SoakDiary) {
        population.withLock { population in
            population.diaries[process] = diary
            population.recent.append(process)
            if population.recent.count > 24 { population.recent.removeFirst() }
        }
    }

    func anyone(_ source: inout SplitMix64) -> ProcessID? {
        population.withLock { $0.recent.randomElement(using: &source) }
    }
}

// SAFETY: used by one thread at a time, the one that runs the process.
final class SoakActor: Resumable, @unchecked Sendable {
    private let process: Process
    private let field: SoakField
    private let diary = SoakDiary()
    private var source: SplitMix64
    private(set) var canRunDirectly: Bool
    private var hasEntered = false

    init(_ process: Process, _ field: SoakField, seed: UInt64) {
        self.process = process
        self.field = field
        source = SplitMix64(seed: seed)
        canRunDirectly = seed % 4 == 0
        field.spawned.add()
    }

    func didOverrun() { canRunDirectly = false }
    func abandon() { field.ended.add() }

    func resume(_ mode: ResumeMode) -> Suspension {
        // Not in init, when it is nobody yet.
        if !hasEntered {
            hasEntered = true
            field.enter(process.id, diary)
        }
        receive()
        if process.hasPendingExit { return .yielded }
        guard field.isBusy else { return .awaitingMessage }
        for _ in 0..<source.next(in: 1...6) {
            if let suspension = act(mode) { return suspension }
            if process.hasPendingExit { return .yielded }
        }
        switch source.next(in: 0...5) {
        case 0, 1: return .yielded
        case 2: return .waiting(Wait(deadline: Clock.monotonicNow() + source.next(in: 0...300_000)))
        default: return .waiting(Wait(messages: true, deadline: Clock.monotonicNow() + source.next(in: 0...2_000_000)))
        }
    }

    private func finish(_ reason: ExitReason) -> Suspension {
        field.ended.add()
        return .finished(reason)
    }

    /// One thing; what ends the slice, or nil.
    private func act(_ mode: ResumeMode) -> Suspension? {
        guard let peer = field.anyone(&source) else { return nil }
        switch source.next(in: 0...40) {
        case 0...3: spawn()
        // Of two, only the older makes links, so that it knows that none is made after it has unlinked.
        case 4...8: if process.id.isOlder(than: peer), process.link(peer) == .linked { diary.unlinked.remove(peer) }
        case 9...13:
            // An EXIT that is in the mailbox stays.
            receive()
            process.unlink(peer)
            if process.id.isOlder(than: peer) { diary.unlinked.insert(peer) }
        case 14...17: monitor(peer)
        case 18...20:
            if let monitor = diary.monitors.keys.randomElement(using: &source) {
                process.demonitor(monitor, flush: true)
                diary.monitors[monitor] = nil
            }
        case 21: process.trapsExits.toggle()
        case 22...28: send(peer)
        case 29:
            let name = [UInt8(source.next(in: 0...9))]
            let process = process
            _ = process.runtime.names.register(name, for: peer, payer: process.account) { process.isAlive(peer) }
        case 30: _ = process.runtime.names.unregister([UInt8(source.next(in: 0...9))])
        case 31: if peer != process.id { process.exit(peer, SoakActor.mark(process.id)) }
        case 32: process.exit(peer, .normal, kill: true)
        case 33: process.exit(process.id, source.next(in: 0...1) == 0 ? .normal : .exited(code: 5))
        case 34: return finish([.normal, .shutdown, .kill, .exited(code: 9)].randomElement(using: &source) ?? .normal)
        case 35:
            let alias = process.makeAlias()
            diary.aliases.insert(alias)
            if diary.aliases.count > 4, let old = diary.aliases.popFirst() { process.dropAlias(old) }
        case 36 where mode == .direct:
            _ = process.blockThread(Wait(messages: true, deadline: Clock.monotonicNow() + 200_000))
        default: receive()
        }
        return nil
    }

    /// The reason of exit/2, by which it is told from a link's exit.
    static func mark(_ process: ProcessID) -> ExitReason {
        .bytes([0xee] + (0..<8).map { UInt8(truncatingIfNeeded: process.rawValue >> (8 * $0)) })
    }

    private func spawn() {
        guard field.spawned.value - field.ended.value < field.most else { return }
        let seed = source.next()
        let field = field
        let request = SpawnRequest(
            parent: process, link: source.next(in: 0...1) == 0, monitor: source.next(in: 0...1) == 0,
            account: process.account, trapsExits: source.next(in: 0...1) == 0)
        guard
            case .success(let spawned) = process.runtime.spawn(request, body: { SoakActor(copy $0, field, seed: seed) })
        else { return field.complain("spawn failed") }
        if let monitor = spawned.monitor { diary.monitors[monitor] = spawned.process }
    }

    private func monitor(_ peer: ProcessID) {
        let (monitor, alias) = process.monitor(peer, alias: source.next(in: 0...1) == 0)
        // Its own end it will not hear of.
        if peer != process.id { diary.monitors[monitor] = peer } else { process.demonitor(monitor) }
        // Through an alias it answers itself, once.
        if let alias, peer != process.id {
            for _ in 0..<2 {
                _ = unsafe process.send(
                    .alias(alias, of: process.id), tag: SoakField.aliased,
                    data: UnsafeRawBufferPointer(start: nil, count: 0))
            }
        }
    }

    private func send(_ peer: ProcessID) {
        let number = (diary.sent[peer] ?? 0) + 1
        // Before it arrives: whoever hears of it may look.
        diary.sent[peer] = number
        if process.send(number, to: peer, tag: SoakField.data) != .sent { diary.sent[peer] = number - 1 }
    }

    // MARK: Receiving

    private func receive() {
        while !process.hasPendingExit, let message = process.nextMessage() {
            let sender = ProcessID(rawValue: message.sender)
            switch message.kind {
            case .data:
                let tag = message.tag
                let value = unsafe message.bytes.count == 8 ? unsafe message.bytes.loadUnaligned(as: UInt64.self) : 0
                process.remove(message)
                switch tag {
                case SoakField.ping:
                    report()
                    process.send(value, to: sender, tag: SoakField.pong)
                case SoakField.data: hear(value, from: sender)
                default: break
                }
            case .exit(let reason):
                process.remove(message)
                if diary.unlinked.contains(sender), reason != SoakActor.mark(sender) {
                    field.complain("\(process.id): EXIT \(reason) of \(sender) after unlink")
                }
            case .down(let monitor, _):
                process.remove(message)
                hearOfEnd(monitor, of: sender)
            }
        }
    }

    private func hear(_ number: UInt64, from sender: ProcessID) {
        let expected = (diary.heard[sender] ?? 0) + 1
        if number != expected { field.complain("\(process.id): \(number) from \(sender), expected \(expected)") }
        diary.heard[sender] = number
    }

    private func hearOfEnd(_ monitor: MonitorID, of target: ProcessID) {
        guard diary.monitors.removeValue(forKey: monitor) == target else {
            return field.complain("\(process.id): DOWN of \(target) that it does not await")
        }
        if process.isAlive(target) { field.complain("\(process.id): DOWN of \(target), which lives") }
        let heard = diary.heard[target] ?? 0
        let sent = field.diary(target)?.sent[process.id] ?? heard
        if heard != sent { field.complain("\(process.id): DOWN of \(target) after \(heard) of \(sent) messages") }
    }

    private func report() {
        var report = SoakReport(records: process.block.it.signals.recordCount)
        var cursor = SignalState.FarewellCursor()
        while let farewell = process.block.it.signals.farewell(after: &cursor) {
            switch farewell {
            case .linkExit(let peer): report.links.insert(peer)
            case .down(let monitor, _): report.watchers.insert(monitor)
            case .demonitor(let monitor, _): report.watched.insert(monitor)
            }
        }
        diary.report = report
    }
}

extension ProcessID {
    /// Any order that both of two see alike.
    func isOlder(than other: ProcessID) -> Bool { rawValue < other.rawValue }
}

/// Memory of this OS process that is resident, in bytes (proc(5), statm).
func residentBytes() -> UInt64 {
    let descriptor = unsafe open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
    defer { close(descriptor) }
    var text = [UInt8](repeating: 0, count: 128)
    // SAFETY: at most as many bytes as the array has.
    let count = unsafe text.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
    let fields = text.prefix(max(count, 0)).split(separator: UInt8(ascii: " "))
    return fields.dropFirst().first.flatMap { UInt64(String(decoding: $0, as: UTF8.self)) }.map { $0 * 4096 } ?? 0
}
