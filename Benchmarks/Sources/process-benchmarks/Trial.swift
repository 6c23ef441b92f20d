// One thing measured on every side, the sides in turns.

import BenchmarkSupport

/// What a figure is, and which way is better.
enum Unit: String {
    case perSecond = "per_second"
    case nanoseconds, bytes

    var isBetterLow: Bool { self != .perSecond }

    func text(_ value: Double) -> String {
        switch self {
        case .nanoseconds: shown(value)
        case .perSecond: value >= 1e6 ? "\(fixed(value / 1e6, 2))M/s" : "\(fixed(value / 1e3, 1))k/s"
        case .bytes:
            value >= Double(1 << 30)
                ? "\(fixed(value / Double(1 << 30), 2)) GiB"
                : value >= 1e6 ? "\(fixed(value / 1e6, 1)) MB" : "\(fixed(value, 0)) B"
        }
    }
}

/// What a figure should be.
enum Goal {
    case atMost(Double)
    /// No worse than this peer's in the same run.
    case asGoodAs(Contender)
}

/// One line of the report.
struct Row {
    var name: String
    var unit: Unit
    var samples: [Contender: Samples] = [:]
    var goal: Goal?

    func median(_ contender: Contender) -> Double? {
        samples[contender].flatMap { $0.count > 0 ? $0.median : nil }
    }

    /// How many times as good as the peer: above 1 is better, whatever the unit.
    func advantage(over peer: Contender) -> Double? {
        guard let ours = median(.bulkhead), let theirs = median(peer), ours > 0, theirs > 0 else { return nil }
        return unit.isBetterLow ? theirs / ours : ours / theirs
    }

    /// nil without a goal, or without what it takes to judge it.
    var isMet: Bool? {
        switch goal {
        case nil: nil
        case .atMost(let most): median(.bulkhead).map { $0 <= most }
        case .asGoodAs(let peer): advantage(over: peer).map { $0 >= 1 }
        }
    }
}

extension Row {
    /// For who watches a run that takes its time.
    var summary: String {
        let sides = Contender.allCases.compactMap { contender in
            median(contender).map { "\(contender.name) \(unit.text($0))" }
        }
        return "\(name): \(sides.joined(separator: ", "))"
    }
}

/// Programs that print `KEY VALUE` lines, and what is wanted of them.
struct Trial {
    struct Figure {
        var name: String
        var unit: Unit
        var goal: Goal?
        /// From what a side printed or was seen to use; nil where it has no such figure.
        var value: (Contender, Readings) -> Double?
    }

    typealias Side = (contender: Contender, measure: () throws(ProgramFailed) -> Readings)

    var sides: [Side]
    var figures: [Figure]

    /// Runs each side once a round. A side that fails is told about and left out of the rounds that follow.
    func run(rounds: Int, report: inout Report) {
        var rows = figures.map { Row(name: $0.name, unit: $0.unit, goal: $0.goal) }
        var failed: Set<Contender> = []
        for _ in 0..<rounds {
            for side in sides where !failed.contains(side.contender) {
                do throws(ProgramFailed) {
                    let readings = try side.measure()
                    for (index, figure) in figures.enumerated() {
                        guard let value = figure.value(side.contender, readings) else { continue }
                        rows[index].samples[side.contender, default: Samples()].add(value)
                    }
                } catch {
                    failed.insert(side.contender)
                    let failure = "\(figures.first?.name ?? "?"): \(side.contender.name): \(error)"
                    report.failures.append(failure)
                    tell(failure)
                }
            }
        }
        report.rows += rows
        for row in rows { tell(row.summary) }
    }
}

/// Numbers by name.
struct Readings {
    private var values: [String: Double] = [:]

    init(_ output: String = "") {
        for line in output.split(separator: "\n") { add(line) }
    }

    /// A line `KEY VALUE`; any other says nothing.
    mutating func add(_ line: Substring) {
        let words = line.split(separator: " ")
        if words.count == 2, let value = Double(words[1]) { values[String(words[0])] = value }
    }

    subscript(key: String) -> Double? {
        get { values[key] }
        set { values[key] = newValue }
    }
}
