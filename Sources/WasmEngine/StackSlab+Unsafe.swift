// Fiber stacks, and libwasmtime's callbacks for them.
//
// One mapping of equal slots, all of the engine's stack size:
//
//     base           base + 64 KiB                                    top
//     |-- 64 KiB guard --|-- host reserve --|-- what the guest may use --|   next slot
//
// The guest is stopped by checks in its own code ("stack overflow") before it reaches the host's reserve; the guard is for
// the host's own mistakes, which end the cell. A few freed stacks stay as they are, so that the next process need not fault
// its pages in: guests cannot read what a stack held, since Wasm's variables start as zero. The rest are discarded.

internal import CWasmtime
internal import Synchronization

/// Locking: `stacks` guards the free slots; a stack in use belongs to its fiber.
final class StackSlab: Sendable {
    private static let guardBytes = 64 << 10

    /// Freed stacks that are not discarded, with all that their last users touched.
    private static let warmLimit = 32

    private struct Stacks {
        var arena: SlotArena
        var warm: [UInt] = []
    }

    private let stacks: Mutex<Stacks>
    private let usesMarkers: Bool
    let stackBytes: Int

    init(stackBytes: Int, usesMarkers: Bool = HostPage.hasGuardMarkers, reservation: Int = 8 << 40) {
        self.stackBytes = stackBytes.roundedUp(toMultipleOf: HostPage.size)
        self.usesMarkers = usesMarkers
        stacks = Mutex(
            Stacks(arena: SlotArena(stride: self.stackBytes + Self.guardBytes, reservation: reservation)))
    }

    deinit {
        stacks.withLock { $0.arena.destroy() }
    }

    /// The base of a slot, guard included; 0 when there is no room.
    fileprivate func take() -> UInt {
        let slot = stacks.withLock { stacks in
            stacks.warm.popLast().map { SlotArena.Slot(base: $0, guardOffset: 0) } ?? stacks.arena.take()
        }
        guard let slot else { return 0 }
        if slot.guardOffset < 0 {
            guard HostPage.protect(slot.base, Self.guardBytes, markers: usesMarkers) else { return 0 }
        }
        return slot.base
    }

    fileprivate func give(_ base: UInt) {
        let isKept = stacks.withLock { stacks in
            guard stacks.warm.count < Self.warmLimit else { return false }
            stacks.warm.append(base)
            return true
        }
        if isKept { return }
        guard HostPage.discard(base + UInt(Self.guardBytes), stackBytes) else { return }
        stacks.withLock { $0.arena.give(SlotArena.Slot(base: base, guardOffset: 0)) }
    }

    /// See `SlotArena.renewFree`; the stacks that are kept warm stay.
    func renewFree() -> Int {
        stacks.withLock { $0.arena.renewFree(guardBytes: Self.guardBytes, markers: usesMarkers) }
    }

    fileprivate func top(of base: UInt) -> UInt {
        base + UInt(Self.guardBytes + stackBytes)
    }

    /// Discards the pages of a stack from its guard up to well below `pointer`, where a fiber that is put aside still has the
    /// library's frames.
    /// Does nothing unless `pointer` is in the slot at `base`, and so the fiber's, of `stackBytes`.
    static func trim(base: UInt, stackBytes: Int, inUseFrom pointer: UInt) {
        let frames = UInt(HostPage.size)
        guard base != 0, pointer > base + UInt(guardBytes) + frames, pointer < base + UInt(guardBytes + stackBytes)
        else { return }
        let start = base + UInt(guardBytes)
        let end = (pointer - frames) & ~UInt(HostPage.size - 1)
        guard end > start else { return }
        _ = HostPage.discard(start, Int(end - start))
    }

    /// Hands the slab to an engine's configuration.
    func install(in configuration: OpaquePointer) {
        // SAFETY: the configuration copies the creator; the finalizer gives back the reference taken here.
        var creator = unsafe wasmtime_stack_creator_t(
            env: Unmanaged.passRetained(self).toOpaque(), new_stack: newStack,
            finalizer: { slab in
                if let slab = unsafe slab { unsafe Unmanaged<StackSlab>.fromOpaque(slab).release() }
            })
        unsafe wasmtime_config_host_stack_creator_set(configuration, &creator)
    }
}

/// What libwasmtime holds of one stack.
@unsafe struct StackRecord {
    let base: UInt
    let slab: Unmanaged<StackSlab>
}

// SAFETY (all three callbacks): `env` is what `install` or `newStack` gave; out-pointers are valid; a stack is freed when
// no frame is on it.
private let newStack: wasmtime_new_stack_memory_callback_t = { env, size, _, result in
    guard let env = unsafe env, let result = unsafe result else { return unsafe wasmtime_error_new("no stack slab") }
    let slab = unsafe Unmanaged<StackSlab>.fromOpaque(env)
    let base = unsafe slab._withUnsafeGuaranteedRef { size <= $0.stackBytes ? $0.take() : 0 }
    guard base != 0 else { return unsafe wasmtime_error_new("no room for a stack") }
    // The store whose call asks for it.
    if let state = unsafe StoreState.payer { unsafe state.pointee.stackBase = base }
    let record = UnsafeMutablePointer<StackRecord>.allocate(capacity: 1)
    unsafe record.initialize(to: StackRecord(base: base, slab: slab))
    unsafe result.pointee = unsafe wasmtime_stack_memory_t(
        env: UnsafeMutableRawPointer(record), get_stack_memory: getStack, finalizer: freeStack)
    return nil
}

private let getStack: wasmtime_stack_memory_get_callback_t = { env, length in
    guard let record = unsafe env?.assumingMemoryBound(to: StackRecord.self) else { return nil }
    return unsafe record.pointee.slab._withUnsafeGuaranteedRef { slab in
        unsafe length?.pointee = slab.stackBytes
        return unsafe UnsafeMutablePointer(bitPattern: slab.top(of: record.pointee.base))
    }
}

private let freeStack: @convention(c) (UnsafeMutableRawPointer?) -> Void = { env in
    guard let record = unsafe env?.assumingMemoryBound(to: StackRecord.self) else { return }
    unsafe record.pointee.slab._withUnsafeGuaranteedRef { unsafe $0.give(record.pointee.base) }
    unsafe record.deinitialize(count: 1)
    unsafe record.deallocate()
}
