// Idle processes without an instance: what differs from a new one, in a few bytes, and an instance made from that again.
//
// The bytes: globals that differ (a byte for how many; each an index of a byte and 16 bytes), then pages that differ (two bytes
// for the index, two for how many runs; each run two bytes for the first word, two for how many, and the words). Our own
// output only is ever read, in the same OS process.

internal import CWasmtime
internal import Glibc

package struct ParkedInstance: Sendable {
    /// What its linear memory was and will be, in bytes; nobody is charged for it meanwhile.
    package let memoryBytes: Int
    fileprivate let module: ObjectIdentifier
    fileprivate let bytes: [UInt8]

    /// What it takes itself, about.
    package var heldBytes: Int { bytes.count + MemoryLayout<ParkedInstance>.size + 32 }
}

/// A parked instance where it is kept for long, as small as it can be.
package struct StoredInstance: ~Copyable, Sendable {
    private let memoryBytes: Int
    private let module: ObjectIdentifier
    private let bytes: CompactBytes

    package init(_ parked: ParkedInstance) {
        memoryBytes = parked.memoryBytes
        module = parked.module
        bytes = CompactBytes(parked.bytes)
    }

    package var parked: ParkedInstance {
        ParkedInstance(memoryBytes: memoryBytes, module: module, bytes: bytes.array)
    }
}

extension Store {
    /// What would make a new instance into this one; the store may then be dropped or given to its pool. nil while a call is
    /// under way, for a module whose state cannot be put back or whose first instance no pool made, and where it would save
    /// less than half of what the instance's pages hold.
    package func park() -> ParkedInstance? {
        // SAFETY: nothing runs in the store; pages are read within its memory.
        guard isReady else { return nil }
        return unsafe state.pointee.linked._withUnsafeGuaranteedRef { linked in
            guard let image = linked.image else { return nil }
            var writer = ParkedBytes()
            guard unsafe writer.write(globalsOf: state, image) else { return nil }
            var memoryBytes = 0
            if let memory = unsafe state.pointee.firstMemory?.pointee.memory {
                memoryBytes = memory.size
                guard memory.size <= InstanceImage.maximumMemoryBytes,
                    let touched = PageMap.touchedPages(memory.slot.base, memory.size)
                else { return nil }
                let worthwhile = touched.count * HostPage.size / 2
                for page in touched {
                    writer.write(page, of: memory, image)
                    guard writer.bytes.count <= max(worthwhile, 256) else { return nil }
                }
            }
            // Exactly as large as it must be.
            return ParkedInstance(
                memoryBytes: memoryBytes, module: ObjectIdentifier(linked), bytes: Array(writer.bytes[...]))
        }
    }
}

extension InstancePool {
    /// An instance like the one that was parked, in a store for the same process. It must be polled if it is busy: then there
    /// was no memory to be had, which the poll says.
    /// - Precondition: what is parked is of this pool's module.
    package func unpark(
        _ parked: ParkedInstance, limits: StoreLimits, context: AnyObject, charge: (any MemoryCharge)? = nil
    ) -> Store {
        precondition(parked.module == ObjectIdentifier(linked), "parked from another module")
        let store = take(limits: limits, context: context, charge: charge)
        guard !store.isBusy else { return store }
        // SAFETY: the store is ours until it is returned, and nothing runs in it.
        guard unsafe ParkedBytes.apply(parked, to: store.state, linked) else {
            unsafe store.state.pointee.failure = .failed("no room for a memory")
            unsafe store.state.pointee.isLive = false
            return store
        }
        return store
    }
}

struct ParkedBytes {
    private(set) var bytes: [UInt8] = []

    private mutating func append(_ value: Int) {
        bytes.append(UInt8(truncatingIfNeeded: value))
        bytes.append(UInt8(truncatingIfNeeded: value >> 8))
    }

    /// False when a global is not there.
    mutating func write(globalsOf state: UnsafeMutablePointer<StoreState>, _ image: InstanceImage) -> Bool {
        // SAFETY: handles and values are of one module, in one order.
        guard let handles = unsafe image.globals(in: state) else { return false }
        bytes.append(0)
        for index in handles.indices {
            var handle = handles[index]
            var value = unsafe wasmtime_val_t()
            unsafe wasmtime_global_get(state.pointee.context, &handle, &value)
            let bits = unsafe value.bits
            if unsafe bits == image.globals[index].bits { continue }
            bytes[0] += 1
            bytes.append(UInt8(index))
            for word in [bits.0, bits.1] {
                for shift in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: word >> shift)) }
            }
        }
        return true
    }

    /// Without an image a page is compared with zeros.
    mutating func write(_ page: UInt16, of memory: LinearMemory, _ image: InstanceImage?) {
        // SAFETY: the page is within the memory; words are within the page.
        guard let now = unsafe InstanceImage.page(memory, page) else { return }
        let words = unsafe now.assumingMemoryBound(to: UInt64.self)
        let before = unsafe image?.original(page)?.assumingMemoryBound(to: UInt64.self)
        let count = HostPage.size / 8
        // A run may hold a word that is the same: as long as beginning another one.
        func differs(_ index: Int) -> Bool { unsafe words[index] != (before.map { unsafe $0[index] } ?? 0) }
        var runs = 0
        let start = bytes.count
        var index = 0
        while index < count {
            guard differs(index) else {
                index += 1
                continue
            }
            var end = index + 1
            while end < count, differs(end) || (end + 1 < count && differs(end + 1)) { end += 1 }
            if runs == 0 {
                append(Int(page))
                append(0)
            }
            runs += 1
            append(index)
            append(end - index)
            unsafe bytes.append(contentsOf: UnsafeRawBufferPointer(start: words + index, count: (end - index) * 8))
            index = end
        }
        guard runs > 0 else { return }
        bytes[start + 2] = UInt8(truncatingIfNeeded: runs)
        bytes[start + 3] = UInt8(truncatingIfNeeded: runs >> 8)
    }

    /// False when memory cannot grow as far.
    static func apply(
        _ parked: ParkedInstance, to state: UnsafeMutablePointer<StoreState>, _ linked: LinkedModule
    ) -> Bool {
        // SAFETY: the instance is one of the same module, new; what is written lies within its memory, which is checked.
        guard let image = linked.image, let handles = unsafe image.globals(in: state) else { return false }
        var reader = ParkedReader(bytes: parked.bytes)
        for _ in 0..<reader.byte() {
            let index = reader.byte()
            let low = reader.word()
            let high = reader.word()
            guard index < handles.count else { return false }
            var handle = handles[index]
            var value = unsafe image.globals[index]
            unsafe value.setBits(low, high)
            if let error = unsafe wasmtime_global_set(state.pointee.context, &handle, &value) {
                unsafe wasmtime_error_delete(error)
                return false
            }
        }
        guard parked.memoryBytes > 0 else { return true }
        guard unsafe grow(state, linked, to: parked.memoryBytes),
            let memory = unsafe state.pointee.firstMemory?.pointee.memory
        else { return false }
        return apply(pages: &reader, to: memory)
    }

    /// Writes pages that differ over what a memory holds.
    static func apply(pages reader: inout ParkedReader, to memory: LinearMemory) -> Bool {
        // SAFETY: what is written lies within the memory, which is checked, and nothing runs in it.
        while !reader.isAtEnd {
            let page = reader.short()
            let runs = reader.short()
            for _ in 0..<runs {
                let first = reader.short()
                let length = reader.short() * 8
                let offset = page * HostPage.size + first * 8
                guard offset + length <= memory.size, let source = reader.take(length),
                    let target = unsafe UnsafeMutableRawPointer(bitPattern: memory.slot.base + UInt(offset))
                else { return false }
                unsafe reader.bytes.withUnsafeBytes { bytes in
                    _ = unsafe bytes.baseAddress.map { unsafe memcpy(target, $0 + source, length) }
                }
            }
        }
        return true
    }

    private static func grow(
        _ state: UnsafeMutablePointer<StoreState>, _ linked: LinkedModule, to bytes: Int
    ) -> Bool {
        // SAFETY: a live instance; its memory's handle is valid as long as the store.
        let wasmPage = 64 << 10
        guard let size = unsafe state.pointee.firstMemory?.pointee.memory.size, size <= bytes else { return false }
        guard size < bytes else { return true }
        let name = Array(ModuleFacts.memoryName.utf8)
        guard var memory = unsafe linked.export(name, of: state, kind: ExternKind.memory)?.memory else { return false }
        var before: UInt64 = 0
        let delta = UInt64((bytes - size) / wasmPage)
        guard let error = unsafe wasmtime_memory_grow(state.pointee.context, &memory, delta, &before) else {
            return true
        }
        unsafe wasmtime_error_delete(error)
        return false
    }
}

/// Reads what `ParkedBytes` wrote; zeros past the end.
struct ParkedReader {
    let bytes: [UInt8]
    private var position = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { position >= bytes.count }

    mutating func byte() -> Int {
        guard position < bytes.count else { return 0 }
        defer { position += 1 }
        return Int(bytes[position])
    }

    mutating func short() -> Int {
        let low = byte()
        return low | byte() << 8
    }

    mutating func word() -> UInt64 {
        (0..<8).reduce(0) { $0 | UInt64(byte()) << (8 * UInt64($1)) }
    }

    /// Where the next `length` bytes are, which are skipped.
    mutating func take(_ length: Int) -> Int? {
        guard length <= bytes.count - position else { return nil }
        defer { position += length }
        return position
    }
}

extension wasmtime_val_t {
    /// All that its type has, and zeros.
    fileprivate var bits: (UInt64, UInt64) {
        // SAFETY: the kind says which member was written.
        switch unsafe ValueType(rawValue: kind) {
        case .i64, .f64: return unsafe (UInt64(bitPattern: of.i64), 0)
        case .v128:
            var value = unsafe of.v128
            return unsafe withUnsafeBytes(of: &value) { bytes in
                unsafe (
                    bytes.loadUnaligned(as: UInt64.self), bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
                )
            }
        default: return unsafe (UInt64(UInt32(bitPattern: of.i32)), 0)
        }
    }

    fileprivate mutating func setBits(_ low: UInt64, _ high: UInt64) {
        // SAFETY: as above; the whole union may be written.
        guard unsafe ValueType(rawValue: kind) == .v128 else {
            unsafe of.i64 = Int64(bitPattern: low)
            return
        }
        unsafe withUnsafeMutableBytes(of: &of.v128) { bytes in
            unsafe bytes.storeBytes(of: low, as: UInt64.self)
            unsafe bytes.storeBytes(of: high, toByteOffset: 8, as: UInt64.self)
        }
    }
}
