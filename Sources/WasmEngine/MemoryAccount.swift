// Counts what the memories of one store hold, and refuses growth past its budget.
//
// libwasmtime's limiter bounds each memory by itself and tells nobody when it refuses; the account bounds all memories of
// a store together and remembers the last refusal, so that a report can say which limit it was and what was used.

/// Who else pays for a store's memory, beyond the store's own limit: the accounts of its process and of that one's
/// ancestors. Called on the thread that runs the store; bytes of linear memory, and of tables when a store is made.
package protocol MemoryCharge: AnyObject {
    /// False refuses, and then nothing is charged.
    func charge(_ bytes: UInt64) -> Bool
    /// Gives back what was charged; a store that ends has given back all of it.
    func refund(_ bytes: UInt64)
}

/// Growth that was refused, in bytes.
package struct GrowthDenial: Hashable, Sendable {
    package var used: UInt64
    package var requested: UInt64
    /// By the store's own limit; what else refused is known to the `MemoryCharge`.
    package var allowed: UInt64
    /// Whether the `MemoryCharge` refused it, and not the store's own limit.
    package var isByCharge: Bool

    package init(used: UInt64, requested: UInt64, allowed: UInt64, isByCharge: Bool = false) {
        self.used = used
        self.requested = requested
        self.allowed = allowed
        self.isByCharge = isByCharge
    }
}

struct MemoryAccount {
    /// Bytes of linear memories.
    private(set) var used: UInt64 = 0
    private(set) var allowed: UInt64
    private var other: (any MemoryCharge)?
    /// Bytes of tables, which only `other` pays for.
    private(set) var tables: UInt64 = 0
    private(set) var denial: GrowthDenial?

    init(allowed: UInt64, other: (any MemoryCharge)? = nil) {
        self.allowed = allowed
        self.other = other
    }

    /// `bytes` is negative where a size_t was over half the address space.
    mutating func charge(_ bytes: Int) -> Bool {
        let requested = UInt64(UInt(bitPattern: bytes))
        let (sum, overflow) = used.addingReportingOverflow(requested)
        guard bytes >= 0, !overflow, sum <= allowed else {
            denial = GrowthDenial(used: used, requested: requested, allowed: allowed)
            return false
        }
        guard pay(requested) else { return false }
        used = sum
        return true
    }

    mutating func refund(_ bytes: Int) {
        used -= UInt64(bytes)
        other?.refund(UInt64(bytes))
    }

    /// Charges for tables, once in a store's life.
    mutating func charge(tables bytes: UInt64) -> Bool {
        guard bytes > 0 else { return true }
        guard pay(bytes) else { return false }
        tables = bytes
        return true
    }

    mutating func refundTables() {
        if tables > 0 { other?.refund(tables) }
        tables = 0
    }

    private mutating func pay(_ bytes: UInt64) -> Bool {
        guard let other, !other.charge(bytes) else { return true }
        denial = GrowthDenial(used: used, requested: bytes, allowed: allowed, isByCharge: true)
        return false
    }

    /// Gives everything back; the store goes on to hold what it holds, and nobody pays.
    mutating func leave() {
        if used + tables > 0 { other?.refund(used + tables) }
        other = nil
        allowed = .max
        tables = 0
        if denial != nil { denial = nil }
    }

    /// Another pays for all that is held since `leave`, and for `tables`; false, and nothing changes, when it will not, or the
    /// limit is too low.
    mutating func takeOver(tables: UInt64, allowed: UInt64, other: (any MemoryCharge)?) -> Bool {
        guard used <= allowed, other?.charge(used + tables) ?? true else { return false }
        self.other = other
        self.allowed = allowed
        self.tables = tables
        return true
    }
}
