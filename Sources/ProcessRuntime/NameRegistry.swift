// Names of processes (register/2): released before a process's exit signals are sent, so that whoever hears of its end may
// take the name at once (erts, erl_process.c's order; OTP rule 6 of exit signals).

internal import CapabilityModel
internal import LinuxKernel
internal import Synchronization

package final class NameRegistry: Sendable {
    package enum Registration: Hashable, Sendable {
        case registered
        /// Empty, or longer than `longestName`.
        case badName
        /// The name is taken, by a process that lives.
        case exists
        case gone
        case refused(LimitRefusal)
    }

    private struct Entry {
        let process: ProcessID
        /// Who pays for it: the account of the process that registered the name, for a hostile one must not use up another's.
        let payer: Account
    }

    private struct Names {
        var entries: [[UInt8]: Entry] = [:]
        var byProcess: [ProcessID: Set<[UInt8]>] = [:]
    }

    private let names = Lock(Names())
    /// How many names the processes of each bucket have: the end of a process without names takes no lock.
    private let buckets = AtomicRow(count: NameRegistry.bucketCount)
    private static let bucketCount = 256

    /// The longest name, in bytes; the shortest has one.
    package static let longestName = 255

    package init() {}

    /// Gives a process a name, at the cost of `payer`. `isAlive` says whether the process lives; it is asked while the registry
    /// is locked, and a process counts as dead before it calls `release`.
    package func register(
        _ name: [UInt8], for process: ProcessID, payer: Account, isAlive: () -> Bool
    ) -> Registration {
        guard !name.isEmpty, name.count <= NameRegistry.longestName else { return .badName }
        let cost = NameRegistry.cost(of: name)
        if let refusal = payer.charge(.memory, cost) { return .refused(refusal) }
        let result: Registration = names.withLock { names in
            if names.entries[name] != nil { return .exists }
            // Before the question: a process that dies afterwards sees that it has a name.
            bucket(process) { $0.wrappingAdd(1, ordering: .sequentiallyConsistent) }
            guard isAlive() else {
                bucket(process) { $0.wrappingSubtract(1, ordering: .relaxed) }
                return .gone
            }
            names.entries[name] = Entry(process: process, payer: payer)
            names.byProcess[process, default: []].insert(name)
            return .registered
        }
        if result != .registered { payer.refund(.memory, cost) }
        return result
    }

    /// Whether there was such a name.
    package func unregister(_ name: [UInt8]) -> Bool {
        let entry: Entry? = names.withLock { names in
            guard let entry = names.entries.removeValue(forKey: name) else { return nil }
            names.byProcess[entry.process]?.remove(name)
            if names.byProcess[entry.process]?.isEmpty == true { names.byProcess[entry.process] = nil }
            bucket(entry.process) { $0.wrappingSubtract(1, ordering: .relaxed) }
            return entry
        }
        entry?.payer.refund(.memory, NameRegistry.cost(of: name))
        return entry != nil
    }

    package func whereis(_ name: [UInt8]) -> ProcessID? {
        names.withLock { $0.entries[name]?.process }
    }

    /// All names of a process.
    package func names(of process: ProcessID) -> [[UInt8]] {
        names.withLock { Array($0.byProcess[process] ?? []) }
    }

    /// How many names there are.
    package var count: Int { names.withLock { $0.entries.count } }

    /// Takes all names from a process that has begun to end; called once, before its first exit signal.
    package func release(_ process: ProcessID) {
        guard bucket(process, { $0.load(ordering: .sequentiallyConsistent) }) > 0 else { return }
        let released: [([UInt8], Entry)] = names.withLock { names in
            guard let own = names.byProcess.removeValue(forKey: process) else { return [] }
            bucket(process) { $0.wrappingSubtract(UInt64(own.count), ordering: .relaxed) }
            return own.compactMap { name in names.entries.removeValue(forKey: name).map { (name, $0) } }
        }
        for (name, entry) in released { entry.payer.refund(.memory, NameRegistry.cost(of: name)) }
    }

    @discardableResult
    private func bucket<Result>(_ process: ProcessID, _ body: (borrowing Atomic<UInt64>) -> Result) -> Result {
        buckets.at(Int(process.rawValue % UInt64(NameRegistry.bucketCount)), body)
    }

    /// Host memory for a name, in bytes: its text twice, two array headers, and its places in two tables.
    private static func cost(of name: [UInt8]) -> UInt64 { UInt64(2 * name.count + 192) }
}
