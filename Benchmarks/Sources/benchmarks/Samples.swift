// What a set of measurements says.

/// Nanoseconds, one a turn.
struct Samples {
    private var values: [Double] = []

    mutating func add(_ nanoseconds: Double) {
        values.append(nanoseconds)
    }

    /// The value that `share` of all values do not exceed; 0 without any.
    func quantile(_ share: Double) -> Double {
        let sorted = values.sorted()
        guard !sorted.isEmpty else { return 0 }
        return sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
    }

    var median: Double { quantile(0.5) }
}

/// The same thing timed on several sides, one after the other in each turn, so that a busy moment hits them all.
struct Sides {
    private(set) var samples: [Samples]

    init(count: Int) {
        samples = Array(repeating: Samples(), count: count)
    }

    mutating func add(_ nanoseconds: Double, side: Int) {
        samples[side].add(nanoseconds)
    }
}
