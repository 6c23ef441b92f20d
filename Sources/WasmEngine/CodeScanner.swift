// Walks through WebAssembly code, instruction by instruction, and notes what it does to state that a new instance would not
// show. Covers what the heavy profile accepts: WebAssembly 3.0 without threads.

/// What code does that is of interest to whoever wants to put an instance back to its beginnings.
struct CodeEffects: Hashable {
    /// Indices of globals that are written.
    var writtenGlobals: Set<Int> = []
    /// Tables that grow, and whether any table is written otherwise.
    var grownTables: Set<Int> = []
    var writesTables = false
    var dropsSegments = false
    var allocates = false
    var throwsExceptions = false
}

struct CodeScanner {
    private var reader: BinaryReader
    private(set) var effects: CodeEffects

    init(_ reader: BinaryReader, effects: CodeEffects = CodeEffects()) {
        self.reader = reader
        self.effects = effects
    }

    var position: Int { reader.position }

    /// A code section's content; false at the first thing that is not understood.
    mutating func scanSection() -> Bool {
        guard let count = reader.index() else { return false }
        for _ in 0..<count {
            guard let size = reader.unsigned(), let range = reader.range(size) else { return false }
            var body = CodeScanner(BinaryReader(reader.bytes, in: range), effects: effects)
            effects = CodeEffects()
            guard body.scanBody() else { return false }
            effects = body.effects
        }
        return reader.isAtEnd
    }

    private mutating func scanBody() -> Bool {
        guard let groups = reader.index() else { return false }
        for _ in 0..<groups {
            guard reader.index() != nil, reader.valueType() != nil else { return false }
        }
        while !reader.isAtEnd {
            guard let opcode = reader.byte(), skipImmediates(of: opcode) else { return false }
        }
        return true
    }

    /// Skips an initializer, to behind its `end`; it has no blocks.
    mutating func skipInitializer() -> Bool {
        while let opcode = reader.byte() {
            if opcode == 0x0b { return true }
            guard skipImmediates(of: opcode) else { return false }
        }
        return false
    }

    private mutating func skipImmediates(of opcode: UInt8) -> Bool {
        switch opcode {
        case 0x00, 0x01, 0x05, 0x0b, 0x0f, 0x1a, 0x1b, 0x45...0xc4, 0xd1, 0xd3, 0xd4:
            return true
        case 0x02, 0x03, 0x04:
            return skipBlockType()
        case 0x08, 0x0a:
            effects.throwsExceptions = true
            return opcode == 0x0a || skipIndices(1)
        case 0x0c, 0x0d, 0x10, 0x12, 0x14, 0x15, 0x20...0x23, 0x25, 0x3f, 0x40, 0xd2, 0xd5, 0xd6:
            return skipIndices(1)
        case 0x0e:
            guard let count = reader.index() else { return false }
            return skipIndices(count + 1)
        case 0x11, 0x13:
            return skipIndices(2)
        case 0x1c:
            guard let count = reader.index() else { return false }
            for _ in 0..<count where reader.valueType() == nil { return false }
            return true
        case 0x1f:
            return skipTryTable()
        case 0x24:
            guard let index = reader.index() else { return false }
            effects.writtenGlobals.insert(index)
            return true
        case 0x26:
            effects.writesTables = true
            return skipIndices(1)
        case 0x28...0x3e:
            return skipMemoryArgument()
        case 0x41:
            return reader.skipNumber(limit: 5)
        case 0x42:
            return reader.skipNumber(limit: 10)
        case 0x43:
            return reader.skip(4)
        case 0x44:
            return reader.skip(8)
        case 0xd0:
            return reader.signed33() != nil
        case 0xfb:
            effects.allocates = true
            return skipCollected()
        case 0xfc:
            return skipBulk()
        case 0xfd:
            return skipVector()
        default:
            return false
        }
    }

    private mutating func skipIndices(_ count: Int) -> Bool {
        for _ in 0..<count where reader.index() == nil { return false }
        return true
    }

    private mutating func skipBlockType() -> Bool {
        guard let type = reader.signed33() else { return false }
        // 0x63 and 0x64 as negative numbers: a reference, whose heap type follows.
        return type == -0x1d || type == -0x1c ? reader.signed33() != nil : true
    }

    private mutating func skipTryTable() -> Bool {
        effects.throwsExceptions = true
        guard skipBlockType(), let count = reader.index() else { return false }
        for _ in 0..<count {
            guard let kind = reader.byte(), kind <= 3, skipIndices(kind <= 1 ? 2 : 1) else { return false }
        }
        return true
    }

    private mutating func skipMemoryArgument() -> Bool {
        guard let alignment = reader.index() else { return false }
        if alignment & 0x40 != 0, reader.index() == nil { return false }
        return reader.unsigned() != nil
    }

    private mutating func skipBulk() -> Bool {
        guard let code = reader.index() else { return false }
        switch code {
        case 0...7, 19...22:
            return true
        case 8, 10:
            return skipIndices(2)
        case 9, 13:
            effects.dropsSegments = true
            return skipIndices(1)
        case 11, 16:
            return skipIndices(1)
        case 12, 14:
            effects.writesTables = true
            return skipIndices(2)
        case 15:
            guard let table = reader.index() else { return false }
            effects.grownTables.insert(table)
            return true
        case 17:
            effects.writesTables = true
            return skipIndices(1)
        default:
            return false
        }
    }

    private mutating func skipVector() -> Bool {
        guard let code = reader.index() else { return false }
        switch code {
        case 0...11, 92, 93: return skipMemoryArgument()
        case 12, 13: return reader.skip(16)
        case 21...34: return reader.skip(1)
        case 84...91: return skipMemoryArgument() && reader.skip(1)
        case 14...0x113: return true
        default: return false
        }
    }

    private mutating func skipCollected() -> Bool {
        guard let code = reader.index() else { return false }
        switch code {
        case 0, 1, 6, 7, 11...14, 16: return skipIndices(1)
        case 2...5, 8...10, 17...19: return skipIndices(2)
        case 15, 26...30: return true
        case 20...23: return reader.signed33() != nil
        case 24, 25: return reader.skip(1) && skipIndices(1) && reader.signed33() != nil && reader.signed33() != nil
        default: return false
        }
    }
}
