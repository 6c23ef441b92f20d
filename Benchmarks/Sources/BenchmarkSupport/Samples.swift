// What a set of measurements says.

/// One value a turn, in whatever unit was measured.
package struct Samples: Sendable {
    private var values: [Double] = []

    package init() {}

    package mutating func add(_ value: Double) {
        values.append(value)
    }

    package var count: Int { values.count }

    /// The value that `share` of all values do not exceed; 0 without any.
    package func quantile(_ share: Double) -> Double {
        let sorted = values.sorted()
        guard !sorted.isEmpty else { return 0 }
        return sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
    }

    package var median: Double { quantile(0.5) }
}

/// The same thing measured on several sides, one after the other in each turn, so that a busy moment hits them all.
package struct Sides {
    package private(set) var samples: [Samples]

    package init(count: Int) {
        samples = Array(repeating: Samples(), count: count)
    }

    package mutating func add(_ value: Double, side: Int) {
        samples[side].add(value)
    }
}
