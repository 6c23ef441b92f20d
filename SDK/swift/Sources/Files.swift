// As much of files as a program without a C library wants most.

import CBulkhead

/// The whole of a text file, by its path in a directory that the policy mounts. Errors: `notCapable`, `noEntry`, the
/// file's. Bytes that are no UTF-8 are replaced. May suspend.
public func readFile(_ path: String) throws(HostError) -> String {
    let (directory, length) = try mount(of: path)
    let rest = String(decoding: Array(path.utf8.dropFirst(length)).drop { $0 == 47 }, as: UTF8.self)
    var file: Int32 = -1
    try check(
        rest.withBytes {
            // Follow links; to read, seek and ask for the size.
            bulkhead_wasi_path_open(directory, 1, $0, $1, 0, 1 << 1 | 1 << 2 | 1 << 21, 0, 0, &file)
        })
    defer { _ = bulkhead_close(file) }
    var bytes: [UInt8] = []
    while true {
        let more = try [UInt8](reading: file, upTo: 4096)
        if more.isEmpty { return String(decoding: bytes, as: UTF8.self) }
        bytes += more
    }
}

// The preopened directory with the longest name that the path begins with, and that name's length.
private func mount(of path: String) throws(HostError) -> (directory: Int32, length: Int) {
    var best: (Int32, Int)?
    var descriptor: Int32 = 3
    while true {
        var found: (kind: UInt32, length: UInt32) = (0, 0)
        let errno = withUnsafeMutablePointer(to: &found) {
            bulkhead_wasi_fd_prestat_get(descriptor, UnsafeMutableRawPointer($0))
        }
        if errno != 0 { break }
        var name = [UInt8](repeating: 0, count: Int(found.length))
        let named = name.withUnsafeMutableBytes {
            bulkhead_wasi_fd_prestat_dir_name(descriptor, $0.baseAddress, UInt32($0.count))
        }
        while name.last == 0 || name.last == 47 { name.removeLast() }
        let bytes = Array(path.utf8)
        let covers = bytes.starts(with: name) && (bytes.count == name.count || bytes[name.count] == 47)
        if named == 0, covers, name.count >= best?.1 ?? 0 { best = (descriptor, name.count) }
        descriptor += 1
    }
    guard let best else { throw .notCapable }
    return (best.0, best.1)
}

extension [UInt8] {
    // What is there, at most so much; none is the end.
    init(reading descriptor: Int32, upTo count: Int) throws(HostError) {
        var errno: Int32 = 0
        self.init(unsafeUninitializedCapacity: count) { room, filled in
            let got = bulkhead_read(descriptor, room.baseAddress, UInt32(room.count))
            if got < 0 { errno = -got }
            filled = Int(Swift.max(got, 0))
        }
        try check(errno)
    }
}
