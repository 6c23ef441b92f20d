// Totals of a log: bounded, however many different denials it holds.

internal import AuditLog
internal import CapabilityModel

struct AuditSummary {
    private struct Denied: Hashable {
        var call: String
        var key: String
        var layer: String
    }

    private static let bound = 10_000
    private var denied: [Denied: UInt64] = [:]
    private var processes: [String: UInt64] = [:]
    private var others: UInt64 = 0
    private var dropped: UInt64 = 0
    private var kinds: [String: UInt64] = [:]

    mutating func add(_ record: AuditRecord) {
        kinds[record.event.kind.name, default: 0] += 1
        switch record.event.kind {
        case .denied(let denial, _):
            let what = Denied(call: denial.call, key: denial.key.path, layer: denial.layer.rawValue)
            let count = min(denial.count, UInt64.max / 2)
            if denied[what] != nil || denied.count < Self.bound {
                denied[what] = saturating(denied[what] ?? 0, count)
            } else {
                others = saturating(others, count)
            }
            if processes[record.event.process] != nil || processes.count < Self.bound {
                processes[record.event.process] = saturating(processes[record.event.process] ?? 0, count)
            }
        case .dropped(let count): dropped = saturating(dropped, count)
        default: break
        }
    }

    var text: String {
        var lines: [String] = []
        if denied.isEmpty && dropped == 0 { lines.append("nothing was denied") }
        for (what, count) in sorted(denied, by: { "\($0.call) \($0.key)" }).prefix(100) {
            lines.append(
                "\(padded(count)) \(EscapedText.forTerminal(what.call)) by \(EscapedText.forTerminal(what.key)) "
                    + "[\(what.layer)]")
        }
        if denied.count > 100 { lines.append("             and \(denied.count - 100) kinds of denial more") }
        if others > 0 { lines.append("\(padded(others)) denials of kinds past the first \(Self.bound)") }
        if dropped > 0 { lines.append("\(padded(dropped)) denials only counted (dropped)") }
        if !processes.isEmpty {
            lines.append("by process:")
            for (name, count) in sorted(processes, by: { $0 }).prefix(20) {
                lines.append("\(padded(count)) \(EscapedText.forTerminal(name))")
            }
        }
        lines.append(
            "events: " + kinds.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", "))
        return lines.joined(separator: "\n")
    }

    private func sorted<Name>(_ counts: [Name: UInt64], by name: (Name) -> String) -> [(Name, UInt64)] {
        counts.sorted { ($1.value, name($0.key)) < ($0.value, name($1.key)) }.map { ($0.key, $0.value) }
    }

    private func padded(_ count: UInt64) -> String {
        let digits = String(count)
        return String(repeating: " ", count: max(0, 12 - digits.count)) + digits
    }

    private func saturating(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let (sum, overflow) = left.addingReportingOverflow(right)
        return overflow ? .max : sum
    }
}
