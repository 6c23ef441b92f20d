// What the supervisor asks of its own terminal and executable.

internal import CLinux
internal import Glibc

package enum Terminal {
    package static func isTerminal(_ raw: Int32) -> Bool { isatty(raw) == 1 }

    /// Columns; nil when it is no terminal or does not say.
    package static func width(_ raw: Int32) -> Int? {
        let columns = bulkhead_terminal_width(raw)
        return columns > 0 ? Int(columns) : nil
    }
}

package enum StandardError {
    /// Writes all of the text to descriptor 2; a failure has nowhere to go and is dropped.
    package static func write(_ text: String) {
        try? Descriptor.writeAll(2, Array(text.utf8).span)
    }
}

package enum Executable {
    /// The path of the running program (/proc/self/exe, proc(5)).
    package static func path() throws(SystemError) -> String {
        var room = [UInt8](repeating: 0, count: Int(PATH_MAX))
        // SAFETY: the callee writes at most the array's length and no terminator.
        let count = try requireCount(unsafe bulkhead_executable(&room, room.count), "readlink")
        return String(decoding: room[..<count], as: UTF8.self)
    }
}
