// What this process inherited: its arguments, its environment and its current directory.

internal import Glibc

package enum HostProcess {
    /// getcwd(3); nil when the directory is gone or out of reach.
    package static func currentDirectory() -> String? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        // SAFETY: getcwd writes at most the buffer's length, NUL included.
        guard unsafe getcwd(&buffer, buffer.count) != nil else { return nil }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The command line's words as they were given: bytes, which need not be UTF-8.
    package static func arguments() -> [[UInt8]] {
        // SAFETY: argv has argc C strings; nothing in this program changes it.
        (0..<Int(CommandLine.argc)).compactMap { index in
            unsafe CommandLine.unsafeArgv[index].map { word in
                unsafe Array(UnsafeRawBufferPointer(start: word, count: strlen(word)))
            }
        }
    }

    /// The value of a variable as it was given: bytes, which need not be UTF-8. The first counts, as for getenv(3).
    package static func variable(_ name: String) -> [UInt8]? {
        // SAFETY: getenv returns nil or a C string that stays while nothing changes the environment, and nothing does.
        unsafe getenv(name).map { value in
            unsafe Array(UnsafeRawBufferPointer(start: value, count: strlen(value)))
        }
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
