// fd_read, fd_write, fd_pread and fd_pwrite: bytes between descriptors and guest memory.

internal import CapabilityModel
internal import LinuxKernel
internal import ProcessRuntime
internal import Synchronization

extension WASIProcess {
    /// PIPE_BUF: what a writable pipe takes without blocking.
    private static let pollableWrite = 4096

    /// `fd_read`: from the descriptor's position into the pieces that `iovs` names; 0 bytes is the end.
    /// - Throws: `badf`; `isdir`; `notcapable` without the right; `inval` for more than 1024 pieces; `fault`; `again`
    ///   on a non-blocking descriptor with nothing to read; `nomem` for no room for the bytes on their way; `io` and what
    ///   readv(2) says.
    package func fdRead(
        fd: UInt32, iovs: UInt32, iovsCount: UInt32, count: UInt32, _ memory: GuestMemory
    ) throws(CallFailure) -> CallOutcome {
        let descriptor = try descriptor(fd)
        if descriptor.kind == .directory { throw .errno(.isdir) }
        try require(descriptor, .fdRead, .read, "fd_read", fd)
        let out = try memory.area(at: count, count: 4)
        if descriptor.kind == .regular {
            let done = try readFile(descriptor, nil, iovs, iovsCount, memory)
            memory.store(UInt32(done), in: out, at: 0)
            return .done(.success)
        }
        guard let seen = readiness(descriptor) else { return .wait(WASIProcess.waiting(descriptor, .read, nil)) }
        let done: Int
        do throws(CallFailure) {
            done = try unsafe memory.withVectors(at: iovs, count: iovsCount) {
                (vectors, total) throws(CallFailure) in
                // SAFETY: `vectors` are pieces of the guest's memory, lent for this call.
                let count = try unsafe WASIProcess.read(descriptor, vectors)
                if count == 0 && total > 0 { try WASIProcess.checkHasEnded(descriptor) }
                noteRead(descriptor, count, of: total, seen)
                return count
            }
        } catch {
            return try WASIProcess.wait(descriptor, .read, seen, error)
        }
        memory.store(UInt32(done), in: out, at: 0)
        return .done(.success)
    }

    /// `fd_write`: the pieces that `iovs` names, at the descriptor's position or, with `append`, at the end.
    /// - Throws: `badf`; `isdir`; `notcapable` without the right, a denial where the mount is read-only; `inval`;
    ///   `fault`; `again`; `nomem` as `fdRead`; `dquot` and a denial past the mount's quota; `pipe`; `nospc` and what
    ///   writev(2) says.
    package func fdWrite(
        fd: UInt32, iovs: UInt32, iovsCount: UInt32, count: UInt32, _ memory: GuestMemory
    ) throws(CallFailure) -> CallOutcome {
        let descriptor = try descriptor(fd)
        if descriptor.kind == .directory { throw .errno(.isdir) }
        try require(descriptor, .fdWrite, .write, "fd_write", fd)
        let out = try memory.area(at: count, count: 4)
        if descriptor.kind == .regular {
            let done = try writeFile(descriptor, nil, "fd_write", fd, iovs, iovsCount, memory)
            memory.store(UInt32(done), in: out, at: 0)
            return .done(.success)
        }
        if descriptor.waiting == .framed {
            return try writeFrame(descriptor, iovs, iovsCount, memory) { memory.store(UInt32($0), in: out, at: 0) }
        }
        let isPolled =
            descriptor.waiting == .shared && descriptor.file.knowsNoNowait.load(ordering: .relaxed)
        let limit = isPolled ? WASIProcess.pollableWrite : GuestMemory.transferLimit
        let seen = template.host.reactor?.readiness(descriptor.raw, .write) ?? .unknown
        let done: Int
        do throws(CallFailure) {
            done = try unsafe memory.withVectors(at: iovs, count: iovsCount, limit: limit) {
                (vectors, _) throws(CallFailure) in
                // SAFETY: `vectors` are pieces of the guest's memory, lent for this call.
                try unsafe WASIProcess.write(descriptor, vectors)
            }
        } catch {
            return try WASIProcess.wait(descriptor, .write, seen, error)
        }
        memory.store(UInt32(done), in: out, at: 0)
        return .done(.success)
    }

    /// `fd_pread`: as `fd_read`, at `offset`, and the position stays.
    /// - Throws: as `fdRead`; `spipe` for what has no position; `inval` for an offset past 2^63 - 1.
    package func fdPread(
        fd: UInt32, iovs: UInt32, iovsCount: UInt32, offset: UInt64, count: UInt32, _ memory: GuestMemory
    ) throws(CallFailure) {
        let descriptor = try positioned(fd)
        try require(descriptor, .fdRead, .read, "fd_pread", fd)
        let out = try memory.area(at: count, count: 4)
        let start = try WASIProcess.signed(offset)
        memory.store(UInt32(try readFile(descriptor, start, iovs, iovsCount, memory)), in: out, at: 0)
    }

    /// `fd_pwrite`: as `fd_write`, at `offset`, and the position stays. With `append` it writes at the end, as Linux does.
    /// - Throws: as `fdWrite`; `spipe`; `inval` for an offset past 2^63 - 1.
    package func fdPwrite(
        fd: UInt32, iovs: UInt32, iovsCount: UInt32, offset: UInt64, count: UInt32, _ memory: GuestMemory
    ) throws(CallFailure) {
        let descriptor = try positioned(fd)
        try require(descriptor, .fdWrite, .write, "fd_pwrite", fd)
        let out = try memory.area(at: count, count: 4)
        let start = try WASIProcess.signed(offset)
        let done = try writeFile(descriptor, start, "fd_pwrite", fd, iovs, iovsCount, memory)
        memory.store(UInt32(done), in: out, at: 0)
    }

    /// A regular file; `badf`, `isdir` or `spipe` for anything else.
    func positioned(_ fd: UInt32) throws(CallFailure) -> Descriptor {
        let descriptor = try descriptor(fd)
        switch descriptor.kind {
        case .regular: return descriptor
        case .directory: throw .errno(.isdir)
        case .stream, .connection, .listener: throw .errno(.spipe)
        }
    }

    static func signed(_ value: UInt64) throws(CallFailure) -> Int64 {
        guard let value = Int64(exactly: value) else { throw .errno(.inval) }
        return value
    }

    /// What the reactor says of a descriptor before it is read; nil when a read is known to find nothing, because the last
    /// one took less than it could (epoll(7), "Do I need to continuously read/write").
    @inline(__always)
    func readiness(_ descriptor: Descriptor) -> Readiness? {
        guard let reactor = template.host.reactor else { return .unknown }
        if descriptor.kind == .connection {
            let drained = Readiness(rawValue: descriptor.file.drained.load(ordering: .relaxed))
            // A guest that does not wait asks the kernel each time: nobody may be polling for it.
            if drained != .unknown, !descriptor.isNonBlocking, reactor.isStillDrained(descriptor.raw, since: drained) {
                return nil
            }
        }
        return reactor.readiness(descriptor.raw, .read)
    }

    @inline(__always)
    func noteRead(_ descriptor: Descriptor, _ count: Int, of total: Int, _ seen: Readiness) {
        guard descriptor.kind == .connection, descriptor.type == .socketStream else { return }
        let drained = count > 0 && count < total ? seen : .unknown
        descriptor.file.drained.store(drained.rawValue, ordering: .relaxed)
    }

    /// To wait for one direction; `seen` is nil when the last read had left nothing.
    static func waiting(_ descriptor: Descriptor, _ interest: Interest, _ seen: Readiness?) -> Wait {
        let seen = seen ?? Readiness(rawValue: descriptor.file.drained.load(ordering: .relaxed))
        return Wait(descriptor: Wait.Descriptor(raw: descriptor.raw, interest: interest, seen: seen))
    }

    /// A failed transfer: a wait where the descriptor may wait, else the failure.
    static func wait(
        _ descriptor: Descriptor, _ interest: Interest, _ seen: Readiness, _ failure: CallFailure
    ) throws(CallFailure) -> CallOutcome {
        switch failure {
        case .errno(.intr): return .wait(.atOnce)
        case .errno(.again) where descriptor.kind != .regular && !descriptor.isNonBlocking:
            return .wait(waiting(descriptor, interest, seen))
        default: throw failure
        }
    }

    /// A FIFO that nobody has opened for writing yet reads as if it had ended; only poll(2) tells the two apart.
    private static func checkHasEnded(_ descriptor: Descriptor) throws(CallFailure) {
        guard descriptor.kind == .stream, descriptor.mount != nil else { return }
        if try kernel(try FileDescriptorCalls.ready(descriptor.raw, .read)).isEmpty { throw .errno(.again) }
    }

    /// Reads without blocking on a stream: `again` instead.
    private static func read(_ descriptor: Descriptor, _ vectors: IOVectors) throws(CallFailure) -> Int {
        // SAFETY: the caller's vectors go straight to the kernel.
        if descriptor.kind == .connection || descriptor.kind == .listener {
            return try unsafe kernel(try SocketCalls.receive(descriptor.raw, vectors, peeking: false)).count
        }
        switch descriptor.waiting {
        case .never, .nonBlocking, .framed:
            return try unsafe kernel(try FileDescriptorCalls.read(descriptor.raw, vectors))
        case .shared:
            if !descriptor.file.knowsNoNowait.load(ordering: .relaxed) {
                do throws(CallFailure) {
                    return try unsafe kernel(try FileDescriptorCalls.readWithoutWaiting(descriptor.raw, vectors))
                } catch {
                    throw adapt(descriptor, error)
                }
            }
            if try kernel(try FileDescriptorCalls.ready(descriptor.raw, .read)).isEmpty { throw .errno(.again) }
            return try unsafe kernel(try FileDescriptorCalls.read(descriptor.raw, vectors))
        }
    }

    /// Writes without blocking on a stream: `again` instead.
    private static func write(_ descriptor: Descriptor, _ vectors: IOVectors) throws(CallFailure) -> Int {
        // SAFETY: the caller's vectors go straight to the kernel.
        if descriptor.kind == .connection || descriptor.kind == .listener {
            return try unsafe kernel(try SocketCalls.send(descriptor.raw, vectors))
        }
        switch descriptor.waiting {
        case .never, .nonBlocking, .framed:
            return try unsafe kernel(try FileDescriptorCalls.write(descriptor.raw, vectors))
        case .shared:
            if !descriptor.file.knowsNoNowait.load(ordering: .relaxed) {
                do throws(CallFailure) {
                    return try unsafe kernel(try FileDescriptorCalls.writeWithoutWaiting(descriptor.raw, vectors))
                } catch {
                    throw adapt(descriptor, error)
                }
            }
            if try kernel(try FileDescriptorCalls.ready(descriptor.raw, .write)).isEmpty { throw .errno(.again) }
            return try unsafe kernel(try FileDescriptorCalls.write(descriptor.raw, vectors))
        }
    }

    /// A file that knows no RWF_NOWAIT is polled from now on; the call is made again.
    private static func adapt(_ descriptor: Descriptor, _ failure: CallFailure) -> CallFailure {
        guard failure == .errno(.notsup) || failure == .errno(.spipe) || failure == .errno(.inval) else {
            return failure
        }
        descriptor.file.knowsNoNowait.store(true, ordering: .relaxed)
        return .errno(.intr)
    }
}

extension FileCaller {
    /// How much a file of `size` bytes grows when `count` bytes are written at `start`.
    static func growth(from size: UInt64, to start: UInt64, adding count: Int) -> UInt64 {
        let (end, overflow) = start.addingReportingOverflow(UInt64(count))
        if overflow { return .max }
        return count > 0 && end > size ? end - size : 0
    }

    func checkGrowth(
        _ mount: Mount, _ call: StaticString, _ fd: UInt32, from size: UInt64, to start: UInt64, adding count: Int
    ) throws(CallFailure) {
        let growth = FileCaller.growth(from: size, to: start, adding: count)
        guard mount.hasRoom(bytes: growth) else {
            throw deny(
                call, mount.key("quota_bytes"), .dquot, "fd=\(fd) growth=\(growth) used=\(mount.usedBytes)")
        }
    }
}
