// What a process asks about others it has handles on, the handles themselves, and sleep.

import CapabilityModel
import LinuxKernel
import ProcessRuntime
import WASIPreview1
import WasmEngine

enum Processes {
    static let functions: [BulkheadFunction] = [
        BulkheadFunction("abi_version", []) { _, call in
            call.setResult(0, i32: version)
            return .done
        },
        BulkheadFunction("process_id", [.i32, .i32]) { answer($0, $1, processID) },
        BulkheadFunction("alive", [.i32]) { answer($0, $1, alive) },
        BulkheadFunction("handle_close", [.i32]) { answer($0, $1, close) },
        BulkheadFunction("handle_duplicate", [.i32, .i32]) { answer($0, $1, duplicate) },
        BulkheadFunction("sleep", [.i64], suspends: true) { attempt($0, $1, sleep) },
    ]

    /// Of SDK/abi.md.
    static let version: UInt32 = 1

    /// `process_id(process, out)`: a number for comparisons and logs; an alias's is its process's.
    /// - Throws: `badf`; `fault`.
    private static func processID(
        _ context: GuestContext, _ call: borrowing HostCall, _ memory: GuestMemory
    ) throws(CallFailure) {
        let target = try context.target(call.i32(0))
        try memory.store(target.process.rawValue, at: call.i32(1))
    }

    /// `alive(process)`
    /// - Throws: `badf`; `srch` it has ended.
    private static func alive(
        _ context: GuestContext, _ call: borrowing HostCall, _ memory: GuestMemory
    ) throws(CallFailure) {
        let target = try context.target(call.i32(0))
        guard context.process.isAlive(target.process) else { throw .errno(.srch) }
    }

    /// `handle_close(process)`: an alias of the caller's own stops working thereby.
    /// - Throws: `badf`, also for 0.
    private static func close(
        _ context: GuestContext, _ call: borrowing HostCall, _ memory: GuestMemory
    ) throws(CallFailure) {
        guard context.closeHandle(call.i32(0)) else { throw .errno(.badf) }
    }

    /// `handle_duplicate(process, out)`: a second number for the same; of 0 too.
    /// - Throws: `badf`; `fault`; `mfile` and a denial (`limits.fds`).
    private static func duplicate(
        _ context: GuestContext, _ call: borrowing HostCall, _ memory: GuestMemory
    ) throws(CallFailure) {
        let target = try context.target(call.i32(0))
        let out = try memory.area(at: call.i32(1), count: 4)
        try context.reserveHandles(1, "handle_duplicate")
        memory.store(context.handles.insert(target), in: out, at: 0)
    }

    /// `sleep(nanoseconds)`: from now on; 0 lets others run. Negative is without end: until the process is ended.
    private static func sleep(
        _ context: GuestContext, _ call: borrowing HostCall, _ memory: GuestMemory
    ) throws(CallFailure) -> HostOutcome {
        let deadline: UInt64?
        if case .sleep(let first) = context.underWay {
            deadline = first
            if let deadline, deadline <= Clock.monotonicNow() {
                context.underWay = .none
                return call.finish(.success)
            }
        } else {
            deadline = GuestContext.deadline(after: call.i64(0))
        }
        context.underWay = .sleep(deadline)
        context.wait = Wait(messages: false, deadline: deadline)
        return .wait
    }
}
