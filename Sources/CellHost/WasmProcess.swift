// A guest as something that runs in slices: instantiation, `_initialize`, then `_start` or the invoked export.

import CapabilityModel
import CellProtocol
import ProcessRuntime
import WasmEngine

final class WasmProcess: Resumable {
    private enum Stage {
        case instantiating
        case initializing
        case running
    }

    private let module: Module
    private let entry: CellPlan.Entry
    private let context: GuestContext
    private let limits: Limits
    private var store: Store
    private var stage = Stage.instantiating
    /// What an invoked export returned, as text.
    private(set) var results: [String] = []

    init(_ linked: LinkedModule, entry: CellPlan.Entry, limits: Limits, context: GuestContext) {
        module = linked.module
        self.entry = entry
        self.limits = limits
        self.context = context
        store = Store(
            linked, limits: StoreLimits(memoryBytes: limits.memory, tableElements: limits.tableElements),
            context: context)
    }

    /// It has a fiber of its own in any case.
    var canRunDirectly: Bool { false }

    func didOverrun() {}

    func resume(_ mode: ResumeMode) -> Suspension {
        while true {
            switch store.poll() {
            case .yielded:
                return .yielded
            case .waiting:
                return .waiting(context.takeWait())
            case .finished(let values):
                do {
                    if let end = try advance(values) { return .finished(end) }
                } catch {
                    return .finished(.refused(message: "\(error)"))
                }
            case .trapped(let trap):
                return .finished(.trap(kind: trap.kind.rawValue, message: trap.message, backtrace: trap.backtrace))
            case .exited(let code):
                return .finished(code == 0 ? .normal : .exited(code: code))
            case .ended:
                return .finished(.cellFailed(message: "a host function ended the process and gave no reason"))
            case .failed(let message):
                return .finished(reasonOfFailure(message))
            }
        }
    }

    func abandon() {
        // The store unwinds the fiber when this object goes; nothing else is held.
    }

    /// The last growth that a limit refused, for the audit log.
    var memoryDenial: GrowthDenial? { store.memoryDenial }

    /// Begins what comes next; the reason to end when nothing does.
    private func advance(_ values: [WasmValue]) throws(EngineError) -> ExitReason? {
        switch stage {
        case .instantiating:
            stage = .initializing
            if module.exports["_initialize"] != nil {
                try store.call("_initialize")
                return nil
            }
            return try advance([])
        case .initializing:
            stage = .running
            switch entry {
            case .start:
                guard module.exports["_start"] != nil else {
                    return module.exports["_initialize"] != nil
                        ? .normal
                        : .refused(
                            message: "the module exports neither _start nor _initialize; call an export with --invoke")
                }
                try store.call("_start")
            case .invoke(let name, let arguments):
                try store.call(name, try parse(arguments, for: name))
            }
            return nil
        case .running:
            results = values.map(\.description)
            return .normal
        }
    }

    private func parse(_ arguments: [String], for name: String) throws(EngineError) -> [WasmValue] {
        guard case .function(let type)? = module.exports[name] else { throw .noSuchExport(name) }
        var values: [WasmValue] = []
        for (text, parameter) in zip(arguments, type.parameters) {
            guard let value = WasmValue(text, as: parameter) else {
                throw .argumentMismatch(name, type: "\(type) (\(text) is no \(parameter))")
            }
            values.append(value)
        }
        guard arguments.count == type.parameters.count else { throw .argumentMismatch(name, type: "\(type)") }
        return values
    }

    /// A module that does not fit its memory limit cannot even be instantiated: that is the limit's doing.
    private func reasonOfFailure(_ message: String) -> ExitReason {
        if let denial = store.memoryDenial {
            // A 64-bit memory may ask for nearly all of 2^64 bytes.
            let (used, overflow) = denial.used.addingReportingOverflow(denial.requested)
            return .limit(.memory, used: overflow ? .max : used, allowed: denial.allowed)
        }
        return stage == .instantiating ? .refused(message: message) : .cellFailed(message: message)
    }
}
