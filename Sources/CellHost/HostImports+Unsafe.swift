// Joins the engine to WASI: each import of a module becomes the real function, a denial, or an error before anything runs.

import CapabilityModel
import WASIPreview1
import WasmEngine

/// The memory of the guest that makes `call`, for as long as the call runs; empty when it has none.
@inline(__always)
func guestMemory(of call: borrowing HostCall) -> GuestMemory {
    // SAFETY: the engine keeps the memory in place and to this thread until the host function returns; the stand-in for a
    // guest without memory is empty, so its address is never used.
    guard let memory = unsafe call.memory, let base = memory.baseAddress else { return unsafe noMemory }
    return unsafe GuestMemory(base: base, count: memory.count)
}

// SAFETY: allocated once, never freed, never touched: it stands behind a memory of no bytes.
private nonisolated(unsafe) let noMemory = unsafe GuestMemory(
    base: UnsafeMutableRawPointer.allocate(byteCount: 1, alignment: 1), count: 0)

/// The context that the store was made with.
@inline(__always)
func guestContext(_ context: AnyObject) -> GuestContext {
    // SAFETY: CellHost makes every store, and always with a GuestContext.
    unsafe unsafeDowncast(context, to: GuestContext.self)
}

enum HostImports {
    /// Defines what `module` imports, and nothing else.
    /// - Returns: imports that Bulkhead does not have at all, for the error message.
    static func define(
        in linker: Linker, for module: Module, by table: ImportTable
    ) throws(EngineError) {
        for (name, type) in module.imports {
            guard case .function = type, !linker.defines(name) else { continue }
            guard let disposition = table[name] else { continue }
            switch disposition {
            case .granted:
                try defineGranted(name, in: linker)
            case .denied(let key):
                // By our type, not the module's: a denial reads the arguments that the real function would.
                guard let type = signature(of: name) else { continue }
                try linker.define(name, type) { context, call in
                    DeniedImports.answer(name, key: key, context: guestContext(context), call: call)
                }
            }
        }
    }

    private static func defineGranted(_ name: ImportName, in linker: Linker) throws(EngineError) {
        if name.module == "bulkhead" {
            try BulkheadImports.define(name, in: linker)
            return
        }
        guard let function = WASIFunctions.all.first(where: { $0.name == name.name }),
            let type = signature(of: name)
        else { return }
        let hasResult = !function.results.isEmpty
        let body: HostBody = { context, call in
            let context = guestContext(context)
            // SAFETY: the slots are the call's, which runs until this body returns.
            let arguments = unsafe RawArguments(base: call.rawValues, stride: HostCall.rawStride)
            do throws(CallFailure) {
                let outcome = function.call(try context.wasi(), guestMemory(of: call), arguments)
                return settle(outcome, hasResult: hasResult, context: context, call: call)
            } catch {
                return hasResult ? call.finish(error) : .trap("no descriptor is left for the process")
            }
        }
        if function.canWait {
            try linker.defineWaiting(name, type, body: body)
        } else {
            try linker.define(name, type, body: body)
        }
    }

    /// nil for what Bulkhead does not have.
    private static func signature(of name: ImportName) -> FunctionType? {
        guard name.module == WASIFunctions.module else { return BulkheadImports.signature(of: name) }
        return WASIFunctions.all.first { $0.name == name.name }.map {
            FunctionType($0.parameters.map(valueType), $0.results.map(valueType))
        }
    }

    private static func valueType(_ type: CoreType) -> ValueType {
        switch type {
        case .i32: .i32
        case .i64: .i64
        }
    }

    @inline(__always)
    private static func settle(
        _ outcome: CallOutcome, hasResult: Bool, context: GuestContext, call: borrowing HostCall
    ) -> HostOutcome {
        switch outcome {
        case .done(let errno):
            if hasResult {
                call.setResult(0, i32: UInt32(errno.rawValue))
            }
            return .done
        case .wait(let wait):
            context.wait = wait
            return .wait
        case .exit(let code):
            return .exit(code)
        case .trap(let message):
            return .trap(message)
        }
    }
}
