// A pointer into type-stable memory that reads like a reference, without the reference counting.

/// Names a value in memory that stays mapped and stays of its type for as long as the runtime lives.
// SAFETY: a `Ref` is made only of memory that the runtime allocated for a `Value` and frees when no thread of its own runs
// any more. Who may touch which field is the field's rule, written beside it: either it is atomic, or it has one owner at
// a time, and ownership passes by an atomic of the same value.
@safe struct Ref<Value: ~Copyable>: @unchecked Sendable, Hashable {
    let raw: UnsafeMutablePointer<Value>

    @inline(__always)
    init(_ raw: UnsafeMutablePointer<Value>) {
        unsafe self.raw = raw
    }

    @inline(__always)
    init?(address: UInt) {
        guard let raw = unsafe UnsafeMutablePointer<Value>(bitPattern: address) else { return nil }
        unsafe self.raw = raw
    }

    /// Memory of its own; `free` gives it back.
    static func allocate(_ value: consuming Value) -> Ref {
        let raw = UnsafeMutablePointer<Value>.allocate(capacity: 1)
        unsafe raw.initialize(to: value)
        return unsafe Ref(raw)
    }

    func free() {
        unsafe raw.deinitialize(count: 1)
        unsafe raw.deallocate()
    }

    @inline(__always)
    var address: UInt { unsafe UInt(bitPattern: raw) }

    @inline(__always)
    var it: Value {
        // Addresses, so that an access to one field is no access to the others, which may be other threads'.
        unsafeAddress { unsafe UnsafePointer(raw) }
        nonmutating unsafeMutableAddress { unsafe raw }
    }

    @inline(__always)
    static func == (left: Ref, right: Ref) -> Bool { left.address == right.address }

    func hash(into hasher: inout Hasher) { hasher.combine(address) }
}
