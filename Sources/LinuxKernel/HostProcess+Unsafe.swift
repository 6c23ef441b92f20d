// What this process inherited: its environment and its current directory.

internal import Glibc

package enum HostProcess {
    /// getcwd(3); nil when the directory is gone or out of reach.
    package static func currentDirectory() -> String? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        // SAFETY: getcwd writes at most the buffer's length, NUL included.
        guard unsafe getcwd(&buffer, buffer.count) != nil else { return nil }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// environ(7), without entries that have no `=`. Of a name that stands twice the first counts, as for getenv(3).
    package static func environment() -> [String: String] {
        var result: [String: String] = [:]
        // SAFETY: environ is a NULL-terminated vector of C strings; nothing in this program changes it.
        var entry = unsafe environ
        while let text = unsafe entry.pointee {
            let pair = unsafe String(cString: text)
            if let split = pair.firstIndex(of: "="), split != pair.startIndex {
                let name = String(pair[..<split])
                if result[name] == nil {
                    result[name] = String(pair[pair.index(after: split)...])
                }
            }
            unsafe entry += 1
        }
        return result
    }
}
