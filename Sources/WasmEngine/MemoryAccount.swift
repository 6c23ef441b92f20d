// Counts what the memories of one store hold, and refuses growth past its budget.
//
// libwasmtime's limiter bounds each memory by itself and tells nobody when it refuses; the account bounds all memories of
// a store together and remembers the last refusal, so that a report can say which limit it was and what was used.

/// Growth that was refused, in bytes.
package struct GrowthDenial: Hashable, Sendable {
    package var used: UInt64
    package var requested: UInt64
    package var allowed: UInt64

    package init(used: UInt64, requested: UInt64, allowed: UInt64) {
        self.used = used
        self.requested = requested
        self.allowed = allowed
    }
}

struct MemoryAccount {
    var used: UInt64 = 0
    let allowed: UInt64
    var denial: GrowthDenial?

    init(allowed: UInt64) {
        self.allowed = allowed
    }

    /// `bytes` is negative where a size_t was over half the address space.
    mutating func charge(_ bytes: Int) -> Bool {
        let requested = UInt64(UInt(bitPattern: bytes))
        let (sum, overflow) = used.addingReportingOverflow(requested)
        guard bytes >= 0, !overflow, sum <= allowed else {
            denial = GrowthDenial(used: used, requested: requested, allowed: allowed)
            return false
        }
        used = sum
        return true
    }

    mutating func refund(_ bytes: Int) {
        used -= UInt64(bytes)
    }
}
