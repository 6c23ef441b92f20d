// The links, monitors and aliases of one process: one record without another allocation, a few in a row, many hashed.
// Every operation is O(1), whether a process has one link or a hundred thousand.

/// A record of the table.
struct Bond {
    /// What it is, and its number: kinds have number spaces of their own.
    enum Kind: UInt64 {
        /// A link; the number is the peer's.
        case link = 0
        /// A process that this one watches; the number is the monitor's.
        case monitor = 1
        /// A process that watches this one; the number is the monitor's.
        case watcher = 2
        /// An address of this process that stops working; the number is the alias's.
        case alias = 3
    }

    /// Kind in the two highest bits; 0 is no record, for no process, monitor or alias has the number 0.
    fileprivate(set) var key: UInt64
    /// The peer, the process watched, or the one that watches; 0 for an alias.
    var peer: UInt64
    /// A link: 0 when active, else the number of the unlink that awaits its answer. A monitor: its alias, or 0. An alias: its monitor, or 0.
    var detail: UInt64

    static let none = Bond(key: 0, peer: 0, detail: 0)

    fileprivate init(key: UInt64, peer: UInt64, detail: UInt64) {
        self.key = key
        self.peer = peer
        self.detail = detail
    }

    init(_ kind: Kind, _ number: UInt64, peer: UInt64, detail: UInt64 = 0) {
        self.init(key: Bond.key(kind, number), peer: peer, detail: detail)
    }

    var number: UInt64 { key & (1 << 62 - 1) }

    func isOf(_ kind: Kind) -> Bool { key >> 62 == kind.rawValue && key != 0 }

    fileprivate static func key(_ kind: Kind, _ number: UInt64) -> UInt64 { kind.rawValue << 62 | number }
}

/// Used by the process's own thread only.
final class BondTable {
    /// The most records that are searched one by one.
    private static let fewest = 8
    /// Odd and unknown to guests, which choose to some degree which numbers live together.
    private static let multiplier = UInt64.random(in: 0...UInt64.max) | 1

    /// The first record; where there are more than one, it is in `others` like all the rest.
    private var only = Bond.none
    /// Up to `fewest` records in a row; past that, open addressing with linear probing over a power of two of places.
    private var others: [Bond] = []
    private(set) var count = 0
    private var isHashed = false

    /// Host memory that a record takes, in bytes, the spare places of a hashed table included.
    static let recordBytes = 2 * MemoryLayout<Bond>.stride

    /// One more than the highest place for `record(at:)`.
    var places: Int { others.isEmpty ? 1 : others.count }

    /// A place's record, for going through all of them while none is added or removed; `key` 0 where there is none.
    func record(at place: Int) -> Bond {
        others.isEmpty ? only : others[place]
    }

    func find(_ kind: Bond.Kind, _ number: UInt64) -> Bond? {
        let key = Bond.key(kind, number)
        if others.isEmpty { return only.key == key ? only : nil }
        guard let place = place(of: key) else { return nil }
        return others[place]
    }

    func contains(_ kind: Bond.Kind, _ number: UInt64) -> Bool { find(kind, number) != nil }

    /// Replaces the record's detail; without effect where there is none.
    func setDetail(_ kind: Bond.Kind, _ number: UInt64, _ detail: UInt64) {
        let key = Bond.key(kind, number)
        if others.isEmpty {
            if only.key == key { only.detail = detail }
        } else if let place = place(of: key) {
            others[place].detail = detail
        }
    }

    /// The caller knows that no record has this kind and number.
    func insert(_ bond: Bond) {
        count += 1
        if count == 1 {
            only = bond
            return
        }
        if others.isEmpty {
            others.reserveCapacity(2)
            others.append(only)
            only = .none
        }
        if !isHashed {
            others.append(bond)
            if others.count > BondTable.fewest { rehash(places: 4 * BondTable.fewest) }
            return
        }
        if count * 4 > others.count * 3 { rehash(places: others.count * 2) }
        place(bond)
    }

    @discardableResult
    func remove(_ kind: Bond.Kind, _ number: UInt64) -> Bond? {
        let key = Bond.key(kind, number)
        if others.isEmpty {
            guard only.key == key else { return nil }
            defer { only = .none }
            count = 0
            return only
        }
        guard let place = place(of: key) else { return nil }
        let bond = others[place]
        count -= 1
        if isHashed {
            close(place)
            if count * 8 < others.count { shrink() }
        } else {
            others.swapAt(place, others.count - 1)
            others.removeLast()
            if others.count == 1 { backToOne() }
        }
        return bond
    }

    /// Every record, and the memory of more than one.
    func removeAll() {
        if count == 0 { return }
        only = .none
        others = []
        count = 0
        isHashed = false
    }

    private func backToOne() {
        only = others[0]
        others = []
    }

    private func place(of key: UInt64) -> Int? {
        guard isHashed else { return others.firstIndex { $0.key == key } }
        let mask = others.count - 1
        var place = home(of: key)
        while others[place].key != key {
            if others[place].key == 0 { return nil }
            place = (place + 1) & mask
        }
        return place
    }

    /// Where a key's search begins.
    private func home(of key: UInt64) -> Int {
        // The product's high bits depend on all of the key's.
        Int(truncatingIfNeeded: (key &* BondTable.multiplier) >> 32) & (others.count - 1)
    }

    private func place(_ bond: Bond) {
        let mask = others.count - 1
        var place = home(of: bond.key)
        while others[place].key != 0 { place = (place + 1) & mask }
        others[place] = bond
    }

    /// Empties a place and moves up what was put behind it for want of a better one, so that no search ends too early.
    private func close(_ place: Int) {
        let mask = others.count - 1
        var hole = place
        var next = (hole + 1) & mask
        while others[next].key != 0 {
            let distance = (next - home(of: others[next].key)) & mask
            if distance >= (next - hole) & mask {
                others[hole] = others[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        others[hole] = .none
    }

    private func rehash(places: Int) {
        let old = others
        others = [Bond](repeating: .none, count: places)
        isHashed = true
        for bond in old where bond.key != 0 { place(bond) }
    }

    private func shrink() {
        if count > BondTable.fewest / 2 { return rehash(places: max(4 * BondTable.fewest, others.count / 2)) }
        others = others.filter { $0.key != 0 }
        isHashed = false
        if others.count == 1 { backToOne() }
    }
}
