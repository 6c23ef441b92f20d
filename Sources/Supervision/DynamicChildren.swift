// The children of simple_one_for_one: a process and its arguments each; the specification is one for all.

struct DynamicChildren: Sendable {
    struct Entry: Sendable {
        var process: ProcessKey
        /// Empty where it is never needed again.
        var extra: [UInt8]
        var isRestarting: Bool
    }

    private var places: [Entry?] = []
    private var free: [Int] = []
    private var running: [ProcessKey: Int] = [:]
    private var restarting: [ProcessKey: Int] = [:]

    /// With those that are being restarted.
    var count: Int { places.count - free.count }

    var runningCount: Int { running.count }

    var end: Int { places.count }

    subscript(place: Int) -> Entry? { places[place] }

    func place(of process: ProcessKey) -> Int? { running[process] }

    func place(ofRestarting process: ProcessKey) -> Int? { restarting[process] }

    mutating func insert(_ process: ProcessKey, extra: [UInt8]) {
        let entry = Entry(process: process, extra: extra, isRestarting: false)
        if let place = free.popLast() {
            places[place] = entry
            running[process] = place
        } else {
            running[process] = places.count
            places.append(entry)
        }
    }

    /// It goes on as this process.
    mutating func set(_ place: Int, running process: ProcessKey) {
        unlist(place)
        places[place]?.process = process
        places[place]?.isRestarting = false
        running[process] = place
    }

    mutating func setRestarting(_ place: Int) {
        guard let entry = places[place], !entry.isRestarting else { return }
        unlist(place)
        places[place]?.isRestarting = true
        restarting[entry.process] = place
    }

    mutating func remove(_ place: Int) {
        guard places[place] != nil else { return }
        unlist(place)
        places[place] = nil
        free.append(place)
    }

    private mutating func unlist(_ place: Int) {
        guard let entry = places[place] else { return }
        if entry.isRestarting {
            if restarting[entry.process] == place { restarting[entry.process] = nil }
        } else if running[entry.process] == place {
            running[entry.process] = nil
        }
    }
}
