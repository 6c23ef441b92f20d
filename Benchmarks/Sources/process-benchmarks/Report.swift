// The table, and the same as JSON.

import BenchmarkSupport

struct Report {
    var machine: String
    var rows: [Row] = []
    /// What could not be measured, and why.
    var failures: [String] = []

    init(machine: String) {
        self.machine = machine
    }

    var table: String {
        var lines = [["", "bulkhead", "erlang", "go", "× erlang", "× go", "goal", "met"]]
        for row in rows {
            var cells = [row.name]
            cells += Contender.allCases.map { row.median($0).map(row.unit.text) ?? "" }
            cells += [Contender.erlang, .go].map { row.advantage(over: $0).map { fixed($0, 2) } ?? "" }
            cells.append(row.goal.map { text($0, row.unit) } ?? "")
            cells.append(row.isMet.map { $0 ? "yes" : "NO" } ?? "")
            lines.append(cells)
        }
        let widths = lines[0].indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        let table = lines.map { line in
            var text = ""
            for (column, cell) in line.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                text += column == 0 ? cell + padding : "  " + padding + cell
            }
            return text + "\n"
        }
        let told = failures.map { "not measured: \($0)\n" }
        return machine + "\n" + table.joined() + told.joined()
            + "× is how many times as good as the peer: above 1 is faster, or less. Medians.\n"
    }

    private func text(_ goal: Goal, _ unit: Unit) -> String {
        switch goal {
        case .atMost(let most): "≤ " + unit.text(most)
        case .asGoodAs(let peer): peer.name
        }
    }

    /// One object: `machine`, `rows`, `failures`.
    var json: String {
        let objects = rows.map { row in
            var fields = ["\"name\": \(quoted(row.name))", "\"unit\": \(quoted(row.unit.rawValue))"]
            for contender in Contender.allCases {
                guard let samples = row.samples[contender], samples.count > 0 else { continue }
                fields.append(
                    "\"\(contender.name)\": {\"median\": \(fixed(samples.median, 3)), "
                        + "\"least\": \(fixed(samples.quantile(0), 3)), \"most\": \(fixed(samples.quantile(1), 3)), "
                        + "\"rounds\": \(samples.count)}")
                if let advantage = row.advantage(over: contender), contender != .bulkhead {
                    fields.append("\"times_\(contender.name)\": \(fixed(advantage, 4))")
                }
            }
            switch row.goal {
            case nil: break
            case .atMost(let most): fields.append("\"goal_at_most\": \(fixed(most, 3))")
            case .asGoodAs(let peer): fields.append("\"goal_peer\": \(quoted(peer.name))")
            }
            if let isMet = row.isMet { fields.append("\"met\": \(isMet)") }
            return "    {\(fields.joined(separator: ", "))}"
        }
        return "{\n  \"machine\": \(quoted(machine)),\n  \"rows\": [\n" + objects.joined(separator: ",\n")
            + "\n  ],\n  \"failures\": [\(failures.map(quoted).joined(separator: ", "))]\n}\n"
    }

    private func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case _ where scalar.value < 32: result += " "
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
