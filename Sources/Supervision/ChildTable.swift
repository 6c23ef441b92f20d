// The children that have specifications of their own, in the order of their start.

struct Child: Sendable {
    let spec: ChildSpec
    fileprivate(set) var process: ChildProcess
}

/// Places are in start order, and stay what they are until `compact`; one whose child was deleted is empty.
struct ChildTable: Sendable {
    private var places: [Child?] = []
    private var byID: [ChildID: Int] = [:]
    private var byProcess: [ProcessKey: Int] = [:]
    /// Significant children whose process is not `none`.
    private(set) var significantCount = 0

    var end: Int { places.count }

    var count: Int { byID.count }

    subscript(place: Int) -> Child? { places[place] }

    func place(of id: ChildID) -> Int? { byID[id] }

    func place(of process: ProcessKey) -> Int? { byProcess[process] }

    @discardableResult
    mutating func append(_ spec: ChildSpec) -> Int {
        let place = places.count
        places.append(Child(spec: spec, process: .none))
        byID[spec.id] = place
        return place
    }

    mutating func set(_ place: Int, _ process: ChildProcess) {
        guard let child = places[place] else { return }
        if case .running(let old) = child.process, byProcess[old] == place { byProcess[old] = nil }
        if case .running(let new) = process { byProcess[new] = place }
        if child.spec.significant {
            significantCount += (process == .none ? 0 : 1) - (child.process == .none ? 0 : 1)
        }
        places[place]?.process = process
    }

    mutating func remove(_ place: Int) {
        guard let child = places[place] else { return }
        set(place, .none)
        byID[child.spec.id] = nil
        places[place] = nil
        if place == places.count - 1 { places.removeLast() }
    }

    /// Closes the gaps when they are many. Places change: only for when none is remembered.
    mutating func compact() {
        guard places.count > 32, places.count > 2 * byID.count else { return }
        places.removeAll { $0 == nil }
        for (place, child) in places.enumerated() {
            guard let child else { continue }
            byID[child.spec.id] = place
            if case .running(let process) = child.process { byProcess[process] = place }
        }
    }
}
