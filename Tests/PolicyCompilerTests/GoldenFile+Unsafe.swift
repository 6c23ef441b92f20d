// Files of this repository, read and, when BULKHEAD_UPDATE_GOLDEN is set, written.

import Glibc
import Testing

struct GoldenFile {
    let path: String

    struct Missing: Error {
        let path: String
    }

    /// A file in Tests/Golden.
    init(_ name: String) {
        self.init(path: "Tests/Golden/\(name)")
    }

    /// A path from the package's root.
    init(path: String, source: String = #filePath) {
        let parts = source.split(separator: "/")
        self.path = "/" + parts.dropLast(3).joined(separator: "/") + "/" + path
    }

    func read() throws -> String {
        // SAFETY: fopen copies the path; the stream is used and closed here only.
        guard let file = unsafe fopen(path, "r") else { throw Missing(path: path) }
        defer { unsafe fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            // SAFETY: fread writes at most the chunk's count into it.
            let count = unsafe fread(&chunk, 1, chunk.count, file)
            if count == 0 { return String(decoding: bytes, as: UTF8.self) }
            bytes += chunk[..<count]
        }
    }

    func check(_ text: String) throws {
        if ProcessEnvironment.value("BULKHEAD_UPDATE_GOLDEN") != nil {
            // SAFETY: as for reading; fputs reads the string's bytes up to its NUL.
            guard let file = unsafe fopen(path, "w") else { throw Missing(path: path) }
            unsafe fputs(text, file)
            unsafe fclose(file)
            return
        }
        let golden = try read()
        if golden == text { return }
        let (old, new) = (golden.split(separator: "\n"), text.split(separator: "\n"))
        let changes = new.difference(from: old).map { change in
            switch change {
            case .insert(_, let line, _): "+ \(line)"
            case .remove(_, let line, _): "- \(line)"
            }
        }
        Issue.record("\(path) differs; scripts/update-golden.sh writes it anew:\n\(changes.joined(separator: "\n"))")
    }
}
