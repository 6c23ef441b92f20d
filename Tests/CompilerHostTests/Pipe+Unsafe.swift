// A pipe whose ends are closed when it goes.

import Glibc

final class Pipe {
    let readEnd: Int32
    private(set) var writeEnd: Int32

    struct Failure: Error {}

    init() throws {
        var ends: [Int32] = [0, 0]
        // SAFETY: two descriptors are written to two elements.
        guard unsafe pipe(&ends) == 0 else { throw Failure() }
        readEnd = ends[0]
        writeEnd = ends[1]
        // Native code must fit: nobody reads while the compiler writes. 1031 is F_SETPIPE_SZ, which Glibc hides.
        _ = fcntl(writeEnd, 1031, 1 << 20)
    }

    deinit {
        close(readEnd)
        closeWriteEnd()
    }

    func closeWriteEnd() {
        if writeEnd >= 0 { close(writeEnd) }
        writeEnd = -1
    }

    func write(_ bytes: [UInt8]) {
        // SAFETY: the bytes live through the call.
        _ = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(writeEnd, $0.baseAddress, $0.count) }
    }

    func readAll() -> [UInt8] {
        var result: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            // SAFETY: at most the chunk's size is written.
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe read(readEnd, $0.baseAddress, $0.count) }
            guard count > 0 else { return result }
            result += chunk[..<count]
        }
    }
}
