// Adds to a module what the cell needs of it, before it is compiled: exports of its mutable state under reserved names, so
// that an instance can be put back to its beginnings or parked, and a function that does nothing. Native code looks at the
// clock of slices wherever a function begins, so that calling it is how a host function puts the fiber aside; libwasmtime's
// own asynchronous functions take 40 ns and 900 bytes more.
//
// Everything is added at the end of its index space, so that nothing is renumbered and no code changes.

enum ModuleRewriter {
    /// What is compiled in the place of `wasm`, and what is known of it. nil for what is no module that this understands: the
    /// engine then says what is wrong with it.
    static func rewrite(_ wasm: [UInt8]) throws(EngineError) -> (binary: [UInt8], facts: ModuleFacts)? {
        let layout: ModuleLayout
        do throws(ModuleLayout.Failure) {
            layout = try ModuleLayout(wasm, reservedPrefix: Array(ModuleFacts.prefix.utf8))
        } catch {
            switch error {
            case .notUnderstood: return nil
            case .usesReservedName: throw .invalidModule("the module exports a name that is reserved")
            }
        }
        var facts = ModuleFacts()
        let globals = collect(layout, &facts)
        // Once to learn how far the code moves, once to say so; the shift's spelling has a fixed length.
        let (_, start) = assemble(wasm, layout, facts, globals)
        facts.codeShift = layout.bodyCount > 0 ? start - layout.bodiesStart : 0
        return (assemble(wasm, layout, facts, globals).binary, facts)
    }

    /// The indices of globals to export.
    private static func collect(_ layout: ModuleLayout, _ facts: inout ModuleFacts) -> [Int] {
        facts.hasStart = layout.hasStart
        facts.hasMemory = layout.definedMemories == 1 && layout.importedMemories == 0
        for (index, table) in layout.tables.enumerated() {
            let grows = layout.effects?.grownTables.contains(layout.importedTables + index) ?? true
            if grows {
                // More tables than a store may have do not start at all.
                if facts.growingTables.count < 32 { facts.growingTables.append(table.maximum ?? .max) }
            } else {
                let (sum, overflow) = facts.fixedElements.addingReportingOverflow(table.minimum)
                facts.fixedElements = overflow ? .max : sum
            }
        }
        guard let effects = layout.effects else {
            facts.obstacle = .unknownCode
            return []
        }
        let written = effects.writtenGlobals.sorted()
        let defined = written.map { $0 - layout.importedGlobals }.filter { layout.globals.indices.contains($0) }
        let isNumber = { (index: Int) in layout.globals[index].type >= 0x7b }
        facts.obstacle =
            if layout.hasStart {
                .startFunction
            } else if layout.importedMemories + layout.importedTables + layout.importedGlobals > 0 {
                .imports
            } else if layout.definedMemories > 1 {
                .memories
            } else if effects.writesTables || !effects.grownTables.isEmpty {
                .tables
            } else if effects.dropsSegments {
                .segments
            } else if effects.allocates {
                .collection
            } else if effects.throwsExceptions {
                .exceptions
            } else if !defined.allSatisfy(isNumber) {
                .references
            } else if defined.count > ModuleFacts.maximumGlobals {
                .tooManyGlobals
            } else {
                nil
            }
        guard facts.obstacle == nil else { return [] }
        facts.globalCount = defined.count
        return defined.map { $0 + layout.importedGlobals }
    }

    /// The binary, and where in it the first function's body starts.
    private static func assemble(
        _ wasm: [UInt8], _ layout: ModuleLayout, _ facts: ModuleFacts, _ globals: [Int]
    ) -> (binary: [UInt8], bodiesStart: Int) {
        var output = BinaryWriter(capacity: wasm.count + 1024)
        output.append(wasm[..<8])
        var bodiesStart = 0
        var additions = self.additions(layout, facts, globals)[...]
        func flush(before rank: Int) {
            while let addition = additions.first, let own = ModuleLayout.rank(addition.identifier), own < rank {
                additions.removeFirst()
                output.appendSection(addition.identifier, count: addition.count, old: [], new: addition.bytes)
            }
        }
        for section in layout.sections {
            if let rank = ModuleLayout.rank(section.identifier) { flush(before: rank) }
            guard let addition = additions.first, addition.identifier == section.identifier else {
                output.appendSection(section.identifier, wasm[section.content])
                continue
            }
            additions.removeFirst()
            var content = BinaryReader(wasm, in: section.content)
            _ = content.index()
            let old = wasm[content.position..<section.content.upperBound]
            output.appendSection(section.identifier, count: addition.count, old: old, new: addition.bytes)
            if section.identifier == 10 { bodiesStart = output.bytes.count - addition.bytes.count - old.count }
        }
        flush(before: .max)
        return (output.bytes, bodiesStart)
    }

    private struct Addition {
        var identifier: UInt8
        /// Of the whole section, with what was there.
        var count: Int
        var bytes: [UInt8]
    }

    /// In the order of sections.
    private static func additions(_ layout: ModuleLayout, _ facts: ModuleFacts, _ globals: [Int]) -> [Addition] {
        let function = layout.importedFunctions + layout.definedFunctions
        var exports: [(name: String, kind: UInt8, index: Int)] = [(facts.yieldName, 0, function)]
        if facts.hasMemory { exports.append((ModuleFacts.memoryName, 2, 0)) }
        for (number, index) in globals.enumerated() {
            exports.append((ModuleFacts.globalName(number), 3, index))
        }
        var exportBytes = BinaryWriter(capacity: 256)
        for export in exports {
            exportBytes.append(number: export.name.utf8.count)
            exportBytes.append(Array(export.name.utf8)[...])
            exportBytes.append([export.kind])
            exportBytes.append(number: export.index)
        }
        var typeIndex = BinaryWriter(capacity: 8)
        typeIndex.append(number: layout.typeCount)
        return [
            // A type without parameters and results, a function of that type, and its body: no locals, end.
            Addition(identifier: 1, count: layout.typeGroupCount + 1, bytes: [0x60, 0x00, 0x00]),
            Addition(identifier: 3, count: layout.definedFunctions + 1, bytes: typeIndex.bytes),
            Addition(identifier: 7, count: layout.exportCount + exports.count, bytes: exportBytes.bytes),
            Addition(identifier: 10, count: layout.bodyCount + 1, bytes: [0x02, 0x00, 0x0b]),
        ]
    }
}

/// Builds a binary at its end.
private struct BinaryWriter {
    private(set) var bytes: [UInt8] = []

    init(capacity: Int) { bytes.reserveCapacity(capacity) }

    mutating func append(_ more: ArraySlice<UInt8>) { bytes.append(contentsOf: more) }

    /// Unsigned LEB128.
    mutating func append(number: Int) {
        var rest = number
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7f) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    mutating func appendSection(_ identifier: UInt8, _ content: ArraySlice<UInt8>) {
        bytes.append(identifier)
        append(number: content.count)
        append(content)
    }

    /// A section that is a list: `old` and `new` are elements of it, `count` in all.
    mutating func appendSection(_ identifier: UInt8, count: Int, old: ArraySlice<UInt8>, new: [UInt8]) {
        var number = BinaryWriter(capacity: 8)
        number.append(number: count)
        bytes.append(identifier)
        append(number: number.bytes.count + old.count + new.count)
        append(number.bytes[...])
        append(old)
        append(new[...])
    }
}
