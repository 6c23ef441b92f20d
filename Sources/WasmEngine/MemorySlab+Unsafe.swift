// Linear memories of both profiles, and libwasmtime's callbacks for them.
//
// Dense. Seventeen size classes, 64 KiB << 0 ... 16; each class is one mapping (SlotArena) of slots:
//
//     base           base + size        base + capacity   + 64 KiB
//     |-- accessible --|-- 64 KiB guard --|-- unused … ------|   next slot
//
// Native code checks an index against the size and leaves constant offsets below 64 KiB to the guard, which therefore
// follows the size and not the capacity. Growth within a slot moves the guard; growth past the capacity moves the content
// to the next class that fits, skipping pages that are zero so that untouched memory stays untouched. A freed slot is
// discarded before anyone can take it, so its next owner reads zeros; only bytes below the size were ever writable.
//
// Heavy. A mapping a memory: 4 GiB and the guard are reserved, and growth makes more of it accessible in place.

internal import CWasmtime
internal import Glibc
internal import Synchronization

/// Locking: `arenas` guards the free slots; a record belongs to the one thread that runs its store.
final class MemorySlab: Sendable {
    static let classCount = 17
    static let smallestCapacity = 64 << 10

    private let arenas: Mutex<[SlotArena]>
    private let usesMarkers: Bool

    /// `reservation` bytes of address space a size class.
    init(usesMarkers: Bool = HostPage.hasGuardMarkers, reservation: Int = 256 << 30) {
        self.usesMarkers = usesMarkers
        arenas = Mutex(
            (0..<Self.classCount).map {
                SlotArena(
                    stride: (Self.smallestCapacity << $0) + EngineConfiguration.denseGuardBytes,
                    reservation: reservation)
            })
    }

    deinit {
        arenas.withLock { arenas in
            for index in arenas.indices { arenas[index].destroy() }
        }
    }

    /// The smallest class that holds `size` bytes; nil past 4 GiB.
    static func classIndex(for size: Int) -> Int? {
        (0..<classCount).first { smallestCapacity << $0 >= size }
    }

    /// A slot whose first `size` bytes are zero and accessible and whose guard follows them.
    private func takeSlot(classIndex: Int, size: Int) -> SlotArena.Slot? {
        guard var slot = arenas.withLock({ $0[classIndex].take() }) else { return nil }
        guard moveGuard(of: &slot, to: size) else { return nil }
        return slot
    }

    private func moveGuard(of slot: inout SlotArena.Slot, to size: Int) -> Bool {
        let length = EngineConfiguration.denseGuardBytes
        if slot.guardOffset == size { return true }
        if slot.guardOffset >= 0 {
            guard HostPage.unprotect(slot.base + UInt(slot.guardOffset), length, markers: usesMarkers) else {
                return false
            }
        }
        guard HostPage.protect(slot.base + UInt(size), length, markers: usesMarkers) else { return false }
        slot.guardOffset = size
        return true
    }

    /// A slot that cannot be cleaned is never used again.
    private func giveSlot(_ slot: SlotArena.Slot, classIndex: Int, size: Int) {
        guard HostPage.discard(slot.base, size) else { return }
        arenas.withLock { $0[classIndex].give(slot) }
    }

    /// A memory of `size` bytes that `account` has paid for. `reservation` > 0 asks for a mapping of its own.
    func make(size: Int, reservation: Int, guardBytes: Int) -> LinearMemory? {
        if reservation > 0 {
            let capacity = max(reservation, size).roundedUp(toMultipleOf: HostPage.size)
            let base = HostPage.reserve(capacity + guardBytes, accessible: false)
            guard base != 0 else { return nil }
            guard HostPage.unprotect(base, size, markers: false) else {
                HostPage.release(base, capacity + guardBytes)
                return nil
            }
            return LinearMemory(
                slot: SlotArena.Slot(base: base, guardOffset: -1), classIndex: nil, size: size, capacity: capacity,
                guardBytes: guardBytes)
        }
        guard guardBytes <= EngineConfiguration.denseGuardBytes, let index = Self.classIndex(for: size),
            let slot = takeSlot(classIndex: index, size: size)
        else { return nil }
        return LinearMemory(
            slot: slot, classIndex: index, size: size, capacity: Self.smallestCapacity << index, guardBytes: guardBytes)
    }

    /// Grows to `newSize` bytes, moving if it must; the memory is unchanged when this says false.
    func grow(_ memory: inout LinearMemory, to newSize: Int) -> Bool {
        guard let index = memory.classIndex else {
            guard newSize <= memory.capacity else { return false }
            let added = newSize - memory.size
            guard HostPage.unprotect(memory.slot.base + UInt(memory.size), added, markers: false) else { return false }
            memory.size = newSize
            return true
        }
        if newSize <= memory.capacity {
            guard moveGuard(of: &memory.slot, to: newSize) else { return false }
            memory.size = newSize
            return true
        }
        guard let newIndex = Self.classIndex(for: newSize), let slot = takeSlot(classIndex: newIndex, size: newSize)
        else { return false }
        Self.copyTouched(from: memory.slot.base, to: slot.base, length: memory.size)
        giveSlot(memory.slot, classIndex: index, size: memory.size)
        memory.slot = slot
        memory.classIndex = newIndex
        memory.size = newSize
        memory.capacity = Self.smallestCapacity << newIndex
        return true
    }

    func free(_ memory: LinearMemory) {
        if let index = memory.classIndex {
            giveSlot(memory.slot, classIndex: index, size: memory.size)
        } else {
            HostPage.release(memory.slot.base, memory.capacity + memory.guardBytes)
        }
    }

    /// See `SlotArena.renewFree`.
    func renewFree() -> Int {
        (0..<Self.classCount).reduce(0) { sum, index in
            sum
                + arenas.withLock {
                    $0[index].renewFree(guardBytes: EngineConfiguration.denseGuardBytes, markers: usesMarkers)
                }
        }
    }

    /// Copies the pages that hold anything but zeros; `length` is a multiple of the page size.
    private static func copyTouched(from source: UInt, to target: UInt, length: Int) {
        let page = HostPage.size
        for offset in stride(from: 0, to: length, by: page) {
            // SAFETY: both ranges are accessible, `length` long, disjoint, and belong to the caller alone.
            guard let from = unsafe UnsafeRawPointer(bitPattern: source + UInt(offset)),
                let to = unsafe UnsafeMutableRawPointer(bitPattern: target + UInt(offset))
            else { return }
            let isZero = unsafe from.load(as: UInt64.self) == 0 && memcmp(from, from + 8, page - 8) == 0
            if !isZero { unsafe memcpy(to, from, page) }
        }
    }
}

/// One linear memory: where it is and how large.
struct LinearMemory {
    var slot: SlotArena.Slot
    /// nil for a mapping of its own.
    var classIndex: Int?
    var size: Int
    var capacity: Int
    let guardBytes: Int
}

/// What libwasmtime holds of one memory.
@unsafe struct LinearMemoryRecord {
    var memory: LinearMemory
    let slab: Unmanaged<MemorySlab>
    /// Outlives the memory: a store's state is freed after the store.
    let payer: UnsafeMutablePointer<StoreState>
    /// The store's memories are a list that starts in its state.
    var next: UnsafeMutablePointer<LinearMemoryRecord>?
}

extension MemorySlab {
    /// Hands the slab to an engine's configuration.
    func install(in configuration: OpaquePointer) {
        // SAFETY: the configuration copies the creator; the finalizer gives back the reference taken here.
        var creator = unsafe wasmtime_memory_creator_t(
            env: Unmanaged.passRetained(self).toOpaque(), new_memory: newLinearMemory,
            finalizer: { slab in
                if let slab = unsafe slab { unsafe Unmanaged<MemorySlab>.fromOpaque(slab).release() }
            })
        unsafe wasmtime_config_host_memory_creator_set(configuration, &creator)
    }
}

// SAFETY (all four callbacks): `env` is what `install` or `newLinearMemory` gave; libwasmtime passes valid out-pointers
// and calls on the thread that runs the store, under which the account was set.
private let newLinearMemory: wasmtime_new_memory_callback_t = { env, _, minimum, _, reserved, guardBytes, result in
    guard let env = unsafe env, let result = unsafe result, let payer = unsafe StoreState.payer else {
        return unsafe wasmtime_error_new("a memory outside of any store")
    }
    guard unsafe payer.pointee.account.charge(minimum) else {
        return unsafe wasmtime_error_new("the memory's minimum is over the limit")
    }
    let slab = unsafe Unmanaged<MemorySlab>.fromOpaque(env)
    let made = unsafe slab._withUnsafeGuaranteedRef {
        $0.make(size: minimum, reservation: reserved, guardBytes: guardBytes)
    }
    guard let made else {
        unsafe payer.pointee.account.refund(minimum)
        return unsafe wasmtime_error_new("no room for a memory")
    }
    let record = UnsafeMutablePointer<LinearMemoryRecord>.allocate(capacity: 1)
    unsafe record.initialize(
        to: LinearMemoryRecord(memory: made, slab: slab, payer: payer, next: payer.pointee.firstMemory))
    unsafe payer.pointee.firstMemory = unsafe record
    unsafe result.pointee = unsafe wasmtime_linear_memory_t(
        env: UnsafeMutableRawPointer(record), get_memory: getLinearMemory, grow_memory: growLinearMemory,
        finalizer: freeLinearMemory)
    return nil
}

private let getLinearMemory: wasmtime_memory_get_callback_t = { env, size, capacity in
    guard let record = unsafe env?.assumingMemoryBound(to: LinearMemoryRecord.self) else { return nil }
    unsafe size?.pointee = unsafe record.pointee.memory.size
    unsafe capacity?.pointee = unsafe record.pointee.memory.capacity
    return unsafe UnsafeMutablePointer(bitPattern: record.pointee.memory.slot.base)
}

private let growLinearMemory: wasmtime_memory_grow_callback_t = { env, newSize in
    guard let record = unsafe env?.assumingMemoryBound(to: LinearMemoryRecord.self) else { return nil }
    let size = unsafe record.pointee.memory.size
    guard newSize >= size, unsafe record.pointee.payer.pointee.account.charge(newSize - size) else {
        return unsafe wasmtime_error_new("growth is over the limit")
    }
    let grown = unsafe record.pointee.slab._withUnsafeGuaranteedRef {
        unsafe $0.grow(&record.pointee.memory, to: newSize)
    }
    if grown { return nil }
    unsafe record.pointee.payer.pointee.account.refund(newSize - size)
    return unsafe wasmtime_error_new("no room to grow")
}

private let freeLinearMemory: @convention(c) (UnsafeMutableRawPointer?) -> Void = { env in
    guard let record = unsafe env?.assumingMemoryBound(to: LinearMemoryRecord.self) else { return }
    unsafe record.pointee.payer.pointee.forget(record)
    unsafe record.pointee.payer.pointee.account.refund(record.pointee.memory.size)
    unsafe record.pointee.slab._withUnsafeGuaranteedRef { unsafe $0.free(record.pointee.memory) }
    unsafe record.deinitialize(count: 1)
    unsafe record.deallocate()
}
