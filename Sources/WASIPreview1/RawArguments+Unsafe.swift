// A call's arguments as the engine passes them: one slot each, read by position without copying.

/// Valid only while the call that it was made for runs.
@safe package struct RawArguments {
    private let base: UnsafeRawPointer
    private let stride: Int

    /// `base` points at the first argument, the next is `stride` bytes further (16 in libwasmtime's unchecked calls, 8
    /// in an array of UInt64); an i32 lies in a slot's first 4 bytes, an i64 in its first 8. As many slots as the
    /// function has parameters must be readable.
    @unsafe package init(base: UnsafeRawPointer, stride: Int) {
        unsafe self.base = base
        self.stride = stride
    }

    @inline(__always)
    func i32(_ index: Int) -> UInt32 {
        // SAFETY: `index` is below the function's parameter count, which `init` promises are readable.
        unsafe UInt32(littleEndian: base.loadUnaligned(fromByteOffset: index * stride, as: UInt32.self))
    }

    @inline(__always)
    func i64(_ index: Int) -> UInt64 {
        // SAFETY: as `i32`.
        unsafe UInt64(littleEndian: base.loadUnaligned(fromByteOffset: index * stride, as: UInt64.self))
    }
}
