// What all processes of a cell share: the modules, the authority that the first of them has, and the ways out.

import CapabilityModel
import CellProtocol
import LinuxKernel
import ProcessRuntime
import Synchronization
import WASIPreview1
import WasmEngine

/// A module of the program, and what a process can be started as in it.
final class ProgramModule: Sendable {
    let module: Module
    /// `_initialize()`
    let initializeExport: PreparedExport?
    /// `_start()`
    let startExport: PreparedExport?
    /// `bulkhead_spawned(entry: i32)`
    let spawnedExport: PreparedExport?
    /// How processes of `spawnedExport` have ended.
    let starts = StartHistory()
    /// `bulkhead_message() -> i32`
    let messageExport: PreparedExport?

    init(_ module: Module) {
        self.module = module
        func export(_ name: String, _ type: FunctionType) -> PreparedExport? {
            module.exports[name] == .function(type) ? try? PreparedExport(name, of: module) : nil
        }
        initializeExport = export("_initialize", FunctionType([], []))
        startExport = export("_start", FunctionType([], []))
        spawnedExport = export("bulkhead_spawned", FunctionType([.i32], []))
        messageExport = export("bulkhead_message", FunctionType([], [.i32]))
    }

    var hasInitialize: Bool { initializeExport != nil }
    var hasStart: Bool { startExport != nil }
    var handlesMessages: Bool { messageExport != nil }

    /// Whether it can be a process of its own.
    var isStartable: Bool { hasStart || hasInitialize }
}

final class Program: Sendable {
    let runtime: Runtime
    let engine: Engine
    let modules: [String: ProgramModule]
    let authorities: AuthorityCache
    let reporter: DenialReporter
    let broker: BrokerPort
    /// How long a handler is idle, in nanoseconds, before it is parked; nil is never.
    let parkAfter: UInt64?
    let tidier: Tidier
    private let files: ProgramFiles
    private let root = Atomic<UInt64>(.max)
    /// Whether the engine can interrupt a guest: without that there is one process.
    let maySpawn: Bool

    init(
        runtime: Runtime, engine: Engine, modules: [String: ProgramModule], authorities: AuthorityCache,
        files: ProgramFiles, reporter: DenialReporter, broker: BrokerPort, parkAfter: UInt64?
    ) {
        self.parkAfter = parkAfter
        self.runtime = runtime
        self.engine = engine
        tidier = Tidier(engine)
        maySpawn = engine.configuration.profile == .dense
        self.modules = modules
        self.authorities = authorities
        self.files = files
        self.reporter = reporter
        self.broker = broker
    }

    /// The first process; set before it runs.
    func setRoot(_ process: ProcessID) {
        root.store(process.rawValue, ordering: .relaxed)
    }

    func isRoot(_ process: ProcessID) -> Bool { root.load(ordering: .relaxed) == process.rawValue }

    /// How reports name a process: nil is the first.
    func shownID(_ process: ProcessID) -> UInt64? { isRoot(process) ? nil : process.rawValue }

    /// - Throws: what the kernel says when it has no descriptor left.
    func makeWASI(for context: GuestContext) throws -> WASIProcess {
        let denials = ProcessDenials(
            reporter: reporter, grant: context.grant, process: shownID(context.process.id))
        return WASIProcess(
            try template(for: context), process: context.process.id, account: context.grant.account, denials: denials)
    }

    private func template(for context: GuestContext) throws -> WASITemplate {
        if isRoot(context.process.id) { return files.root }
        if let order = context.grant.order { return try order.template(for: context.process.id, context.grant, files) }
        return try files.template(for: context.grant)
    }

    /// What a supervised child with listeners of its own starts with; they are taken from the list.
    func entry(
        for grant: Grant, _ order: Order, listeners: inout DescriptorList
    ) throws(SystemError) -> WASITemplate {
        order.own(try files.template(for: grant, listeners: &listeners), grant)
    }
}
