// Other flags and specifications for a supervisor that runs (supervisor:code_change/3): what a changed file or an upgrade
// brings. No child is started, stopped or deleted by it; that is for further requests.

extension Supervisor {
    /// - Throws: what init would, and `changeOfSimpleOneForOne`; then nothing has changed.
    private func check(_ new: SupervisorFlags, _ specs: [ChildSpec]) throws(SpecError) {
        try new.validate(specs)
        guard (new.strategy == .simpleOneForOne) == isSimple else { throw .changeOfSimpleOneForOne }
    }

    mutating func change(_ new: SupervisorFlags, _ specs: [ChildSpec], _ call: CallKey, _ actions: inout [Action]) {
        var old = Set<StartKey>()
        if let template { old.insert(template.start) }
        for place in 0..<children.end {
            if let child = children[place] { old.insert(child.spec.start) }
        }
        do throws(SpecError) {
            try check(new, specs)
        } catch {
            discard(specs.map(\.start), unless: old, &actions)
            actions.append(.reply(call, .error(.badSpec(error))))
            return
        }
        intensity.change(intensity: new.intensity, period: new.period)
        if pauses == nil, let backoff = new.backoff {
            pauses = Pauses(backoff)
        } else {
            // Pauses that have begun last as long as they were to.
            pauses?.backoff = new.backoff
        }
        flags = new
        let replaced: [StartKey]
        if let template {
            replaced = [template.start]
            self.template = specs.first
        } else {
            replaced = children.replace(with: specs)
        }
        discard(replaced, unless: Set(specs.map(\.start)), &actions)
        actions.append(.reply(call, .ok))
    }

    private func discard(_ keys: [StartKey], unless kept: Set<StartKey>, _ actions: inout [Action]) {
        for key in keys where !kept.contains(key) {
            actions.append(.discard(key))
        }
    }
}

extension ChildTable {
    /// The children of the new specifications in their order, each with the process that it has, and behind them those of
    /// which they say nothing. Gives the start functions that have been replaced.
    mutating func replace(with specs: [ChildSpec]) -> [StartKey] {
        var replaced: [StartKey] = []
        var table = ChildTable()
        for spec in specs {
            let place = table.append(spec)
            guard let old = self.place(of: spec.id), let child = self[old] else { continue }
            table.set(place, child.process)
            replaced.append(child.spec.start)
        }
        for place in 0..<end {
            guard let child = self[place], table.place(of: child.spec.id) == nil else { continue }
            table.set(table.append(child.spec), child.process)
        }
        self = table
        return replaced
    }
}
