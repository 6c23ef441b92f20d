// A call's arguments as the engine passes them: one slot each, read by position.

/// At most nine slots (`path_open` has nine parameters), without allocation.
package struct RawArguments {
    package static let limit = 9

    private var slots: InlineArray<9, UInt64>

    /// `slot` gives each argument's 64 bits; of an i32's only the low 32 are ever read. Arguments past the ninth do
    /// not exist in preview 1, and missing ones are 0.
    @inline(__always)
    package init(count: Int, _ slot: (Int) -> UInt64) {
        slots = InlineArray(repeating: 0)
        for index in 0..<min(count, RawArguments.limit) { slots[index] = slot(index) }
    }

    @inline(__always)
    func i32(_ index: Int) -> UInt32 { UInt32(truncatingIfNeeded: slots[index]) }

    @inline(__always)
    func i64(_ index: Int) -> UInt64 { slots[index] }
}
