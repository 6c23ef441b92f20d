// The names of processes, monitors and aliases within one cell.

/// Names a process of this cell for as long as the cell lives; never reused. Below 2^56: the slot in the low 24 bits, the
/// slot's generation above.
package struct ProcessID: Hashable, Sendable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// What stands for a sender that is no process: the supervisor, a test. No process has it.
    package static let outside = ProcessID(rawValue: 0)
}

/// Names a monitor; unique in its cell. 1..<2^56.
package struct MonitorID: Hashable, Sendable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }
}

/// Names an alias; unique in its cell. 1..<2^62.
package struct AliasID: Hashable, Sendable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }
}
