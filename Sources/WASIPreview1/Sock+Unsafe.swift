// sock_*: listening and connected sockets that the supervisor handed over. No call here makes one or names an address.

internal import CapabilityModel
internal import LinuxKernel
internal import ProcessRuntime

extension WASIProcess {
    /// `sock_accept`: a new descriptor for the next connection.
    /// - Throws: `badf`; `notsock`; `inval` for a socket that does not listen or unknown flags; `notcapable`; `fault`;
    ///   `mfile` and a denial; `again` on a non-blocking listener; `connaborted` and what accept4(2) says.
    package func sockAccept(
        fd: UInt32, flags: UInt32, accepted: UInt32, _ memory: GuestMemory
    ) throws(CallFailure) -> CallOutcome {
        let descriptor = try socket(fd)
        guard descriptor.kind == .listener, let flags = UInt16(exactly: flags).map(DescriptorFlags.init(rawValue:)),
            DescriptorFlags.nonBlocking.isSuperset(of: flags)
        else { throw .errno(.inval) }
        try require(descriptor, .sockAccept, [], "sock_accept", fd)
        let out = try memory.area(at: accepted, count: 4)
        try checkRoom("sock_accept")
        let raw = descriptor.raw
        let reactor = template.host.reactor
        let seen = reactor?.readiness(raw, .read) ?? .unknown
        let file: OpenFile
        do throws(CallFailure) {
            file = OpenFile(try kernel(try SocketCalls.accept(raw)), reactor: reactor)
        } catch {
            return try WASIProcess.wait(descriptor, .read, seen, error)
        }
        let connection = Descriptor(accepted: file, from: descriptor, flags: flags)
        memory.store(try insert(charging: connection, "sock_accept"), in: out, at: 0)
        return .done(.success)
    }

    /// `sock_recv`: with `recv_peek` (1) the data stays, with `recv_waitall` (2) a stream fills all of `data`. Flag
    /// `recv_data_truncated` (1) in `outFlags` says that a datagram was longer than the room.
    /// - Throws: `badf`; `notsock`; `notconn`; `notcapable`; `inval` for unknown flags or more than 1024 pieces; `fault`;
    ///   `again`; `connreset` and what recvmsg(2) says.
    package func sockRecv(
        fd: UInt32, data: UInt32, dataCount: UInt32, flags: UInt32, count: UInt32, outFlags: UInt32,
        _ memory: GuestMemory
    ) throws(CallFailure) -> CallOutcome {
        let descriptor = try socket(fd)
        guard flags <= 3 else { throw .errno(.inval) }
        guard descriptor.kind == .connection else { throw .errno(.notconn) }
        try require(descriptor, .fdRead, [], "sock_recv", fd)
        let out = try memory.area(at: count, count: 4)
        let outFlags = try memory.area(at: outFlags, count: 2)
        let peeks = flags & 1 != 0
        let waitsForAll = flags == 2 && descriptor.type == .socketStream
        var before: UInt64 = 0
        if case .received(let count) = pending { before = count }
        pending = .none
        var isTruncated = false
        var wanted = 0
        var done = 0
        guard let seen = readiness(descriptor) else {
            if before > 0 { pending = .received(before) }
            return .wait(WASIProcess.waiting(descriptor, .read, nil))
        }
        do throws(CallFailure) {
            done = try unsafe memory.withVectors(at: data, count: dataCount, skipping: before) {
                (vectors, total) throws(CallFailure) in
                wanted = total
                // SAFETY: `vectors` are pieces of the guest's memory, lent for this call.
                let received = try unsafe kernel(try SocketCalls.receive(descriptor.raw, vectors, peeking: peeks))
                isTruncated = received.isTruncated
                if !peeks { noteRead(descriptor, received.count, of: total, seen) }
                return received.count
            }
        } catch {
            if before > 0 && (error != .errno(.again) || descriptor.isNonBlocking) {
                // What was received is the guest's; the error shows at the next call.
                memory.store(UInt32(truncatingIfNeeded: before), in: out, at: 0)
                memory.store(UInt16(0), in: outFlags, at: 0)
                return .done(.success)
            }
            let outcome = try WASIProcess.wait(descriptor, .read, seen, error)
            if before > 0 { pending = .received(before) }
            return outcome
        }
        if waitsForAll && done > 0 && done < wanted && !descriptor.isNonBlocking {
            pending = .received(before + UInt64(done))
            return .wait(WASIProcess.waiting(descriptor, .read, seen))
        }
        memory.store(UInt32(truncatingIfNeeded: before + UInt64(done)), in: out, at: 0)
        memory.store(UInt16(isTruncated ? 1 : 0), in: outFlags, at: 0)
        return .done(.success)
    }

    /// `sock_send`; no flags exist.
    /// - Throws: `badf`; `notsock`; `notconn`; `notcapable`; `inval`; `fault`; `again`; `pipe`; `connreset`; `msgsize`
    ///   and what sendmsg(2) says.
    package func sockSend(
        fd: UInt32, data: UInt32, dataCount: UInt32, flags: UInt32, count: UInt32, _ memory: GuestMemory
    ) throws(CallFailure) -> CallOutcome {
        let descriptor = try socket(fd)
        guard flags == 0 else { throw .errno(.inval) }
        guard descriptor.kind == .connection else { throw .errno(.notconn) }
        try require(descriptor, .fdWrite, [], "sock_send", fd)
        let out = try memory.area(at: count, count: 4)
        let seen = template.host.reactor?.readiness(descriptor.raw, .write) ?? .unknown
        let done: Int
        do throws(CallFailure) {
            done = try unsafe memory.withVectors(at: data, count: dataCount) { (vectors, _) throws(CallFailure) in
                // SAFETY: `vectors` are pieces of the guest's memory, lent for this call.
                try unsafe kernel(try SocketCalls.send(descriptor.raw, vectors))
            }
        } catch {
            return try WASIProcess.wait(descriptor, .write, seen, error)
        }
        memory.store(UInt32(done), in: out, at: 0)
        return .done(.success)
    }

    /// `sock_shutdown`: 1 is reading, 2 writing, 3 both.
    /// - Throws: `badf`; `notsock`; `inval`; `notcapable`; `notconn`.
    package func sockShutdown(fd: UInt32, how: UInt32) throws(CallFailure) {
        let descriptor = try socket(fd)
        guard (1...3).contains(how) else { throw .errno(.inval) }
        try require(descriptor, .sockShutdown, [], "sock_shutdown", fd)
        try kernel(try SocketCalls.shutDown(descriptor.raw, reading: how & 1 != 0, writing: how & 2 != 0))
    }

    func socket(_ fd: UInt32) throws(CallFailure) -> Descriptor {
        let descriptor = try descriptor(fd)
        guard descriptor.kind == .connection || descriptor.kind == .listener else { throw .errno(.notsock) }
        return descriptor
    }
}
