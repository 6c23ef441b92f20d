// All functions of wasi_snapshot_preview1 in one table, from which they are linked.

internal import ProcessRuntime

/// A core Wasm type, of those that preview 1 uses.
package enum CoreType: Hashable, Sendable {
    case i32
    case i64
}

/// One function: its name, its core signature, and how it is called.
package struct WASIFunction: Sendable {
    package typealias Body =
        @Sendable (WASIProcess, GuestMemory, RawArguments) throws(CallFailure) -> CallOutcome

    package let name: String
    package let parameters: [CoreType]
    /// One i32, the errno; none for proc_exit.
    package let results: [CoreType]
    /// Whether it may answer `.wait`; one that may not can be linked as a synchronous import.
    package let canWait: Bool
    private let body: Body

    init(
        _ name: String, _ parameters: [CoreType], results: [CoreType] = [.i32], canWait: Bool = false,
        _ body: @escaping Body
    ) {
        self.name = name
        self.parameters = parameters
        self.results = results
        self.canWait = canWait
        self.body = body
    }

    /// Calls it. `.done` carries the errno that the guest gets; after `.wait` it is called again with the same arguments.
    @inline(__always)
    package func call(
        _ process: WASIProcess, _ memory: GuestMemory, _ arguments: RawArguments
    ) -> CallOutcome {
        do throws(CallFailure) {
            return try body(process, memory, arguments)
        } catch {
            if let wait = process.takeSuspension() { return .wait(wait) }
            switch error {
            case .errno(let errno): return .done(errno)
            case .trap(let message): return .trap(message)
            }
        }
    }
}

package enum WASIFunctions {
    package static let module = "wasi_snapshot_preview1"

    /// All 46, in no order that matters.
    package static let all: [WASIFunction] = descriptorFunctions + pathFunctions + otherFunctions
}
