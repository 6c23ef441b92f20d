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
        var reader = BinaryReader(bytes: wasm, position: 8, end: wasm.count)
        while let identifier = reader.byte(), let size = reader.unsigned() {
            guard let end = reader.position(after: size) else { return }
            var section = BinaryReader(bytes: wasm, position: reader.position, end: end)
            switch identifier {
            case 2: readImports(&section)
            case 5: readMemories(&section)
            case 10: codeBytes = size
            default: break
            }
            reader.position = end
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
                guard let length = reader.unsigned(), let next = reader.position(after: length) else { return }
                reader.position = next
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

    private mutating func add(_ limits: (minimum: UInt64, maximum: UInt64?)) {
        minimum = minimum.addingReportingOverflow(limits.minimum).overflow ? .max : minimum + limits.minimum
        guard let current = maximum, let added = limits.maximum else {
            maximum = nil
            return
        }
        let (sum, overflow) = current.addingReportingOverflow(added)
        maximum = overflow ? .max : sum
    }
}

/// A cursor over untrusted bytes; every read may fail.
private struct BinaryReader {
    let bytes: [UInt8]
    var position: Int
    let end: Int

    mutating func byte() -> UInt8? {
        guard position < end else { return nil }
        defer { position += 1 }
        return bytes[position]
    }

    /// LEB128, at most 64 bits.
    mutating func unsigned() -> UInt64? {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard let next = byte() else { return nil }
            let bits = UInt64(next & 0x7f)
            guard shift < 63 || bits <= 1 else { return nil }
            value |= bits << shift
            if next < 0x80 { return value }
        }
        return nil
    }

    func position(after length: UInt64) -> Int? {
        length <= UInt64(end - position) ? position + Int(length) : nil
    }

    /// Limits of a memory type, in bytes; saturates.
    mutating func limits() -> (minimum: UInt64, maximum: UInt64?)? {
        guard let flags = byte(), flags < 16, let minimum = unsigned() else { return nil }
        var maximum: UInt64?
        if flags & 1 != 0 {
            guard let value = unsigned() else { return nil }
            maximum = value
        }
        var pageShift: UInt64 = 16
        if flags & 8 != 0 {
            guard let value = unsigned(), value <= 16 else { return nil }
            pageShift = value
        }
        func bytes(_ pages: UInt64) -> UInt64 {
            pages > UInt64.max >> pageShift ? .max : pages << pageShift
        }
        return (bytes(minimum), maximum.map(bytes))
    }
}
