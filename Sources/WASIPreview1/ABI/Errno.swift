// preview 1's errno values (WASI snapshot preview1, `errno`), in the order of the specification.

@usableFromInline
package enum Errno: UInt16, Hashable, Sendable, CaseIterable {
    case success, toobig, acces, addrinuse, addrnotavail, afnosupport, again, already, badf, badmsg, busy, canceled
    case child, connaborted, connrefused, connreset, deadlk, destaddrreq, dom, dquot, exist, fault, fbig, hostunreach
    case idrm, ilseq, inprogress, intr, inval, io, isconn, isdir, loop, mfile, mlink, msgsize, multihop, nametoolong
    case netdown, netreset, netunreach, nfile, nobufs, nodev, noent, noexec, nolck, nolink, nomem, nomsg, noprotoopt
    case nospc, nosys, notconn, notdir, notempty, notrecoverable, notsock, notsup, notty, nxio, overflow, ownerdead
    case perm, pipe, proto, protonosupport, prototype, range, rofs, spipe, srch, stale, timedout, txtbsy, xdev
    case notcapable
}
