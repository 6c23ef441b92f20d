// From a plan to a program that is ready to run in a sealed cell.

import CapabilityModel
import CellProtocol
import LinuxKernel
import ProcessRuntime
import WASIPreview1
import WasmEngine

struct LoadedProgram {
    /// A module cannot be run under its policy; the guest's or the policy's fault, not the cell's.
    struct Refusal: Error {
        let message: String
    }

    let program: Program
    private let plan: CellPlan
    private let control: ControlChannel
    /// The first process's; nil in a hosted cell.
    private let main: (module: ProgramModule, code: Authority.Code)?
    private let grant: Grant

    /// Loads all code, seals the cell, and runs nothing yet. `descriptors` are the plan's own first, then those it counts.
    init(_ descriptors: [Int32], warm: WarmEngine, control: ControlChannel, reporter: DenialReporter) throws {
        var list = DescriptorList(taking: descriptors)
        guard let planFile = list.takeFirst(),
            let bytes = try planFile.readToEnd(limit: WireReader.lengthLimit)
        else { throw WireError.truncated }
        let plan = try CellPlan(decoding: bytes)
        guard descriptors.count == plan.descriptorCount + 1 else { throw WireError.invalid("count of descriptors") }
        func take(_ count: Int) -> [Int32] { (0..<count).compactMap { _ in list.takeFirst()?.release() } }
        let code = take(plan.isHosted ? 0 : 1)
        let streams = take(plan.streamCount)
        let output = take(plan.capturesOutput ? 1 : 0)
        let mounts = take(plan.mounts.count)
        let listeners = take(Int(plan.listeners))
        let modules = take(plan.modules.count)
        let places = take(plan.places.count)

        let engine = try warm.engine(
            EngineConfiguration(profile: plan.profile, stackBytes: Int(clamping: plan.limits.stack)))
        let authority = Authority(
            root: plan.capabilities, onDenied: plan.onDenied, arguments: plan.arguments, environment: plan.environment)
        func load(_ raw: Int32, _ name: String?) throws -> (ProgramModule, Authority.Code) {
            // The descriptor is closed, which the mapping does not mind.
            let file = OwnedFileDescriptor(taking: raw)
            let module = try Module(deserializingFile: "/proc/self/fd/\(file.rawValue)", engine: engine)
            do throws(EngineError) {
                return (ProgramModule(module), try authority.link(module, engine: engine))
            } catch {
                guard case .unresolvedImports(let imports) = error else { throw error }
                let name = name.map { " `\(EscapedText.forTerminal($0))`" } ?? ""
                throw Refusal(
                    message: "the module\(name) imports what Bulkhead does not have:\n" + Self.describe(imports))
            }
        }
        main = try code.first.map { try load($0, nil) }
        var others: [String: ProgramModule] = [:]
        for (name, raw) in zip(plan.modules, modules) { others[name] = try load(raw, name).0 }

        self.plan = plan
        self.control = control
        grant = Grant(authority: authority, limits: plan.limits, account: Account(limits: plan.limits.withItself))
        let runtime = try LoadedProgram.makeRuntime(plan, engine: engine)
        let host = WASIHost(
            reactor: runtime.reactor, pool: runtime.blockingPool, mayBlock: { runtime.processCount <= 1 },
            wake: { runtime.wake($0) })
        program = try Program(
            runtime: runtime, engine: engine, modules: others,
            authorities: AuthorityCache(root: authority, policies: plan.policies),
            files: ProgramFiles(
                plan,
                ProgramFiles.Descriptors(
                    streams: streams, output: output.first, mounts: mounts, listeners: listeners, places: places),
                authority: authority, host: host),
            reporter: reporter, broker: BrokerPort(control: control), parkAfter: plan.parkAfter)
        try control.prepareToSeal(plan.controlSocket)
        try LoadedProgram.seal(plan, mounts: mounts + places)
    }

    /// Makes the first process.
    /// - Returns: it, and what it invokes where that is an export.
    func start() throws -> (ProcessID, WasmProcess.Invocation?) {
        var invocation: WasmProcess.Invocation?
        let start: WasmProcess.Start
        switch plan.entry {
        case .start: start = .program(isHandler: false)
        case .hosted: return (try startKeeper(), nil)
        case .invoke(let name, let arguments):
            let made = WasmProcess.Invocation(name: name, arguments: arguments)
            invocation = made
            start = .invocation(made)
        }
        guard let (module, code) = main else { throw WireError.invalid("entry") }
        let request = SpawnRequest(account: grant.account)
        let spawned = program.runtime.spawn(request) { process in
            program.setRoot(process.id)
            return WasmProcess(
                start: start,
                context: GuestContext(
                    program: program, grant: grant, process: copy process, module: module, code: code))
        }
        return (try spawned.get().process, invocation)
    }

    /// Makes the process that starts children as the supervisor orders.
    private func startKeeper() throws -> ProcessID {
        control.expectOrders()
        // What it uses is for the cell's children, who have budgets of their own.
        var limits = Limits.default
        limits.cpu = nil
        limits.wall = nil
        limits.mailboxBytes = .max
        let request = SpawnRequest(account: Account(limits: limits.withItself), trapsExits: true)
        let spawned = program.runtime.spawn(request) { process in
            program.setRoot(process.id)
            return Keeper(program, grant: grant, control: control, process: copy process)
        }
        return try spawned.get().process
    }

    private static func makeRuntime(_ plan: CellPlan, engine: Engine) throws -> Runtime {
        var configuration = Runtime.Configuration()
        // Guests that are called directly use the worker's stack, and what calls them some of it before.
        configuration.stackSize = max(configuration.stackSize, engine.configuration.directStackBytes + (256 << 10))
        if plan.workers > 0 { configuration.workers = Int(plan.workers) }
        // Without epochs a guest cannot be interrupted; such a program is one process.
        if plan.profile == .dense { configuration.tick = { engine.incrementEpoch() } }
        return try Runtime(configuration)
    }

    /// All code is loaded: from here on the process reaches only the files that its policy grants, and makes only the
    /// calls that it needs. Threads are made later and inherit all of it. `places` are the directories of the plan's mounts
    /// and places, in that order.
    private static func seal(_ plan: CellPlan, mounts places: [Int32]) throws {
        for limit in plan.resourceLimits {
            try ResourceLimit.lower(limit.name, to: limit.value)
        }
        if let rules = plan.landlock {
            // By descriptor: since the supervisor opened it, a host path may have come to mean something else.
            var opened: [String: String] = [:]
            for (path, raw) in zip(plan.mounts.map(\.hostPath) + plan.places.map(\.hostPath), places) {
                opened[path] = "/proc/self/fd/\(raw)"
            }
            try Landlock.restrict(
                to: rules.map { LandlockRule(hostPath: opened[$0.hostPath] ?? $0.hostPath, access: $0.access) })
        }
        guard !plan.syscallFilter.isEmpty else { throw WireError.invalid("system call filter") }
        _ = try SyscallFilter(program: plan.syscallFilter).install()
    }

    private static func describe(_ imports: [UnresolvedImport]) -> String {
        let shown = 20
        var lines = imports.prefix(shown).map { item in
            let name = EscapedText.forTerminal("\(item.name)")
            return "  \(name): \(item.type)" + (item.found.map { ", but it is \($0)" } ?? "")
        }
        if imports.count > shown {
            lines.append("  … \(imports.count - shown) more")
        }
        return lines.joined(separator: "\n")
    }
}
