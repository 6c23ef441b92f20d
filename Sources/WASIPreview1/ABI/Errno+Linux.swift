// The one place where a kernel's errno becomes preview 1's.

internal import Glibc
internal import LinuxKernel

extension Errno {
    /// The WASI errno of the same name; `io` for those that WASI has no name for.
    package init(linux value: Int32) {
        self =
            switch value {
            case 0: .success
            case E2BIG: .toobig
            case EACCES: .acces
            case EADDRINUSE: .addrinuse
            case EADDRNOTAVAIL: .addrnotavail
            case EAFNOSUPPORT: .afnosupport
            case EAGAIN: .again
            case EALREADY: .already
            case EBADF: .badf
            case EBADMSG: .badmsg
            case EBUSY: .busy
            case ECANCELED: .canceled
            case ECHILD: .child
            case ECONNABORTED: .connaborted
            case ECONNREFUSED: .connrefused
            case ECONNRESET: .connreset
            case EDEADLK: .deadlk
            case EDESTADDRREQ: .destaddrreq
            case EDOM: .dom
            case EDQUOT: .dquot
            case EEXIST: .exist
            case EFAULT: .fault
            case EFBIG: .fbig
            case EHOSTUNREACH: .hostunreach
            case EIDRM: .idrm
            case EILSEQ: .ilseq
            case EINPROGRESS: .inprogress
            case EINTR: .intr
            case EINVAL: .inval
            case EISCONN: .isconn
            case EISDIR: .isdir
            case ELOOP: .loop
            case EMFILE: .mfile
            case EMLINK: .mlink
            case EMSGSIZE: .msgsize
            case EMULTIHOP: .multihop
            case ENAMETOOLONG: .nametoolong
            default: Errno(linuxFromN: value)
            }
    }

    private init(linuxFromN value: Int32) {
        self =
            switch value {
            case ENETDOWN: .netdown
            case ENETRESET: .netreset
            case ENETUNREACH: .netunreach
            case ENFILE: .nfile
            case ENOBUFS: .nobufs
            case ENODEV: .nodev
            case ENOENT: .noent
            case ENOEXEC: .noexec
            case ENOLCK: .nolck
            case ENOLINK: .nolink
            case ENOMEM: .nomem
            case ENOMSG: .nomsg
            case ENOPROTOOPT: .noprotoopt
            case ENOSPC: .nospc
            case ENOSYS: .nosys
            case ENOTCONN: .notconn
            case ENOTDIR: .notdir
            case ENOTEMPTY: .notempty
            case ENOTRECOVERABLE: .notrecoverable
            case ENOTSOCK: .notsock
            case EOPNOTSUPP: .notsup
            case ENOTTY: .notty
            case ENXIO: .nxio
            case EOVERFLOW: .overflow
            case EOWNERDEAD: .ownerdead
            case EPERM: .perm
            case EPIPE: .pipe
            case EPROTO: .proto
            case EPROTONOSUPPORT: .protonosupport
            case EPROTOTYPE: .prototype
            case ERANGE: .range
            case EROFS: .rofs
            case ESPIPE: .spipe
            case ESRCH: .srch
            case ESTALE: .stale
            case ETIMEDOUT: .timedout
            case ETXTBSY: .txtbsy
            case EXDEV: .xdev
            default: .io
            }
    }
}

/// Why a call did not succeed.
@usableFromInline
package enum CallFailure: Error, Hashable, Sendable {
    case errno(Errno)
    /// A denial under `on_denied = "trap"`; the process traps with this message.
    case trap(String)
}

/// Runs a system call; its error becomes the guest's errno.
@inline(__always)
func kernel<Value: ~Copyable>(
    _ call: @autoclosure () throws(SystemError) -> Value
) throws(CallFailure) -> Value {
    do {
        return try call()
    } catch {
        throw .errno(Errno(linux: error.errno))
    }
}
