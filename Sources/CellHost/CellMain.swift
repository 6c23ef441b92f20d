// A cell from its first instruction to its last: hear the plan, load, link, run, report, end.

import CapabilityModel
import CellProtocol
import Glibc
import LinuxKernel
import ProcessRuntime
import WASIPreview1
import WasmEngine

package enum CellMain {
    /// Never returns: a cell ends with its guest, by _exit(2), for there is nothing to tidy that the kernel does not.
    package static func run() -> Never {
        let control = ControlChannel()
        let warm = WarmEngine()
        guard let (message, descriptors) = control.receive(waits: true), case .run = message else {
            StandardError.write("bulkhead-cell: started without a supervisor\n")
            _exit(70)
        }
        // A guest that writes to a closed pipe, or past a file size limit, gets an errno: it must not end the cell.
        try? Signal.ignore(Signal.pipe)
        try? Signal.ignore(Signal.fileSizeLimit)
        let reporter = DenialReporter(control: control)
        // The guest is kept to the end: the kernel takes back its memory faster than it could be unmapped here.
        let (reason, guest) = runGuest(descriptors, warm: warm, control: control, reporter: reporter)
        reporter.finish()
        _ = control.send(.exited(reason.bounded()), waits: true)
        withExtendedLifetime(guest) { _exit(0) }
    }

    private static func runGuest(
        _ descriptors: [Int32], warm: WarmEngine, control: ControlChannel, reporter: DenialReporter
    ) -> (ExitReason, WasmProcess?) {
        do {
            let (process, _) = try load(descriptors, warm: warm, control: control, reporter: reporter)
            let reason = SingleProcessLoop.run(process)
            if let denial = process.memoryDenial {
                reporter.denied(
                    Denial(
                        call: "memory.grow", arguments: "used=\(denial.used) requested=\(denial.requested)",
                        layer: .limit, key: PolicyKey("limits.memory"), errno: nil))
            }
            if !process.results.isEmpty {
                _ = control.send(.results(process.results), waits: true)
            }
            return (reason, process)
        } catch let error as Refusal {
            return (.refused(message: error.message), nil)
        } catch {
            return (.cellFailed(message: "\(error)"), nil)
        }
    }

    /// The module cannot be run under its policy; the guest's or the policy's fault, not the cell's.
    private struct Refusal: Error {
        let message: String
    }

    private static func load(
        _ descriptors: [Int32], warm: WarmEngine, control: ControlChannel, reporter: DenialReporter
    ) throws -> (WasmProcess, GuestContext) {
        var list = DescriptorList(taking: descriptors)
        let count = descriptors.count
        guard let planFile = list.takeFirst(),
            let bytes = try planFile.readToEnd(limit: WireReader.lengthLimit)
        else { throw WireError.truncated }
        let plan = try CellPlan(decoding: bytes)
        guard count == plan.descriptorCount + 1, let code = list.takeFirst() else {
            throw WireError.invalid("count of descriptors")
        }

        let engine = try warm.engine(
            EngineConfiguration(profile: plan.profile, stackBytes: Int(clamping: plan.limits.stack)))
        let module = try Module(deserializingFile: "/proc/self/fd/\(code.rawValue)", engine: engine)
        let linker = Linker(engine: engine)
        try HostImports.define(in: linker, for: module, by: plan.imports)
        let unresolved = linker.unresolvedImports(of: module)
        guard unresolved.isEmpty else {
            throw Refusal(message: "the module imports what Bulkhead does not have:\n" + describe(unresolved))
        }
        let linked = try linker.link(module)

        let context = try makeContext(plan, &list, control: control, reporter: reporter)
        try seal(plan, mounts: descriptors.dropFirst(2 + plan.streams.count(where: { $0 != .closed })))
        return (WasmProcess(linked, entry: plan.entry, limits: plan.limits, context: context), context)
    }

    /// All code is loaded: from here on the process reaches only the files that its policy grants, and makes only the
    /// calls that it needs.
    /// `mounts` are their descriptors in the plan's order, and what comes behind them.
    private static func seal(_ plan: CellPlan, mounts: ArraySlice<Int32>) throws {
        for limit in plan.resourceLimits {
            try ResourceLimit.lower(limit.name, to: limit.value)
        }
        if let rules = plan.landlock {
            // By descriptor: since the supervisor opened it, a host path may have come to mean something else.
            var places: [String: String] = [:]
            for (mount, raw) in zip(plan.mounts, mounts) {
                places[mount.hostPath] = "/proc/self/fd/\(raw)"
            }
            try Landlock.restrict(
                to: rules.map { LandlockRule(hostPath: places[$0.hostPath] ?? $0.hostPath, access: $0.access) })
        }
        guard !plan.syscallFilter.isEmpty else { throw WireError.invalid("system call filter") }
        _ = try SyscallFilter(program: plan.syscallFilter).install()
    }

    private static func makeContext(
        _ plan: CellPlan, _ list: inout DescriptorList, control: ControlChannel, reporter: DenialReporter
    ) throws -> GuestContext {
        var configuration = WASIProcess.Configuration(
            clocks: plan.clocks, random: plan.random, limits: plan.limits, onDenied: plan.onDenied)
        configuration.arguments = plan.arguments
        configuration.environment = plan.environment
        let wasi = WASIProcess(configuration, denials: reporter)
        for (index, stream) in plan.streams.enumerated() where stream != .closed {
            guard let file = list.takeFirst() else { throw WireError.invalid("count of descriptors") }
            try wasi.setStandardStream(
                index, file, WASIProcess.StreamOptions(isTerminal: stream == .terminal, isOwned: true))
        }
        for mount in plan.mounts {
            guard let directory = list.takeFirst() else { throw WireError.invalid("count of descriptors") }
            try wasi.addMount(mount, directory: directory)
        }
        for _ in 0..<plan.listeners {
            guard let listener = list.takeFirst() else { throw WireError.invalid("count of descriptors") }
            _ = try wasi.insertSocket(listener)
        }
        // Last, because guests count on their listeners to follow the mounts: the first at 3 where nothing is mounted.
        // Not before a listener, whose number is counted from the mounts; and after one, wasi-libc would not find it.
        if plan.listeners == 0, !plan.mounts.contains(where: { $0.guestPath == "/" }) {
            try wasi.addAbsentRoot(standIn: OwnedFileDescriptor(memoryNamed: "absent-root"))
        }
        return GuestContext(wasi: wasi, reporter: reporter, control: control, onDenied: plan.onDenied)
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
