// A process as it sees itself: links, monitors, aliases, exits; and what direct calls need.

package import CapabilityModel
internal import Synchronization

extension Process {
    /// An exit signal has ended it: the call it is in answers at once, and the runtime drops the body when it suspends.
    package var pendingExit: ExitReason? { block.it.pendingExit?.reason }

    @inline(__always)
    package var hasPendingExit: Bool { block.it.pendingExit != nil }

    /// link/1.
    package func link(_ peer: ProcessID) -> LinkResult {
        switch handle(.link(peer, isGone: !core.isAlive(peer))) {
        case .noSuchProcess: .noproc
        case .none, .send, .exitMessage, .downMessage, .deliver, .discard, .end: .linked
        }
    }

    /// unlink/1: no exit of this link takes effect afterwards; an EXIT in the mailbox stays.
    package func unlink(_ peer: ProcessID) {
        handle(.unlink(peer))
    }

    /// monitor/2. With an alias there is an address too, until the DOWN, `demonitor`, or the first message through it.
    package func monitor(_ target: ProcessID, alias: Bool = false) -> (MonitorID, AliasID?) {
        let monitor = MonitorID(rawValue: thread.newNumber())
        let address = alias ? AliasID(rawValue: thread.newNumber()) : nil
        handle(.monitor(monitor, target, alias: address))
        return (monitor, address)
    }

    /// demonitor/2. What is in the queue already comes before it, and so is flushed as well.
    package func demonitor(_ monitor: MonitorID, flush: Bool = false) {
        core.receive(block, on: thread)
        handle(.demonitor(monitor))
        if flush { removeDown(monitor) }
    }

    private func removeDown(_ monitor: MonitorID) {
        var node = block.it.oldest
        while let each = node {
            if each.it.kind == .down && each.it.tag == 1 << 63 | monitor.rawValue { return remove(Message(each)) }
            node = NodeRef(address: each.it.next)
        }
    }

    package func makeAlias() -> AliasID {
        let alias = AliasID(rawValue: thread.newNumber())
        handle(.alias(alias))
        return alias
    }

    package func dropAlias(_ alias: AliasID) {
        handle(.dropAlias(alias))
    }

    /// exit/2. To itself it takes effect before this returns. `kill` stands for the reason `kill`, which cannot be trapped,
    /// whatever `reason` says.
    package func exit(_ target: ProcessID, _ reason: ExitReason, kill: Bool = false) {
        core.send(.exit(kill ? .kill : reason), from: id, to: target, on: thread)
        if target == id { core.receive(block, on: thread) }
    }

    package var trapsExits: Bool {
        get { block.it.signals.trapsExits }
        nonmutating set { handle(.trapExits(newValue)) }
    }

    package func isAlive(_ process: ProcessID) -> Bool { core.isAlive(process) }

    @discardableResult
    private func handle(_ event: SignalEvent) -> SignalEffect {
        let effect = block.it.signals.handle(event, of: id)
        core.perform(effect, block, on: thread)
        return effect
    }

    // MARK: Direct calls

    /// To be called by a direct call when the slice changes: once it has taken a whole slice, its worker goes on without it.
    /// - Returns: false when it must end: it returns from `resume` as soon as it can.
    package func sliceIsOver() -> Bool { core.sliceIsOver(block, on: thread) }

    /// Waits in a direct call: this thread with it, while another one takes over the worker. Spurious wake-ups are possible.
    /// - Returns: false when it must end.
    package func blockThread(_ wait: Wait) -> Bool { core.blockThread(block, wait, on: thread) }
}

extension Runtime {
    /// exit/2 from outside.
    package func exit(_ target: ProcessID, _ reason: ExitReason, kill: Bool = false) {
        core.withOutside { thread in
            core.send(.exit(kill ? .kill : reason), from: .outside, to: target, on: thread)
        }
    }
}
