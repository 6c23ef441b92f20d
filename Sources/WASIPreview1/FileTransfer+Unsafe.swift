// Bytes between regular files and guest memory: straight where the call may block its thread, else what is in the page
// cache straight and the rest through a buffer of the host's and the pool.

internal import CapabilityModel
internal import LinuxKernel
internal import ProcessRuntime
internal import Synchronization

/// Host memory on its way between a file and a guest, paid for by the process.
private struct PaidBytes: Sendable {
    var bytes: [UInt8]
    let charge: BufferCharge
}

extension WASIProcess {
    /// The most bytes that a job of the pool moves; short counts are legal.
    private static let bufferLimit = 1 << 20

    /// Reads at `offset`, or at the file's position, which then moves.
    @inline(__always)
    func readFile(
        _ descriptor: Descriptor, _ offset: Int64?, _ iovs: UInt32, _ iovsCount: UInt32, _ memory: GuestMemory
    ) throws(CallFailure) -> Int {
        guard mayBlock, job == nil else { return try readHeld(descriptor, offset, iovs, iovsCount, memory) }
        let raw = descriptor.raw
        return try unsafe memory.withVectors(at: iovs, count: iovsCount) { (vectors, _) throws(CallFailure) in
            // SAFETY: `vectors` are pieces of the guest's memory, lent for this call.
            try unsafe FileCaller.read(raw, vectors, offset)
        }
    }

    /// As `readFile`, where the call may not block its thread, or did not when it was first made.
    private func readHeld(
        _ descriptor: Descriptor, _ offset: Int64?, _ iovs: UInt32, _ iovsCount: UInt32, _ memory: GuestMemory
    ) throws(CallFailure) -> Int {
        let file = descriptor.file
        var wanted = 0
        if job == nil {
            let knowsNowait = !file.knowsNoNowait.load(ordering: .relaxed)
            let done = try unsafe memory.withVectors(at: iovs, count: iovsCount) {
                (vectors, total) throws(CallFailure) -> Int? in
                wanted = min(total, WASIProcess.bufferLimit)
                // SAFETY: `vectors` are pieces of the guest's memory, lent for this call.
                return try unsafe knowsNowait || wanted == 0 ? FileCaller.readCached(file, vectors, offset) : nil
            }
            if let done { return done }
        }
        let charge = job == nil ? try payForBuffer(wanted) : nil
        let count = wanted
        let read = try blocking { () throws(CallFailure) in
            guard let charge else { throw .errno(.io) }
            var paid = PaidBytes(bytes: [UInt8](repeating: 0, count: count), charge: charge)
            let done = try FileCaller.read(file, into: &paid.bytes, offset)
            paid.bytes.removeLast(count - done)
            return paid
        }
        return try unsafe memory.withVectors(at: iovs, count: iovsCount, limit: WASIProcess.bufferLimit) {
            (vectors, _) throws(CallFailure) in
            // SAFETY: as above; as many bytes are copied as both have room for.
            unsafe vectors.scatter(read.bytes)
        }
    }

    /// Writes at `offset`, or at the file's position, which then moves.
    @inline(__always)
    func writeFile(
        _ descriptor: Descriptor, _ offset: Int64?, _ call: StaticString, _ fd: UInt32, _ iovs: UInt32,
        _ iovsCount: UInt32, _ memory: GuestMemory
    ) throws(CallFailure) -> Int {
        guard mayBlock, job == nil, !hasQuota else {
            return try writeHeld(descriptor, offset, call, fd, iovs, iovsCount, memory)
        }
        let raw = descriptor.raw
        return try unsafe memory.withVectors(at: iovs, count: iovsCount) { (vectors, _) throws(CallFailure) in
            // SAFETY: `vectors` are pieces of the guest's memory, lent for this call.
            try unsafe FileCaller.write(raw, vectors, offset)
        }
    }

    /// As `writeFile`, where the call may not block its thread, or did not when it was first made, and with quotas.
    private func writeHeld(
        _ descriptor: Descriptor, _ offset: Int64?, _ call: StaticString, _ fd: UInt32, _ iovs: UInt32,
        _ iovsCount: UInt32, _ memory: GuestMemory
    ) throws(CallFailure) -> Int {
        let caller = caller
        if mayBlock && job == nil {
            return try unsafe memory.withVectors(at: iovs, count: iovsCount) {
                (vectors, total) throws(CallFailure) in
                guard let mount = descriptor.mount, mount.hasByteQuota else {
                    // SAFETY: `vectors` are pieces of the guest's memory, lent for this call.
                    return try unsafe FileCaller.write(descriptor.raw, vectors, offset)
                }
                return try WASIProcess.oneAtATime { () throws(CallFailure) in
                    try caller.charging(mount, call, fd, descriptor, offset, total) { (place) throws(CallFailure) in
                        // SAFETY: as above.
                        try unsafe FileCaller.write(descriptor.raw, vectors, place)
                    }
                }
            }
        }
        var content: PaidBytes?
        if job == nil {
            let bytes = try unsafe memory.withVectors(
                at: iovs, count: iovsCount, limit: WASIProcess.bufferLimit
            ) { (vectors, total) throws(CallFailure) in
                let charge = try payForBuffer(total)
                // SAFETY: `vectors` are pieces of the guest's memory, copied at once.
                return unsafe PaidBytes(bytes: vectors.gathered(total), charge: charge)
            }
            content = bytes
        }
        let paid = content
        return try blocking { () throws(CallFailure) in
            guard let paid else { throw .errno(.io) }
            guard let mount = descriptor.mount, mount.hasByteQuota else {
                return try FileCaller.write(descriptor.file, paid.bytes, offset)
            }
            return try caller.charging(mount, call, fd, descriptor, offset, paid.bytes.count) {
                (place) throws(CallFailure) in try FileCaller.write(descriptor.file, paid.bytes, place)
            }
        }
    }
}

extension FileCaller {
    /// Writes `count` bytes if the mount's quota has room for them, and charges it for what was written. Under the quotas'
    /// lock, and at a place that is fixed when the growth is known: whoever shares the file may move its position.
    fileprivate func charging(
        _ mount: Mount, _ call: StaticString, _ fd: UInt32, _ descriptor: Descriptor, _ offset: Int64?, _ count: Int,
        _ write: (Int64) throws(CallFailure) -> Int
    ) throws(CallFailure) -> Int {
        let raw = descriptor.raw
        let size = try kernel(try FileDescriptorCalls.status(raw)).size
        let start: UInt64
        if descriptor.file.appends.load(ordering: .relaxed) {
            start = size
        } else if let offset {
            start = UInt64(max(0, offset))
        } else {
            start = try kernel(try FileDescriptorCalls.seek(raw, 0, from: .current))
        }
        try checkGrowth(mount, call, fd, from: size, to: start, adding: count)
        let written = try write(Int64(clamping: start))
        if offset == nil {
            _ = try kernel(
                try FileDescriptorCalls.seek(raw, Int64(clamping: start + UInt64(written)), from: .start))
        }
        mount.charge(bytes: FileCaller.growth(from: size, to: start, adding: written))
        return written
    }

    /// May wait for the disk.
    @inline(__always)
    fileprivate static func read(
        _ raw: Int32, _ vectors: IOVectors, _ offset: Int64?
    ) throws(CallFailure) -> Int {
        // SAFETY: the caller's vectors go straight to the kernel.
        if let offset { return try unsafe kernel(try FileDescriptorCalls.read(raw, vectors, at: offset)) }
        return try unsafe kernel(try FileDescriptorCalls.read(raw, vectors))
    }

    /// May wait for the disk.
    @inline(__always)
    fileprivate static func write(
        _ raw: Int32, _ vectors: IOVectors, _ offset: Int64?
    ) throws(CallFailure) -> Int {
        // SAFETY: the caller's vectors go straight to the kernel.
        if let offset { return try unsafe kernel(try FileDescriptorCalls.write(raw, vectors, at: offset)) }
        return try unsafe kernel(try FileDescriptorCalls.write(raw, vectors))
    }

    /// What is in the page cache; nil when there is nothing, or the file system cannot say.
    fileprivate static func readCached(
        _ file: OpenFile, _ vectors: IOVectors, _ offset: Int64?
    ) throws(CallFailure) -> Int? {
        do throws(CallFailure) {
            // SAFETY: as `read`.
            return try unsafe kernel(
                try FileDescriptorCalls.readWithoutWaiting(file.raw, vectors, at: offset ?? -1))
        } catch {
            switch error {
            case .errno(.again): return nil
            case .errno(.notsup), .errno(.inval), .errno(.spipe):
                file.knowsNoNowait.store(true, ordering: .relaxed)
                return nil
            default: throw error
            }
        }
    }

    fileprivate static func read(
        _ file: OpenFile, into bytes: inout [UInt8], _ offset: Int64?
    ) throws(CallFailure) -> Int {
        try unsafe bytes.withUnsafeMutableBufferPointer { (buffer) throws(CallFailure) in
            guard let base = buffer.baseAddress else { return 0 }
            var piece = unsafe IOVector(base: base, count: buffer.count)
            // SAFETY: one piece, which is the whole array, for the time of the call.
            return try unsafe withUnsafeMutablePointer(to: &piece) { (one) throws(CallFailure) in
                try unsafe read(file.raw, IOVectors(UnsafeMutableBufferPointer(start: one, count: 1)), offset)
            }
        }
    }

    fileprivate static func write(
        _ file: OpenFile, _ bytes: [UInt8], _ offset: Int64?
    ) throws(CallFailure) -> Int {
        try unsafe bytes.withUnsafeBufferPointer { (buffer) throws(CallFailure) in
            guard let base = buffer.baseAddress else { return 0 }
            // SAFETY: writing only reads the piece, which is the whole array, for the time of the call.
            var piece = unsafe IOVector(base: UnsafeMutableRawPointer(mutating: base), count: buffer.count)
            return try unsafe withUnsafeMutablePointer(to: &piece) { (one) throws(CallFailure) in
                try unsafe write(file.raw, IOVectors(UnsafeMutableBufferPointer(start: one, count: 1)), offset)
            }
        }
    }
}
