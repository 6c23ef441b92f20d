// What an app file means: everything that a driver needs in order to start it, and nothing that is open yet.

package import CapabilityModel
package import PolicyCompiler
package import Supervision

package struct AppPlan: Hashable, Sendable {
    /// The app file, as the user wrote it.
    package var file: String
    package var name: String
    package var summary: String?
    /// Processes share a cell only with those of the same label.
    package var trustLabel: String
    /// In the order of the text, as are policies and listeners.
    package var modules: [Module]
    package var policies: [Policy]
    package var listeners: [Listener]
    /// The top first, each before those beneath it.
    package var supervisors: [Supervisor]
    /// What the tree's start keys start: a key's raw value is the index here. Those of a supervisor's children stand together,
    /// in their order.
    package var starts: [Start]
    package var log: Log
    /// A loopback address or a unix socket; nil where none are served.
    package var metrics: NetworkGrant?
    /// The control socket's path; nil is the driver's own place.
    package var control: String?
    package var warnings: [Warning]

    package struct Module: Hashable, Sendable {
        package var name: String
        package var source: ModuleSource
        /// nil is `auto`.
        package var profile: ExecutionProfile?
    }

    package struct Policy: Hashable, Sendable {
        package var name: String
        /// As they are written: files and shipped policies, which meet.
        package var references: [String]
        package var compiled: CompiledPolicy
        /// Grants that leave little of a sandbox.
        package var warnings: [String]
        package var origin: PolicyOrigin
    }

    package struct Listener: Hashable, Sendable {
        package var name: String
        /// One TCP address and port (0: the kernel's choice), or a unix socket's path.
        package var address: NetworkGrant
        package var backlog: UInt16

        package static let defaultBacklog: UInt16 = 1024
    }

    package struct Supervisor: Hashable, Sendable {
        /// The app's, for the top one.
        package var name: String
        /// The ids from the top: `shop`, `shop/workers`.
        package var path: String
        package var flags: SupervisorFlags
        /// In the order in which they start; of simple_one_for_one the template.
        package var children: [ChildSpec]
        /// Its supervisor's index; nil for the top.
        package var parent: Int?
        package var origin: PolicyOrigin
    }

    package enum Start: Hashable, Sendable {
        case process(Process)
        /// The index of a supervisor.
        case supervisor(Int)
    }

    package struct Process: Hashable, Sendable {
        /// The ids from the top: `shop/workers/worker/2`; of a template without a number.
        package var path: String
        /// The index of its supervisor.
        package var supervisor: Int
        /// Of how many copies this is which, from 1; nil where `instances` is not written.
        package var copy: Copy?
        /// Indices of `modules` and `policies`.
        package var module: Int
        package var policy: Int
        /// The module's, or else the policy's; nil is by the module's memory.
        package var profile: ExecutionProfile?
        /// An export to call instead of the program's start.
        package var function: String?
        /// After the program's name.
        package var arguments: [String]
        /// Values that go before those of bulkhead's own environment; the policy lets each through.
        package var environment: [Variable]
        /// Indices of `listeners`, at most 16; the policy covers each.
        package var listeners: [Int]
        package var registeredName: String?
        /// Its start is over when it calls `start_ack`.
        package var acknowledges: Bool
        package var health: Health?
        /// Its policy's, met with its own.
        package var limits: Limits
        package var origin: PolicyOrigin
    }

    package struct Copy: Hashable, Sendable {
        package var number: Int
        package var count: Int
    }

    package struct Variable: Hashable, Sendable {
        package var name: String
        package var value: String
    }

    /// A check that a process must answer in time; one that does not ends as `unhealthy`.
    package struct Health: Hashable, Sendable {
        package enum Probe: Hashable, Sendable {
            /// A call, as the SDKs make one, with this payload.
            case message(String)
            /// An export without parameters, called between two messages.
            case export(String)
        }

        package var probe: Probe
        /// Nanoseconds; the timeout is no longer than the interval.
        package var interval: UInt64
        package var timeout: UInt64
        /// So many in a row without an answer.
        package var threshold: Int

        package static let defaultInterval: UInt64 = 10_000_000_000
        /// gen_server:call's.
        package static let defaultTimeout: UInt64 = 5_000_000_000
        package static let defaultThreshold: UInt64 = 3
    }

    package struct Log: Hashable, Sendable {
        /// nil is the driver's own place.
        package var directory: String?
        /// Bytes.
        package var rotateSize: UInt64 = 16 << 20
        package var rotateCount: Int = 8
        /// Bytes a second that one process may log.
        package var rate: UInt64 = 1 << 20

        package init() {}
    }

    /// What should not pass unseen, and stops nothing.
    package struct Warning: Hashable, Sendable, CustomStringConvertible {
        package var origin: PolicyOrigin
        package var message: String

        package var description: String {
            let key = origin.keyPath.isEmpty ? "" : "\(origin.keyPath): "
            return "\(origin.place): warning: \(key)\(message)"
        }
    }
}

extension LimitKey {
    package var kind: LimitKind {
        switch self {
        case .memory: .memory
        case .tables: .tableElements
        case .cpu: .cpu
        case .cpuShare: .cpuShare
        case .wall: .wall
        case .fds: .fds
        case .output: .output
        case .stack: .stack
        case .mailboxMessages: .mailboxMessages
        case .mailboxBytes: .mailboxBytes
        }
    }
}

extension AppPlan {
    /// What `key` starts; nil for a key that is not of this plan.
    package func start(_ key: StartKey) -> Start? {
        guard let index = Int(exactly: key.rawValue), starts.indices.contains(index) else { return nil }
        return starts[index]
    }

    package var processes: [Process] {
        starts.compactMap { if case .process(let process) = $0 { process } else { nil } }
    }

    /// Whether the process is started by request only.
    package func isTemplate(_ process: Process) -> Bool {
        supervisors[process.supervisor].flags.strategy == .simpleOneForOne
    }

    /// Everything that makes a process what it is, free of this plan's indices: where two plans agree on it, a reload leaves
    /// the process alone. Of a module it has the path; whether the file is still the same is for who loads it to say.
    package struct Identity: Hashable, Sendable {
        package var trustLabel: String
        package var module: Module
        package var policyDigest: String
        package var profile: ExecutionProfile?
        package var listeners: [Listener]
        /// Its path, arguments, environment and so on; indices are 0.
        package var rest: Process
    }

    package func identity(of process: Process) -> Identity {
        var rest = process
        (rest.module, rest.policy, rest.supervisor, rest.listeners, rest.copy) = (0, 0, 0, [], nil)
        rest.origin = PolicyOrigin(file: "", line: 0, column: 0, keyPath: "", isPresent: true)
        return Identity(
            trustLabel: trustLabel, module: modules[process.module],
            policyDigest: policies[process.policy].compiled.digest,
            profile: process.profile, listeners: process.listeners.map { listeners[$0] }, rest: rest)
    }

    /// What the process sees: `own`, which is what its policy makes of bulkhead's own environment (`NAME=value` each), with the
    /// app's values in place of those or beside them; sorted by name.
    package func environment(of process: Process, over own: [[UInt8]]) -> [[UInt8]] {
        var values: [[UInt8]: [UInt8]] = [:]
        for pair in own {
            let name = pair.prefix { $0 != UInt8(ascii: "=") }
            values[Array(name)] = pair
        }
        for variable in process.environment {
            values[Array(variable.name.utf8)] = Array("\(variable.name)=\(variable.value)".utf8)
        }
        return values.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map(\.value)
    }

    /// Where the process's limits are tighter than its policy's.
    package func narrowings(of process: Process) -> [(kind: LimitKind, value: UInt64)] {
        let most = policies[process.policy].compiled.capabilities.limits
        return LimitKey.allCases.compactMap { key in
            guard let value = process.limits[key], value != most[key] else { return nil }
            return (kind: key.kind, value: value)
        }
    }

    /// Processes that may share a cell: one policy's digest, one profile.
    package struct CellClass: Hashable, Sendable {
        package var policyDigest: String
        package var profile: ExecutionProfile?
    }

    package func cellClass(of process: Process) -> CellClass {
        CellClass(policyDigest: policies[process.policy].compiled.digest, profile: process.profile)
    }

    /// The most that all processes together may use, templates left out: budgets, of which nothing is set aside.
    package struct Totals: Hashable, Sendable {
        /// Processes at the start, and how many more they may spawn.
        package var processes: UInt64 = 0
        package var descendants: UInt64 = 0
        /// Bytes.
        package var memory: UInt64 = 0
        package var mailboxBytes: UInt64 = 0
        package var fds: UInt64 = 0
    }

    package var totals: Totals {
        var totals = Totals()
        func add(_ value: UInt64, to sum: inout UInt64) {
            sum = sum.addingReportingOverflow(value).overflow ? .max : sum + value
        }
        for process in processes where !isTemplate(process) {
            let limits = process.limits
            totals.processes += 1
            add(UInt64(limits.processes), to: &totals.descendants)
            add(limits.memory, to: &totals.memory)
            add(limits.mailboxBytes, to: &totals.mailboxBytes)
            add(UInt64(limits.fds), to: &totals.fds)
        }
        return totals
    }
}
