// Standard output for commands that print many lines: gathered, and written whole.

internal import LinuxKernel

struct CommandOutput {
    private var buffer: [UInt8] = []

    mutating func write(_ line: String) throws(SystemError) {
        buffer.append(contentsOf: line.utf8)
        try endLine()
    }

    mutating func write(_ line: ArraySlice<UInt8>) throws(SystemError) {
        buffer.append(contentsOf: line)
        try endLine()
    }

    private mutating func endLine() throws(SystemError) {
        buffer.append(0x0a)
        if buffer.count >= 1 << 16 { try flush() }
    }

    mutating func flush() throws(SystemError) {
        try Descriptor.writeAll(1, buffer.span)
        buffer.removeAll(keepingCapacity: true)
    }
}
