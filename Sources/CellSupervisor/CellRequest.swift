// What it takes to run one guest in a cell of its own, and what comes of it.

package import CapabilityModel
package import CellProtocol
package import LinuxKernel

package final class CellRequest {
    /// The guest's name in events and reports, without the pid: `plugin.wasm`.
    package let name: String
    package let moduleDigest: String
    package let policy: CompiledPolicy
    package let profile: ExecutionProfile
    package let arguments: [[UInt8]]
    package let environment: [[UInt8]]
    package let entry: CellPlan.Entry
    /// Native code, readable from offset 0.
    package let code: OwnedFileDescriptor
    /// One O_PATH directory for each mount of the policy, in its order.
    package let mounts: DescriptorList
    /// Listening sockets, in the order in which the guest sees them.
    package let listeners: DescriptorList
    /// The app's other modules by name, with their native code, made for the same profile.
    package let moduleNames: [String]
    package let moduleCode: DescriptorList
    /// One O_PATH directory for each of the policy's `places`, in their order.
    package let places: DescriptorList
    /// Threads that run processes; 0 is as many as there are processors.
    package let workers: UInt32

    package init(
        name: String, moduleDigest: String, policy: CompiledPolicy, profile: ExecutionProfile, arguments: [[UInt8]],
        environment: [[UInt8]], entry: CellPlan.Entry, code: consuming OwnedFileDescriptor,
        mounts: consuming DescriptorList, listeners: consuming DescriptorList, moduleNames: [String] = [],
        moduleCode: consuming DescriptorList = DescriptorList(), places: consuming DescriptorList = DescriptorList(),
        workers: UInt32 = 0
    ) {
        self.name = name
        self.moduleDigest = moduleDigest
        self.policy = policy
        self.profile = profile
        self.arguments = arguments
        self.environment = environment
        self.entry = entry
        self.code = code
        self.mounts = mounts
        self.listeners = listeners
        self.moduleNames = moduleNames
        self.moduleCode = moduleCode
        self.places = places
        self.workers = workers
    }
}

package struct CellOutcome: Sendable {
    package var reason: ExitReason
    /// What an invoked export returned, as the cell says.
    package var results: [String]
    /// Of the cell as a whole; nil when it could not be waited for.
    package var usage: ProcessUsage?
    /// How long `limits.cpu_share` held it, in nanoseconds.
    package var stopped: UInt64
    /// Standard streams that broke off on our side: what the guest printed there is lost, what it read is cut short.
    package var failures: [StreamFailure] = []
}

package struct StreamFailure: Sendable {
    /// `stdin`, `stdout` or `stderr`.
    package let stream: String
    package let isOutput: Bool
    package let error: SystemError
}

/// Why a cell could not be started; nothing of the guest ran.
package enum CellError: Error, Sendable, CustomStringConvertible {
    case system(SystemError, doing: String)
    case stream(String, SystemError)
    /// The policy's kernel profile cannot be enforced on this machine.
    case filter(SyscallFilterError)
    case tooManyDescriptors(Int)

    /// Whether the policy asks for what cannot be, rather than the machine failing.
    package var isOfPolicy: Bool {
        if case .tooManyDescriptors = self { true } else { false }
    }

    package var description: String {
        switch self {
        case .system(let error, let doing): "could not \(doing): \(error)"
        case .stream(let name, let error): "could not open \(name): \(error)"
        case .filter(let error): "could not compile the system call filter of the policy: \(error)"
        case .tooManyDescriptors(let count):
            "the policy and the modules need \(count) descriptors, and one cell takes at most \(CellRequest.descriptorLimit)"
        }
    }
}

extension CellPlan {
    /// What the request asks for, with the system call filter compiled for the process that will run under it.
    init(_ request: CellRequest, streams: [CellPlan.Stream], cell: Int32) throws(CellError) {
        try self.init(
            request.policy, limits: request.policy.kernel.resourceLimits, profile: request.profile, cell: cell)
        arguments = request.arguments
        environment = request.environment
        entry = request.entry
        self.streams = streams
        listeners = UInt32(request.listeners.count)
        modules = request.moduleNames
        workers = request.workers
        try checkDescriptors()
    }

    /// What the policy says, and nothing of a guest: to be filled in.
    init(
        _ policy: CompiledPolicy, limits: [ResourceLimitRule], profile: ExecutionProfile, cell: Int32
    ) throws(CellError) {
        let limits = CellPlan.attainable(limits)
        // The first number that a limit of this value puts out of reach.
        let control = limits.first { $0.name == "nofile" }.map { UInt32(clamping: $0.value) } ?? 3
        let filter: SyscallFilter
        do throws(SyscallFilterError) {
            filter = try SyscallFilter(
                compiling: policy.kernel, defaultAction: policy.seccomp == .log ? .log : .killProcess, ownProcess: cell,
                controlSocket: Int32(clamping: control))
        } catch {
            throw .filter(error)
        }
        self.init(
            arguments: [], environment: [], entry: .start, profile: profile, onDenied: policy.onDenied,
            capabilities: policy.capabilities, streams: [.closed, .closed, .closed], resourceLimits: limits,
            landlock: Landlock.isSupported ? policy.kernel.landlock : nil, syscallFilter: filter.program,
            listeners: 0,
            policies: policy.named.map {
                NamedPolicy(name: $0.name, capabilities: $0.capabilities, onDenied: $0.onDenied)
            }, places: policy.places.map { Place(guestPath: $0.guestPath, hostPath: $0.hostPath) },
            parkAfter: policy.parkAfter, controlSocket: control)
    }

    func checkDescriptors() throws(CellError) {
        guard descriptorCount <= CellRequest.descriptorLimit else { throw .tooManyDescriptors(descriptorCount) }
    }
}

extension CellPlan {
    /// With a limit of descriptors below what this machine gives a process, so that one number is left above it.
    private static func attainable(_ limits: [ResourceLimitRule]) -> [ResourceLimitRule] {
        guard let hard = try? ResourceLimit.get("nofile").hard, hard > 0 else { return limits }
        return limits.map { rule in
            var rule = rule
            if rule.name == "nofile" { rule.value = min(rule.value, hard - 1, UInt64(Int32.max) - 1) }
            return rule
        }
    }
}

extension CellRequest {
    /// SCM_MAX_FD (unix(7)) less the plan's own.
    package static var descriptorLimit: Int { 250 }
}
