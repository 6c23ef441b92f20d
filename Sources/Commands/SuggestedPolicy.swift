// `audit --suggest`: the smallest policy that would have let the denied calls pass, made of one suggestion a denial.

internal import AuditLog
internal import CapabilityModel
internal import PolicyCompiler

struct SuggestedPolicy {
    private struct Table {
        var header: String
        /// In the order in which they came.
        var entries: [(key: String, value: String)] = []

        mutating func merge(_ key: String, _ value: String) {
            if let index = entries.firstIndex(where: { $0.key == key }) {
                entries[index].value = SuggestedPolicy.merged(entries[index].value, value)
            } else {
                entries.append((key, value))
            }
        }
    }

    private static let bound = 1000
    private var seen: Set<Suggestion> = []
    private var top = Table(header: "")
    private var tables: [Table] = []
    private var opens: [String] = []
    private var impossible: Set<String> = []
    private var isCut = false

    mutating func add(_ record: AuditRecord) {
        switch record.event.kind {
        case .denied(let denial, _): add(denial)
        case .limitReached(let limit, let used, _):
            add(
                Denial(
                    call: "", arguments: "used=\(used)", layer: .limit, key: LimitText.key(limit), errno: nil))
        default: break
        }
    }

    private mutating func add(_ denial: Denial) {
        guard seen.count < Self.bound, impossible.count < Self.bound else {
            isCut = true
            return
        }
        guard let suggestion = Suggestion(for: denial) else {
            impossible.insert("\(denial.call) (\(denial.key))")
            return
        }
        guard seen.insert(suggestion).inserted else { return }
        if !opens.contains(suggestion.opens) { opens.append(suggestion.opens) }
        var header = ""
        var entries: [(String, String)] = []
        for line in suggestion.toml.split(separator: "\n") {
            if line.hasPrefix("[") {
                header = String(line)
            } else if let equals = line.firstIndex(of: "=") {
                let key = line[..<equals].filter { $0 != " " }
                entries.append((key, String(line[line.index(after: equals)...].drop { $0 == " " })))
            }
        }
        // One [[fs]] table a guest directory; of the other tables one each.
        let mount = entries.first.flatMap { header == "[[fs]]" && $0.0 == "guest" ? $0.1 : nil }
        if header.isEmpty {
            for (key, value) in entries { top.merge(key, value) }
            return
        }
        let index = tables.firstIndex { table in
            table.header == header && (mount == nil || table.entries.first?.value == mount)
        }
        var table = index.map { tables[$0] } ?? Table(header: header)
        for (key, value) in entries { table.merge(key, value) }
        if let index { tables[index] = table } else { tables.append(table) }
    }

    var text: String {
        var lines: [String] = []
        if seen.isEmpty {
            lines.append("# Nothing was denied that a policy could allow.")
        } else {
            lines.append("# Would have let the denied calls pass. It also opens up:")
            lines += opens.map { "#   \($0)" }
        }
        lines += impossible.sorted().map { "# No policy allows \($0)." }
        if isCut { lines.append("# There were more kinds of denial than are shown here.") }
        lines += top.entries.map { "\($0.key) = \($0.value)" }
        for table in tables {
            lines += ["", table.header] + table.entries.map { "\($0.key) = \($0.value)" }
        }
        return lines.map(Self.plain).joined(separator: "\n")
    }

    /// Two values of one key: lists and inline tables are joined, the wider access wins.
    private static func merged(_ left: String, _ right: String) -> String {
        if left == right { return left }
        for (open, close) in [("[", "]"), ("{ ", " }")]
        where left.hasPrefix(open) && right.hasPrefix(open) && left.hasSuffix(close) && right.hasSuffix(close) {
            let inner = right.dropFirst(open.count).dropLast(close.count)
            let whole = left.dropFirst(open.count).dropLast(close.count)
            return whole.contains(inner) ? left : open + whole + ", " + inner + close
        }
        return left == "\"read-only\"" ? right : left
    }

    /// What is not plain can only stand inside a TOML string, where `\u` escapes mean the same.
    private static func plain(_ line: String) -> String {
        var text = ""
        for scalar in line.unicodeScalars {
            if EscapedText.isPlain(scalar) {
                text.unicodeScalars.append(scalar)
            } else {
                let digits = String(scalar.value, radix: 16)
                text += (digits.count <= 4 ? "\\u" : "\\U")
                text += String(repeating: "0", count: (digits.count <= 4 ? 4 : 8) - digits.count) + digits
            }
        }
        return text
    }
}
