// What the compiler step knows of a module and the cell has to know, carried by the names of exports that the rewriter adds:
// they are in the native code, and so authenticated with it, and need no file of their own.

/// What cannot be put back to what it was when an instance was new; the raw value stands in the export's name.
package enum StateObstacle: String, Hashable, Sendable, CaseIterable {
    case startFunction = "start function"
    case tables = "tables that change"
    case segments = "segments that are dropped"
    case references = "globals that hold references"
    case memories = "several memories"
    case imports = "imported state"
    case collection = "collected objects"
    case exceptions = "exceptions"
    case unknownCode = "unknown instructions"
    case tooManyGlobals = "too many globals"
}

struct ModuleFacts: Hashable, Sendable {
    /// Instantiating runs code of the guest.
    var hasStart = false
    /// Why its instances cannot be put back to their beginnings; nil when they can.
    var obstacle: StateObstacle?
    /// Elements of all tables that never grow, together.
    var fixedElements: UInt64 = 0
    /// Maxima of those that may; `.max` without one.
    var growingTables: [UInt64] = []
    /// Globals to put back, by what they are exported as.
    var globalCount = 0
    var hasMemory = false
    /// How many bytes further back a function's code stands in the original.
    var codeShift = 0

    /// No toolchain makes such names; the digit is the version of all this.
    static let prefix = "\u{1}bulkhead1."
    static let memoryName = prefix + "memory"
    static func globalName(_ index: Int) -> String { prefix + "global.\(index)" }
    static let maximumGlobals = 64

    /// Elements to charge for when each table may hold `limit`; a table that may grow counts with all that it may have.
    func chargedElements(limit: UInt64) -> UInt64 {
        growingTables.reduce(fixedElements) { sum, maximum in
            let (total, overflow) = sum.addingReportingOverflow(min(maximum, limit))
            return overflow ? .max : total
        }
    }

    /// The name of the function that gives the processor away, which also says all this. Its length does not depend on
    /// `codeShift`, which depends on its length.
    var yieldName: String {
        let shift = String(codeShift, radix: 16)
        let padded = String(repeating: "0", count: max(0, 8 - shift.count)) + shift
        let growing = growingTables.map { String($0) }.joined(separator: ",")
        return Self.yieldPrefix
            + [
                padded, hasStart ? "1" : "0", hasMemory ? "1" : "0", "\(globalCount)", "\(fixedElements)", growing,
                obstacle?.rawValue ?? "",
            ].joined(separator: ";")
    }

    private static let yieldPrefix = prefix + "yield;"

    /// nil for any other name.
    init?(yieldName name: String) {
        guard name.hasPrefix(Self.yieldPrefix) else { return nil }
        let parts = name.dropFirst(Self.yieldPrefix.count).split(separator: ";", omittingEmptySubsequences: false)
        guard parts.count == 7, let shift = Int(parts[0], radix: 16), let globals = Int(parts[3]),
            let fixed = UInt64(parts[4])
        else { return nil }
        codeShift = shift
        hasStart = parts[1] == "1"
        hasMemory = parts[2] == "1"
        globalCount = globals
        fixedElements = fixed
        growingTables = parts[5].split(separator: ",").compactMap { UInt64($0) }
        if !parts[6].isEmpty { obstacle = StateObstacle(rawValue: String(parts[6])) ?? .unknownCode }
    }

    init() {}
}
