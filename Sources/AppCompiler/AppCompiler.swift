// App file → plan. Pure but for what the host is asked: nothing starts, nothing is opened.

internal import CapabilityModel
package import PolicyCompiler

package enum AppCompiler {
    /// Reads and compiles an app file's text. Throws everything that is wrong with it and with the policies it names.
    ///
    /// `file` is what messages call it; relative paths in the text start at `baseDirectory`, which is absolute.
    package static func compile(
        text: String, file: String, baseDirectory: String, host: AppHost
    ) throws(PolicyErrors) -> AppPlan {
        let (document, mistakes) = AppDocument.read(text: text, file: file, baseDirectory: baseDirectory)
        // Without a root nothing was read: the rest would only confuse.
        guard document.root != nil else { throw PolicyErrors(mistakes) }
        var builder = AppBuilder(document, host)
        builder.errors = mistakes
        builder.check()
        var known: Set<PolicyError> = []
        let errors = builder.errors.filter { known.insert($0).inserted }
        guard errors.isEmpty, let plan = builder.plan() else { throw PolicyErrors(errors) }
        return plan
    }
}

/// What compiling one document gathers.
struct AppBuilder {
    let document: AppDocument
    let host: AppHost
    var errors: [PolicyError] = []
    /// Those that compile, by name.
    var policies: [String: AppPlan.Policy] = [:]
    /// In the order of the tree: the top first, each before its children.
    var order: [AppDocument.Supervisor] = []

    init(_ document: AppDocument, _ host: AppHost) {
        self.document = document
        self.host = host
    }

    /// More than any machine runs as children of supervisors from a file.
    static let maximumProcesses: UInt64 = 100_000

    mutating func check() {
        guard let root = document.root else { return }
        let supervisors = [root] + document.others
        let count = supervisors.flatMap(\.children).reduce(0) { $0 + ($1.instances?.value ?? 1) }
        guard count <= AppBuilder.maximumProcesses else {
            errors.append(
                PolicyError(
                    at: root.origin, "the app has \(count) children",
                    advice:
                        "write at most \(AppBuilder.maximumProcesses); more can be started by supervisors in a guest"))
            return
        }
        compilePolicies()
        checkModules()
        checkListeners()
        walk()
        checkPaths()
        for supervisor in supervisors {
            checkIDs(of: supervisor)
            for child in supervisor.children { check(child, of: supervisor) }
            checkSpecs(of: supervisor)
        }
        checkNames(supervisors)
    }

    func title(_ supervisor: AppDocument.Supervisor) -> String {
        supervisor.name.isEmpty ? document.name?.value ?? "the top" : supervisor.name
    }

    /// A name that nothing has, with the nearest that something has.
    func unknown(_ what: String, _ name: Written<String>, in table: String, among names: [String]) -> PolicyError {
        let shown = TOMLParser.shown(name.value)
        return PolicyError(
            at: name.origin, "there is no \(what) named `\(shown)`",
            suggestion: PolicySchema.nearest(to: name.value, among: names),
            advice: names.isEmpty
                ? "[\(table)] has none: add it there" : "[\(table)] has: \(AppBuilder.listed(names))")
    }

    /// The first of them, for a message.
    static func listed(_ names: [String]) -> String {
        names.count <= 12
            ? names.joined(separator: ", ")
            : names.prefix(12).joined(separator: ", ") + " and \(names.count - 12) more"
    }

    // MARK: What stands by itself

    private mutating func compilePolicies() {
        for policy in document.policies {
            var documents: [PolicyDocument] = []
            var failures: [PolicyError] = []
            for reference in policy.references {
                do throws(PolicyErrors) {
                    documents.append(
                        try host.policies.load(
                            reference.value, in: document.baseDirectory, from: reference.origin))
                } catch {
                    failures += error.errors
                }
            }
            failures += documents.flatMap(host.mounts)
            if failures.isEmpty, !documents.isEmpty {
                do throws(PolicyErrors) {
                    let compiled = try PolicyCompiler.compile(documents)
                    failures += layerErrors(compiled, policy)
                    policies[policy.name.value] = AppPlan.Policy(
                        name: policy.name.value, references: policy.references.map(\.value), compiled: compiled,
                        warnings: PolicyWarnings.of(compiled), origin: policy.name.origin)
                } catch {
                    failures += error.errors
                }
            }
            errors += failures
        }
    }

    /// What this machine cannot put around a cell, and a policy will not go without.
    private func layerErrors(_ compiled: CompiledPolicy, _ policy: AppDocument.Policy) -> [PolicyError] {
        guard let machine = host.machine else { return [] }
        let place = compiled.origins(of: PolicyKey("cell.require")).first ?? policy.name.origin
        let missing = compiled.require.subtracting(machine.layers).sorted()
        if !missing.isEmpty {
            return [
                PolicyError(
                    at: place, "cells do not have these layers here: \(missing.joined(separator: ", "))",
                    advice: "remove them to run with less")
            ]
        }
        guard compiled.seccomp == .log, compiled.require.contains("seccomp") else { return [] }
        return [
            PolicyError(
                at: place, "seccomp is required, and cell.seccomp = \"log\" does not enforce it",
                advice: "remove one of them")
        ]
    }

    private mutating func checkModules() {
        for module in document.modules {
            guard let source = module.source else { continue }
            if case .failure(let fault) = host.module(source.value) {
                errors.append(fault.error(at: source.origin))
            }
        }
    }

    private mutating func checkListeners() {
        var known: [NetworkGrant: PolicyOrigin] = [:]
        for listener in document.listeners {
            guard let address = listener.address else { continue }
            if let first = known[address.value] {
                errors.append(
                    PolicyError(
                        at: address.origin, "`\(address.value)` is listened on twice",
                        advice: "name one listener in both children: each connection goes to one of them",
                        related: [PolicyError.Related(origin: first, note: "the first stands here")]))
            }
            known[address.value] = known[address.value] ?? address.origin
        }
        // The kernel chooses a port, so port 0 is never taken.
        if let metrics = document.metrics, let first = known[metrics.value],
            metrics.value.ports != 0...0
                || metrics.value.transport == .unix
        {
            errors.append(
                PolicyError(
                    at: metrics.origin, "`\(metrics.value)` is listened on twice",
                    advice: "serve metrics at an address of their own",
                    related: [PolicyError.Related(origin: first, note: "the first stands here")]))
        }
    }

    private mutating func checkIDs(of supervisor: AppDocument.Supervisor) {
        var known: [String: PolicyOrigin] = [:]
        for child in supervisor.children {
            guard let id = child.id else { continue }
            if let first = known[id.value] {
                errors.append(
                    PolicyError(
                        at: id.origin, "`\(id.value)` is the id of two children of `\(title(supervisor))`",
                        advice: "rename one of them",
                        related: [PolicyError.Related(origin: first, note: "the first stands here")]))
            } else {
                known[id.value] = id.origin
            }
        }
    }

    /// Names are the app's, whoever has them.
    private mutating func checkNames(_ supervisors: [AppDocument.Supervisor]) {
        var known: [String: PolicyOrigin] = [:]
        for child in supervisors.flatMap(\.children) {
            guard let name = child.registeredName else { continue }
            for own in AppBuilder.names(of: child) {
                guard let first = known[own] else {
                    known[own] = name.origin
                    continue
                }
                errors.append(
                    PolicyError(
                        at: name.origin, "`\(own)` is registered twice", advice: "rename one of them",
                        related: [PolicyError.Related(origin: first, note: "the first stands here")]))
                break
            }
        }
    }

    /// What a child's copies are registered as.
    static func names(of child: AppDocument.Child) -> [String] {
        guard let name = child.registeredName?.value else { return [] }
        guard let count = child.instances?.value else { return [name] }
        return (1...max(1, count)).map { "\(name)/\($0)" }
    }
}
