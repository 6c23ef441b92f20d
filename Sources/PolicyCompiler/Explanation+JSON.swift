// The JSON of `policy explain`: the same rows as the text.

internal import CapabilityModel

extension Explanation {
    package var json: JSONValue {
        .object([
            "digest": .string(policy.digest),
            "documents": .array(
                sources.map {
                    .object([
                        "file": .string($0.file), "description": $0.summary.map { .string($0) },
                        "extends": .strings($0.extends),
                    ])
                }),
            "warnings": .strings(warnings),
            "grants": .array(
                grants.map {
                    .object([
                        "key": .string($0.key.path), "value": .string($0.value),
                        "enforcer": .string($0.enforcer.rawValue), "origins": Explanation.json($0.origins),
                    ])
                }),
            "not_granted": .array(
                absences.map { .object(["key": .string($0.key.path), "origins": Explanation.json($0.origins)]) }),
            "limits": .array(
                limits.map {
                    .object([
                        "key": .string($0.key.rawValue),
                        "value": policy.capabilities.limits[$0.key].map { .integer($0) } ?? .string("unlimited"),
                        "text": .string($0.value), "default": .boolean($0.isDefault),
                        "enforcer": .string($0.enforcer.rawValue), "origins": Explanation.json($0.origins),
                    ])
                }),
            "policies": .array(
                policy.named.map { child in
                    .object([
                        "name": .string(child.name), "files": .strings(child.files),
                        "digest": .string(CanonicalForm.digest(of: child)), "on_denied": .string("\(child.onDenied)"),
                        "grants": .array(
                            grants(under: child).map {
                                .object([
                                    "key": .string($0.key.path), "value": .string($0.value),
                                    "origins": Explanation.json($0.origins),
                                ])
                            }),
                        "limits": .object(
                            LimitKey.allCases.map {
                                JSONValue.Member(
                                    name: $0.rawValue, value: .string(Units.text(child.capabilities.limits[$0], of: $0))
                                )
                            }),
                    ])
                }),
            "park_after": policy.parkAfter.map { .integer($0) } ?? .string("never"),
            "on_denied": .string("\(policy.onDenied)"),
            "profile": .string(policy.profile?.rawValue ?? "auto"),
            "seccomp": .string(policy.seccomp.rawValue),
            "require": .strings(policy.require.sorted()),
            "modules": .strings(policy.modulePins.sorted()),
            "imports": importsJSON,
            "kernel": kernelJSON,
        ])
    }

    private var importsJSON: JSONValue {
        .array(
            policy.imports.entries.sorted { $0.key < $1.key }.map { name, disposition in
                var key: JSONValue?
                if case .denied(let denied) = disposition { key = .string(denied.path) }
                return .object([
                    "module": .string(name.module), "name": .string(name.name), "granted": .boolean(key == nil),
                    "key": key,
                ])
            })
    }

    private var kernelJSON: JSONValue {
        let kernel = policy.kernel
        return .object([
            "syscalls": .array(
                kernel.syscalls.map {
                    .object([
                        "name": .string($0.name), "rule": .string(Explanation.syscall($0)),
                        "reason": .string($0.reason),
                    ])
                }),
            "refusals": .object(
                kernel.refusals.sorted { $0.key < $1.key }.map {
                    JSONValue.Member(name: $0.key, value: .string($0.value))
                }),
            "landlock": .array(
                kernel.landlock.map { .object(["path": .string($0.hostPath), "access": .strings($0.access)]) }),
            "resource_limits": .array(
                kernel.resourceLimits.map {
                    .object(["name": .string($0.name), "value": .integer($0.value), "reason": .string($0.reason)])
                }),
            "namespaces": .strings(kernel.namespaces),
        ])
    }

    private static func json(_ origins: [PolicyOrigin]) -> JSONValue {
        .array(
            origins.map {
                .object([
                    "file": .string($0.file), "line": .integer(UInt64($0.line)), "column": .integer(UInt64($0.column)),
                    "key": .string($0.keyPath), "present": .boolean($0.isPresent),
                ])
            })
    }
}
