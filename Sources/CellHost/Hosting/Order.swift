// One supervised child as the cell knows it: what it and its descendants were given, and how far its start has come.

import CapabilityModel
import CellProtocol
import ProcessRuntime
import Synchronization
import WASIPreview1

/// Shared by the processes of one order, through their grants; any thread may use it.
final class Order: Sendable {
    /// How the child said that its start is over, or that there will be none.
    enum Verdict: Hashable {
        case ignored
        case failed([UInt8])
    }

    private struct Key: Hashable {
        let authority: Narrowing
        let descriptors: UInt32
    }

    private struct State {
        /// Of the child itself, with the listeners that it alone starts with.
        var entry: WASITemplate?
        var awaitsAcknowledgement: Bool
        var verdict: Verdict?
        var templates: [Key: WASITemplate] = [:]
    }

    /// Narrowings and limits can be combined without end; past these many, templates are not kept.
    private static let templateLimit = 64

    let number: UInt64
    let arguments: [[UInt8]]
    let environment: [[UInt8]]
    private let acknowledgements: Acknowledgements
    private let child = Atomic<UInt64>(.max)
    private let state: Mutex<State>

    init(_ order: ChildOrder, acknowledgements: Acknowledgements) {
        number = order.number
        arguments = order.arguments
        environment = order.environment
        self.acknowledgements = acknowledgements
        state = Mutex(State(awaitsAcknowledgement: order.acknowledges))
    }

    /// The child; set before it runs.
    func setChild(_ process: ProcessID) {
        child.store(process.rawValue, ordering: .relaxed)
    }

    func isChild(_ process: ProcessID) -> Bool { child.load(ordering: .relaxed) == process.rawValue }

    // MARK: Files

    /// What the child starts with, where that is more than its descendants do.
    func setEntry(_ template: WASITemplate) {
        state.withLock { $0.entry = template }
    }

    /// The child has it now, or has ended: its listeners are not to stay open for any other reason.
    @discardableResult
    func takeEntry() -> WASITemplate? {
        state.withLock { state in
            defer { state.entry = nil }
            return state.entry
        }
    }

    /// What a process of this order starts with.
    /// - Throws: what fstat(2) says.
    func template(for process: ProcessID, _ grant: Grant, _ files: ProgramFiles) throws -> WASITemplate {
        if isChild(process), let entry = takeEntry() { return entry }
        let key = Key(authority: grant.authority.narrowing, descriptors: grant.limits.fds)
        if let found = state.withLock({ $0.templates[key] }) { return found }
        let made = own(try files.template(for: grant), grant)
        return state.withLock { state in
            if let first = state.templates[key] { return first }
            if state.templates.count < Order.templateLimit { state.templates[key] = made }
            return made
        }
    }

    /// A template with what this order says of arguments and variables, as far as the grant lets it.
    func own(_ template: WASITemplate, _ grant: Grant) -> WASITemplate {
        let visible = grant.authority.surroundings(arguments: arguments, environment: environment)
        return WASITemplate(
            template, arguments: visible.arguments, environment: visible.environment, order: number)
    }

    // MARK: The start

    /// Whether its start is not over yet, for want of an acknowledgement.
    var awaitsAcknowledgement: Bool { state.withLock(\.awaitsAcknowledgement) }

    var verdict: Verdict? { state.withLock(\.verdict) }

    /// The child says that it is ready.
    /// - Returns: false when nobody waits for that.
    func acknowledge(_ process: ProcessID, info: [UInt8]) -> Bool {
        guard settle(process, nil) else { return false }
        acknowledgements.post(number, info)
        return true
    }

    /// The child says that it is not to run; it ends now.
    /// - Returns: false when nobody waits for that.
    func decline(_ process: ProcessID, _ verdict: Verdict) -> Bool { settle(process, verdict) }

    private func settle(_ process: ProcessID, _ verdict: Verdict?) -> Bool {
        guard isChild(process) else { return false }
        return state.withLock { state in
            guard state.awaitsAcknowledgement, state.verdict == nil else { return false }
            state.awaitsAcknowledgement = verdict != nil
            state.verdict = verdict
            return true
        }
    }
}

/// Acknowledgements on their way from the children's threads to the keeper.
final class Acknowledgements: Sendable {
    private let waiting = Mutex<[(number: UInt64, info: [UInt8])]>([])
    private let wake: @Sendable () -> Void

    init(wake: @escaping @Sendable () -> Void) {
        self.wake = wake
    }

    func post(_ number: UInt64, _ info: [UInt8]) {
        waiting.withLock { $0.append((number, info)) }
        wake()
    }

    /// In the order in which they came, each once.
    func takeAll() -> [(number: UInt64, info: [UInt8])] {
        waiting.withLock { waiting in
            defer { waiting = [] }
            return waiting
        }
    }
}
