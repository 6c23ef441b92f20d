// The table, and the same as JSON.

import BenchmarkSupport

/// What a figure should be.
enum Goal {
    case atMost(nanoseconds: Double)
    /// At most this many times the peer's.
    case ratio(Double)

    var text: String {
        switch self {
        case .atMost(let nanoseconds): "≤ \(shown(nanoseconds))"
        case .ratio(let ratio): "≤ \(fixed(ratio, 2))"
        }
    }
}

/// One line: a time of ours, and the peer's where it has one.
struct Row {
    var name: String
    var ours: Double
    var theirs: Double?
    var goal: Goal?

    init(_ name: String, ours: Double, theirs: Double? = nil, goal: Goal? = nil) {
        self.name = name
        self.ours = ours
        self.theirs = theirs
        self.goal = goal
    }

    /// Ours by theirs: below 1 is faster.
    var ratio: Double? {
        theirs.flatMap { $0 > 0 ? ours / $0 : nil }
    }

    var isMet: Bool? {
        switch goal {
        case nil: nil
        case .atMost(let nanoseconds): ours <= nanoseconds
        case .ratio(let most): ratio.map { $0 <= most }
        }
    }
}

struct Report {
    private(set) var rows: [Row] = []

    mutating func add(_ row: Row) {
        rows.append(row)
    }

    var table: String {
        var lines = [["", "bulkhead", "wasmtime", "ratio", "goal", "met"]]
        for row in rows {
            lines.append([
                row.name, shown(row.ours), row.theirs.map(shown) ?? "", row.ratio.map { fixed($0, 2) } ?? "",
                row.goal?.text ?? "", row.isMet.map { $0 ? "yes" : "no" } ?? "",
            ])
        }
        let widths = (0..<6).map { column in lines.map { $0[column].count }.max() ?? 0 }
        return lines.map { line in
            var text = ""
            for (column, cell) in line.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                text += column == 0 ? cell + padding : "  " + padding + cell
            }
            return text + "\n"
        }.joined()
    }

    /// Times in nanoseconds. Names hold nothing that JSON would have to escape.
    var json: String {
        let objects = rows.map { row in
            var fields = ["\"name\": \"\(row.name)\"", "\"ours_ns\": \(fixed(row.ours, 1))"]
            if let theirs = row.theirs { fields.append("\"theirs_ns\": \(fixed(theirs, 1))") }
            if let ratio = row.ratio { fields.append("\"ratio\": \(fixed(ratio, 4))") }
            switch row.goal {
            case nil: break
            case .atMost(let nanoseconds): fields.append("\"goal_ns\": \(fixed(nanoseconds, 1))")
            case .ratio(let ratio): fields.append("\"goal_ratio\": \(fixed(ratio, 4))")
            }
            if let isMet = row.isMet { fields.append("\"met\": \(isMet)") }
            return "  {\(fields.joined(separator: ", "))}"
        }
        return "[\n" + objects.joined(separator: ",\n") + "\n]\n"
    }
}
