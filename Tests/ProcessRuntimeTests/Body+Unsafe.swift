// Bodies of processes for tests: a closure that is called for each slice.

import CapabilityModel
import LinuxKernel
import ProcessRuntime
import Synchronization
import Testing

/// Calls `step` for each slice. It may be told to run directly.
// SAFETY: used by one thread at a time, the one that runs the process.
final class StepBody: Resumable, @unchecked Sendable {
    private let process: Process
    private let step: (Process, ResumeMode) -> Suspension
    private(set) var canRunDirectly: Bool
    private let onAbandon: () -> Void
    private let onOverrun: () -> Void

    init(
        _ process: Process, direct: Bool = false, onAbandon: @escaping () -> Void = {},
        onOverrun: @escaping () -> Void = {},
        _ step: @escaping (Process, ResumeMode) -> Suspension
    ) {
        self.process = process
        self.step = step
        self.onAbandon = onAbandon
        self.onOverrun = onOverrun
        canRunDirectly = direct
    }

    func resume(_ mode: ResumeMode) -> Suspension { step(process, mode) }
    func didOverrun() {
        canRunDirectly = false
        onOverrun()
    }
    func abandon() { onAbandon() }
}

extension Suspension {
    static var awaitingMessage: Suspension { .waiting(Wait(messages: true)) }
}

extension Process {
    /// Spawns a process that calls `step` for each slice.
    @discardableResult
    func spawn(
        link: Bool = false, monitor: Bool = false, trapsExits: Bool = false, direct: Bool = false,
        account: Account? = nil, _ step: @escaping (Process) -> Suspension
    ) -> Spawned {
        let request = SpawnRequest(
            parent: self, link: link, monitor: monitor, account: account ?? self.account, trapsExits: trapsExits)
        switch runtime.spawn(request, body: { StepBody(copy $0, direct: direct) { process, _ in step(process) } }) {
        case .success(let spawned): return spawned
        case .failure(let failure): fatalError("\(failure)")
        }
    }

    /// Sends a number.
    @discardableResult
    func send(_ value: UInt64, to target: ProcessID, tag: UInt64 = 0) -> SendResult {
        unsafe withUnsafeBytes(of: value) { unsafe send(.process(target), tag: tag, data: $0) }
    }

    /// Sends a number to an alias, of its own where nobody else is named.
    func send(_ value: UInt64, through alias: AliasID, of owner: ProcessID? = nil) {
        _ = unsafe withUnsafeBytes(of: value) { unsafe send(.alias(alias, of: owner ?? id), tag: 0, data: $0) }
    }

    @discardableResult
    func send(ofBytes count: Int, to target: ProcessID) -> SendResult {
        let bytes = [UInt8](repeating: 7, count: count)
        return unsafe bytes.withUnsafeBytes { unsafe send(.process(target), tag: 0, data: $0) }
    }

    /// Takes the first message with one of the tags as a number and its sender.
    func take(_ tags: [UInt64] = []) -> (value: UInt64, sender: ProcessID)? {
        guard let message = unsafe tags.withUnsafeBufferPointer({ unsafe nextMessage(tags: $0) }) else { return nil }
        let value = message.isData ? unsafe message.bytes.loadUnaligned(as: UInt64.self) : 0
        let sender = ProcessID(rawValue: message.sender)
        remove(message)
        return (value, sender)
    }

    /// `take` and `send` for benchmarks: nothing but the runtime's own calls.
    @inline(__always)
    func takeOne() -> (UInt64, ProcessID)? {
        guard let message = nextMessage() else { return nil }
        let value = unsafe message.bytes.loadUnaligned(as: UInt64.self)
        let sender = ProcessID(rawValue: message.sender)
        remove(message)
        return (value, sender)
    }

    @inline(__always)
    func sendOne(_ value: UInt64, to target: ProcessID) {
        _ = unsafe withUnsafeBytes(of: value) { unsafe send(.process(target), tag: 0, data: $0) }
    }

    /// Whether there is a message with one of the tags.
    func has(_ tags: [UInt64]) -> Bool {
        unsafe tags.withUnsafeBufferPointer { unsafe nextMessage(tags: $0) } != nil
    }

    /// Takes the first message, whatever it is; `value` is a data message's number.
    func takeAnything() -> (kind: Message.Kind, value: UInt64, sender: ProcessID)? {
        guard let message = nextMessage() else { return nil }
        let value = message.isData ? unsafe message.bytes.loadUnaligned(as: UInt64.self) : 0
        let result = (message.kind, value, ProcessID(rawValue: message.sender))
        remove(message)
        return result
    }

    /// Takes the first message, whatever it is.
    func takeNotice() -> (kind: Message.Kind, sender: ProcessID)? {
        guard let message = nextMessage() else { return nil }
        let result = (message.kind, ProcessID(rawValue: message.sender))
        remove(message)
        return result
    }
}

/// Something that bodies on several threads count in.
final class Counter: Sendable {
    private let count = Atomic<Int>(0)

    var value: Int { count.load(ordering: .sequentiallyConsistent) }
    @discardableResult
    func add(_ change: Int = 1) -> Int { count.add(change, ordering: .sequentiallyConsistent).newValue }
}

/// The configurations that every behaviour must hold under.
struct Machine: Sendable, CustomTestStringConvertible {
    let workers: Int
    let isRandom: Bool

    static let all = [
        Machine(workers: 1, isRandom: false), Machine(workers: 2, isRandom: false), Machine(workers: 4, isRandom: true),
    ]

    var testDescription: String { "\(workers) workers\(isRandom ? ", random yields" : "")" }

    func runtime(
        spareThreads: Int = 2, maximumProcesses: Int = 1 << 20, sliceNanoseconds: UInt64 = 1_000_000
    ) throws -> Runtime {
        let seed = isRandom ? UInt64.random(in: 1...UInt64.max) : nil
        if let seed { print("runtime seed \(seed)") }
        return try Runtime(
            Runtime.Configuration(
                workers: workers, sliceNanoseconds: sliceNanoseconds, maximumProcesses: maximumProcesses,
                spareThreads: spareThreads, seed: seed))
    }

    /// Runs a root process that calls `step` for each slice, to its end; nothing may be left then.
    @discardableResult
    func run(
        limits: Limits = .roomy, trapsExits: Bool = false, direct: Bool = false, spareThreads: Int = 2,
        sliceNanoseconds: UInt64 = 1_000_000, _ step: @escaping (Process) -> Suspension
    ) throws -> (reason: ExitReason, account: Account) {
        let runtime = try runtime(spareThreads: spareThreads, sliceNanoseconds: sliceNanoseconds)
        let account = Account(limits: limits, parent: nil)
        let request = SpawnRequest(account: account, trapsExits: trapsExits)
        let root = try runtime.spawn(request) { StepBody(copy $0, direct: direct) { process, _ in step(process) } }
            .get()
        let reason = runtime.run(root: root.process)
        runtime.shutDown()
        precondition(runtime.processCount == 0, "\(runtime.processCount) processes are left")
        precondition(account.used(.processes) == 0, "\(account.used(.processes)) processes are still charged")
        precondition(account.used(.mailboxBytes) == 0, "\(account.used(.mailboxBytes)) bytes are still charged")
        return (reason, account)
    }
}

extension Limits {
    static var roomy: Limits {
        var limits = Limits.default
        limits.processes = 2_000_000
        limits.mailboxBytes = 1 << 40
        limits.mailboxMessages = 1_000_000
        return limits
    }
}
