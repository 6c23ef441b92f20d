// args_*: the command line. environ_* shares its two helpers.

extension WASIProcess {
    /// `args_sizes_get`: how many arguments, and how many bytes they take with their NULs.
    /// - Throws: `fault`.
    package func argsSizesGet(count: UInt32, size: UInt32, _ memory: GuestMemory) throws(CallFailure) {
        try WASIProcess.sizes(of: template.arguments, count, size, memory)
    }

    /// `args_get`: pointers to `argv`, the strings to `buffer`.
    /// - Throws: `fault`.
    package func argsGet(argv: UInt32, buffer: UInt32, _ memory: GuestMemory) throws(CallFailure) {
        try WASIProcess.strings(of: template.arguments, argv, buffer, memory)
    }

    static func sizes(
        of table: StringTable, _ count: UInt32, _ size: UInt32, _ memory: GuestMemory
    ) throws(CallFailure) {
        let sizeArea = try memory.area(at: size, count: 4)
        try memory.store(UInt32(truncatingIfNeeded: table.starts.count), at: count)
        memory.store(UInt32(truncatingIfNeeded: table.blob.count), in: sizeArea, at: 0)
    }

    static func strings(
        of table: StringTable, _ pointers: UInt32, _ buffer: UInt32, _ memory: GuestMemory
    ) throws(CallFailure) {
        let list = try memory.area(at: pointers, count: table.starts.count * 4)
        let blob = try memory.area(at: buffer, count: table.blob.count)
        memory.store(table.blob.span, in: blob)
        for (index, start) in table.starts.enumerated() {
            memory.store(buffer &+ start, in: list, at: index * 4)
        }
    }
}
