// A child's first steps: its argument, its function, and what the host calls.

import CBulkhead

/// The argument as it arrived.
final class TakenArgument {
    var decoder: Decoder
    private let bytes: UnsafeMutableRawBufferPointer
    private let handles: UnsafeMutableBufferPointer<bulkhead_handle>

    init() throws(HostError) {
        // Asked with no room at all, the host tells the sizes.
        var message = bulkhead_message()
        var errno = bulkhead_host_argument(nil, 0, nil, 0, &message)
        bytes = .allocate(byteCount: Int(message.length), alignment: 8)
        handles = .allocate(capacity: Int(message.handle_count))
        if errno == HostError.tooLong.code {
            errno = bulkhead_host_argument(
                bytes.baseAddress, message.length, handles.baseAddress, message.handle_count, &message)
        }
        decoder = Decoder(UnsafeRawBufferPointer(bytes), handles)
        try check(errno)
    }

    func function() throws(HostError) -> FunctionBits {
        FunctionBits(index: try decoder.number(UInt32.self), context: 0)
    }

    func free() {
        decoder.closeRest()
        bytes.deallocate()
        handles.deallocate()
    }
}

func runChild(_ body: (TakenArgument) throws(HostError) -> Void) {
    do throws(HostError) {
        try body(try TakenArgument())
    } catch {
        exit(.bytes(error.text.withUTF8Buffer { [UInt8]($0) }))
    }
}

/// Whether this process is a handler.
nonisolated(unsafe) var isHandler = false

@_expose(wasm, "bulkhead_swift_spawned") @_cdecl("bulkhead_swift_spawned")
func spawned(_ number: UInt32) {
    isHandler = number & entryHandler != 0
    unsafeBitCast(FunctionBits(index: number & ~entryHandler, context: 0), to: EntryFunction.self).call()
}
