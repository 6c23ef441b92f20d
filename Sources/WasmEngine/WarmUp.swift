// What the Swift runtime does once and slowly, done before guests run.

import CapabilityModel
import CWasmtime

package enum WarmUp {
    /// Builds the generic metadata that host calls and endings need, on a stack that is deep enough: the first use of a type
    /// may go deeper than a fiber's reserve and may allocate, which a sealed cell's filter should see before it is final.
    /// Opens what a sealed cell could not: what instances that are used again are looked at with (PageMap), and where this
    /// thread's stack ends.
    /// Call once, before the first store. The result only keeps the work from being optimised away.
    @discardableResult
    package static func run() -> Int {
        PageMap.prepare()
        _ = bulkhead_has_stack(0)
        let frames = [WasmFrame(function: "f", functionIndex: 0, functionOffset: 0, moduleOffset: 0)]
        let endings: [CallProgress] = [
            .yielded, .waiting, .finished([.i32(0), .i64(0), .f32(0), .f64(0)]), .exited(0), .ended, .failed(""),
            .trapped(WasmTrap(kind: .host, message: "", backtrace: frames)),
        ]
        let outcomes: [HostOutcome] = [.done, .wait, .trap(""), .exit(0), .end]
        let types = FunctionType([.i32, .i64], [.f32, .f64])
        let named = [ImportName("a", "b"): types]
        let markers = HostPage.hasGuardMarkers ? 1 : 0
        return "\(endings) \(outcomes) \(types) \(named)".utf8.count + Set(endings).count + HostPage.size + markers
    }
}
