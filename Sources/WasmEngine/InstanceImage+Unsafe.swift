// What an instance of a module is when it is new: the content of its memory and of its globals. Taken once from the first
// instance, before any of its code has run; instances are put back to it, and parked as what differs from it.

internal import CWasmtime
internal import Glibc

/// Never changes once it is made.
@safe final class InstanceImage: @unchecked Sendable {
    /// Larger memories are neither put back nor parked.
    static let maximumMemoryBytes = 16 << 20

    let memoryBytes: Int
    /// Where in `content` a page is, in pages; `absent` for one that is zero.
    private let places: [UInt16]
    private let content: UnsafeMutableRawPointer
    private let contentPages: Int
    let globals: [wasmtime_val_t]
    private let globalNames: [[UInt8]]
    private let memoryName = Array(ModuleFacts.memoryName.utf8)

    private static let absent = UInt16.max

    /// nil for a module whose instances cannot be put back. `state` has just been instantiated.
    init?(of linked: LinkedModule, _ state: UnsafeMutablePointer<StoreState>) {
        // SAFETY: the state is of a live instance that no code has run in; pages are read within the memory.
        guard let facts = linked.module.facts, facts.obstacle == nil, unsafe state.pointee.hasSlices, PageMap.isTrue
        else { return nil }
        let memory = unsafe state.pointee.firstMemory.map { unsafe $0.pointee.memory }
        memoryBytes = memory?.size ?? 0
        guard (memory != nil) == facts.hasMemory, memoryBytes <= Self.maximumMemoryBytes else { return nil }
        var touched: [UInt16] = []
        if let memory {
            guard let found = PageMap.touchedPages(memory.slot.base, memory.size) else { return nil }
            touched = found
        }
        var places = [UInt16](repeating: Self.absent, count: memoryBytes / HostPage.size)
        for (place, page) in touched.enumerated() { places[Int(page)] = UInt16(place) }
        self.places = places
        contentPages = touched.count
        unsafe content = .allocate(byteCount: max(touched.count, 1) * HostPage.size, alignment: 64)
        globalNames = (0..<facts.globalCount).map { Array(ModuleFacts.globalName($0).utf8) }
        var values: [wasmtime_val_t] = unsafe []
        for name in globalNames {
            guard var global = unsafe linked.export(name, of: state, kind: ExternKind.global)?.global_ else { break }
            var value = unsafe wasmtime_val_t()
            unsafe wasmtime_global_get(state.pointee.context, &global, &value)
            unsafe values.append(value)
        }
        unsafe globals = unsafe values
        for (place, page) in touched.enumerated() {
            guard let memory, let source = unsafe Self.page(memory, page) else { continue }
            unsafe memcpy(content + place * HostPage.size, source, HostPage.size)
        }
        if unsafe globals.count != globalNames.count { return nil }
    }

    deinit {
        unsafe content.deallocate()
    }

    /// Makes `pages` of a memory what they are in the image. Reads first: a page that was only read need not be written.
    /// - Precondition: the memory is of the image's module, and has the image's size.
    func restore(_ pages: [UInt16], of memory: LinearMemory) {
        for page in pages {
            // SAFETY: the page is within the memory, which belongs to the caller alone.
            guard let target = unsafe Self.page(memory, page) else { continue }
            if let source = unsafe original(page) {
                if unsafe memcmp(target, source, HostPage.size) != 0 { unsafe memcpy(target, source, HostPage.size) }
            } else if unsafe !Self.isZero(target) {
                unsafe memset(target, 0, HostPage.size)
            }
        }
    }

    /// Writes the image over a memory that is zero.
    func restore(to memory: LinearMemory) {
        for (page, place) in places.enumerated() where place != Self.absent {
            restore([UInt16(page)], of: memory)
        }
    }

    /// Handles of the globals in a store, in the image's order; nil when one is not there.
    func globals(in state: UnsafeMutablePointer<StoreState>) -> [wasmtime_global_t]? {
        unsafe state.pointee.linked._withUnsafeGuaranteedRef { linked in
            var handles: [wasmtime_global_t] = []
            for name in globalNames {
                guard let global = unsafe linked.export(name, of: state, kind: ExternKind.global)?.global_ else {
                    return nil
                }
                handles.append(global)
            }
            return handles
        }
    }

    /// Gives globals the values of the image; false when the library refuses.
    func restore(_ handles: [wasmtime_global_t], _ context: OpaquePointer) -> Bool {
        // SAFETY: handles and values are of one module, in one order; both arrays live through the calls.
        unsafe handles.withUnsafeBufferPointer { handles in
            unsafe globals.withUnsafeBufferPointer { values in
                guard let handles = handles.baseAddress, let values = values.baseAddress else { return true }
                for index in unsafe 0..<globals.count {
                    if let error = unsafe wasmtime_global_set(context, handles + index, values + index) {
                        unsafe wasmtime_error_delete(error)
                        return false
                    }
                }
                return true
            }
        }
    }

    /// A page's content; nil for zeros. Pages past the image's memory are zero.
    func original(_ page: UInt16) -> UnsafeRawPointer? {
        guard Int(page) < places.count, places[Int(page)] != Self.absent else { return nil }
        return unsafe UnsafeRawPointer(content + Int(places[Int(page)]) * HostPage.size)
    }

    static func page(_ memory: LinearMemory, _ page: UInt16) -> UnsafeMutableRawPointer? {
        unsafe UnsafeMutableRawPointer(bitPattern: memory.slot.base + UInt(Int(page) * HostPage.size))
    }

    static func isZero(_ page: UnsafeMutableRawPointer) -> Bool {
        // SAFETY: a page is a whole number of words.
        let words = unsafe page.assumingMemoryBound(to: SIMD8<UInt64>.self)
        var any = SIMD8<UInt64>(repeating: 0)
        for index in 0..<(HostPage.size / 64) { any |= unsafe words[index] }
        return any == SIMD8(repeating: 0)
    }
}
