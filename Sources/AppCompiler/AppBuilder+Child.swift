// What each child must have, and what its policy must let it have.

internal import CapabilityModel
internal import PolicyCompiler

extension AppBuilder {
    /// What a supervisor as a child cannot have.
    private static let moduleKeys = [
        "function", "policy", "args", "env", "instances", "listeners", "name", "acknowledges", "health",
        "limits",
    ]

    mutating func check(_ child: AppDocument.Child, of supervisor: AppDocument.Supervisor) {
        if let place = child.keys["supervisor"] {
            return checkSupervisor(child, of: supervisor, at: place)
        }
        guard child.keys["module"] != nil else {
            errors.append(
                PolicyError(
                    at: child.origin, "the child has neither module nor supervisor",
                    advice: "write module = \"NAME\", of [modules], or supervisor = \"NAME\", of [supervisors]"))
            return
        }
        let module = child.module.flatMap { name in document.modules.first { $0.name.value == name.value } }
        if let name = child.module, module == nil {
            errors.append(unknown("module", name, in: "modules", among: document.modules.map(\.name.value)))
        }
        if child.keys["policy"] == nil {
            errors.append(
                PolicyError(
                    at: child.origin, "`policy` is missing",
                    advice: "write what the child may touch: policy = \"NAME\", of [policies]"))
        } else if let name = child.policy {
            if !document.policies.contains(where: { $0.name.value == name.value }) {
                errors.append(unknownPolicy(name))
            } else if let policy = policies[name.value] {
                check(child, under: policy, module)
            }
        }
        checkListenerNames(child)
        checkSizes(child)
        checkHealth(child)
        if supervisor.strategy?.value == "simple_one_for_one" { checkTemplate(child) }
    }

    private func unknownPolicy(_ name: Written<String>) -> PolicyError {
        var error = unknown("policy", name, in: "policies", among: document.policies.map(\.name.value))
        if ShippedPolicies.names.contains(name.value) {
            error.suggestion = nil
            error.advice = "to use the shipped one, write \(name.value) = \"\(name.value)\" under [policies]"
        }
        return error
    }

    private mutating func checkSupervisor(
        _ child: AppDocument.Child, of supervisor: AppDocument.Supervisor, at place: PolicyOrigin
    ) {
        if let module = child.keys["module"] {
            errors.append(
                PolicyError(
                    at: module, "the child is a supervisor already", advice: "remove one of them",
                    related: [PolicyError.Related(origin: place, note: "which stands here")]))
        }
        for key in AppBuilder.moduleKeys {
            guard let own = child.keys[key] else { continue }
            errors.append(
                PolicyError(
                    at: own, "a supervisor has no `\(key)`", advice: "write it in the supervisor's children",
                    related: [PolicyError.Related(origin: place, note: "this makes it a supervisor")]))
        }
        if supervisor.strategy?.value == "simple_one_for_one" {
            errors.append(
                PolicyError(
                    at: place, "a template has a module: each of its children would be the same supervisor",
                    advice: "write module = \"NAME\", or another strategy"))
        }
    }

    /// Every child that is started from a template is alike.
    private mutating func checkTemplate(_ child: AppDocument.Child) {
        if let place = child.keys["instances"] {
            errors.append(
                PolicyError(
                    at: place, "a template is not started with its supervisor",
                    advice: "start as many children as are wanted with `bulkhead start-child`"))
        }
        if let place = child.keys["name"] {
            errors.append(
                PolicyError(
                    at: place, "every child of the template would take this name",
                    advice: "let the children register themselves"))
        }
    }

    private mutating func checkListenerNames(_ child: AppDocument.Child) {
        if child.listeners.count > 16 {
            errors.append(
                PolicyError(
                    at: child.keys["listeners"] ?? child.origin,
                    "\(child.listeners.count) listeners are more than a child can be given", advice: "name at most 16"))
        }
        for name in child.listeners where !document.listeners.contains(where: { $0.name.value == name.value }) {
            errors.append(unknown("listener", name, in: "listeners", among: document.listeners.map(\.name.value)))
        }
    }

    /// Arguments and variables go to the cell in one message, with room for those that the policy adds.
    private mutating func checkSizes(_ child: AppDocument.Child) {
        let bytes =
            child.arguments.reduce(0) { $0 + $1.value.utf8.count }
            + child.environment.reduce(0) { $0 + $1.name.utf8.count + 1 + $1.value.value.utf8.count }
        let places = child.keys["args"] ?? child.keys["env"] ?? child.origin
        if bytes > 32 << 10 {
            errors.append(
                PolicyError(
                    at: places, "arguments and variables have \(bytes) bytes together",
                    advice: "write at most \(32 << 10), or put them into a file that the policy mounts"))
        }
        if max(child.arguments.count, child.environment.count) > 512 {
            errors.append(
                PolicyError(
                    at: places,
                    "\(max(child.arguments.count, child.environment.count)) arguments or variables are too many",
                    advice: "write at most 512 of each"))
        }
    }

    private mutating func checkHealth(_ child: AppDocument.Child) {
        guard let health = child.health else { return }
        let timeout = health.timeout?.value ?? AppPlan.Health.defaultTimeout
        let interval = health.interval?.value ?? AppPlan.Health.defaultInterval
        guard timeout > interval else { return }
        errors.append(
            PolicyError(
                at: health.timeout?.origin ?? health.interval?.origin ?? health.origin,
                "an answer may take \(Units.durationText(timeout)), and the next check comes after "
                    + Units.durationText(interval),
                advice: "write a timeout that is no longer than the interval"))
    }

    // MARK: Under its policy

    private mutating func check(
        _ child: AppDocument.Child, under policy: AppPlan.Policy, _ module: AppDocument.Module?
    ) {
        let compiled = policy.compiled
        func note(_ key: String, _ text: String) -> [PolicyError.Related] {
            compiled.origins(of: PolicyKey(key)).prefix(1).map { PolicyError.Related(origin: $0, note: text) }
        }
        func absent(_ key: String) -> [PolicyError.Related] {
            let origins = compiled.origins(of: PolicyKey(key))
            guard let place = origins.first(where: { !$0.isPresent }) else { return note(key, "what it allows") }
            return [PolicyError.Related(origin: place, note: "it would stand here")]
        }
        let own = "its policy `\(policy.name)`"
        if let module { checkModule(module, child, policy) }
        for (key, limit) in child.limits {
            guard let most = compiled.capabilities.limits[key], limit.value ?? .max > most else { continue }
            errors.append(
                PolicyError(
                    at: limit.origin, "\(own) allows no more than \(Units.text(most, of: key))",
                    advice: "write less, or raise the policy's", related: note("limits.\(key.rawValue)", "the policy's")
                ))
        }
        if let first = child.arguments.first, !compiled.capabilities.arguments {
            errors.append(
                PolicyError(
                    at: child.keys["args"] ?? first.origin, "\(own) does not let it see its command line",
                    advice: "write args = true in the policy, or remove them", related: absent("args")))
        }
        for variable in child.environment where !compiled.capabilities.environment.passes(variable.name) {
            let isSet = compiled.capabilities.environment.set[variable.name] != nil
            errors.append(
                PolicyError(
                    at: variable.value.origin,
                    isSet
                        ? "\(own) sets this variable itself" : "\(own) does not let this variable through",
                    advice: isSet
                        ? "remove one of them" : "add it to `allow` under [env] in the policy, or remove it here",
                    related: note("env", isSet ? "the policy's stands among these" : "what it allows")))
        }
        for name in child.listeners {
            guard let listener = document.listeners.first(where: { $0.name.value == name.value }),
                let address = listener.address?.value
            else { continue }
            if compiled.capabilities.listen.contains(where: { $0.covers(address) }) { continue }
            errors.append(
                PolicyError(
                    at: name.origin, "\(own) does not let it listen on \(address)",
                    advice: "add \"\(address)\" to `listen` under [net] in the policy", related: absent("net.listen")))
        }
        if let name = child.registeredName,
            let refused = AppBuilder.names(of: child).first(where: {
                !NamePattern.covers(compiled.capabilities.process.register, $0)
            })
        {
            errors.append(
                PolicyError(
                    at: name.origin, "\(own) does not let it register `\(refused)`",
                    advice: "add it to `register` under [process] in the policy", related: absent("process.register")))
        }
    }

    private mutating func checkModule(
        _ module: AppDocument.Module, _ child: AppDocument.Child, _ policy: AppPlan.Policy
    ) {
        if let asked = module.profile, let wanted = asked.value, let said = policy.compiled.profile, wanted != said {
            let places = policy.compiled.origins(of: PolicyKey("cell.profile")).prefix(1)
            errors.append(
                PolicyError(
                    at: asked.origin,
                    "the module is to be \(wanted.rawValue), and `\(policy.name)` asks for \(said.rawValue)",
                    advice: "remove one of them, or use a policy of its own",
                    related: places.map { PolicyError.Related(origin: $0, note: "it stands here") }))
        }
        let pins = policy.compiled.modulePins
        guard !pins.isEmpty, let source = module.source else { return }
        let digest: String
        switch source.value {
        case .digest(let text): digest = text
        case .path(let path):
            // Whether it can be read at all was said already.
            guard case .success(let text) = host.digest(path) else { return }
            digest = text
        }
        guard !pins.contains(digest) else { return }
        errors.append(
            PolicyError(
                at: child.module?.origin ?? child.origin,
                "`\(module.name.value)` is not a module that `\(policy.name)` is for: its SHA-256 is \(digest)",
                advice: "pin this one in the policy, or use another policy",
                related: policy.compiled.origins(of: PolicyKey("module.sha256")).prefix(1).map {
                    PolicyError.Related(origin: $0, note: "what it is for")
                }))
    }
}
