// What it takes to run a cell for supervised children, and what its user hears of them.

package import CapabilityModel
package import CellProtocol
package import LinuxKernel

package final class HostedRequest {
    package struct Module: Hashable, Sendable {
        /// As orders name it, and `spawn`.
        package var name: String
        /// SHA-256, hexadecimal.
        package var digest: String

        package init(name: String, digest: String) {
            self.name = name
            self.digest = digest
        }
    }

    /// The cell's name in events and reports, without the pid.
    package let name: String
    /// What each child holds; its limits are each child's own.
    package let policy: CompiledPolicy
    /// All that children run, made for the dense profile, with their native code in the same order.
    package let modules: [Module]
    package let moduleCode: DescriptorList
    /// One O_PATH directory for each mount of the policy, in its order.
    package let mounts: DescriptorList
    /// One O_PATH directory for each of the policy's `places`, in their order.
    package let places: DescriptorList
    /// Threads that run processes; 0 is as many as there are processors.
    package let workers: UInt32

    package init(
        name: String, policy: CompiledPolicy, modules: [Module], moduleCode: consuming DescriptorList,
        mounts: consuming DescriptorList = DescriptorList(), places: consuming DescriptorList = DescriptorList(),
        workers: UInt32 = 0
    ) {
        self.name = name
        self.policy = policy
        self.modules = modules
        self.moduleCode = moduleCode
        self.mounts = mounts
        self.places = places
        self.workers = workers
    }
}

/// What happens in a hosted cell, in order. Numbers are those of orders.
package enum HostedEvent: Hashable, Sendable {
    /// Its start is over. `info` is what it said with its acknowledgement.
    case started(UInt64, process: UInt64, info: [UInt8])
    /// It said that it is not needed, and is gone.
    case ignored(UInt64)
    /// Its start has failed, and it is gone.
    case failed(UInt64, ExitReason)
    /// Once, after `started`.
    case ended(UInt64, ExitReason)
    case output(HostedOutput)
    /// Bytes that came past the child's `limits.output`, or whose child is long gone; by whose they were, if that is known.
    case outputLost(UInt64?, bytes: Int)
    /// The child answered the probe with this id.
    case probed(UInt64, id: UInt64)
    case inspected(UInt64, id: UInt64, ProcessReport)
    /// The cell is gone: all of its children have been reported as ended or failed with this reason, except where they were
    /// before. The last event.
    case died(ExitReason)
}

/// A piece of what a child or one of its descendants printed; lines may be cut anywhere.
package struct HostedOutput: Hashable, Sendable {
    package var number: UInt64
    /// Who printed it, as the cell says.
    package var process: UInt64
    /// 1 or 2.
    package var stream: UInt8
    package var bytes: [UInt8]
}

/// Why an order was not given; nothing has happened then.
package enum OrderError: Error, Hashable, Sendable, CustomStringConvertible {
    case faulty(String)
    case noSuchModule(String)
    /// Numbers grow, within a cell.
    case numberUsed(UInt64)
    /// The cell is closing, or gone.
    case closed
    case system(SystemError)

    package var description: String {
        switch self {
        case .faulty(let fault): fault
        case .noSuchModule(let name): "the cell has no module `\(name)`"
        case .numberUsed(let number): "number \(number) is not above all before it"
        case .closed: "the cell takes no more orders"
        case .system(let error): "\(error)"
        }
    }
}

extension CellPlan {
    /// The most descriptors of a hosted cell: each of its children has as many as the policy gives, so its own limit only
    /// keeps them away from the control socket's number.
    private static let hostedDescriptors: UInt64 = 1 << 16

    init(_ request: HostedRequest, streams: [CellPlan.Stream], cell: Int32) throws(CellError) {
        // The kernel's limit of CPU time would be for all children together.
        var limits = request.policy.kernel.resourceLimits.filter { $0.name != "cpu" }
        for index in limits.indices where limits[index].name == "nofile" {
            limits[index].value = max(limits[index].value, CellPlan.hostedDescriptors)
        }
        try self.init(request.policy, limits: limits, profile: .dense, cell: cell)
        entry = .hosted
        self.streams = streams
        modules = request.modules.map(\.name)
        workers = request.workers
        try checkDescriptors()
    }
}
