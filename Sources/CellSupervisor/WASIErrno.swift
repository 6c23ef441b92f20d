// The errnos of WASI preview 1 that the broker answers with. The cell's own table is beyond reach here.

import Glibc

enum WASIErrno {
    static let again: UInt16 = 6
    static let badf: UInt16 = 8
    static let inval: UInt16 = 28
    static let io: UInt16 = 29
    static let mfile: UInt16 = 33
    static let msgsize: UInt16 = 35
    static let noent: UInt16 = 44
    static let timedout: UInt16 = 73
    static let notcapable: UInt16 = 76

    static func of(_ errno: Int32) -> UInt16 {
        switch errno {
        case EACCES: 2
        case EADDRINUSE, EEXIST: 3
        case EADDRNOTAVAIL: 4
        case EAFNOSUPPORT: 5
        case EAGAIN: again
        case ECONNREFUSED: 14
        case ECONNRESET: 15
        case EHOSTUNREACH: 23
        case EINVAL: inval
        case EISDIR: 31
        case ELOOP, EXDEV: 32
        case EMFILE: mfile
        case EMSGSIZE: msgsize
        case ENAMETOOLONG: 37
        case ENETDOWN: 38
        case ENETUNREACH: 40
        case ENFILE: 41
        case ENOBUFS: 42
        case ENOENT: noent
        case ENOMEM: 48
        case ENOSPC: 51
        case ENOTDIR: 54
        case EPERM: 63
        case EROFS: 69
        case ETIMEDOUT: timedout
        default: io
        }
    }
}
