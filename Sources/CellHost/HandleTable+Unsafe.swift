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
///
/// Its own memory, for every message is sent through it: an array in a class is retained and released with each look.
// SAFETY: `entries` has room for `capacity` entries, of which the first `used` are initialised; it is nil when that is 0. The
// table belongs to the thread that runs its process.
@safe struct HandleTable: ~Copyable {
    private struct Entry {
        /// The process; of a free entry, the index of the next free one.
        var process: UInt64
        /// 0 for none, `freeMark` of a free entry.
        var alias: UInt64
    }

    private static let none = UInt64.max
    private static let freeMark = UInt64.max

    private var entries: UnsafeMutablePointer<Entry>?
    private var used: UInt32 = 0
    private var capacity: UInt32 = 0
    private var firstFree = HandleTable.none
    /// How many are open.
    private(set) var count = 0

    init() {
        unsafe entries = nil
    }

    deinit {
        unsafe entries?.deallocate()
    }

    /// - Throws: `badf`.
    @inline(__always)
    borrowing func target(_ handle: UInt32, own: ProcessID) throws(CallFailure) -> HandleTarget {
        if handle == 0 { return HandleTarget(own) }
        guard let entry = entry(handle) else { throw .errno(.badf) }
        return HandleTable.target(of: entry)
    }

    @inline(__always)
    private borrowing func entry(_ handle: UInt32) -> Entry? {
        // 0 becomes the highest number, which no table reaches.
        let index = handle &- 1
        guard index < used, let entries = unsafe entries else { return nil }
        let entry = unsafe entries[Int(index)]
        return entry.alias == HandleTable.freeMark ? nil : entry
    }

    @inline(__always)
    private static func target(of entry: Entry) -> HandleTarget {
        HandleTarget(
            ProcessID(rawValue: entry.process), alias: entry.alias == 0 ? nil : AliasID(rawValue: entry.alias))
    }

    mutating func insert(_ target: HandleTarget) -> UInt32 {
        let entry = Entry(process: target.process.rawValue, alias: target.alias?.rawValue ?? 0)
        count += 1
        if firstFree == HandleTable.none && used == capacity { grow() }
        guard let entries = unsafe entries else { preconditionFailure("a table that has grown has entries") }
        guard firstFree != HandleTable.none else {
            unsafe (entries + Int(used)).initialize(to: entry)
            used += 1
            return used
        }
        let index = Int(firstFree)
        unsafe firstFree = entries[index].process
        unsafe entries[index] = entry
        return UInt32(truncatingIfNeeded: index + 1)
    }

    private mutating func grow() {
        let larger = max(2 * capacity, 2)
        let made = UnsafeMutablePointer<Entry>.allocate(capacity: Int(larger))
        if let entries = unsafe entries {
            unsafe made.moveInitialize(from: entries, count: Int(used))
            unsafe entries.deallocate()
        }
        unsafe entries = unsafe made
        capacity = larger
    }

    /// What the handle led to; nil when it is not open, or 0, which cannot be closed.
    mutating func remove(_ handle: UInt32) -> HandleTarget? {
        guard let entry = entry(handle) else { return nil }
        count -= 1
        guard count > 0 else {
            // A process that holds nothing any more holds no table either.
            self = HandleTable()
            return HandleTable.target(of: entry)
        }
        let index = handle - 1
        unsafe entries?[Int(index)] = Entry(process: firstFree, alias: HandleTable.freeMark)
        firstFree = UInt64(index)
        return HandleTable.target(of: entry)
    }
}

/// A process's monitors by the guest's numbers, which are not used again before 2^32 others were.
struct MonitorTable {
    private struct Entry {
        let number: UInt32
        let monitor: MonitorID
    }

    /// So many are searched one by one.
    private static let few = 8

    private var list: [Entry] = []
    /// All of them, once there were more than a few.
    private var hashed: Hashed?
    private var last: UInt32 = 0

    private final class Hashed {
        var monitors: [UInt32: MonitorID] = [:]
        var numbers: [MonitorID: UInt32] = [:]
    }

    /// Host memory for each, in bytes, as it is charged: two entries with the room that tables keep free.
    static let cost: UInt64 = 96

    var count: Int { hashed?.monitors.count ?? list.count }

    /// Whether it ever had a monitor.
    var isUsed: Bool { last != 0 }

    subscript(number: UInt32) -> MonitorID? {
        if let hashed { return hashed.monitors[number] }
        for entry in list where entry.number == number { return entry.monitor }
        return nil
    }

    mutating func insert(_ monitor: MonitorID) -> UInt32 {
        repeat { last &+= 1 } while last == 0 || self[last] != nil
        if hashed == nil, list.count < MonitorTable.few {
            list.append(Entry(number: last, monitor: monitor))
            return last
        }
        if hashed == nil {
            let made = Hashed()
            for entry in list {
                made.monitors[entry.number] = entry.monitor
                made.numbers[entry.monitor] = entry.number
            }
            hashed = made
            list = []
        }
        hashed?.monitors[last] = monitor
        hashed?.numbers[monitor] = last
        return last
    }

    mutating func remove(_ number: UInt32) -> MonitorID? {
        if hashed == nil {
            guard let place = list.firstIndex(where: { $0.number == number }) else { return nil }
            return list.remove(at: place).monitor
        }
        guard let monitor = hashed?.monitors.removeValue(forKey: number) else { return nil }
        hashed?.numbers[monitor] = nil
        if count == 0 { hashed = nil }
        return monitor
    }

    func number(of monitor: MonitorID) -> UInt32? {
        if let hashed { return hashed.numbers[monitor] }
        for entry in list where entry.monitor == monitor { return entry.number }
        return nil
    }
}
