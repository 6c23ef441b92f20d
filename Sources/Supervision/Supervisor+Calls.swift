// The functions of supervisor(3), as handle_call/3 has them.

internal import CapabilityModel

extension Supervisor {
    mutating func handle(_ request: Request, _ call: CallKey, _ actions: inout [Action]) {
        switch request {
        case .startChild(let spec): startChild(spec, call, &actions)
        case .startDynamicChild(let extra): startDynamicChild(extra, call, &actions)
        case .terminateChild(let key): terminateChild(key, call, &actions)
        case .restartChild(let id): restartChild(id, call, &actions)
        case .deleteChild(let id): deleteChild(id, call, &actions)
        case .childSpec(let key): childSpec(key, call, &actions)
        case .whichChild(let key): actions.append(.reply(call, whichChild(key)))
        case .whichChildren: actions.append(.reply(call, .children(listing)))
        case .countChildren: countChildren(call, &actions)
        case .change(let flags, let specs): change(flags, specs, call, &actions)
        case .stop(let reason): beginEnding(reason, call: call, &actions)
        }
    }

    private mutating func startChild(_ spec: ChildSpec, _ call: CallKey, _ actions: inout [Action]) {
        var refusal: RequestError?
        if isSimple {
            refusal = .simpleOneForOne
        } else {
            do throws(SpecError) {
                try spec.validate(under: flags.autoShutdown)
            } catch {
                refusal = .badSpec(error)
            }
        }
        if refusal == nil, let place = children.place(of: spec.id), let child = children[place] {
            refusal = child.process.running.map { .alreadyStarted($0) } ?? .alreadyPresent
        }
        if let refusal {
            actions.append(.discard(spec.start))
            actions.append(.reply(call, .error(refusal)))
            return
        }
        candidate = spec
        start(spec, .startCall(call), &actions)
    }

    private mutating func startDynamicChild(_ extra: [UInt8], _ call: CallKey, _ actions: inout [Action]) {
        guard let template else {
            actions.append(.reply(call, .error(.badSpec(.notASpecification))))
            return
        }
        candidateExtra = extra
        start(template, extra: extra, .dynamicStartCall(call), &actions)
    }

    private mutating func terminateChild(_ key: ChildKey, _ call: CallKey, _ actions: inout [Action]) {
        switch (isSimple, key) {
        case (true, .id): actions.append(.reply(call, .error(.simpleOneForOne)))
        case (false, .process): actions.append(.reply(call, .error(.notFound)))
        case (true, .process(let process)):
            guard let template else { return }
            if let place = dynamics.place(of: process) {
                return stop(place, process, template.shutdown, .call(call), &actions)
            }
            if let place = dynamics.place(ofRestarting: process) {
                forgetPause(key, &actions)
                removeDynamic(place)
                actions.append(.reply(call, .ok))
                return
            }
            // A process that is gone may have been a child, for all that is known.
            actions.append(.inquire(call, .stranger(process, gone: .ok, alive: .error(.notFound))))
        case (false, .id(let id)):
            guard let place = children.place(of: id), let child = children[place] else {
                actions.append(.reply(call, .error(.notFound)))
                return
            }
            if let process = child.process.running {
                return stop(place, process, child.spec.shutdown, .call(call), &actions)
            }
            forgetPause(key, &actions)
            markEnded(place, &actions)
            actions.append(.reply(call, .ok))
        }
    }

    private mutating func restartChild(_ id: ChildID, _ call: CallKey, _ actions: inout [Action]) {
        switch stoppedChild(id) {
        case .success(let place):
            guard let spec = children[place]?.spec else { return }
            start(spec, .restartCall(call, place), &actions)
        case .failure(let refusal): actions.append(.reply(call, .error(refusal)))
        }
    }

    private mutating func deleteChild(_ id: ChildID, _ call: CallKey, _ actions: inout [Action]) {
        switch stoppedChild(id) {
        case .success(let place):
            delete(place, &actions)
            actions.append(.reply(call, .ok))
        case .failure(let refusal): actions.append(.reply(call, .error(refusal)))
        }
    }

    /// The place of a child that neither runs nor is being restarted.
    private func stoppedChild(_ id: ChildID) -> Result<Int, RequestError> {
        if isSimple { return .failure(.simpleOneForOne) }
        guard let place = children.place(of: id), let child = children[place] else { return .failure(.notFound) }
        switch child.process {
        case .none: return .success(place)
        case .restarting: return .failure(.restarting)
        case .running: return .failure(.running)
        }
    }

    // MARK: Questions

    private func childSpec(_ key: ChildKey, _ call: CallKey, _ actions: inout [Action]) {
        let reply: Reply
        switch (template, key) {
        case (let template?, .process(let process)):
            if dynamics.place(of: process) == nil, dynamics.place(ofRestarting: process) == nil {
                let inquiry = Inquiry.stranger(process, gone: .spec(template), alive: .error(.notFound))
                actions.append(.inquire(call, inquiry))
                return
            }
            reply = .spec(template)
        case (let template?, .id(let id)): reply = id == template.id ? .spec(template) : .error(.notFound)
        case (nil, .process): reply = .error(.notFound)
        case (nil, .id(let id)):
            reply = children.place(of: id).flatMap { children[$0] }.map { .spec($0.spec) } ?? .error(.notFound)
        }
        actions.append(.reply(call, reply))
    }

    private func whichChild(_ key: ChildKey) -> Reply {
        switch (template, key) {
        case (let template?, .process(let process)):
            if dynamics.place(of: process) != nil {
                return .child(ChildInfo(id: nil, process: .running(process), kind: template.kind))
            }
            guard dynamics.place(ofRestarting: process) != nil else { return .error(.notFound) }
            return .child(ChildInfo(id: nil, process: .restarting(process), kind: template.kind))
        case (_?, .id): return .error(.simpleOneForOne)
        case (nil, .process): return .error(.notFound)
        case (nil, .id(let id)):
            guard let child = children.place(of: id).flatMap({ children[$0] }) else { return .error(.notFound) }
            return .child(ChildInfo(id: id, process: child.process, kind: child.spec.kind))
        }
    }

    /// What which_children/1 gives, also while requests have to wait: as far as the machine has come. O(n).
    package var listing: [ChildInfo] {
        var infos: [ChildInfo] = []
        if let template {
            infos.reserveCapacity(dynamics.count)
            for place in 0..<dynamics.end {
                guard let entry = dynamics[place] else { continue }
                let process: ChildProcess = entry.isRestarting ? .restarting(entry.process) : .running(entry.process)
                infos.append(ChildInfo(id: nil, process: process, kind: template.kind))
            }
        } else {
            infos.reserveCapacity(children.count)
            for place in (0..<children.end).reversed() {
                guard let child = children[place] else { continue }
                infos.append(ChildInfo(id: child.spec.id, process: child.process, kind: child.spec.kind))
            }
        }
        return infos
    }

    /// Where children have specifications of their own, those that are gone and whose EXIT has not been seen are not
    /// active; under simple_one_for_one nobody looks.
    private func countChildren(_ call: CallKey, _ actions: inout [Action]) {
        if let template {
            let count = dynamics.count
            let isWorker = template.kind == .worker
            let counts = ChildCounts(
                specs: 1, active: dynamics.runningCount, supervisors: isWorker ? 0 : count,
                workers: isWorker ? count : 0)
            actions.append(.reply(call, .counts(counts)))
            return
        }
        var counts = ChildCounts(specs: 0, active: 0, supervisors: 0, workers: 0)
        var running: [ProcessKey] = []
        for place in 0..<children.end {
            guard let child = children[place] else { continue }
            counts.specs += 1
            if let process = child.process.running { running.append(process) }
            switch child.spec.kind {
            case .worker: counts.workers += 1
            case .supervisor: counts.supervisors += 1
            }
        }
        counts.active = running.count
        actions.append(running.isEmpty ? .reply(call, .counts(counts)) : .inquire(call, .counts(counts, running)))
    }
}
