// How many restarts are too many: OTP's window of whole seconds, as a ring of the last intensity + 1 stamps.

package struct RestartIntensity: Sendable {
    private var intensity: Int
    private var period: UInt64
    /// The last stamps, in seconds; `head` is the oldest once the ring is full.
    private var stamps: [UInt64] = []
    private var head = 0

    /// - Parameters:
    ///   - intensity: restarts that are borne; at least 0.
    ///   - period: in seconds; at least 1.
    package init(intensity: Int, period: Int) {
        self.intensity = max(0, intensity)
        self.period = UInt64(max(0, period))
    }

    /// Counts a restart, in O(1), at `now`: CLOCK_MONOTONIC, in nanoseconds, not before that of the last call. Whether there
    /// are no more than `intensity` in the window, which goes from `period` seconds ago, that second included, to now: between
    /// `period` and `period` + 1 s, since seconds are whole (add_restart/1).
    package mutating func add(now: UInt64) -> Bool {
        let second = now / 1_000_000_000
        let edge = second - min(second, period)
        if stamps.count <= intensity {
            // When all is long ago, the ring need not grow.
            if let newest = stamps.last, newest < edge { stamps.removeAll(keepingCapacity: true) }
            stamps.append(second)
            return stamps.count <= intensity || stamps[head] < edge
        }
        stamps[head] = second
        head = head == intensity ? 0 : head + 1
        return stamps[head] < edge
    }

    /// Other bounds from now on. Of the stamps those go on to count that did at the last restart.
    package mutating func change(intensity: Int, period: Int) {
        let order = (0..<stamps.count).map { stamps[(head + $0) % stamps.count] }
        let edge = (order.last ?? 0) - min(order.last ?? 0, self.period)
        self = RestartIntensity(intensity: intensity, period: period)
        stamps = Array(order.drop { $0 < edge }.suffix(self.intensity + 1))
    }

    /// Restarts within the window as it stands at `now` (CLOCK_MONOTONIC, nanoseconds).
    package func count(now: UInt64) -> Int {
        let second = now / 1_000_000_000
        let edge = second - min(second, period)
        // Oldest first: the first one inside the window.
        var low = 0
        var high = stamps.count
        while low < high {
            let middle = (low + high) / 2
            if stamps[(head + middle) % stamps.count] < edge { low = middle + 1 } else { high = middle }
        }
        return stamps.count - low
    }

    /// How many stamps are kept: at most intensity + 1.
    package var kept: Int { stamps.count }
}
