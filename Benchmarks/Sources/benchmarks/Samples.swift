// What a set of measurements says.

struct Samples {
    private(set) var values: [UInt64] = []

    mutating func add(_ value: UInt64) {
        values.append(value)
    }

    /// The value that `share` of all values do not exceed.
    func quantile(_ share: Double) -> UInt64 {
        let sorted = values.sorted()
        guard !sorted.isEmpty else { return 0 }
        return sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
    }

    var median: UInt64 { quantile(0.5) }
}

/// With three digits that mean something: `8.12 ms`, `740 ns`.
func shown(_ nanoseconds: UInt64) -> String {
    for (unit, size) in [("s", 1_000_000_000), ("ms", 1_000_000), ("µs", 1_000)] as [(String, UInt64)]
    where nanoseconds >= size {
        let hundredths = nanoseconds * 100 / size
        let rest = hundredths % 100
        return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest) \(unit)"
    }
    return "\(nanoseconds) ns"
}

/// `a / b` with two decimals.
func ratio(_ a: UInt64, _ b: UInt64) -> String {
    let hundredths = b == 0 ? 0 : a * 100 / b
    return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
}
