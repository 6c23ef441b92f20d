// How the engine lays out and preempts a process.

package enum ExecutionProfile: String, Hashable, Sendable, CaseIterable {
    /// Slab memories and stacks, bounds checks, epochs: many small processes in one cell.
    case dense
    /// A 4 GiB reservation, elided bounds checks, no epochs, a cell of its own: one that computes.
    case heavy
}

/// What to do when a process calls what it was not granted.
package enum DenialMode: UInt8, Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The call returns an errno.
    case errno = 0
    /// The process traps.
    case trap = 1
    /// The module does not start when it imports something that is not granted.
    case refuse = 2

    /// As policies write it. Without this it would be found by reflection, which a short run notices.
    package var description: String {
        switch self {
        case .errno: "errno"
        case .trap: "trap"
        case .refuse: "refuse"
        }
    }

    package static func < (left: DenialMode, right: DenialMode) -> Bool {
        left.rawValue < right.rawValue
    }
}

package enum SeccompMode: String, Hashable, Sendable, CaseIterable {
    /// A syscall outside the profile ends the cell.
    case kill
    /// It is recorded and let through: the cell counts as unsealed.
    case log
}
