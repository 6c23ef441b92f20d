// How a function of the module `bulkhead` is described, and how its body answers the guest.

import CapabilityModel
import WASIPreview1
import WasmEngine

/// One function of SDK/abi.md. All of them return an errno as i32 but `abi_version`, which returns a number.
struct BulkheadFunction {
    static let module = "bulkhead"

    let name: String
    let parameters: [ValueType]
    /// Whether it may answer `.wait`; one that may not is a synchronous import.
    let suspends: Bool
    let body: HostBody

    init(_ name: String, _ parameters: [ValueType], suspends: Bool = false, _ body: @escaping HostBody) {
        self.name = name
        self.parameters = parameters
        self.suspends = suspends
        self.body = body
    }

    var type: FunctionType { FunctionType(parameters, [.i32]) }
}

extension HostCall {
    /// The guest gets this errno and goes on.
    @inline(__always)
    func finish(_ errno: Errno) -> HostOutcome {
        setResult(0, i32: UInt32(errno.rawValue))
        return .done
    }

    /// As `finish(.success)`, without asking for its number.
    @inline(__always)
    func succeed() -> HostOutcome {
        setResult(0, i32: 0)
        return .done
    }

    func finish(_ failure: CallFailure) -> HostOutcome {
        switch failure {
        case .errno(let errno): finish(errno)
        case .trap(let message): .trap(message)
        }
    }
}

/// Runs a body that succeeds by returning. Nothing is captured, so a call costs no reference counting.
@inline(__always)
func answer(
    _ object: AnyObject, _ call: borrowing HostCall,
    _ body: (GuestContext, borrowing HostCall, GuestMemory) throws(CallFailure) -> Void
) -> HostOutcome {
    do throws(CallFailure) {
        try body(guestContext(object), call, guestMemory(of: call))
        return call.succeed()
    } catch {
        return call.finish(error)
    }
}

/// Runs a body that says itself how the call goes on.
@inline(__always)
func attempt(
    _ object: AnyObject, _ call: borrowing HostCall,
    _ body: (GuestContext, borrowing HostCall, GuestMemory) throws(CallFailure) -> HostOutcome
) -> HostOutcome {
    do throws(CallFailure) {
        return try body(guestContext(object), call, guestMemory(of: call))
    } catch {
        return call.finish(error)
    }
}
