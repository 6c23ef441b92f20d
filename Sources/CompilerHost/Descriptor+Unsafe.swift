// Reading and writing a whole descriptor.

import Glibc

enum Descriptor {
    enum Content {
        case bytes([UInt8])
        case tooLong
        case failed
    }

    /// Reads to the end of file; `.tooLong` past `limit` bytes.
    static func readAll(_ descriptor: Int32, limit: Int) -> Content {
        var bytes: [UInt8] = []
        let step = 1 << 20
        var chunk = [UInt8](repeating: 0, count: step)
        while true {
            // SAFETY: `chunk` has `step` bytes, and read(2) writes at most so many.
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, step) }
            if count == 0 { return .bytes(bytes) }
            guard count > 0 else {
                if errno == EINTR { continue }
                return .failed
            }
            guard bytes.count + count <= limit else { return .tooLong }
            bytes.append(contentsOf: chunk[..<count])
        }
    }

    static func writeAll(_ descriptor: Int32, _ bytes: [UInt8]) -> Bool {
        // SAFETY: `written` stays within the array, which lives through the closure.
        unsafe bytes.withUnsafeBytes { buffer in
            var written = 0
            while written < buffer.count {
                let count = unsafe write(descriptor, buffer.baseAddress?.advanced(by: written), buffer.count - written)
                if count > 0 {
                    written += count
                } else if count == 0 || errno != EINTR {
                    return false
                }
            }
            return true
        }
    }
}
