// A guest's output as lines of the supervisor's log: whole lines, each with its origin, nothing in them for a terminal.

import CapabilityModel

struct LogLines {
    /// A longer line is cut into several.
    static let lineLimit = 8192

    private let prefix: [UInt8]
    private var partial: [UInt8] = []

    /// - Parameter origin: what stands before each line, such as `plugin.wasm stdout`.
    init(origin: String) {
        prefix = Array("[\(EscapedText.forTerminal(origin))] ".utf8)
    }

    /// The lines that `bytes` complete; the rest is kept for the next call.
    mutating func feed(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        var lines: [UInt8] = []
        var rest = bytes
        while let first = rest.first {
            rest = rest.dropFirst()
            if first == UInt8(ascii: "\n") {
                end(&lines)
                continue
            }
            partial.append(first)
            if partial.count == LogLines.lineLimit {
                end(&lines)
            }
        }
        return lines
    }

    /// What is left when the guest has closed the stream without ending its last line.
    mutating func finish() -> [UInt8] {
        var lines: [UInt8] = []
        if !partial.isEmpty {
            end(&lines)
        }
        return lines
    }

    private mutating func end(_ lines: inout [UInt8]) {
        lines += prefix
        lines += Array(EscapedText.forTerminal(bytes: partial).utf8)
        lines.append(UInt8(ascii: "\n"))
        partial.removeAll(keepingCapacity: true)
    }
}
