// A queue in an array: amortised constant time at both ends.

struct FIFO<Element> {
    private var elements: [Element?] = []
    private var start = 0

    var count: Int { elements.count - start }

    mutating func append(_ element: Element) {
        elements.append(element)
    }

    mutating func popFirst() -> Element? {
        guard start < elements.count else { return nil }
        let first = elements[start].take()
        start += 1
        if start == elements.count {
            elements.removeAll(keepingCapacity: start <= 1024)
            start = 0
        } else if start >= 1024 && start * 2 >= elements.count {
            elements.removeFirst(start)
            start = 0
        }
        return first
    }
}
