// What a process of a module starts with.

extension WasmProcess {
    /// What runs once the module is instantiated and initialised.
    enum Start {
        /// `_start`, or for a reactor `_initialize` alone.
        case program(isHandler: Bool)
        /// `bulkhead_spawned` with the function's number.
        case function(UInt32, isHandler: Bool)
        /// An export of the program's, with arguments as text.
        case invocation(Invocation)

        var isHandler: Bool {
            switch self {
            case .program(let isHandler), .function(_, let isHandler): isHandler
            case .invocation: false
            }
        }
    }
}
