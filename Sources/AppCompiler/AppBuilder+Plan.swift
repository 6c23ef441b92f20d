// Lowers a document that has been checked into supervisors, specifications and starts.

internal import CapabilityModel
internal import PolicyCompiler
internal import Supervision

extension Strategy {
    /// As OTP and app files write it.
    package var name: String {
        switch self {
        case .oneForOne: "one_for_one"
        case .oneForAll: "one_for_all"
        case .restForOne: "rest_for_one"
        case .simpleOneForOne: "simple_one_for_one"
        }
    }
}

extension AutoShutdown {
    package var name: String {
        switch self {
        case .never: "never"
        case .anySignificant: "any_significant"
        case .allSignificant: "all_significant"
        }
    }
}

extension RestartType {
    package var name: String {
        switch self {
        case .permanent: "permanent"
        case .transient: "transient"
        case .temporary: "temporary"
        }
    }
}

extension AppBuilder {
    /// The value whose name is written.
    private static func value<Value: CaseIterable>(_ written: Written<String>?, _ name: (Value) -> String) -> Value? {
        written.flatMap { written in Value.allCases.first { name($0) == written.value } }
    }

    func flags(_ supervisor: AppDocument.Supervisor) -> SupervisorFlags {
        var flags = SupervisorFlags()
        flags.strategy = AppBuilder.value(supervisor.strategy) { $0.name } ?? flags.strategy
        flags.intensity = supervisor.intensity.map { Int($0.value) } ?? flags.intensity
        flags.period = supervisor.period.map { Int($0.value / 1_000_000_000) } ?? flags.period
        flags.autoShutdown = AppBuilder.value(supervisor.autoShutdown) { $0.name } ?? flags.autoShutdown
        if let written = supervisor.backoff, let initial = written.initial?.value {
            var backoff = Backoff(first: initial, most: max(initial, 30_000_000_000))
            backoff.most = written.maximum?.value ?? backoff.most
            backoff.factor = written.factor?.value ?? backoff.factor
            backoff.jitter = written.jitter?.value ?? backoff.jitter
            backoff.reset = written.reset?.value ?? backoff.reset
            flags.backoff = backoff
        }
        return flags
    }

    /// One copy's, or the only one's.
    private func spec(_ child: AppDocument.Child, id: String, start: Int) -> ChildSpec {
        var spec = ChildSpec(
            id: ChildID(id), start: StartKey(rawValue: UInt64(start)),
            kind: child.keys["supervisor"] == nil ? .worker : .supervisor)
        spec.restart = AppBuilder.value(child.restart) { $0.name } ?? spec.restart
        spec.significant = child.significant?.value ?? spec.significant
        switch child.shutdown?.value {
        case .brutalKill?: spec.shutdown = .brutalKill
        case .infinity?: spec.shutdown = .infinity
        case .timeout(let time)?: spec.shutdown = .timeout(nanoseconds: time)
        case nil: break
        }
        return spec
    }

    /// What OTP refuses.
    mutating func checkSpecs(of supervisor: AppDocument.Supervisor) {
        let flags = flags(supervisor)
        for child in supervisor.children {
            do throws(SpecError) {
                try spec(child, id: child.id?.value ?? "", start: 0).validate(under: flags.autoShutdown)
            } catch {
                refuse(error, child, supervisor)
            }
        }
        let isTemplate = flags.strategy == .simpleOneForOne
        do throws(SpecError) {
            // The children were checked one by one; only how many there are is the flags' matter.
            let one = [ChildSpec(id: "", start: StartKey(rawValue: 0))]
            try flags.validate(isTemplate ? Array(repeating: one, count: supervisor.children.count).flatMap { $0 } : [])
        } catch {
            refuse(error, supervisor)
        }
    }

    private mutating func refuse(
        _ error: SpecError, _ child: AppDocument.Child, _ supervisor: AppDocument.Supervisor
    ) {
        let place = child.significant?.origin ?? child.origin
        switch error {
        case .significantWithoutAutoShutdown:
            errors.append(
                PolicyError(
                    at: place, "a child cannot be significant to a supervisor whose auto_shutdown is never",
                    advice: "write auto_shutdown = \"any_significant\" in the supervisor, or remove it",
                    related: [
                        PolicyError.Related(
                            origin: supervisor.autoShutdown?.origin ?? supervisor.origin, note: "the supervisor's")
                    ]))
        case .significantPermanent:
            errors.append(
                PolicyError(
                    at: place, "a permanent child cannot be significant: it is always started again",
                    advice: "write restart = \"transient\" or \"temporary\", or remove it",
                    related: child.restart.map {
                        [PolicyError.Related(origin: $0.origin, note: "what it is stands here")]
                    } ?? []))
        default: refuse(error, supervisor)
        }
    }

    private mutating func refuse(_ error: SpecError, _ supervisor: AppDocument.Supervisor) {
        switch error {
        case .notExactlyOneChild(let count):
            errors.append(
                PolicyError(
                    at: supervisor.strategy?.origin ?? supervisor.origin,
                    "simple_one_for_one has one template, and here are \(count) children",
                    advice: "write one child, or another strategy"))
        case .invalidBackoff:
            errors.append(
                PolicyError(
                    at: supervisor.backoff?.maximum?.origin ?? supervisor.origin,
                    "the longest pause is shorter than the first", advice: "write a longer one"))
        // Ids have a check of their own, with both places.
        case .duplicateChild: break
        // What no text can say, because the reader's ranges are narrower.
        default:
            errors.append(PolicyError(at: supervisor.origin, "the supervisor's settings are refused: \(error)"))
        }
    }

    // MARK: The plan

    /// nil only where something is missing that an error was reported for.
    func plan() -> AppPlan? {
        guard let name = document.name?.value, !order.isEmpty else { return nil }
        var plan = AppPlan(
            file: document.file, name: name, summary: document.summary, trustLabel: document.trustLabel?.value ?? name,
            modules: [], policies: document.policies.compactMap { policies[$0.name.value] }, listeners: [],
            supervisors: [], starts: [], log: log(), metrics: document.metrics?.value, control: document.control?.value,
            warnings: [])
        for module in document.modules {
            guard let source = module.source?.value else { return nil }
            plan.modules.append(
                AppPlan.Module(name: module.name.value, source: source, profile: module.profile?.value))
        }
        for listener in document.listeners {
            guard let address = listener.address?.value else { return nil }
            plan.listeners.append(
                AppPlan.Listener(
                    name: listener.name.value, address: address,
                    backlog: listener.backlog.map { UInt16(clamping: $0.value) } ?? AppPlan.Listener.defaultBacklog))
        }
        var indices: [String: Int] = [:]
        for (index, supervisor) in order.enumerated() { indices[supervisor.name] = index }
        plan.supervisors = order.map { supervisor in
            AppPlan.Supervisor(
                name: title(supervisor), path: name, flags: flags(supervisor), children: [], parent: nil,
                origin: supervisor.origin)
        }
        for (index, supervisor) in order.enumerated() {
            for child in supervisor.children {
                guard add(child, to: &plan, index, indices) else { return nil }
            }
        }
        plan.warnings = warnings(plan)
        return plan
    }

    private func add(
        _ child: AppDocument.Child, to plan: inout AppPlan, _ index: Int, _ indices: [String: Int]
    ) -> Bool {
        guard let id = child.id?.value else { return false }
        let above = plan.supervisors[index].path
        if let reference = child.supervisor?.value {
            guard let next = indices[reference] else { return false }
            plan.supervisors[index].children.append(spec(child, id: id, start: plan.starts.count))
            plan.supervisors[next].path = "\(above)/\(id)"
            plan.supervisors[next].parent = index
            plan.starts.append(.supervisor(next))
            return true
        }
        guard var process = process(child, plan, index) else { return false }
        guard let count = child.instances.map({ Int($0.value) }) else {
            process.path = "\(above)/\(id)"
            plan.supervisors[index].children.append(spec(child, id: id, start: plan.starts.count))
            plan.starts.append(.process(process))
            return true
        }
        for (number, name) in zip(1...count, AppBuilder.copies(of: process.registeredName, count)) {
            process.path = "\(above)/\(id)/\(number)"
            process.copy = AppPlan.Copy(number: number, count: count)
            process.registeredName = name
            plan.supervisors[index].children.append(spec(child, id: "\(id)/\(number)", start: plan.starts.count))
            plan.starts.append(.process(process))
        }
        return true
    }

    private static func copies(of name: String?, _ count: Int) -> [String?] {
        (1...count).map { number in name.map { "\($0)/\(number)" } }
    }

    private func process(_ child: AppDocument.Child, _ plan: AppPlan, _ index: Int) -> AppPlan.Process? {
        guard let module = plan.modules.firstIndex(where: { $0.name == child.module?.value }),
            let policy = plan.policies.firstIndex(where: { $0.name == child.policy?.value })
        else { return nil }
        var limits = plan.policies[policy].compiled.capabilities.limits
        for (key, limit) in child.limits { limits[key] = limit.value }
        return AppPlan.Process(
            path: "", supervisor: index, copy: nil, module: module, policy: policy,
            profile: plan.modules[module].profile ?? plan.policies[policy].compiled.profile,
            function: child.function?.value, arguments: child.arguments.map(\.value),
            environment: child.environment.map { AppPlan.Variable(name: $0.name, value: $0.value.value) },
            listeners: child.listeners.compactMap { name in
                plan.listeners.firstIndex { $0.name == name.value }
            }, registeredName: child.registeredName?.value, acknowledges: child.acknowledges?.value ?? false,
            health: child.health.flatMap(AppBuilder.health), limits: limits, origin: child.origin)
    }

    private static func health(_ written: AppDocument.Health) -> AppPlan.Health? {
        let probe: AppPlan.Health.Probe
        if let message = written.message {
            probe = .message(message.value)
        } else if let export = written.export {
            probe = .export(export.value)
        } else {
            return nil
        }
        return AppPlan.Health(
            probe: probe, interval: written.interval?.value ?? AppPlan.Health.defaultInterval,
            timeout: written.timeout?.value ?? AppPlan.Health.defaultTimeout,
            threshold: Int(written.threshold?.value ?? AppPlan.Health.defaultThreshold))
    }

    private func log() -> AppPlan.Log {
        var log = AppPlan.Log()
        log.directory = document.log.directory?.value
        log.rotateSize = document.log.rotateSize?.value ?? log.rotateSize
        log.rotateCount = document.log.rotateCount.map { Int($0.value) } ?? log.rotateCount
        log.rate = document.log.rate?.value ?? log.rate
        return log
    }
}
