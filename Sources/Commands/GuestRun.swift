// What `bulkhead run` does, step by step: policy, module, grants opened, cell, report.

import AuditLog
import CapabilityModel
import CellProtocol
import CellSupervisor
import Glibc
import LinuxKernel
import ModuleCache
import PolicyCompiler

/// Ends a run before the guest starts: what to print and with which status to exit.
struct RunFailure: Error {
    let message: String
    let status: Int32
}

struct GuestRun {
    let options: RunCommand
    /// Started before anything was read, so that it gets ready meanwhile; nil when it could not be, or not yet.
    let spare: SpareCell?

    /// The guest's.
    private var arguments: [String] {
        options.arguments.first == "--" ? Array(options.arguments.dropFirst()) : options.arguments
    }

    /// The exit status.
    func perform() -> Int32 {
        do throws(RunFailure) {
            return try run()
        } catch {
            // Policies and paths are quoted in it, and may hold anything.
            for line in error.message.split(separator: "\n", omittingEmptySubsequences: false) where !line.isEmpty {
                StandardError.write(EscapedText.escapedAgain(String(line)) + "\n")
            }
            return error.status
        }
    }

    private func run() throws(RunFailure) -> Int32 {
        let directory = try currentDirectory()
        let flags = try grants().map { grants throws(RunFailure) in try document(of: grants, in: directory) }
        if options.printPolicy {
            guard let flags else {
                throw RunFailure(message: "bulkhead: --print-policy needs quick grants such as --dir", status: 64)
            }
            print(try printed(flags), terminator: "")
            return 0
        }
        guard let modulePath = options.module else {
            throw RunFailure(message: "bulkhead: no module given; see `bulkhead run --help`", status: 64)
        }
        if let workers = options.workers, !(1...RunCommand.maximumWorkers).contains(workers) {
            throw RunFailure(message: "bulkhead: --workers is 1 to \(RunCommand.maximumWorkers)", status: 64)
        }
        let others = try AppModules.parse(options.modules)
        var policy = try compile(flags: flags, in: directory)
        try require(policy)
        for warning in PolicyWarnings.of(policy) {
            StandardError.write("bulkhead: " + EscapedText.forTerminal(warning) + "\n")
        }
        let locations = Locations.current()
        let log = try openLog(locations)
        defer { log.close() }

        let name = String(modulePath.split(separator: "/").last ?? "module")
        let loading = ModuleLoading(locations: locations, log: log)
        let module = try loading.load(modulePath, profile: policy.profile, policyDigest: policy.digest)
        try check(module, against: policy, name: name)
        // One engine runs them all, so they share its profile.
        let profile = module.summary.profile
        var modules = AppModules()
        for (other, path) in others {
            let loaded = try loading.load(path, profile: profile, policyDigest: policy.digest)
            try check(loaded, against: policy, name: other)
            modules.append(other, loaded)
        }
        if module.summary.spawns || modules.summaries.contains(where: \.spawns) {
            if policy.capabilities.process.policies.contains(where: PolicyLoader.isPattern) {
                policy = try compile(flags: flags, in: directory, expandingPatterns: true)
            }
        }
        log.record(.policyLoaded(sources: policySources()), process: name, policyDigest: policy.digest)
        for (other, digest) in zip(modules.names, modules.digests) {
            log.record(
                .moduleLoaded(name: other, moduleDigest: digest), process: name, policyDigest: policy.digest)
        }
        log.flush()
        guard !log.hasFailed else {
            throw RunFailure(message: "bulkhead: nothing runs without its audit log", status: RunStatus.failed)
        }

        let opener = GrantOpener(policy: policy)
        let mounts = try opener.mounts()
        var files: [SocketFile] = []
        let listeners = try opener.listeners(&files)
        defer { withExtendedLifetime(files) {} }
        let places = try opener.places(beneath: mounts.rawValues)
        let digest = module.digest
        let request = CellRequest(
            name: name, moduleDigest: digest, policy: policy, profile: profile,
            arguments: guestArguments(name, policy), environment: opener.environment(), entry: entry(),
            code: module.takeCode(), mounts: mounts, listeners: listeners, moduleNames: modules.names,
            moduleCode: modules.takeCode(), places: places, workers: options.workers ?? 0)
        return try supervise(request, policy: policy, log: log, name: name)
    }

    private func supervise(
        _ request: CellRequest, policy: CompiledPolicy, log: RunLog, name: String
    ) throws(RunFailure) -> Int32 {
        let executable = try Companion.path("bulkhead-cell")
        let outcome: CellOutcome
        do throws(CellError) {
            let cell = if let spare { spare } else { try SpareCell(executable: executable) }
            outcome = try CellRun(request, in: cell, observer: log).run()
        } catch {
            throw RunFailure(
                message: "bulkhead: \(error)", status: error.isOfPolicy ? RunStatus.refused : RunStatus.failed)
        }
        for result in outcome.results {
            print(EscapedText.forTerminal(result))
        }
        let report = RunReport(
            process: name, reason: outcome.reason, denials: log.denials, stopped: outcome.stopped,
            provenance: policy.provenance, style: TerminalStyle.standard(STDERR_FILENO))
        let lines = report.lines()
        if !lines.isEmpty {
            StandardError.write(lines.joined(separator: "\n") + "\n")
        }
        return status(of: outcome)
    }

    /// A guest that ended well without its output having arrived has not ended well for who asked for it.
    private func status(of outcome: CellOutcome) -> Int32 {
        let status = RunStatus.code(for: outcome.reason)
        for failure in outcome.failures {
            StandardError.write("bulkhead: the guest's \(failure.stream) broke off: \(failure.error)\n")
        }
        return status == 0 && outcome.failures.contains(where: \.isOutput) ? RunStatus.outputLost : status
    }

    // MARK: Policy

    private func grants() -> QuickGrants? {
        var grants = QuickGrants()
        grants.directories = options.dir
        grants.environment = options.env
        grants.listen = options.listen
        grants.connect = options.connect
        grants.memory = options.maxMemory
        grants.timeout = options.timeout
        return grants.isEmpty ? nil : grants
    }

    private func document(of grants: QuickGrants, in directory: String) throws(RunFailure) -> PolicyDocument {
        do throws(PolicyErrors) {
            return try grants.document(currentDirectory: directory)
        } catch {
            throw RunFailure(message: "\(error)", status: RunStatus.refused)
        }
    }

    private func compile(
        flags: PolicyDocument?, in directory: String, expandingPatterns: Bool = false
    ) throws(RunFailure) -> CompiledPolicy {
        do throws(PolicyErrors) {
            var loader = PolicyLoader.host
            loader.expandsPatterns = expandingPatterns
            var documents: [PolicyDocument] = []
            for reference in options.policy {
                documents.append(try loader.load(reference, in: directory))
            }
            var policy = try PolicyCompiler.compile(documents, flags: flags)
            if let profile = options.profile, profile != "auto" {
                guard let chosen = ExecutionProfile(rawValue: profile) else {
                    throw PolicyErrors([])
                }
                policy.profile = chosen
            }
            return policy
        } catch {
            let message = error.errors.isEmpty ? "bulkhead: --profile is dense, heavy or auto" : "\(error)"
            throw RunFailure(message: message, status: RunStatus.refused)
        }
    }

    /// With policies beside them the flags are a document of their own; alone they stand on the default.
    private func printed(_ flags: PolicyDocument) throws(RunFailure) -> String {
        do throws(PolicyErrors) {
            return options.policy.isEmpty ? try PolicyDocument.standalone(flags).tomlText : flags.tomlText
        } catch {
            throw RunFailure(message: "\(error)", status: RunStatus.refused)
        }
    }

    /// Layers that a cell has around it today; `no-wasm-only` is the policy compiler's to check.
    static var layers: Set<String> {
        Landlock.isSupported ? ["seccomp", "landlock", "no-wasm-only"] : ["seccomp", "no-wasm-only"]
    }

    private func require(_ policy: CompiledPolicy) throws(RunFailure) {
        let missing = policy.require.subtracting(GuestRun.layers).sorted()
        guard missing.isEmpty else {
            throw RunFailure(
                message:
                    "bulkhead: the policy requires layers that cells do not have: \(missing.joined(separator: ", "))"
                    + places(of: PolicyKey("cell.require"), in: policy)
                    + "\n  remove them from cell.require to run with less",
                status: RunStatus.refused)
        }
        guard policy.seccomp == .kill || !policy.require.contains("seccomp") else {
            throw RunFailure(
                message: "bulkhead: the policy requires seccomp, and cell.seccomp = \"log\" does not enforce it"
                    + places(of: PolicyKey("cell.require"), in: policy),
                status: RunStatus.refused)
        }
    }

    private func policySources() -> [String] {
        options.policy.isEmpty ? ["builtin:pure-compute"] : options.policy
    }

    // MARK: Module

    private func check(
        _ module: borrowing LoadedModule, against policy: CompiledPolicy, name: String
    ) throws(RunFailure) {
        if !policy.modulePins.isEmpty, !policy.modulePins.contains(module.digest) {
            throw RunFailure(
                message: "bulkhead: \(name) is not the module that the policy pins\n  its SHA-256 is \(module.digest)\n"
                    + "  module.sha256 allows \(policy.modulePins.sorted().joined(separator: ", "))"
                    + places(of: PolicyKey("module.sha256"), in: policy),
                status: RunStatus.refused)
        }
        guard policy.onDenied == .refuse else { return }
        let refused = module.summary.imports.compactMap { item -> String? in
            guard case .denied(let key)? = policy.imports[item.name] else { return nil }
            return "  \(EscapedText.forTerminal("\(item.name)")): denied by \(key.path)" + places(of: key, in: policy)
        }
        guard refused.isEmpty else {
            throw RunFailure(
                message: "bulkhead: \(name) imports what the policy denies, and on_denied = \"refuse\":\n"
                    + refused.joined(separator: "\n"),
                status: RunStatus.refused)
        }
    }

    private func places(of key: PolicyKey, in policy: CompiledPolicy) -> String {
        let texts = policy.origins(of: key).prefix(3).map { origin in
            let place = origin.line > 0 ? "\(origin.file):\(origin.line)" : origin.file
            return origin.isPresent ? place : "\(place) (lacks \(origin.keyPath))"
        }
        return texts.isEmpty ? "" : " at " + texts.joined(separator: ", ")
    }

    // MARK: The guest's surroundings

    private func guestArguments(_ name: String, _ policy: CompiledPolicy) -> [[UInt8]] {
        // The parser's strings have lost what is not UTF-8. The guest's arguments are the command line's last words.
        let own = policy.capabilities.arguments && options.invoke == nil
        return [Array(name.utf8)] + (own ? HostProcess.arguments().suffix(arguments.count) : [])
    }

    private func entry() -> CellPlan.Entry {
        options.invoke.map { .invoke(name: $0, arguments: arguments) } ?? .start
    }

    private func currentDirectory() throws(RunFailure) -> String {
        guard let path = HostProcess.currentDirectory() else {
            throw RunFailure(message: "bulkhead: the current directory is gone", status: RunStatus.failed)
        }
        return path
    }

    private func openLog(_ locations: Locations) throws(RunFailure) -> RunLog {
        do {
            return try RunLog(locations)
        } catch {
            throw RunFailure(
                message: "bulkhead: the audit log cannot be written, and nothing runs without it: \(error)"
                    + "\n  BULKHEAD_STATE_DIR names another place for it",
                status: RunStatus.failed)
        }
    }
}
