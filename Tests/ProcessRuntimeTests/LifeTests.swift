// The beginning and end of processes: spawn, kill in every state, links and monitors through the real queues, slots.

import CapabilityModel
import LinuxKernel
import ProcessRuntime
import Testing

@Suite struct LifeTests {
    /// What a process may be doing when it is killed.
    enum Occupation: CaseIterable {
        case runnable, spinning, waitingForMessages, waitingForSignals, sleeping, waitingForADescriptor

        func step(_ process: Process, _ descriptor: Int32) -> Suspension {
            switch self {
            case .runnable: return .yielded
            case .spinning:
                for _ in 0..<1_000 where process.nextMessage() == nil && !process.hasPendingExit {}
                return .yielded
            case .waitingForMessages: return .awaitingMessage
            case .waitingForSignals: return .waiting(Wait())
            case .sleeping: return .waiting(Wait(deadline: Clock.monotonicNow() + 3_600_000_000_000))
            case .waitingForADescriptor:
                return .waiting(Wait(descriptor: .init(raw: descriptor, interest: .read), deadline: nil))
            }
        }
    }

    @Test(arguments: Machine.all, Occupation.allCases)
    func aKillEndsAProcessWhateverItDoes(_ machine: Machine, _ occupation: Occupation) throws {
        let pipe = try Pipe()
        let descriptor = pipe.readEnd.rawValue
        var slices = 0
        var victim: Spawned?
        var down: (kind: Message.Kind, sender: ProcessID)?
        let (reason, _) = try machine.run { process in
            guard let victim else {
                victim = process.spawn(monitor: true, trapsExits: true) { occupation.step($0, descriptor) }
                return .yielded
            }
            slices += 1
            if slices == 20 { process.exit(victim.process, .normal, kill: true) }
            down = process.takeNotice()
            if down != nil { return .finished(.normal) }
            return slices < 20 ? .yielded : .awaitingMessage
        }
        #expect(reason == .normal)
        #expect(down?.sender == victim?.process)
        #expect(victim?.monitor.map { down?.kind == .down($0, .killed) } == true)
        withExtendedLifetime(pipe) {}
    }

    @Test(arguments: Machine.all) func anExitGoesThroughAChainOfLinks(_ machine: Machine) throws {
        let length = 1_000
        var ended: [ExitReason] = []
        var isStarted = false
        try machine.run(trapsExits: true) { process in
            if !isStarted {
                isStarted = true
                func link(_ left: Int) -> (Process) -> Suspension {
                    var hasChild = false
                    return { member in
                        if left == 0 { return .finished(.exited(code: 9)) }
                        if !hasChild {
                            hasChild = true
                            member.spawn(link: true, link(left - 1))
                        }
                        return .waiting(Wait())
                    }
                }
                process.spawn(link: true, link(length))
            }
            while let notice = process.takeNotice() {
                if case .exit(let reason) = notice.kind { ended.append(reason) }
            }
            return ended.isEmpty ? .awaitingMessage : .finished(.normal)
        }
        #expect(ended == [.exited(code: 9)])
    }

    @Test(arguments: Machine.all) func everyMonitorFiresOnceAndLinksToTheDeadSayNoproc(_ machine: Machine) throws {
        var monitors: Set<MonitorID> = []
        var downs: [MonitorID: Int] = [:]
        var exits: [ExitReason] = []
        var child: ProcessID?
        try machine.run(trapsExits: true) { process in
            guard let child else {
                let spawned = process.spawn { worker in worker.take() == nil ? .awaitingMessage : .finished(.shutdown) }
                child = spawned.process
                for _ in 0..<100 { monitors.insert(process.monitor(spawned.process).0) }
                process.send(1, to: spawned.process)
                return .awaitingMessage
            }
            while let notice = process.takeNotice() {
                switch notice.kind {
                case .down(let monitor, let reason):
                    #expect(reason == .shutdown || reason == .noproc)
                    downs[monitor, default: 0] += 1
                case .exit(let reason): exits.append(reason)
                case .data: break
                }
            }
            if downs.count < 100 { return .awaitingMessage }
            if downs.count == 100 {
                #expect(process.link(child) == .linked)
                monitors.insert(process.monitor(child).0)
                return .awaitingMessage
            }
            return exits.isEmpty ? .awaitingMessage : .finished(.normal)
        }
        #expect(Set(downs.keys) == monitors)
        #expect(downs.values.allSatisfy { $0 == 1 })
        #expect(exits == [.noproc])
    }

    @Test(arguments: Machine.all) func linksAndExitsRaceWithoutLosingAnybody(_ machine: Machine) throws {
        // Pairs link to each other while either ends; whoever traps must hear of each link's end exactly once.
        let pairs = 2_000
        let heard = Counter()
        var done = 0
        var isStarted = false
        try machine.run { process in
            if !isStarted {
                isStarted = true
                for index in 0..<pairs {
                    let mortal = process.spawn { mortal in
                        index % 3 == 0
                            ? .finished(.shutdown) : mortal.take() == nil ? .awaitingMessage : .finished(.shutdown)
                    }.process
                    var hasLinked = false
                    process.spawn(monitor: true, trapsExits: true) { trapper in
                        if !hasLinked {
                            hasLinked = true
                            _ = trapper.link(mortal)
                            trapper.send(1, to: mortal)
                        }
                        guard let notice = trapper.takeNotice() else { return .awaitingMessage }
                        if case .exit = notice.kind { heard.add() }
                        return trapper.takeNotice() == nil ? .finished(.normal) : .finished(.exited(code: 1))
                    }
                }
            }
            while let notice = process.takeNotice() {
                if case .down(_, let reason) = notice.kind {
                    #expect(reason == .normal)
                    done += 1
                }
            }
            return done == pairs ? .finished(.normal) : .awaitingMessage
        }
        #expect(heard.value == pairs)
    }

    @Test(arguments: Machine.all) func aKillAndAWakeUpRaceAndTheProcessEndsOnce(_ machine: Machine) throws {
        let rounds = 3_000
        let abandoned = Counter()
        let ran = Counter()
        var ends = 0
        var round = 0
        try machine.run { process in
            while let notice = process.takeNotice() {
                if case .down(_, let reason) = notice.kind {
                    #expect(reason == .killed)
                    ends += 1
                }
            }
            for _ in 0..<10 where round < rounds {
                round += 1
                let request = SpawnRequest(parent: process, monitor: true, account: process.account)
                let victim = try? process.runtime.spawn(request) {
                    StepBody(copy $0, onAbandon: { abandoned.add() }) { victim, _ in
                        ran.add()
                        while victim.take() != nil {}
                        return .awaitingMessage
                    }
                }.get()
                guard let victim else { return .finished(.exited(code: 2)) }
                let target = victim.process
                process.spawn { waker in
                    waker.send(1, to: target)
                    waker.runtime.wake(target)
                    return .finished(.normal)
                }
                process.spawn { killer in
                    killer.exit(target, .kill)
                    return .finished(.normal)
                }
            }
            if round < rounds { return .yielded }
            return ends == rounds ? .finished(.normal) : .awaitingMessage
        }
        #expect(ends == rounds)
        #expect(abandoned.value == rounds)
    }

    @Test(arguments: Machine.all) func aSlotUsedAgainHearsNothingMeantForOthers(_ machine: Machine) throws {
        // A small table: each child has the slot of an earlier one, whose friends still write to it.
        let rounds = 20_000
        let strange = Counter()
        var previous: ProcessID?
        var count = 0
        let runtime = try machine.runtime(maximumProcesses: 3)
        let account = Account(limits: .roomy, parent: nil)
        let root = try runtime.spawn(SpawnRequest(account: account)) {
            StepBody(copy $0) { process, _ in
                while let (_, _) = process.take() {}
                guard count < rounds else { return .finished(.normal) }
                let request = SpawnRequest(parent: process, account: process.account)
                switch process.runtime.spawn(
                    request,
                    body: {
                        var slices = 0
                        return StepBody(copy $0) { child, _ in
                            while let (value, _) = child.take() { if value != child.id.rawValue { strange.add() } }
                            slices += 1
                            return slices > 1 ? .finished(.normal) : .yielded
                        }
                    })
                {
                case .success(let child):
                    if let previous {
                        process.send(previous.rawValue, to: previous)
                        process.runtime.wake(previous)
                    }
                    process.send(child.process.rawValue, to: child.process)
                    previous = child.process
                    count += 1
                case .failure: break
                }
                if let previous { process.send(previous.rawValue, to: previous) }
                return .yielded
            }
        }.get()
        #expect(runtime.run(root: root.process) == .normal)
        runtime.shutDown()
        #expect(strange.value == 0)
        #expect(runtime.processCount == 0)
        #expect(account.used(.mailboxBytes) == 0)
    }

    @Test func aMillionProcessesLiveAtOnceAndEnd() throws {
        let count = longRun(200_000, 1_000_000)
        var spawned = 0
        var answers = 0
        let (reason, _) = try Machine.all[1].run { process in
            let root = process.id
            for _ in 0..<10_000 where spawned < count {
                spawned += 1
                process.spawn { child in
                    guard child.take() != nil else {
                        child.send(1, to: root)
                        return .awaitingMessage
                    }
                    return .finished(.normal)
                }
            }
            while process.take() != nil { answers += 1 }
            if answers == count { return .finished(.normal) }
            return spawned < count ? .yielded : .awaitingMessage
        }
        #expect(reason == .normal)
        #expect(answers == count)
    }

    @Test(arguments: Machine.all) func moreProcessesThanTheAccountAllowsAreRefused(_ machine: Machine) throws {
        var limits = Limits.roomy
        limits.processes = 5
        var failures = 0
        try machine.run(limits: limits) { process in
            for _ in 0..<10 {
                let request = SpawnRequest(parent: process, account: process.account)
                let result = process.runtime.spawn(request) { StepBody(copy $0) { _, _ in .awaitingMessage } }
                if case .failure(.tooMany) = result { failures += 1 }
            }
            return .finished(.normal)
        }
        #expect(failures == 6)
    }

    @Test(arguments: Machine.all) func sleepersWakeInTime(_ machine: Machine) throws {
        let count = 1_000
        let early = Counter()
        var ended = 0
        var isStarted = false
        try machine.run { process in
            if !isStarted {
                isStarted = true
                for index in 0..<count {
                    var deadline: UInt64 = 0
                    var naps = 0
                    process.spawn(monitor: true) { _ in
                        let now = Clock.monotonicNow()
                        if deadline != 0 && now < deadline { early.add() }
                        if deadline == 0 || now >= deadline { naps += 1 }
                        deadline = now + UInt64(index % 20 + 1) * 1_000_000
                        return naps > 5 ? .finished(.normal) : .waiting(Wait(deadline: deadline))
                    }
                }
            }
            while process.takeNotice() != nil { ended += 1 }
            return ended == count ? .finished(.normal) : .awaitingMessage
        }
        #expect(ended == count)
        #expect(early.value == 0)
    }

    @Test(arguments: Machine.all) func aliasesEndWithTheirMonitorOrTheFirstMessage(_ machine: Machine) throws {
        var received: [UInt64] = []
        try machine.run { process in
            let alias = process.makeAlias()
            process.send(1, through: alias)
            process.send(2, through: alias)
            let (monitor, once) = process.monitor(process.id, alias: true)
            guard let once else { return .finished(.exited(code: 1)) }
            process.send(3, through: once)
            process.send(4, through: once)
            while let (value, _) = process.take() { received.append(value) }
            process.dropAlias(alias)
            process.send(5, through: alias)
            process.demonitor(monitor)
            while let (value, _) = process.take() { received.append(value) }
            return .finished(.normal)
        }
        #expect(received == [1, 2, 3])
    }
}
