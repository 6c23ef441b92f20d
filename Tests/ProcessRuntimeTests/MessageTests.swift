// Messages: order, selection, bounds, and that none is lost.

import CapabilityModel
import ProcessRuntime
import Testing

@Suite struct MessageTests {
    @Test(arguments: Machine.all) func twoProcessesPassANumberBackAndForth(_ machine: Machine) throws {
        let rounds: UInt64 = 100_000
        var seen: UInt64 = 0
        var peer: ProcessID?
        let (reason, _) = try machine.run { process in
            if peer == nil {
                peer =
                    process.spawn { echo in
                        while let (value, sender) = echo.take() { echo.send(value + 1, to: sender) }
                        return .awaitingMessage
                    }.process
                if let peer { process.send(0, to: peer) }
            }
            while let (value, sender) = process.take() {
                seen = value
                if value >= rounds { return .finished(.normal) }
                process.send(value + 1, to: sender)
            }
            return .awaitingMessage
        }
        #expect(reason == .normal)
        #expect(seen >= rounds)
    }

    @Test(arguments: Machine.all) func messagesOfOneSenderKeepTheirOrder(_ machine: Machine) throws {
        let senders = 20
        let each: UInt64 = 2_000
        let disorder = Counter()
        var next: [ProcessID: UInt64] = [:]
        var received = 0
        try machine.run { process in
            if next.isEmpty {
                let root = process.id
                for _ in 0..<senders {
                    var sent: UInt64 = 0
                    let child = process.spawn { sender in
                        for _ in 0..<50 where sent < each {
                            sender.send(sent, to: root)
                            sent += 1
                        }
                        return sent == each ? .finished(.normal) : .yielded
                    }
                    next[child.process] = 0
                }
            }
            while let (value, sender) = process.take() {
                if next[sender] != value { disorder.add() }
                next[sender] = value + 1
                received += 1
            }
            return received == senders * Int(each) ? .finished(.normal) : .awaitingMessage
        }
        #expect(disorder.value == 0)
        #expect(received == senders * Int(each))
    }

    @Test(arguments: Machine.all) func aRingOfAThousandPassesTokensOn(_ machine: Machine) throws {
        let size = 1_000
        let tokens = 100
        let hops: UInt64 = 20
        var ended = 0
        var first: ProcessID?
        try machine.run { process in
            if first == nil {
                let root = process.id
                var next = root
                for _ in 0..<size {
                    let following = next
                    next =
                        process.spawn { member in
                            while let (value, _) = member.take() { member.send(value, to: following) }
                            return .awaitingMessage
                        }.process
                }
                for _ in 0..<tokens { process.send(0, to: next) }
                // The root closes the ring and counts rounds.
                first = next
            }
            while let (value, _) = process.take() {
                if value + 1 >= hops { ended += 1 } else if let first { process.send(value + 1, to: first) }
            }
            return ended == tokens ? .finished(.normal) : .awaitingMessage
        }
        #expect(ended == tokens)
    }

    @Test(arguments: Machine.all) func selectiveReceiveTakesTheFirstOfItsTags(_ machine: Machine) throws {
        var taken: [UInt64] = []
        try machine.run { process in
            for (value, tag) in [(1, 7), (2, 8), (3, 7), (4, 9), (5, 8)] as [(UInt64, UInt64)] {
                process.send(value, to: process.id, tag: tag)
            }
            for tags in [[8], [9, 7], [6], [9, 7], [], [9], [8], [1]] as [[UInt64]] {
                taken.append(process.take(tags)?.value ?? 0)
            }
            return .finished(.normal)
        }
        #expect(taken == [2, 1, 0, 3, 4, 0, 5, 0])
    }

    @Test(arguments: Machine.all) func aMailboxHoldsSoManyMessagesAndTheSenderWaitsForRoom(_ machine: Machine) throws {
        var limits = Limits.roomy
        limits.mailboxMessages = 3
        var results: [SendResult] = []
        var child: ProcessID?
        var accepted = 0
        let total = 500
        let received = Counter()
        try machine.run(limits: limits) { process in
            if child == nil {
                child =
                    process.spawn { receiver in
                        // It looks only when it is told to.
                        if receiver.mailboxCount < 3 && received.value == 0 { return .yielded }
                        while receiver.take() != nil { received.add() }
                        return received.value == total ? .finished(.normal) : .awaitingMessage
                    }.process
                if let child { for _ in 0..<5 { results.append(process.send(0, to: child)) } }
                // More than three where the receiver has already taken some.
                accepted = results.filter { $0 == .sent }.count
            }
            guard let child else { return .finished(.normal) }
            while accepted < total {
                switch process.send(1, to: child) {
                case .sent: accepted += 1
                case .full: return .waiting(Wait(deadline: process.awaitRoom(at: child)))
                case .gone, .tooLong: return .finished(.exited(code: 1))
                }
            }
            return process.isAlive(child) ? .yielded : .finished(.normal)
        }
        // While a receiver takes its queue, what was in it counts twice for a moment: a third may find it full.
        #expect(Array(results.prefix(2)) == [.sent, .sent])
        #expect(received.value == total)
    }

    @Test func aFullMailboxRefusesAndALongMessageNeverFits() throws {
        var limits = Limits.roomy
        limits.mailboxMessages = 3
        limits.mailboxBytes = 10_000
        var results: [SendResult] = []
        try Machine.all[0].run(limits: limits) { process in
            for _ in 0..<4 { results.append(process.send(1, to: process.id)) }
            results.append(process.send(ofBytes: 10_001, to: process.id))
            while process.take() != nil {}
            results.append(process.send(ofBytes: 6_000, to: process.id))
            results.append(process.send(ofBytes: 6_000, to: process.id))
            results.append(process.send(ofBytes: 3_000, to: process.id))
            return .finished(.normal)
        }
        #expect(results == [.sent, .sent, .sent, .full, .tooLong, .sent, .full, .sent])
    }

    @Test(arguments: Machine.all) func whatIsSentToTheGoneIsRefused(_ machine: Machine) throws {
        var results: [SendResult] = []
        var child: Spawned?
        try machine.run { process in
            guard let child else {
                child = process.spawn(monitor: true) { _ in .finished(.normal) }
                return .awaitingMessage
            }
            guard process.takeNotice() != nil else { return .awaitingMessage }
            results.append(process.send(1, to: child.process))
            // A number that nobody ever had.
            results.append(process.send(1, to: ProcessID(rawValue: 0x00ff_ffff_ffff_ffff)))
            results.append(process.send(1, to: ProcessID(rawValue: 0)))
            return .finished(.normal)
        }
        #expect(results == [.gone, .gone, .gone])
    }
}
