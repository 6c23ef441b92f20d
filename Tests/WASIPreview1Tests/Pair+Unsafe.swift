// Pipes, sockets and terminals of the host, with one end for the test.

import Glibc
import LinuxKernel

struct Pair: ~Copyable {
    let first: OwnedFileDescriptor
    /// The other end; closed by the test, or with the process.
    let otherRaw: Int32

    private static func check(_ call: String, _ result: Int32) throws(SystemError) {
        if result < 0 { throw SystemError(call, errno: errno) }
    }

    /// `first` reads, the other end writes.
    static func pipe() throws -> Pair {
        var ends: [Int32] = [0, 0]
        // SAFETY: room for two descriptors.
        try check("pipe", unsafe Glibc.pipe(&ends))
        return Pair(first: OwnedFileDescriptor(taking: ends[0]), otherRaw: ends[1])
    }

    static func sockets() throws -> Pair {
        var ends: [Int32] = [0, 0]
        // SAFETY: room for two descriptors.
        try check("socketpair", unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends))
        return Pair(first: OwnedFileDescriptor(taking: ends[0]), otherRaw: ends[1])
    }

    /// A pseudo-terminal: `first` is the terminal, the other end its master (ioctl_tty(2)).
    static func terminal() throws -> Pair {
        // SAFETY: a literal path; the unlocking ioctl reads one int, and the other takes its flags by value.
        let master = unsafe open("/dev/ptmx", O_RDWR | O_NOCTTY)
        try check("open", master)
        var locked: Int32 = 0
        try check("TIOCSPTLCK", unsafe ioctl(master, 0x4004_5431, &locked))
        let terminal = ioctl(master, 0x5441, O_RDWR | O_NOCTTY)
        try check("TIOCGPTPEER", terminal)
        return Pair(first: OwnedFileDescriptor(taking: terminal), otherRaw: master)
    }

    private static func withAddress(
        _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) throws -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        // SAFETY: the path is shorter than sun_path, and the address is whole.
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes.prefix(107)) }
        return unsafe withUnsafePointer(to: &address) {
            unsafe body(
                UnsafeRawPointer($0).assumingMemoryBound(to: sockaddr.self), socklen_t(MemoryLayout<sockaddr_un>.size))
        }
    }

    static func listener(_ path: String) throws -> OwnedFileDescriptor {
        let raw = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        try check("bind", try unsafe withAddress(path) { unsafe bind(raw, $0, $1) })
        try check("listen", listen(raw, 8))
        return OwnedFileDescriptor(taking: raw)
    }

    static func connect(_ path: String) throws -> OwnedFileDescriptor {
        let raw = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        try check("connect", try unsafe withAddress(path) { unsafe Glibc.connect(raw, $0, $1) })
        return OwnedFileDescriptor(taking: raw)
    }

    static func write(_ fd: Int32, _ text: String) {
        // SAFETY: the string's UTF-8 is lent for the call.
        _ = unsafe Glibc.write(fd, text, text.utf8.count)
    }

    /// Reads up to `count` bytes for as long as there are any.
    static func drain(_ fd: Int32, _ count: Int) -> Int {
        var total = 0
        var buffer = [UInt8](repeating: 0, count: 65536)
        while total < count {
            // SAFETY: the array's own size bounds the call.
            let done = unsafe Glibc.read(fd, &buffer, min(buffer.count, count - total))
            if done <= 0 { break }
            total += done
        }
        return total
    }
}

extension Scratch {
    func opened(_ name: String) throws -> OwnedFileDescriptor {
        // SAFETY: the string is lent for the call.
        let raw = unsafe open(path + "/" + name, O_RDONLY | O_CLOEXEC)
        if raw < 0 { throw SystemError("open", errno: errno) }
        return OwnedFileDescriptor(taking: raw)
    }
}
