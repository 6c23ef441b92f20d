// Direct calls: who overruns or waits loses its worker, and nobody else notices.

import CapabilityModel
import LinuxKernel
import ProcessRuntime
import Synchronization
import Testing

@Suite struct DirectCallTests {
    @Test(arguments: Machine.all) func handlersRunDirectlyWhileThereIsASpareThread(_ machine: Machine) throws {
        for spareThreads in [0, 1] {
            var modes: Set<ResumeMode> = []
            let runtime = try machine.runtime(spareThreads: spareThreads)
            let root = try runtime.spawn(SpawnRequest(account: Account(limits: .roomy, parent: nil))) {
                var rounds = 0
                return StepBody(copy $0, direct: true) { process, mode in
                    modes.insert(mode)
                    #expect(process.isDirect == (mode == .direct))
                    rounds += 1
                    return rounds == 10 ? .finished(.normal) : .yielded
                }
            }.get()
            #expect(runtime.run(root: root.process) == .normal)
            runtime.shutDown()
            // Another worker may have reserved the only one.
            #expect(spareThreads == 0 ? modes == [.fiber] : modes.contains(.direct) || machine.workers > 1)
        }
    }

    @Test(arguments: Machine.all) func aSpinningHandlerHoldsUpNobody(_ machine: Machine) throws {
        // More handlers that spin than workers; all others must still be served, and the spinners run on fibers in the end.
        let overruns = Counter()
        let fibers = Counter()
        let rounds: UInt64 = 2_000
        let isOver = Atomic<Bool>(false)
        var seen: UInt64 = 0
        var isStarted = false
        try machine.run(spareThreads: machine.workers + 1) { process in
            if !isStarted {
                isStarted = true
                for _ in 0..<machine.workers + 2 {
                    process.spawnHandler(onOverrun: { overruns.add() }) { spinner, mode in
                        if mode == .direct {
                            while spinner.sliceIsOver() && !isOver.load(ordering: .relaxed) {}
                        } else {
                            fibers.add()
                        }
                        return .yielded
                    }
                }
                let echo = process.spawn { echo in
                    while let (value, sender) = echo.take() { echo.send(value + 1, to: sender) }
                    return .awaitingMessage
                }
                process.send(0, to: echo.process)
            }
            while let (value, sender) = process.take() {
                seen = value
                process.send(value + 1, to: sender)
            }
            guard seen >= rounds && overruns.value > 0 else { return .awaitingMessage }
            isOver.store(true, ordering: .relaxed)
            return .finished(.normal)
        }
        #expect(seen >= rounds)
        #expect(overruns.value > 0)
    }

    @Test(arguments: Machine.all) func handlersThatWaitForEachOtherDoNotUseUpTheThreads(_ machine: Machine) throws {
        // A chain of calls through handlers, deeper than there are threads: each asks the next and waits for its answer.
        let depth = 50
        var result: UInt64 = 0
        var first: ProcessID?
        try machine.run(spareThreads: 3) { process in
            if first == nil {
                var next: ProcessID?
                for _ in 0..<depth {
                    let following = next
                    next = process.spawnHandler { handler, mode in Self.answer(handler, mode, asking: following) }
                }
                first = next
                if let first { process.send(0, to: first, tag: 1) }
            }
            guard let answer = process.take([2]) else { return .awaitingMessage }
            result = answer.value
            return .finished(.normal)
        }
        #expect(result == UInt64(depth))
    }

    /// Answers a request (tag 1) with one more than what `next` answers (tag 2), or with 1.
    private static func answer(_ handler: Process, _ mode: ResumeMode, asking next: ProcessID?) -> Suspension {
        if mode == .direct {
            guard let request = handler.take([1]) else { return .awaitingMessage }
            guard let next else {
                handler.send(1, to: request.sender, tag: 2)
                return .awaitingMessage
            }
            handler.send(0, to: next, tag: 1)
            while true {
                if let reply = handler.take([2]) {
                    handler.send(reply.value + 1, to: request.sender, tag: 2)
                    return .awaitingMessage
                }
                if !handler.blockThread(Wait(messages: true)) { return .yielded }
            }
        }
        // A fiber would keep the request on its stack; here it stays in the mailbox until the reply is there.
        guard let next else {
            if let request = handler.take([1]) { handler.send(1, to: request.sender, tag: 2) }
            return .awaitingMessage
        }
        if let reply = handler.take([2]), let request = handler.take([1]) {
            handler.send(reply.value + 1, to: request.sender, tag: 2)
        } else if handler.has([1]) {
            handler.send(0, to: next, tag: 1)
        }
        return .waiting(Wait(messages: true))
    }

    @Test(arguments: Machine.all) func aHandlerThatWaitsOrSpinsCanBeKilled(_ machine: Machine) throws {
        let ended = Counter()
        var downs: [ExitReason] = []
        var victims: [ProcessID] = []
        var slices = 0
        try machine.run(spareThreads: 4) { process in
            if victims.isEmpty {
                for index in 0..<6 {
                    let victim = process.spawnHandler { victim, mode in
                        if mode == .direct {
                            while index % 2 == 0
                                ? victim.sliceIsOver()
                                : victim.blockThread(Wait(deadline: Clock.monotonicNow() + 60_000_000_000))
                            {}
                            ended.add()
                        }
                        return .yielded
                    }
                    _ = process.monitor(victim)
                    victims.append(victim)
                }
            }
            slices += 1
            if slices == 50 { for victim in victims { process.exit(victim, .kill) } }
            while let notice = process.takeNotice() {
                if case .down(_, let reason) = notice.kind { downs.append(reason) }
            }
            return downs.count == victims.count ? .finished(.normal) : .yielded
        }
        #expect(downs == [ExitReason](repeating: .killed, count: 6))
    }

    @Test(arguments: Machine.all) func theRunEndsWhileHandlersSpinAndWait(_ machine: Machine) throws {
        var slices = 0
        try machine.run(spareThreads: 4) { process in
            if slices == 0 {
                for index in 0..<4 {
                    process.spawnHandler { handler, mode in
                        guard mode == .direct else { return .yielded }
                        if index % 2 == 0 {
                            while handler.sliceIsOver() {}
                        } else {
                            while handler.blockThread(Wait(messages: true)) {}
                        }
                        return .yielded
                    }
                }
            }
            slices += 1
            return slices > 30 ? .finished(.normal) : .yielded
        }
    }
}

extension Process {
    /// A process that may run directly until it overruns or waits.
    @discardableResult
    fileprivate func spawnHandler(
        onOverrun: @escaping () -> Void = {}, _ step: @escaping (Process, ResumeMode) -> Suspension
    ) -> ProcessID {
        switch runtime.spawn(
            SpawnRequest(parent: self, account: account),
            body: { StepBody(copy $0, direct: true, onOverrun: onOverrun, step) })
        {
        case .success(let spawned): spawned.process
        case .failure(let failure): fatalError("\(failure)")
        }
    }
}
