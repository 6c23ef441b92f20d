// The log as a stream of lines, oldest first, through all its files; optionally waiting for what is still to come.

internal import Glibc
package import LinuxKernel

package struct AuditReader: ~Copyable {
    package struct Line: Sendable {
        /// Without its newline. A line longer than any of ours is cut, which makes it no record.
        package var bytes: ArraySlice<UInt8>
        /// The file's path, and the line's place in it, from 1.
        package var file: String
        package var number: Int
        /// False when the file ends before a newline does.
        package var isWhole: Bool
    }

    private let files: LogFiles
    /// Still to be read, newest first.
    private var paths: [String]
    private var source: LineSource?

    /// The log in `directory`; one that does not exist has no lines.
    package init(directory: String) throws(SystemError) {
        files = LogFiles(directory: directory)
        do throws(SystemError) {
            paths = try files.chronological().reversed()
        } catch {
            guard error.errno == ENOENT else { throw error }
            paths = []
        }
    }

    /// The next line; nil at the end.
    package mutating func next() throws(SystemError) -> Line? {
        while true {
            if source == nil {
                guard let path = paths.popLast() else { return nil }
                try open(path)
            }
            if let line = try source?.next() { return line }
            source = nil
        }
    }

    /// As `next`, but stays at the end of the newest file, and goes on with its successor once it was rotated away. nil means
    /// that there is nothing now.
    package mutating func follow() throws(SystemError) -> Line? {
        while true {
            if source == nil {
                let path: String
                if let older = paths.popLast() {
                    path = older
                } else {
                    guard try HostFile.status(path: files.current) != nil else { return nil }
                    path = files.current
                }
                try open(path)
            }
            if let line = try source?.next(onlyWhole: paths.isEmpty) { return line }
            guard let open = source?.inode else { continue }
            if paths.isEmpty, try HostFile.status(path: files.current)?.inode == open { return nil }
            // Rotated: what came between the last look and the renaming has to be read before the file is left.
            if let line = try source?.next(onlyWhole: true) { return line }
            source = nil
            if paths.isEmpty { try skipTo(after: open) }
        }
    }

    /// A file that a rotation took away between listing and opening is passed over.
    private mutating func open(_ path: String) throws(SystemError) {
        do throws(SystemError) {
            source = try LineSource(path)
        } catch {
            guard error.errno == ENOENT else { throw error }
        }
    }

    /// Finds the files that are newer than the one with this inode, if several rotations happened at once.
    private mutating func skipTo(after inode: UInt64) throws(SystemError) {
        var newer: [String] = []
        for index in try files.rotatedIndices() {
            let path = files.rotated(index)
            if try HostFile.status(path: path)?.inode == inode {
                paths = newer.isEmpty ? [] : [files.current] + newer
                return
            }
            newer.append(path)
        }
    }
}

/// Lines of one file, with a buffer that no line can outgrow.
private struct LineSource: ~Copyable {
    private let file: OwnedFileDescriptor
    private let path: String
    let inode: UInt64
    private var offset: UInt64 = 0
    private var buffer: ArraySlice<UInt8> = []
    private var number = 0
    private var isSkipping = false

    init(_ path: String) throws(SystemError) {
        let opened = try HostFile.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
        inode = try HostFile.status(opened).inode
        file = opened
        self.path = path
    }

    /// `onlyWhole` keeps the bytes after the last newline for later instead of returning them.
    mutating func next(onlyWhole: Bool = false) throws(SystemError) -> AuditReader.Line? {
        while true {
            if let newline = buffer.firstIndex(of: 0x0a) {
                let bytes = buffer[..<newline]
                buffer = buffer[(newline + 1)...]
                if isSkipping {
                    isSkipping = false
                    continue
                }
                number += 1
                return AuditReader.Line(bytes: bytes, file: path, number: number, isWhole: true)
            }
            if buffer.count > ChainedLine.maximumBytes {
                let cut = buffer
                buffer = []
                if !isSkipping {
                    isSkipping = true
                    number += 1
                    return AuditReader.Line(bytes: cut, file: path, number: number, isWhole: true)
                }
            }
            let more = try HostFile.read(file, at: offset, count: 1 << 16)
            guard !more.isEmpty else {
                guard !onlyWhole, !buffer.isEmpty else { return nil }
                let rest = buffer
                buffer = []
                if isSkipping { return nil }
                number += 1
                return AuditReader.Line(bytes: rest, file: path, number: number, isWhole: false)
            }
            offset += UInt64(more.count)
            buffer = buffer.isEmpty ? more[...] : (Array(buffer) + more)[...]
        }
    }
}
