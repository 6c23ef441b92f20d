// What came while the supervisor was deaf, in order, with the 'EXIT' of one process to be had out of turn.

internal import CapabilityModel

struct Mailbox: Sendable {
    /// nil: taken out of turn.
    private var events: [Event?] = []
    private var head = 0
    /// How many events came before `events[0]`.
    private var base = 0
    /// Where the first 'EXIT' of a process stands, counted from the very first event.
    private var exits: [ProcessKey: Int] = [:]
    /// Processes with more than one; a process that sends an exit signal without ending can bring that about.
    private var repeated: Set<ProcessKey> = []
    private var taken = 0

    var isEmpty: Bool { head + taken == events.count }

    var count: Int { events.count - head - taken }

    mutating func append(_ event: Event) {
        if case .exited(let process, _) = event {
            if exits[process] == nil {
                exits[process] = base + events.count
            } else {
                repeated.insert(process)
            }
        }
        events.append(event)
    }

    mutating func popFirst() -> Event? {
        while head < events.count {
            let event = events[head]
            events[head] = nil
            let place = base + head
            head += 1
            guard let event else {
                taken -= 1
                continue
            }
            if case .exited(let process, _) = event { forget(process, at: place) }
            shrink()
            return event
        }
        shrink()
        return nil
    }

    /// `receive {'EXIT', Process, Reason} -> Reason after 0 -> none end`.
    mutating func takeExit(of process: ProcessKey) -> ExitReason? {
        guard let place = exits[process], case .exited(_, let reason)? = events[place - base] else { return nil }
        events[place - base] = nil
        taken += 1
        forget(process, at: place)
        return reason
    }

    /// Whether an 'EXIT' of the process is here.
    func holdsExit(of process: ProcessKey) -> Bool { exits[process] != nil }

    mutating func removeAll() {
        self = Mailbox()
    }

    private mutating func forget(_ process: ProcessKey, at place: Int) {
        exits[process] = nil
        guard repeated.contains(process) else { return }
        var others = 0
        for (index, event) in events.enumerated() where base + index > place {
            guard case .exited(process, _)? = event else { continue }
            others += 1
            if others == 1 { exits[process] = base + index }
        }
        if others < 2 { repeated.remove(process) }
    }

    /// Gives back the room of what was taken, each event moved once at most on average.
    private mutating func shrink() {
        if head == events.count {
            base += head
            events.removeAll(keepingCapacity: head <= 64)
            head = 0
        } else if head >= 64, head * 2 >= events.count {
            base += head
            events.removeFirst(head)
            head = 0
        }
    }
}
