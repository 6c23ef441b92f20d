// A process's links, monitors, aliases and trap_exit: what Erlang keeps of a process besides its mailbox, as a pure state
// machine. It knows no threads and no queues: an event goes in, at most one effect comes out. A process that never had bonds
// costs a null pointer or an empty table, and its messages never pass here.

import CapabilityModel

/// Used by the process's own thread only, and by whoever cleans up after it.
package struct SignalState: ~Copyable {
    private enum Phase: UInt8 {
        /// Exit signals end it.
        case open
        /// Exit signals become messages (process_flag(trap_exit, true)).
        case trapping
        /// It has ended; what still arrives is answered as by one that is gone.
        case ending
    }

    private var bonds: BondTable?
    /// Numbers unlinks, so that an answer is known to belong to the last one.
    private var unlinks: UInt32 = 0
    private var phase: Phase

    package init(trapsExits: Bool = false) {
        phase = trapsExits ? .trapping : .open
    }

    /// The child's half of a spawn with a link or a monitor: both stand before either process can do anything.
    package init(trapsExits: Bool, linkedTo parent: ProcessID?, watchedBy watcher: (MonitorID, ProcessID)?) {
        self.init()
        begin(trapsExits: trapsExits, linkedTo: parent, watchedBy: watcher)
    }

    /// As that init, of a state that is new or reset.
    mutating func begin(trapsExits: Bool, linkedTo parent: ProcessID?, watchedBy watcher: (MonitorID, ProcessID)?) {
        phase = trapsExits ? .trapping : .open
        if let parent { insert(Bond(.link, parent.rawValue, peer: parent.rawValue)) }
        if let watcher { insert(Bond(.watcher, watcher.0.rawValue, peer: watcher.1.rawValue)) }
    }

    /// The state of a new process. The table stays, empty, for the block's next process.
    mutating func reset() {
        bonds?.removeAll()
        unlinks = 0
        phase = .open
    }

    package var trapsExits: Bool { phase == .trapping }

    package var hasEnded: Bool { phase == .ending }

    /// How many links, monitors (of either direction) and aliases are on record, for accounting: a record takes `recordBytes`.
    package var recordCount: Int { bonds?.count ?? 0 }

    package static var recordBytes: Int { BondTable.recordBytes }

    /// Whether the monitor still awaits its DOWN.
    package func isWatching(_ monitor: MonitorID) -> Bool {
        bonds?.contains(.monitor, monitor.rawValue) ?? false
    }

    /// `process` is whose state this is.
    package mutating func handle(_ event: SignalEvent, of process: ProcessID) -> SignalEffect {
        switch (phase, event) {
        // Links. A link's record is gone, active, or inactive: then an unlink was sent and awaits its answer.
        case (.open, .link(let peer, let isGone)): return link(peer, isGone: isGone, of: process)
        // The peer's absence comes as an EXIT message, through the queue.
        case (.trapping, .link(let peer, _)): return link(peer, isGone: false, of: process)
        case (.open, .unlink(let peer)), (.trapping, .unlink(let peer)): return unlink(peer)
        case (.open, .spawnedLink(let child)), (.trapping, .spawnedLink(let child)):
            insert(Bond(.link, child.rawValue, peer: child.rawValue))
            return .none
        case (.open, .signal(.link, let peer)), (.trapping, .signal(.link, let peer)):
            if bonds?.contains(.link, peer.rawValue) != true {
                insert(Bond(.link, peer.rawValue, peer: peer.rawValue))
            }
            return .none
        case (.open, .signal(.unlink(let number), let peer)), (.trapping, .signal(.unlink(let number), let peer)):
            if isLinked(peer) { remove(.link, peer.rawValue) }
            return .send(.unlinkAck(number), to: peer)
        case (.open, .signal(.unlinkAck(let number), let peer)), (.trapping, .signal(.unlinkAck(let number), let peer)):
            if let link = bonds?.find(.link, peer.rawValue), link.detail == number { remove(.link, peer.rawValue) }
            return .none

        // Exit signals.
        case (.open, .signal(.linkExit(let reason), let peer)):
            guard takeLink(peer), reason != .normal else { return .none }
            return end(reason)
        case (.trapping, .signal(.linkExit(let reason), let peer)):
            return takeLink(peer) ? .exitMessage(from: peer, reason) : .none
        case (.open, .signal(.exit(.kill), _)), (.trapping, .signal(.exit(.kill), _)): return end(.killed)
        case (.open, .signal(.exit(.normal), let sender)): return sender == process ? end(.normal) : .none
        case (.open, .signal(.exit(let reason), _)): return end(reason)
        case (.trapping, .signal(.exit(let reason), let sender)): return .exitMessage(from: sender, reason)
        case (.open, .trapExits(let traps)), (.trapping, .trapExits(let traps)):
            phase = traps ? .trapping : .open
            return .none
        case (.open, .ended), (.trapping, .ended):
            phase = .ending
            return .none

        // Monitors.
        case (.open, .monitor(let monitor, let target, let alias)),
            (.trapping, .monitor(let monitor, let target, let alias)):
            watch(target, monitor, alias: alias)
            return target == process ? .none : .send(.monitor(monitor), to: target)
        case (.open, .spawnedMonitor(let monitor, let child, let alias)),
            (.trapping, .spawnedMonitor(let monitor, let child, let alias)):
            watch(child, monitor, alias: alias)
            return .none
        case (.open, .demonitor(let monitor)), (.trapping, .demonitor(let monitor)):
            guard let target = stopWatching(monitor), target != process else { return .none }
            return .send(.demonitor(monitor), to: target)
        case (.open, .signal(.monitor(let monitor), let watcher)),
            (.trapping, .signal(.monitor(let monitor), let watcher)):
            insert(Bond(.watcher, monitor.rawValue, peer: watcher.rawValue))
            return .none
        case (.open, .signal(.demonitor(let monitor), _)), (.trapping, .signal(.demonitor(let monitor), _)):
            remove(.watcher, monitor.rawValue)
            return .none
        case (.open, .signal(.down(let monitor, let reason), let target)),
            (.trapping, .signal(.down(let monitor, let reason), let target)):
            return takeDown(monitor) ? .downMessage(monitor, from: target, reason) : .none

        // Aliases.
        case (.open, .alias(let alias)), (.trapping, .alias(let alias)):
            insert(Bond(.alias, alias.rawValue, peer: 0))
            return .none
        case (.open, .dropAlias(let alias)), (.trapping, .dropAlias(let alias)):
            remove(.alias, alias.rawValue)
            return .none
        case (.open, .message(let alias)), (.trapping, .message(let alias)):
            guard let bond = bonds?.find(.alias, alias.rawValue) else { return .discard }
            // A monitor's alias is for one answer.
            if bond.detail != 0 { remove(.alias, alias.rawValue) }
            return .deliver

        case (.ending, .signal(let signal, let sender)):
            return signal.answerOfTheGone.map { .send($0, to: sender) } ?? .none
        case (.ending, .message): return .discard
        // Its own calls come before its end.
        case (.ending, .link), (.ending, .unlink), (.ending, .monitor), (.ending, .demonitor), (.ending, .alias),
            (.ending, .dropAlias), (.ending, .trapExits), (.ending, .spawnedLink), (.ending, .spawnedMonitor),
            (.ending, .ended):
            return .none
        }
    }

    /// A DOWN has come: the event `signal(.down)` for who has the reason at hand.
    /// - Returns: whether it becomes a message; the monitor is over then.
    mutating func takeDown(_ monitor: MonitorID) -> Bool {
        phase != .ending && stopWatching(monitor) != nil
    }

    // MARK: Death

    /// Where the farewells have come to.
    package struct FarewellCursor: Sendable {
        fileprivate var kind = Bond.Kind.link
        fileprivate var place = 0

        package init() {}
    }

    /// The next thing to send after the end, links first; nil when all is said. Names are released before the first. The
    /// caller may let others run between two; signals that have arrived are handled after the last.
    package func farewell(after cursor: inout FarewellCursor) -> Farewell? {
        guard let bonds, bonds.count > 0 else { return nil }
        while true {
            while cursor.place < bonds.places {
                let bond = bonds.record(at: cursor.place)
                cursor.place += 1
                guard bond.isOf(cursor.kind) else { continue }
                let peer = ProcessID(rawValue: bond.peer)
                switch cursor.kind {
                case .link: if bond.detail == 0 { return .linkExit(to: peer) }
                case .watcher: return .down(MonitorID(rawValue: bond.number), to: peer)
                case .monitor: return .demonitor(MonitorID(rawValue: bond.number), at: peer)
                case .alias: break
                }
            }
            cursor.place = 0
            switch cursor.kind {
            case .link: cursor.kind = .watcher
            case .watcher: cursor.kind = .monitor
            case .monitor: cursor.kind = .alias
            case .alias: return nil
            }
        }
    }

    /// Frees all records, after the last farewell.
    package mutating func removeAll() {
        bonds = nil
    }

    // MARK: Records

    private mutating func end(_ reason: ExitReason) -> SignalEffect {
        phase = .ending
        return .end(reason)
    }

    private mutating func link(_ peer: ProcessID, isGone: Bool, of process: ProcessID) -> SignalEffect {
        guard peer != process else { return .none }
        if let link = bonds?.find(.link, peer.rawValue) {
            // Of one that is gone and linked, the exit signal is under way.
            if link.detail == 0 { return .none }
            if isGone { return .noSuchProcess }
            bonds?.setDetail(.link, peer.rawValue, 0)
        } else {
            if isGone { return .noSuchProcess }
            insert(Bond(.link, peer.rawValue, peer: peer.rawValue))
        }
        return .send(.link, to: peer)
    }

    private mutating func unlink(_ peer: ProcessID) -> SignalEffect {
        guard isLinked(peer) else { return .none }
        unlinks = unlinks == .max ? 1 : unlinks + 1
        bonds?.setDetail(.link, peer.rawValue, UInt64(unlinks))
        return .send(.unlink(UInt64(unlinks)), to: peer)
    }

    /// Whether there is an active link.
    private func isLinked(_ peer: ProcessID) -> Bool {
        bonds?.find(.link, peer.rawValue)?.detail == 0
    }

    /// Removes the link, for its peer has ended; whether it was active.
    private mutating func takeLink(_ peer: ProcessID) -> Bool {
        remove(.link, peer.rawValue)?.detail == 0
    }

    private mutating func watch(_ target: ProcessID, _ monitor: MonitorID, alias: AliasID?) {
        insert(Bond(.monitor, monitor.rawValue, peer: target.rawValue, detail: alias?.rawValue ?? 0))
        if let alias { insert(Bond(.alias, alias.rawValue, peer: 0, detail: monitor.rawValue)) }
    }

    /// Ends a monitor and its alias; who was watched, nil when there was no such monitor (any more).
    private mutating func stopWatching(_ monitor: MonitorID) -> ProcessID? {
        guard let bond = remove(.monitor, monitor.rawValue) else { return nil }
        if bond.detail != 0 { remove(.alias, bond.detail) }
        return ProcessID(rawValue: bond.peer)
    }

    private mutating func insert(_ bond: Bond) {
        if bonds == nil { bonds = BondTable() }
        bonds?.insert(bond)
    }

    @discardableResult
    private mutating func remove(_ kind: Bond.Kind, _ number: UInt64) -> Bond? {
        bonds?.remove(kind, number)
    }
}
