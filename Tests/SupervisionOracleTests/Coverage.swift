// Which events met our supervisors in which states.

import Supervision

struct Coverage {
    private var counts: [String: Int] = [:]

    mutating func count(_ state: Supervisor.StateKind?, _ event: Event.Kind) {
        guard let state else { return }
        counts["\(state.rawValue) \(event)", default: 0] += 1
    }

    mutating func add(_ other: Coverage) { counts.merge(other.counts) { $0 + $1 } }

    func count(of state: Supervisor.StateKind, _ event: Event.Kind) -> Int { counts["\(state.rawValue) \(event)"] ?? 0 }

    /// A row for each state, a column for each event.
    var table: String {
        let width = 13
        func cell(_ text: String) -> String { String(repeating: " ", count: max(1, width - text.count)) + text }
        let head = cell("") + Event.Kind.allCases.map { cell("\($0)") }.joined()
        let rows = Supervisor.StateKind.allCases.map { state in
            cell(state.rawValue) + Event.Kind.allCases.map { cell("\(count(of: state, $0))") }.joined()
        }
        return ([head] + rows).joined(separator: "\n")
    }
}
