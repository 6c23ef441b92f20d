// Erlang's rules of exit signals, links, monitors and aliases, one by one (erts, "Processes"; erlang:exit/2, link/1,
// monitor/3, alias/1).

import CapabilityModel
import ProcessRuntime
import Testing

@Suite struct SignalStateTests {
    private static let own = ProcessID(rawValue: 1)
    private static let peer = ProcessID(rawValue: 2)
    private static let monitor = MonitorID(rawValue: 3)
    private static let alias = AliasID(rawValue: 4)

    struct ExitCase: Sendable {
        let rule: String
        let traps: Bool
        let isLinked: Bool
        let signal: Signal
        let sender: ProcessID
        let effect: SignalEffect
    }

    static let exits: [ExitCase] = [
        ExitCase(
            rule: "a link's exit ends a peer with the same reason", traps: false, isLinked: true,
            signal: .linkExit(.exited(code: 2)), sender: peer, effect: .end(.exited(code: 2))),
        ExitCase(
            rule: "a normal end ends no peer", traps: false, isLinked: true, signal: .linkExit(.normal), sender: peer,
            effect: .none),
        ExitCase(
            rule: "who traps is told, of a normal end too", traps: true, isLinked: true, signal: .linkExit(.normal),
            sender: peer, effect: .exitMessage(from: peer, .normal)),
        ExitCase(
            rule: "a link's exit without a link is nothing", traps: true, isLinked: false, signal: .linkExit(.kill),
            sender: peer, effect: .none),
        ExitCase(
            rule: "who ends itself with kill ends its peers with kill", traps: false, isLinked: true,
            signal: .linkExit(.kill), sender: peer, effect: .end(.kill)),
        ExitCase(
            rule: "kill over a link can be trapped", traps: true, isLinked: true, signal: .linkExit(.kill),
            sender: peer, effect: .exitMessage(from: peer, .kill)),
        ExitCase(
            rule: "killed over a link can be trapped", traps: true, isLinked: true, signal: .linkExit(.killed),
            sender: peer, effect: .exitMessage(from: peer, .killed)),
        ExitCase(
            rule: "exit/2 with kill ends with killed", traps: false, isLinked: false, signal: .exit(.kill),
            sender: peer, effect: .end(.killed)),
        ExitCase(
            rule: "exit/2 with kill cannot be trapped", traps: true, isLinked: false, signal: .exit(.kill),
            sender: peer, effect: .end(.killed)),
        ExitCase(
            rule: "exit/2 with kill to itself cannot be trapped", traps: true, isLinked: false, signal: .exit(.kill),
            sender: own, effect: .end(.killed)),
        ExitCase(
            rule: "exit/2 with normal does nothing to another", traps: false, isLinked: false, signal: .exit(.normal),
            sender: peer, effect: .none),
        ExitCase(
            rule: "exit/2 with normal ends the caller", traps: false, isLinked: false, signal: .exit(.normal),
            sender: own, effect: .end(.normal)),
        ExitCase(
            rule: "exit/2 with normal is told to who traps", traps: true, isLinked: false, signal: .exit(.normal),
            sender: peer, effect: .exitMessage(from: peer, .normal)),
        ExitCase(
            rule: "exit/2 ends with its reason", traps: false, isLinked: false, signal: .exit(.bytes([1])),
            sender: peer, effect: .end(.bytes([1]))),
        ExitCase(
            rule: "exit/2 with killed is a reason like any other", traps: true, isLinked: false,
            signal: .exit(.killed), sender: peer, effect: .exitMessage(from: peer, .killed)),
        ExitCase(
            rule: "exit/2 is no link's exit and leaves the link", traps: true, isLinked: true,
            signal: .exit(.shutdown), sender: peer, effect: .exitMessage(from: peer, .shutdown)),
    ]

    @Test(arguments: exits) func exitSignal(_ example: ExitCase) {
        var state = SignalState(trapsExits: example.traps)
        if example.isLinked { _ = state.handle(.signal(.link, from: Self.peer), of: Self.own) }
        let effect = state.handle(.signal(example.signal, from: example.sender), of: Self.own)
        #expect(effect == example.effect, "\(example.rule)")
        let (records, hasEnded) = (state.recordCount, state.hasEnded)
        if case .linkExit = example.signal { #expect(records == 0, "\(example.rule)") }
        if case .end = effect { #expect(hasEnded) }
    }

    @Test func aLinkToOneThatIsGoneFailsOrIsTold() {
        var state = SignalState()
        #expect(state.handle(.link(Self.peer, isGone: true), of: Self.own) == .noSuchProcess)
        #expect(state.recordCount == 0)
        _ = state.handle(.trapExits(true), of: Self.own)
        #expect(state.handle(.link(Self.peer, isGone: true), of: Self.own) == .send(.link, to: Self.peer))
        #expect(Signal.link.answerOfTheGone == .linkExit(.noproc))
        #expect(
            state.handle(.signal(.linkExit(.noproc), from: Self.peer), of: Self.own)
                == .exitMessage(from: Self.peer, .noproc))
    }

    @Test func aLinkToItselfIsNothing() {
        var state = SignalState()
        #expect(state.handle(.link(Self.own, isGone: false), of: Self.own) == .none)
        #expect(state.handle(.unlink(Self.own), of: Self.own) == .none)
        #expect(state.recordCount == 0)
    }

    @Test func afterUnlinkNoExitTakesEffectAndItsAnswerFreesTheRecord() {
        var state = SignalState(trapsExits: true, linkedTo: Self.peer, watchedBy: nil)
        #expect(state.handle(.unlink(Self.peer), of: Self.own) == .send(.unlink(1), to: Self.peer))
        #expect(state.handle(.unlink(Self.peer), of: Self.own) == .none)
        #expect(state.recordCount == 1)
        var other = SignalState(trapsExits: true, linkedTo: Self.peer, watchedBy: nil)
        _ = other.handle(.unlink(Self.peer), of: Self.own)
        #expect(state.handle(.signal(.linkExit(.killed), from: Self.peer), of: Self.own) == .none)
        #expect(state.recordCount == 0)
        // A new link meanwhile: the answer to the old unlink leaves it alone.
        #expect(other.handle(.link(Self.peer, isGone: false), of: Self.own) == .send(.link, to: Self.peer))
        #expect(other.handle(.signal(.unlinkAck(1), from: Self.peer), of: Self.own) == .none)
        #expect(other.recordCount == 1)
        #expect(
            other.handle(.signal(.linkExit(.killed), from: Self.peer), of: Self.own)
                == .exitMessage(from: Self.peer, .killed))
    }

    @Test func monitorsStackAndFireOnce() {
        var state = SignalState()
        let second = MonitorID(rawValue: 9)
        #expect(
            state.handle(.monitor(Self.monitor, Self.peer, alias: nil), of: Self.own)
                == .send(.monitor(Self.monitor), to: Self.peer))
        _ = state.handle(.monitor(second, Self.peer, alias: nil), of: Self.own)
        let down = SignalEvent.signal(.down(Self.monitor, .shutdown), from: Self.peer)
        #expect(state.handle(down, of: Self.own) == .downMessage(Self.monitor, from: Self.peer, .shutdown))
        #expect(state.handle(down, of: Self.own) == .none)
        #expect(state.handle(.demonitor(second), of: Self.own) == .send(.demonitor(second), to: Self.peer))
        #expect(state.handle(.signal(.down(second, .shutdown), from: Self.peer), of: Self.own) == .none)
        #expect(state.recordCount == 0)
    }

    enum AliasEnd: CaseIterable {
        case down, demonitor, message
    }

    @Test(arguments: AliasEnd.allCases) func aMonitorsAliasWorksOnceAndUntilItsMonitorEnds(_ end: AliasEnd) {
        var state = SignalState()
        _ = state.handle(.monitor(Self.monitor, Self.peer, alias: Self.alias), of: Self.own)
        switch end {
        case .down: _ = state.handle(.signal(.down(Self.monitor, .normal), from: Self.peer), of: Self.own)
        case .demonitor: _ = state.handle(.demonitor(Self.monitor), of: Self.own)
        case .message: #expect(state.handle(.message(through: Self.alias), of: Self.own) == .deliver)
        }
        #expect(state.handle(.message(through: Self.alias), of: Self.own) == .discard)
        #expect(state.isWatching(Self.monitor) == (end == .message))
    }

    @Test func anAliasOfItsOwnWorksUntilItIsDropped() {
        var state = SignalState()
        _ = state.handle(.alias(Self.alias), of: Self.own)
        for _ in 0..<3 { #expect(state.handle(.message(through: Self.alias), of: Self.own) == .deliver) }
        _ = state.handle(.dropAlias(Self.alias), of: Self.own)
        #expect(state.handle(.message(through: Self.alias), of: Self.own) == .discard)
        #expect(state.recordCount == 0)
    }

    @Test func whoEndsSaysGoodbyeToLinksFirst() {
        var state = SignalState(trapsExits: false, linkedTo: Self.peer, watchedBy: (Self.monitor, Self.peer))
        let third = ProcessID(rawValue: 30)
        _ = state.handle(.monitor(MonitorID(rawValue: 8), third, alias: Self.alias), of: Self.own)
        _ = state.handle(.signal(.link, from: third), of: Self.own)
        #expect(state.handle(.ended, of: Self.own) == .none)
        var cursor = SignalState.FarewellCursor()
        var said: [Farewell] = []
        while let farewell = state.farewell(after: &cursor) { said.append(farewell) }
        #expect(
            Set(said.prefix(2)) == [.linkExit(to: Self.peer), .linkExit(to: third)]
                && said.dropFirst(2) == [
                    .down(Self.monitor, to: Self.peer), .demonitor(MonitorID(rawValue: 8), at: third),
                ])
        // What comes now is answered as by one that is gone.
        #expect(
            state.handle(.signal(.link, from: third), of: Self.own) == .send(.linkExit(.noproc), to: third))
        #expect(state.handle(.signal(.exit(.kill), from: third), of: Self.own) == .none)
    }

    @Test func aHundredThousandLinksGoOneByOne() {
        var state = SignalState(trapsExits: true)
        let peers = (2..<100_002).map { ProcessID(rawValue: $0) }
        for peer in peers { _ = state.handle(.signal(.link, from: peer), of: Self.own) }
        #expect(state.recordCount == 100_000)
        for peer in peers {
            let effect = state.handle(.signal(.linkExit(.normal), from: peer), of: Self.own)
            guard effect == .exitMessage(from: peer, .normal) else {
                Issue.record("\(peer): \(effect)")
                return
            }
        }
        #expect(state.recordCount == 0)
    }
}
