// The names of a log's files, and reading lines from their ends.

internal import Glibc
package import LinuxKernel

/// `audit.jsonl` is written to; `audit.1.jsonl` is the newest of those that were rotated away.
package struct LogFiles: Sendable {
    package let directory: String

    package init(directory: String) {
        self.directory = directory
    }

    package var current: String { directory + "/audit.jsonl" }
    package var anchors: String { directory + "/audit.anchors" }
    /// What was cut off from a log's end, kept for people to look at.
    package var torn: String { directory + "/audit.torn" }
    /// Locked (flock(2)) around each batch, for as long as the files are being changed.
    package var lock: String { directory + "/audit.lock" }

    package func rotated(_ index: Int) -> String { "\(directory)/audit.\(index).jsonl" }

    /// The rotated files' numbers, ascending: newest first.
    package func rotatedIndices() throws(SystemError) -> [Int] {
        try HostFile.names(in: directory).compactMap { name in
            guard name.hasPrefix("audit."), name.hasSuffix(".jsonl"), name.utf8.count > 12 else { return nil }
            let digits = name.utf8.dropFirst(6).dropLast(6)
            guard let text = String(digits), text.allSatisfy({ $0.isASCII && $0.isNumber }), !text.hasPrefix("0") else {
                return nil
            }
            return Int(text)
        }.sorted()
    }

    /// Every file of the log that exists, oldest first.
    package func chronological() throws(SystemError) -> [String] {
        var paths = try rotatedIndices().reversed().map { rotated($0) }
        if try HostFile.status(path: current) != nil { paths.append(current) }
        return paths
    }
}

/// The end of a file of lines.
struct FileTail {
    /// The last whole lines, oldest first, without newlines; at least as many as were asked for if the file has them.
    var lines: [ArraySlice<UInt8>]
    /// What follows the last newline.
    var torn: ArraySlice<UInt8>
    /// Where `torn` begins, in bytes from the file's start.
    var end: UInt64

    /// Reads from the end until `count` whole lines are there.
    init(_ file: borrowing OwnedFileDescriptor, size: UInt64, lines count: Int) throws(SystemError) {
        var window: UInt64 = 4096
        while true {
            let length = min(size, window)
            let bytes = try HostFile.read(file, at: size - length, count: Int(length))
            let isWhole = length == size
            let newlines = bytes.indices.filter { bytes[$0] == 0x0a }
            guard isWhole || newlines.count > count else {
                // Lines and files are bounded; a tail like this is none of ours, and must not cost its size in memory.
                guard window < 1 << 27 else { throw SystemError("pread", errno: EFBIG) }
                window *= 8
                continue
            }
            var starts = newlines.dropLast().map { $0 + 1 }
            if isWhole && !newlines.isEmpty { starts.insert(0, at: 0) }
            let ends = newlines.suffix(starts.count)
            lines = zip(starts, ends).map { bytes[$0..<$1] }
            let tornStart = newlines.last.map { $0 + 1 } ?? (isWhole ? 0 : bytes.count)
            torn = bytes[tornStart...]
            end = size - length + UInt64(tornStart)
            return
        }
    }

    /// The newest line with a chain's form, and how many lines behind it have none.
    var newest: (line: ChainedLine, malformedAfter: UInt64)? {
        for (distance, bytes) in lines.reversed().enumerated() {
            if let line = ChainedLine(bytes) { return (line, UInt64(distance)) }
        }
        return nil
    }
}
