// What a supervised child prints: each write goes as one frame that says whose it is, on a socket that all share.

internal import CapabilityModel
package import LinuxKernel
internal import ProcessRuntime

/// A frame is a packet: `u64 order, u64 process, u8 stream, 3 bytes 0, u32 length`, little-endian, then the bytes.
enum CapturedOutput {
    static let headerSize = 24
    /// Of the bytes in one frame; a guest that writes more is told how much went.
    static let payloadLimit = 8 << 10
}

extension WASITemplate.Files {
    /// Sets standard stream 1 or 2 to one whose writes go to `socket` as frames, marked with the template's order and the
    /// process. To the guest it is a stream and no terminal.
    /// - Parameters:
    ///   - index: 1 or 2.
    ///   - socket: SOCK_SEQPACKET; its open file description is this OS process's alone, and is made non-blocking.
    /// - Throws: what fstat(2) or fcntl(2) throws; `EINVAL` for another number.
    package mutating func setCapturedStream(_ index: Int, _ socket: OpenFile) throws(SystemError) {
        guard (1...2).contains(index) else { throw SystemError("stdio", errno: 22) }
        let status = try FileDescriptorCalls.status(socket.raw)
        try FileDescriptorCalls.setNonBlocking(socket.raw, true)
        var rights = Rights.stream
        rights.subtract([.fdRead, .fdAllocate, .fdFilestatSetSize, .fdFilestatSetTimes])
        table.setStandard(
            index,
            Descriptor(
                file: socket, kind: .stream, type: .unknown, status: status, waiting: .framed,
                origin: .standardStream(index), Descriptor.Traits(base: rights, inheriting: [])))
    }
}

extension WASIProcess {
    /// One frame of the bytes that `iovs` names, as many as fit it; `written` gets their number. A full socket makes the guest
    /// wait.
    /// - Throws: as `fdWrite`.
    func writeFrame(
        _ descriptor: Descriptor, _ iovs: UInt32, _ iovsCount: UInt32, _ memory: GuestMemory,
        written: (Int) -> Void
    ) throws(CallFailure) -> CallOutcome {
        let seen = template.host.reactor?.readiness(descriptor.raw, .write) ?? .unknown
        do throws(CallFailure) {
            let done = try unsafe memory.withVectors(
                at: iovs, count: iovsCount, limit: CapturedOutput.payloadLimit
            ) { (vectors, total) throws(CallFailure) -> Int in
                if total == 0 { return 0 }
                // SAFETY: `vectors` are pieces of the guest's memory, lent for this call; together they are `total` bytes.
                try unsafe sendFrame(descriptor, vectors, total)
                return total
            }
            written(done)
            return .done(.success)
        } catch {
            return try WASIProcess.wait(descriptor, .write, seen, error)
        }
    }

    private func sendFrame(_ descriptor: Descriptor, _ vectors: IOVectors, _ total: Int) throws(CallFailure) {
        guard case .standardStream(let stream) = descriptor.origin else { throw .errno(.badf) }
        let size = CapturedOutput.headerSize + total
        let (order, process) = (template.order, process.rawValue)
        // SAFETY: the room has `size` bytes: the header's, which are all set, and `total` for the pieces.
        try unsafe withUnsafeTemporaryAllocation(byteCount: size, alignment: 8) { (room) throws(CallFailure) in
            unsafe room.storeBytes(of: order.littleEndian, toByteOffset: 0, as: UInt64.self)
            unsafe room.storeBytes(of: process.littleEndian, toByteOffset: 8, as: UInt64.self)
            unsafe room.storeBytes(of: UInt32(stream).littleEndian, toByteOffset: 16, as: UInt32.self)
            unsafe room.storeBytes(of: UInt32(total).littleEndian, toByteOffset: 20, as: UInt32.self)
            unsafe vectors.copyAll(into: UnsafeMutableRawBufferPointer(rebasing: room[CapturedOutput.headerSize...]))
            guard let base = room.baseAddress else { throw .errno(.io) }
            var piece = unsafe IOVector(base: base, count: size)
            _ = try unsafe withUnsafeMutablePointer(to: &piece) { (one) throws(CallFailure) in
                try unsafe kernel(
                    try FileDescriptorCalls.write(
                        descriptor.raw, IOVectors(UnsafeMutableBufferPointer(start: one, count: 1))))
            }
        }
    }
}
