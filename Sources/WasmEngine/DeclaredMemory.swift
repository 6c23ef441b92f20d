// Reads from a binary what the library's interface does not tell: the memories a module declares, exported or not, and the
// size of its code. Used before compiling, to choose a profile, so the bytes are not yet validated.

package struct DeclaredMemory: Hashable, Sendable {
    /// All memories together, in bytes; saturates.
    package var minimum: UInt64 = 0
    /// nil where a memory has no maximum.
    package var maximum: UInt64? = 0
    /// Bytes of the code section.
    package var codeBytes: UInt64 = 0

    /// Stops at the first thing it does not understand; the engine then says what is wrong with the module.
    package init(readingBinary wasm: [UInt8]) {
        guard wasm.count >= 8 else { return }
        var reader = BinaryReader(wasm, in: 8..<wasm.count)
        while let identifier = reader.byte(), let size = reader.unsigned() {
            guard let range = reader.range(size) else { return }
            var section = BinaryReader(wasm, in: range)
            switch identifier {
            case 2: readImports(&section)
            case 5: readMemories(&section)
            case 10: codeBytes = size
            default: break
            }
        }
    }

    private mutating func readMemories(_ reader: inout BinaryReader) {
        guard let count = reader.unsigned() else { return }
        // Each memory takes two bytes at least, so a hostile count ends with the section.
        for _ in 0..<min(count, UInt64(reader.end)) {
            guard let limits = reader.limits() else { return }
            add(limits)
        }
    }

    private mutating func readImports(_ reader: inout BinaryReader) {
        guard let count = reader.unsigned() else { return }
        for _ in 0..<min(count, UInt64(reader.end)) {
            for _ in 0..<2 {
                guard reader.name() != nil else { return }
            }
            switch reader.byte() {
            case 0: if reader.unsigned() == nil { return }
            case 2:
                guard let limits = reader.limits() else { return }
                add(limits)
            default: return
            }
        }
    }

    private mutating func add(_ limits: (flags: UInt8, minimum: UInt64, maximum: UInt64?, pageShift: UInt64)) {
        func bytes(_ pages: UInt64) -> UInt64 {
            pages > UInt64.max >> limits.pageShift ? .max : pages << limits.pageShift
        }
        let least = minimum.addingReportingOverflow(bytes(limits.minimum))
        minimum = least.overflow ? .max : least.partialValue
        guard let current = maximum, let added = limits.maximum else {
            maximum = nil
            return
        }
        let (sum, overflow) = current.addingReportingOverflow(bytes(added))
        maximum = overflow ? .max : sum
    }
}
