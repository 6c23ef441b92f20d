// When children's time is up: the earliest first.

/// A binary heap. What is forgotten is passed over when its time comes.
struct Deadlines {
    private var heap: [(time: UInt64, number: UInt64)] = []

    /// CLOCK_MONOTONIC, in nanoseconds, of the earliest; nil when there is none.
    var earliest: UInt64? { heap.first?.time }

    mutating func add(_ number: UInt64, at time: UInt64) {
        heap.append((time, number))
        var place = heap.count - 1
        while place > 0, heap[(place - 1) / 2].time > heap[place].time {
            heap.swapAt(place, (place - 1) / 2)
            place = (place - 1) / 2
        }
    }

    /// Takes the earliest out if its time has come by `now`.
    mutating func take(now: UInt64) -> UInt64? {
        guard let first = heap.first, first.time <= now else { return nil }
        removeFirst()
        return first.number
    }

    /// Takes out those at the front that are not wanted any more.
    mutating func dropFirst(where isOver: (UInt64) -> Bool) {
        while let first = heap.first, isOver(first.number) { removeFirst() }
    }

    private mutating func removeFirst() {
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var place = 0
        while true {
            var least = place
            for child in [2 * place + 1, 2 * place + 2] where child < heap.count && heap[child].time < heap[least].time
            {
                least = child
            }
            if least == place { return }
            heap.swapAt(place, least)
            place = least
        }
    }
}
