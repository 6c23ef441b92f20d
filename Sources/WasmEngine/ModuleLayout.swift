// A module's sections, read as far as additions need: what is where, how much of each index space is taken, and what code
// does to the state of an instance. Strict: a module that is not understood is not rewritten.

struct ModuleLayout {
    struct Section {
        var identifier: UInt8
        /// Its content, without identifier and size.
        var content: Range<Int>
    }

    struct Global {
        var type: UInt8
        var isMutable: Bool
    }

    struct Table {
        var minimum: UInt64
        var maximum: UInt64?
    }

    /// In the binary's order.
    private(set) var sections: [Section] = []
    /// Recursion groups as the section counts them, and types as indices do.
    private(set) var typeGroupCount = 0
    private(set) var typeCount = 0
    private(set) var importedFunctions = 0
    private(set) var definedFunctions = 0
    private(set) var importedGlobals = 0
    /// Those that the module defines.
    private(set) var globals: [Global] = []
    private(set) var importedTables = 0
    private(set) var tables: [Table] = []
    private(set) var importedMemories = 0
    private(set) var definedMemories = 0
    private(set) var exportCount = 0
    private(set) var bodyCount = 0
    /// Where the first function's body, or what would be there, starts.
    private(set) var bodiesStart = 0
    private(set) var hasStart = false
    /// nil when an instruction was not understood.
    private(set) var effects: CodeEffects? = CodeEffects()

    enum Failure: Error {
        case notUnderstood
        case usesReservedName
    }

    static let customIdentifier: UInt8 = 0

    /// Where a section stands among the others (WebAssembly 3.0, 5.5.17); nil for one that does not exist.
    static func rank(_ identifier: UInt8) -> Int? {
        let order: [UInt8] = [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11]
        return order.firstIndex(of: identifier)
    }

    /// `reservedPrefix` is one that no export may have.
    init(_ wasm: [UInt8], reservedPrefix: [UInt8]) throws(Failure) {
        guard wasm.count >= 8, wasm[..<8].elementsEqual([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]) else {
            throw .notUnderstood
        }
        var reader = BinaryReader(wasm, in: 8..<wasm.count)
        var last = -1
        while !reader.isAtEnd {
            guard let identifier = reader.byte(), let size = reader.unsigned(), let content = reader.range(size) else {
                throw .notUnderstood
            }
            sections.append(Section(identifier: identifier, content: content))
            guard identifier != Self.customIdentifier else { continue }
            guard let rank = Self.rank(identifier), rank > last else { throw .notUnderstood }
            last = rank
            var section = BinaryReader(wasm, in: content)
            if identifier == 7 {
                try readExports(&section, reservedPrefix)
            } else {
                guard read(identifier, &section) else { throw .notUnderstood }
            }
        }
        guard bodyCount == definedFunctions else { throw .notUnderstood }
    }

    private mutating func read(_ identifier: UInt8, _ reader: inout BinaryReader) -> Bool {
        switch identifier {
        case 1: return readTypes(&reader)
        case 2: return readImports(&reader)
        case 3:
            guard let count = reader.index() else { return false }
            definedFunctions = count
            return true
        case 4: return readTables(&reader)
        case 5:
            guard let count = reader.index() else { return false }
            definedMemories = count
            return true
        case 6: return readGlobals(&reader)
        case 8:
            hasStart = true
            return true
        case 10: return readCode(&reader)
        default: return true
        }
    }

    private mutating func readTypes(_ reader: inout BinaryReader) -> Bool {
        guard let count = reader.index() else { return false }
        typeGroupCount = count
        for _ in 0..<count {
            guard let form = reader.byte() else { return false }
            if form == 0x4e {
                guard let members = reader.index() else { return false }
                for _ in 0..<members {
                    guard let form = reader.byte(), readSubtype(form, &reader) else { return false }
                }
            } else {
                guard readSubtype(form, &reader) else { return false }
            }
        }
        return reader.isAtEnd
    }

    private mutating func readSubtype(_ form: UInt8, _ reader: inout BinaryReader) -> Bool {
        typeCount += 1
        var form = form
        if form == 0x50 || form == 0x4f {
            guard let supertypes = reader.index() else { return false }
            for _ in 0..<supertypes where reader.index() == nil { return false }
            guard let next = reader.byte() else { return false }
            form = next
        }
        switch form {
        case 0x60:
            for _ in 0..<2 {
                guard let count = reader.index() else { return false }
                for _ in 0..<count where reader.valueType() == nil { return false }
            }
            return true
        case 0x5f:
            guard let count = reader.index() else { return false }
            for _ in 0..<count where !Self.readField(&reader) { return false }
            return true
        case 0x5e: return Self.readField(&reader)
        default: return false
        }
    }

    private static func readField(_ reader: inout BinaryReader) -> Bool {
        var packed = reader
        if let first = packed.byte(), first == 0x77 || first == 0x78 {
            reader = packed
        } else {
            guard reader.valueType() != nil else { return false }
        }
        return reader.byte() != nil
    }

    private mutating func readImports(_ reader: inout BinaryReader) -> Bool {
        guard let count = reader.index() else { return false }
        for _ in 0..<count {
            guard reader.name() != nil, reader.name() != nil, let kind = reader.byte() else { return false }
            switch kind {
            case 0:
                guard reader.index() != nil else { return false }
                importedFunctions += 1
            case 1:
                guard reader.valueType() != nil, reader.limits() != nil else { return false }
                importedTables += 1
            case 2:
                guard reader.limits() != nil else { return false }
                importedMemories += 1
            case 3:
                guard reader.valueType() != nil, reader.byte() != nil else { return false }
                importedGlobals += 1
            case 4:
                guard reader.byte() != nil, reader.index() != nil else { return false }
            default: return false
            }
        }
        return reader.isAtEnd
    }

    private mutating func readTables(_ reader: inout BinaryReader) -> Bool {
        guard let count = reader.index() else { return false }
        for _ in 0..<count {
            var plain = reader
            let hasInitializer = plain.byte() == 0x40
            if hasInitializer {
                guard plain.byte() == 0 else { return false }
                reader = plain
            }
            guard reader.valueType() != nil, let limits = reader.limits() else { return false }
            tables.append(Table(minimum: limits.minimum, maximum: limits.maximum))
            if hasInitializer, !Self.skipInitializer(&reader) { return false }
        }
        return reader.isAtEnd
    }

    private mutating func readGlobals(_ reader: inout BinaryReader) -> Bool {
        guard let count = reader.index() else { return false }
        for _ in 0..<count {
            guard let type = reader.valueType(), let mutability = reader.byte(), mutability <= 1,
                Self.skipInitializer(&reader)
            else { return false }
            globals.append(Global(type: type, isMutable: mutability == 1))
        }
        return reader.isAtEnd
    }

    private static func skipInitializer(_ reader: inout BinaryReader) -> Bool {
        var scanner = CodeScanner(reader)
        guard scanner.skipInitializer() else { return false }
        return reader.skip(scanner.position - reader.position)
    }

    private mutating func readExports(_ reader: inout BinaryReader, _ reserved: [UInt8]) throws(Failure) {
        guard let count = reader.index() else { throw .notUnderstood }
        exportCount = count
        for _ in 0..<count {
            guard let name = reader.name(), reader.byte() != nil, reader.index() != nil else { throw .notUnderstood }
            guard !reader.bytes[name].starts(with: reserved) else { throw .usesReservedName }
        }
        guard reader.isAtEnd else { throw .notUnderstood }
    }

    private mutating func readCode(_ reader: inout BinaryReader) -> Bool {
        var scanner = CodeScanner(reader)
        effects = scanner.scanSection() ? scanner.effects : nil
        guard let count = reader.index() else { return false }
        bodyCount = count
        bodiesStart = reader.position
        return true
    }
}
