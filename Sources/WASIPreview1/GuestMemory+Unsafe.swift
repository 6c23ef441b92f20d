// A process's linear memory during one call: base and byte count, every access checked.

internal import LinuxKernel

/// Valid only while the call that it was made for runs: a guest that grows its memory may move it, so whoever joins
/// engine and WASI fetches base and count again for each call, and again when a call is repeated after a wait.
///
/// Types and members are `@usableFromInline`, or what is `@inlinable` here would be inlined in this module alone.
@safe @usableFromInline
package struct GuestMemory {
    @usableFromInline let base: UnsafeMutableRawPointer
    /// In bytes, at most 4 GiB.
    @usableFromInline package let count: Int

    /// The memory must stay where it is, `count` bytes from `base`, and be written by nobody else, while this is used.
    @unsafe @inlinable @inline(__always)
    package init(base: UnsafeMutableRawPointer, count: Int) {
        unsafe self.base = base
        self.count = count
    }

    /// A checked range of this memory.
    @usableFromInline
    package struct Area {
        @usableFromInline let offset: Int
        @usableFromInline package let count: Int

        @inlinable @inline(__always)
        init(offset: Int, count: Int) {
            self.offset = offset
            self.count = count
        }
    }

    /// IOV_MAX.
    static let vectorLimit: UInt32 = 1024
    /// The most bytes that one read or write moves, so that no call holds its thread for long; short counts are legal.
    static let transferLimit = 16 << 20

    /// - Throws: `fault` when `count` bytes from `pointer` are not all inside.
    @inlinable @inline(__always)
    package func area(at pointer: UInt32, count: Int) throws(CallFailure) -> Area {
        let offset = Int(pointer)
        guard count >= 0, offset <= self.count, count <= self.count - offset else { throw .errno(.fault) }
        return Area(offset: offset, count: count)
    }

    @inlinable @inline(__always)
    package func area(at pointer: UInt32, count: UInt32) throws(CallFailure) -> Area {
        try area(at: pointer, count: Int(count))
    }

    /// Little-endian, unaligned. `offset` plus the integer's size must not pass the area's end (a programming error).
    @inlinable @inline(__always)
    package func load<Value: FixedWidthInteger & BitwiseCopyable>(
        _ type: Value.Type, in area: Area, at offset: Int
    ) -> Value {
        precondition(offset >= 0 && offset + MemoryLayout<Value>.size <= area.count)
        // SAFETY: the area is inside the memory (`area`), and the line above keeps the integer inside the area.
        return unsafe Value(littleEndian: base.loadUnaligned(fromByteOffset: area.offset + offset, as: Value.self))
    }

    /// As `load`.
    @inlinable @inline(__always)
    package func store<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value, in area: Area, at offset: Int) {
        precondition(offset >= 0 && offset + MemoryLayout<Value>.size <= area.count)
        // SAFETY: as `load`.
        unsafe base.storeBytes(of: value.littleEndian, toByteOffset: area.offset + offset, as: Value.self)
    }

    package func store<Value: FixedWidthInteger & BitwiseCopyable>(
        _ value: Value, at pointer: UInt32
    ) throws(CallFailure) {
        store(value, in: try area(at: pointer, count: MemoryLayout<Value>.size), at: 0)
    }

    package func zero(_ area: Area) {
        // SAFETY: the area is inside the memory.
        unsafe (base + area.offset).initializeMemory(as: UInt8.self, repeating: 0, count: area.count)
    }

    /// `bytes` from `offset` of the area on; what does not fit is left out.
    /// - Returns: how many bytes were written.
    @discardableResult
    package func store(_ bytes: Span<UInt8>, in area: Area, at offset: Int = 0) -> Int {
        let room = min(bytes.count, max(0, area.count - max(0, offset)))
        guard room > 0, offset >= 0 else { return 0 }
        unsafe bytes.withUnsafeBytes { source in
            guard let start = source.baseAddress else { return }
            // SAFETY: `room` bytes are inside both the source and the area.
            unsafe (base + area.offset + offset).copyMemory(from: start, byteCount: room)
        }
        return room
    }

    @discardableResult
    package func store(_ bytes: [UInt8], in area: Area) -> Int { store(bytes.span, in: area) }

    package func bytes(in area: Area) -> [UInt8] {
        // SAFETY: the area is inside the memory; the bytes are copied at once.
        unsafe [UInt8](UnsafeRawBufferPointer(start: base + area.offset, count: area.count))
    }

    /// The area itself, for as long as this memory may be used.
    @unsafe @inlinable @inline(__always)
    package func buffer(of area: Area) -> UnsafeMutableRawBufferPointer {
        // SAFETY: the area is inside the memory.
        unsafe UnsafeMutableRawBufferPointer(start: base + area.offset, count: area.count)
    }

    /// Copies bytes that lie elsewhere to the start of the area; what does not fit is left out.
    @unsafe @inlinable @inline(__always)
    package func copy(_ bytes: UnsafeRawBufferPointer, into area: Area) {
        guard let start = bytes.baseAddress else { return }
        // SAFETY: as many bytes as both have.
        unsafe (base + area.offset).copyMemory(from: start, byteCount: min(bytes.count, area.count))
    }

    /// Lends the area from `offset` on, at most `limit` bytes of it, to a call that fills it.
    func withBytes<Value>(
        of area: Area, from offset: Int, limit: Int,
        _ body: (UnsafeMutableRawBufferPointer) throws(CallFailure) -> Value
    ) throws(CallFailure) -> Value {
        let start = min(max(0, offset), area.count)
        // SAFETY: start is at most the area's count, so the buffer is inside the memory; the body does not keep it.
        return try unsafe body(
            UnsafeMutableRawBufferPointer(start: base + area.offset + start, count: min(limit, area.count - start)))
    }

    /// Lends the pieces that an array of `iovec` or `ciovec` names, less the first `skipped` bytes and cut to `limit`
    /// bytes in all, to a call that reads or writes them.
    ///
    /// - Throws: `inval` for more than 1024 pieces; `fault` when the array or any piece is not inside.
    func withVectors<Value>(
        at list: UInt32, count: UInt32, skipping skipped: UInt64 = 0, limit: Int = transferLimit,
        _ body: (IOVectors, _ total: Int) throws(CallFailure) -> Value
    ) throws(CallFailure) -> Value {
        guard count <= GuestMemory.vectorLimit else { throw .errno(.inval) }
        let area = try area(at: list, count: Int(count) * 8)
        // SAFETY: each piece is inside the memory (checked by `area`), the pieces live until the body returns, and
        // the body does not keep them.
        return try unsafe withUnsafeTemporaryAllocation(of: IOVector.self, capacity: Int(count)) {
            (pieces) throws(CallFailure) in
            var used = 0
            var total = 0
            var toSkip = skipped
            for index in 0..<Int(count) {
                let piece = try self.area(
                    at: load(UInt32.self, in: area, at: index * 8),
                    count: load(UInt32.self, in: area, at: index * 8 + 4))
                let skip = Int(min(toSkip, UInt64(piece.count)))
                toSkip -= UInt64(skip)
                let length = min(piece.count - skip, limit - total)
                if length == 0 { continue }
                unsafe pieces.initializeElement(
                    at: used, to: IOVector(base: base + piece.offset + skip, count: length))
                used += 1
                total += length
            }
            return try unsafe body(IOVectors(UnsafeMutableBufferPointer(rebasing: pieces[..<used])), total)
        }
    }
}
