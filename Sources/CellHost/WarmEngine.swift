// What a cell can make ready before it knows whom it will run.

import CapabilityModel
import LinuxKernel
import WASIPreview1
import WasmEngine

/// The engine that most plans ask for, made while the supervisor is still busy.
struct WarmEngine {
    private static let usual = EngineConfiguration(profile: .dense, stackBytes: Int(Limits.default.stack))

    /// nil when the library would not make it; then nor will it later, and that is reported.
    private let engine = try? Engine(WarmEngine.usual)

    init() {
        WarmUp.run()
        // Without, a first thread is made all the same, later.
        try? warmUpThreads()
        // Built on first use, from closures: better now than while a guest waits.
        _ = WASIFunctions.all.count
        BulkheadImports.warmUp()
    }

    /// The engine of this configuration, made now unless it is the usual one.
    func engine(_ configuration: EngineConfiguration) throws(EngineError) -> Engine {
        if configuration == WarmEngine.usual, let engine {
            return engine
        }
        return try Engine(configuration)
    }
}
