// A process's own numbers for processes, aliases and monitors. What a guest holds is an index here, never an address.

import CapabilityModel
import ProcessRuntime
import WASIPreview1

/// What a process handle leads to.
struct HandleTarget {
    let process: ProcessID
    /// Set where messages go through an alias; then it is good for messages and for nothing else.
    let alias: AliasID?

    init(_ process: ProcessID, alias: AliasID? = nil) {
        self.process = process
        self.alias = alias
    }
}

/// Handles by number: the lowest free one is the next. Number 0 is the process itself and takes no entry; a process that
/// holds no other has no table. Whoever inserts has paid for the entry (`GuestContext.reserveHandles`).
struct HandleTable {
    private struct Entry {
        /// The process; of a free entry, the index of the next free one.
        var process: UInt64
        var alias: AliasID?
        var isFree: Bool
    }

    private static let none = UInt64.max

    private var entries: [Entry] = []
    private var firstFree = HandleTable.none
    /// How many are open.
    private(set) var count = 0

    /// - Throws: `badf`.
    @inline(__always)
    func target(_ handle: UInt32, own: ProcessID) throws(CallFailure) -> HandleTarget {
        if handle == 0 { return HandleTarget(own) }
        let index = Int(handle) - 1
        guard index < entries.count, !entries[index].isFree else { throw .errno(.badf) }
        return HandleTarget(ProcessID(rawValue: entries[index].process), alias: entries[index].alias)
    }

    mutating func insert(_ target: HandleTarget) -> UInt32 {
        let entry = Entry(process: target.process.rawValue, alias: target.alias, isFree: false)
        count += 1
        guard firstFree != HandleTable.none else {
            entries.append(entry)
            return UInt32(truncatingIfNeeded: entries.count)
        }
        let index = Int(firstFree)
        firstFree = entries[index].process
        entries[index] = entry
        return UInt32(truncatingIfNeeded: index + 1)
    }

    /// What the handle led to; nil when it is not open, or 0, which cannot be closed.
    mutating func remove(_ handle: UInt32) -> HandleTarget? {
        let index = Int(handle) - 1
        guard index >= 0, index < entries.count, !entries[index].isFree else { return nil }
        let target = HandleTarget(ProcessID(rawValue: entries[index].process), alias: entries[index].alias)
        count -= 1
        guard count > 0 else {
            // A process that holds nothing any more holds no table either.
            entries = []
            firstFree = HandleTable.none
            return target
        }
        entries[index] = Entry(process: firstFree, alias: nil, isFree: true)
        firstFree = UInt64(index)
        return target
    }
}

/// A process's monitors by the guest's numbers, which are not used again before 2^32 others were.
struct MonitorTable {
    private var monitors: [UInt32: MonitorID] = [:]
    private var numbers: [MonitorID: UInt32] = [:]
    private var last: UInt32 = 0

    /// Host memory for each, in bytes, as it is charged: two entries with the room that tables keep free.
    static let cost: UInt64 = 96

    var count: Int { monitors.count }

    subscript(number: UInt32) -> MonitorID? { monitors[number] }

    mutating func insert(_ monitor: MonitorID) -> UInt32 {
        repeat { last &+= 1 } while last == 0 || monitors[last] != nil
        monitors[last] = monitor
        numbers[monitor] = last
        return last
    }

    mutating func remove(_ number: UInt32) -> MonitorID? {
        guard let monitor = monitors.removeValue(forKey: number) else { return nil }
        numbers[monitor] = nil
        return monitor
    }

    func number(of monitor: MonitorID) -> UInt32? { numbers[monitor] }
}
