// Reading, writing and making descriptors. Calls on raw numbers are in `Descriptor`, for callers that keep tables of
// them; `OwnedFileDescriptor` has the same as methods.

internal import CLinux
internal import Glibc

package enum Descriptor {
    /// read(2), EINTR retried. Bytes read; 0 at the end of the file.
    /// - Throws: `SystemError`, with EAGAIN where a non-blocking descriptor has nothing.
    package static func read(_ raw: Int32, into buffer: inout MutableSpan<UInt8>) throws(SystemError) -> Int {
        let result = unsafe buffer.withUnsafeMutableBufferPointer { bytes in
            // SAFETY: the span is exclusively ours for the closure; the kernel writes at most its length.
            retrying { unsafe Glibc.read(raw, bytes.baseAddress, bytes.count) }
        }
        return try requireCount(result, "read")
    }

    /// write(2), EINTR retried; may write less than all. A reader that has gone raises SIGPIPE unless it is ignored.
    package static func write(_ raw: Int32, _ bytes: Span<UInt8>) throws(SystemError) -> Int {
        let result = unsafe bytes.withUnsafeBufferPointer { bytes in
            // SAFETY: the kernel only reads, within the span's length.
            retrying { unsafe Glibc.write(raw, bytes.baseAddress, bytes.count) }
        }
        return try requireCount(result, "write")
    }

    /// Writes everything; waits by poll(2) where the descriptor is non-blocking.
    package static func writeAll(_ raw: Int32, _ bytes: Span<UInt8>) throws(SystemError) {
        var done = 0
        while done < bytes.count {
            do {
                done += try write(raw, bytes.extracting(done..<bytes.count))
            } catch {
                if !error.isWouldBlock { throw error }
                var entry = [PollEntry(raw: raw, events: .write)]
                _ = try Poll.wait(&entry, deadline: nil)
            }
        }
    }

    /// Reads to the end of the file, at most `limit` bytes; nil when there are more.
    package static func readToEnd(_ raw: Int32, limit: Int) throws(SystemError) -> [UInt8]? {
        var content: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            var count = 0
            do {
                var span = chunk.mutableSpan
                count = try read(raw, into: &span)
            } catch {
                if !error.isWouldBlock { throw error }
                var entry = [PollEntry(raw: raw, events: .read)]
                _ = try Poll.wait(&entry, deadline: nil)
                continue
            }
            if count == 0 { return content }
            if content.count + count > limit { return nil }
            content.append(contentsOf: chunk[..<count])
        }
    }

    /// Sets or clears O_NONBLOCK, which belongs to the open file, not to the descriptor: every duplicate sees it.
    package static func setNonBlocking(_ raw: Int32, _ on: Bool = true) throws(SystemError) {
        try requireZero(bulkhead_set_non_blocking(raw, on ? 1 : 0), "fcntl")
    }

    /// A copy with close-on-exec, numbered `atLeast` or above.
    package static func duplicate(_ raw: Int32, atLeast: Int32 = 0) throws(SystemError) -> OwnedFileDescriptor {
        OwnedFileDescriptor(taking: Int32(try requireCount(bulkhead_duplicate(raw, atLeast), "fcntl")))
    }

    private static func retrying(_ call: () -> Int) -> Int {
        while true {
            let result = call()
            if result >= 0 { return result }
            let error = Glibc.errno
            if error != EINTR { return -Int(error) }
        }
    }
}

/// The two ends of a pipe(7), both close-on-exec.
package struct Pipe: ~Copyable {
    package var readEnd: OwnedFileDescriptor
    package var writeEnd: OwnedFileDescriptor

    package init(nonBlocking: Bool = false) throws(SystemError) {
        var ends: [Int32] = [-1, -1]
        // SAFETY: the array has the two elements that the callee fills.
        try requireZero(unsafe bulkhead_pipe(&ends, nonBlocking ? 1 : 0), "pipe2")
        readEnd = OwnedFileDescriptor(taking: ends[0])
        writeEnd = OwnedFileDescriptor(taking: ends[1])
    }

    /// Gives both ends to the caller, who must close them.
    package consuming func release() -> (readEnd: Int32, writeEnd: Int32) {
        let write = writeEnd.release()
        return (readEnd.release(), write)
    }

    /// Keeps the end to read from, so that it reaches its end when the last other holder of the write end is gone.
    package consuming func closeWriteEnd() -> OwnedFileDescriptor {
        readEnd
    }

    /// Keeps the end to write to, so that writing fails when the last other holder of the read end is gone.
    package consuming func closeReadEnd() -> OwnedFileDescriptor {
        writeEnd
    }
}

extension OwnedFileDescriptor {
    /// open(2) with O_CLOEXEC, EINTR retried. `mode` is for O_CREAT and O_TMPFILE, before the umask.
    package init(opening path: String, flags: Int32, mode: UInt32 = 0) throws(SystemError) {
        // SAFETY: the pointer is a NUL-terminated copy that lives for the call.
        let result = unsafe path.withCString { unsafe bulkhead_open($0, flags, mode) }
        self.init(taking: Int32(try requireCount(result, "open")))
    }

    /// open(2) with O_PATH: names a file or directory and can do nothing else with it.
    package init(naming path: String) throws(SystemError) {
        // SAFETY: the pointer is a NUL-terminated copy that lives for the call.
        let result = unsafe path.withCString { unsafe bulkhead_open_path($0) }
        self.init(taking: Int32(try requireCount(result, "open")))
    }

    /// memfd_create(2): an anonymous file in memory, with a name for people, in /proc, of at most 249 bytes.
    package init(memoryNamed name: String, sealable: Bool = false) throws(SystemError) {
        // SAFETY: the pointer is a NUL-terminated copy that lives for the call.
        let result = unsafe name.withCString { unsafe bulkhead_memfd($0, sealable ? 1 : 0) }
        self.init(taking: Int32(try requireCount(result, "memfd_create")))
    }

    /// Makes a sealable memory file immutable for good: no write, growth, shrinking or further seal (fcntl(2)).
    package borrowing func seal() throws(SystemError) {
        try requireZero(bulkhead_seal(rawValue), "fcntl")
    }

    package borrowing func duplicate() throws(SystemError) -> OwnedFileDescriptor {
        try Descriptor.duplicate(rawValue)
    }

    package borrowing func setNonBlocking(_ on: Bool = true) throws(SystemError) {
        try Descriptor.setNonBlocking(rawValue, on)
    }

    package borrowing func read(into buffer: inout MutableSpan<UInt8>) throws(SystemError) -> Int {
        try Descriptor.read(rawValue, into: &buffer)
    }

    package borrowing func write(_ bytes: Span<UInt8>) throws(SystemError) -> Int {
        try Descriptor.write(rawValue, bytes)
    }

    package borrowing func writeAll(_ bytes: [UInt8]) throws(SystemError) {
        try Descriptor.writeAll(rawValue, bytes.span)
    }

    package borrowing func readToEnd(limit: Int) throws(SystemError) -> [UInt8]? {
        try Descriptor.readToEnd(rawValue, limit: limit)
    }
}
