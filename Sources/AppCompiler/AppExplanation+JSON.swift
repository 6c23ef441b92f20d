// The JSON of `app explain`: the same as the text.

internal import CapabilityModel
package import PolicyCompiler
internal import Supervision

extension AppExplanation {
    package var json: JSONValue {
        .object([
            "name": .string(plan.name), "description": plan.summary.map { .string($0) }, "file": .string(plan.file),
            "trust_label": .string(plan.trustLabel),
            "warnings": .array(
                plan.warnings.map { warning in
                    .object(["origin": place(warning.origin), "message": .string(warning.message)])
                }),
            "tree": supervisor(0, nil),
            "listeners": .array(
                plan.listeners.map {
                    .object([
                        "name": .string($0.name), "address": .string($0.address.description),
                        "backlog": .integer(UInt64($0.backlog)),
                    ])
                }),
            "policies": .array(plan.policies.map(policy)),
            "cells": .array(
                cells.map {
                    .object([
                        "policy": .string($0.policy), "profile": .string($0.profile),
                        "processes": .integer(UInt64($0.processes)),
                    ])
                }),
            "totals": totalsJSON,
            "log": .object([
                "directory": plan.log.directory.map { .string($0) }, "rotate_size": .integer(plan.log.rotateSize),
                "rotate_count": .integer(UInt64(plan.log.rotateCount)), "rate": .integer(plan.log.rate),
            ]),
            "metrics": plan.metrics.map { .string($0.description) }, "control": plan.control.map { .string($0) },
        ])
    }

    private var totalsJSON: JSONValue {
        let totals = plan.totals
        return .object([
            "processes": .integer(totals.processes), "descendants": .integer(totals.descendants),
            "memory": .integer(totals.memory), "mailbox_bytes": .integer(totals.mailboxBytes),
            "fds": .integer(totals.fds),
        ])
    }

    private func place(_ origin: PolicyOrigin) -> JSONValue {
        .object([
            "file": .string(origin.file), "line": .integer(UInt64(origin.line)),
            "column": .integer(UInt64(origin.column)), "key": .string(origin.keyPath),
        ])
    }

    private func supervisor(_ index: Int, _ spec: ChildSpec?) -> JSONValue {
        let supervisor = plan.supervisors[index]
        let flags = supervisor.flags
        return .object([
            "path": .string(supervisor.path), "type": .string("supervisor"), "name": .string(supervisor.name),
            "origin": place(supervisor.origin), "strategy": .string(flags.strategy.name),
            "intensity": .integer(UInt64(flags.intensity)), "period": .integer(UInt64(flags.period)),
            "auto_shutdown": .string(flags.autoShutdown.name),
            "backoff": flags.backoff.map { backoff in
                .object([
                    "initial": .integer(backoff.first), "maximum": .integer(backoff.most),
                    "factor": .integer(backoff.factor), "jitter": .integer(backoff.jitter),
                    "reset": .integer(backoff.reset),
                ])
            },
            "restart": spec.map { .string($0.restart.name) }, "shutdown": spec.map { .string(shutdown($0)) },
            "significant": spec.map { .boolean($0.significant) }, "words": .strings(sentences(supervisor)),
            "children": .array(
                supervisor.children.map { child in
                    switch plan.start(child.start) {
                    case .supervisor(let next)?: self.supervisor(next, child)
                    case .process(let process)?: self.process(process, child, supervisor)
                    case nil: .null
                    }
                }),
        ])
    }

    private func process(
        _ process: AppPlan.Process, _ spec: ChildSpec, _ supervisor: AppPlan.Supervisor
    ) -> JSONValue {
        let module = plan.modules[process.module]
        var (path, digest): (String?, String?) = (nil, nil)
        switch module.source {
        case .path(let text): path = text
        case .digest(let text): digest = text
        }
        return .object([
            "path": .string(process.path), "type": .string("worker"), "id": .string(spec.id.name),
            "template": .boolean(plan.isTemplate(process)), "origin": place(process.origin),
            "module": .object([
                "name": .string(module.name), "path": path.map { .string($0) }, "sha256": digest.map { .string($0) },
            ]),
            "profile": .string(process.profile?.rawValue ?? "auto"),
            "policy": .string(plan.policies[process.policy].name),
            "function": process.function.map { .string($0) }, "args": .strings(process.arguments),
            "env": .object(
                process.environment.map { JSONValue.Member(name: $0.name, value: .string($0.value)) }),
            "listeners": .strings(process.listeners.map { plan.listeners[$0].name }),
            "name": process.registeredName.map { .string($0) }, "acknowledges": .boolean(process.acknowledges),
            "restart": .string(spec.restart.name), "shutdown": .string(shutdown(spec)),
            "significant": .boolean(spec.significant),
            "health": process.health.map { health in
                var (message, export): (String?, String?) = (nil, nil)
                switch health.probe {
                case .message(let text): message = text
                case .export(let text): export = text
                }
                return .object([
                    "message": message.map { .string($0) }, "export": export.map { .string($0) },
                    "interval": .integer(health.interval), "timeout": .integer(health.timeout),
                    "threshold": .integer(UInt64(health.threshold)),
                ])
            },
            "limits": .object(limits(process).map { JSONValue.Member(name: $0.key.rawValue, value: .string($0.text)) }),
            "words": .strings(
                [restart(spec), stop(spec)]
                    + [significance(spec, of: supervisor), process.health.map(check)]
                    .compactMap { $0 }),
        ])
    }

    private func policy(_ policy: AppPlan.Policy) -> JSONValue {
        .object([
            "name": .string(policy.name), "references": .strings(policy.references),
            "digest": .string(policy.compiled.digest), "warnings": .strings(policy.warnings),
            "grants": .array(
                grants(policy).map {
                    .object([
                        "key": .string($0.key), "value": .string($0.value), "enforcer": .string($0.enforcer),
                    ])
                }),
            "limits": .object(limits(policy).map { JSONValue.Member(name: $0.key.rawValue, value: .string($0.text)) }),
        ])
    }
}
