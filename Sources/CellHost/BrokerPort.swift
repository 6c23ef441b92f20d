// Requests to the supervisor's broker, and its answers: one control socket for all processes of the cell.

import CapabilityModel
import CellProtocol
import LinuxKernel
import ProcessRuntime
import Synchronization

/// Any thread may ask. A process of the runtime's own reads the answers and wakes those that wait for them; it exists once
/// the first request was made. A guest has one request under way at a time, and all together at most
/// `BrokerRequest.concurrencyLimit`.
final class BrokerPort: Sendable {
    enum Reply {
        case pending
        /// The supervisor is gone.
        case lost
        case answered(BrokerAnswer, DescriptorBox?)
    }

    enum Failure: Error {
        case tooMany
        /// The supervisor is gone.
        case lost
    }

    /// A descriptor that came with an answer; closed when nobody takes it.
    final class DescriptorBox: Sendable {
        private let raw: Mutex<Int32?>

        init(_ raw: Int32) {
            self.raw = Mutex(raw)
        }

        func take() -> OwnedFileDescriptor? {
            raw.withLock { raw in
                defer { raw = nil }
                return raw.map { OwnedFileDescriptor(taking: $0) }
            }
        }

        deinit {
            _ = take()
        }
    }

    private struct Entry {
        let process: ProcessID
        var answer: BrokerAnswer?
        var descriptor: DescriptorBox?
    }

    private struct State {
        var entries: [UInt32: Entry] = [:]
        /// Asked for and forgotten, not answered yet: the broker still counts them.
        var forgotten: Set<UInt32> = []
        var last: UInt32 = 0
        var hasReader = false
        var isLost = false
    }

    private let control: ControlChannel
    private let state = Mutex(State())

    init(control: ControlChannel) {
        self.control = control
    }

    /// Sends a request of a process.
    /// - Returns: its id, for `reply`.
    func ask(
        _ operation: BrokerRequest.Operation, process: ProcessID, shownAs shown: UInt64?, policies: [UInt16],
        runtime: Runtime
    ) -> Result<UInt32, Failure> {
        let (id, needsReader) = state.withLock { state -> (Result<UInt32, Failure>, Bool) in
            guard !state.isLost else { return (.failure(.lost), false) }
            guard state.entries.count + state.forgotten.count < BrokerRequest.concurrencyLimit else {
                return (.failure(.tooMany), false)
            }
            repeat { state.last &+= 1 } while state.entries[state.last] != nil || state.forgotten.contains(state.last)
            state.entries[state.last] = Entry(process: process)
            defer { state.hasReader = true }
            return (.success(state.last), !state.hasReader)
        }
        guard case .success(let number) = id else { return id }
        if needsReader { startReader(runtime) }
        let request = BrokerRequest(id: number, process: shown, policies: policies, operation: operation)
        guard control.send(.request(request), waits: true) else {
            state.withLock { $0.entries[number] = nil }
            return .failure(.lost)
        }
        return id
    }

    /// What came of a request; anything but `.pending` is said once.
    func reply(_ id: UInt32) -> Reply {
        state.withLock { state in
            guard let entry = state.entries[id] else { return .lost }
            if let answer = entry.answer {
                state.entries[id] = nil
                return .answered(answer, entry.descriptor)
            }
            guard state.isLost else { return .pending }
            state.entries[id] = nil
            return .lost
        }
    }

    /// Nobody waits for it any more: what comes is closed.
    func forget(_ id: UInt32) {
        state.withLock { state in
            guard let entry = state.entries.removeValue(forKey: id), entry.answer == nil else { return }
            state.forgotten.insert(id)
        }
    }

    /// Nothing will be asked of a socket any more. When there is no room to say so, the supervisor sees the end of the cell.
    func release(socket: UInt32) {
        _ = control.send(.released(socket: socket), waits: false)
    }

    /// Somebody else reads the control socket, and says what comes for this port.
    func isFed() {
        state.withLock { $0.hasReader = true }
    }

    private func startReader(_ runtime: Runtime) {
        // It uses nothing that a policy counts but its own existence.
        _ = runtime.spawn(SpawnRequest(account: Account(limits: Limits.default.withItself))) { _ in
            BrokerReader(self, runtime: runtime, control: control)
        }
    }

    /// Takes one answer in.
    /// - Returns: whom to wake.
    func deliver(_ answer: BrokerAnswer, _ descriptors: [Int32]) -> ProcessID? {
        let box = descriptors.first.map { DescriptorBox($0) }
        for raw in descriptors.dropFirst() { _ = OwnedFileDescriptor(taking: raw) }
        return state.withLock { state in
            state.forgotten.remove(answer.id)
            guard let entry = state.entries[answer.id], entry.answer == nil else { return nil }
            state.entries[answer.id]?.answer = answer
            state.entries[answer.id]?.descriptor = box
            return entry.process
        }
    }

    /// - Returns: whom to wake.
    func lose() -> [ProcessID] {
        state.withLock { state in
            state.isLost = true
            return state.entries.values.map(\.process)
        }
    }
}

/// Reads answers as they come.
private final class BrokerReader: Resumable {
    private let port: BrokerPort
    private let runtime: Runtime
    private let control: ControlChannel

    init(_ port: BrokerPort, runtime: Runtime, control: ControlChannel) {
        self.port = port
        self.runtime = runtime
        self.control = control
    }

    var canRunDirectly: Bool { false }

    func resume(_ mode: ResumeMode) -> Suspension {
        while let (message, descriptors) = control.receive(waits: false) {
            guard case .answered(let answer) = message else {
                for raw in descriptors { _ = OwnedFileDescriptor(taking: raw) }
                continue
            }
            if let process = port.deliver(answer, descriptors) { runtime.wake(process) }
        }
        guard control.isOpen else {
            for process in port.lose() { runtime.wake(process) }
            return .finished(.normal)
        }
        return .waiting(Wait(descriptor: Wait.Descriptor(raw: control.descriptor, interest: .read)))
    }

    func didOverrun() {}

    func abandon() {}
}
