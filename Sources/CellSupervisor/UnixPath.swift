// A unix socket's path under a rule: the part that the policy's author wrote, in which links are followed, and the rest, in
// which none is. A guest that may write in a directory must not lead the supervisor out of it.

import CapabilityModel
import CellProtocol
import Glibc
package import LinuxKernel

struct UnixPath: Hashable, Sendable {
    /// Absolute; from the rule.
    let directory: String
    /// One or more components beneath it.
    let rest: String
    /// The whole.
    let path: String

    /// nil where the rule's path (a trailing `*` stands for any ending) does not cover it. Bytes are compared: to the
    /// kernel, canonically equivalent names are different.
    init?(_ path: String, coveredBy pattern: String) {
        guard UnixPath.isPlain(path) else { return nil }
        let bytes = Array(path.utf8)
        let isOpen = pattern.utf8.last == UInt8(ascii: "*")
        let literal = isOpen ? Array(pattern.utf8.dropLast()) : Array(pattern.utf8)
        guard isOpen ? bytes.starts(with: literal) : bytes == literal else { return nil }
        guard let slash = literal.lastIndex(of: UInt8(ascii: "/")), slash + 1 < bytes.count else { return nil }
        directory = String(decoding: literal[..<(slash + 1)], as: UTF8.self)
        rest = String(decoding: bytes[(slash + 1)...], as: UTF8.self)
        self.path = path
    }

    /// Absolute, without `.`, `..`, empty components or NUL, and not too long.
    static func isPlain(_ path: String) -> Bool {
        let bytes = path.utf8
        guard bytes.count <= BrokerRequest.pathLimit, bytes.first == UInt8(ascii: "/"), !bytes.contains(0) else {
            return false
        }
        return bytes.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).allSatisfy {
            !$0.isEmpty && !$0.elementsEqual(".".utf8) && !$0.elementsEqual("..".utf8)
        }
    }

    /// A connected stream socket.
    /// - Throws: EAGAIN when the listener's backlog is full; ELOOP and EXDEV for a link; ECONNREFUSED for what is no socket.
    func connect() throws(SystemError) -> OwnedFileDescriptor {
        let (parent, leaf) = try open()
        let target = try OwnedFileDescriptor.open(
            beneath: parent.raw, leaf, [.path, .noFollow], followingLinks: false)
        guard try HostFile.status(target).mode & UInt32(S_IFMT) == UInt32(S_IFSOCK) else {
            throw SystemError("connect", errno: ECONNREFUSED)
        }
        // By descriptor: what was looked at is what is connected to.
        return try StreamSocket.startConnecting(to: .unix(path: "/proc/self/fd/\(target.rawValue)"))
    }

    /// A listener, with what it takes to remove its path again.
    /// - Throws: EADDRINUSE when something is there; it is not replaced.
    func listen(backlog: Int32) throws(SystemError) -> (socket: HeldDescriptor, file: SocketFile) {
        let (parent, leaf) = try open()
        // bind(2) follows no link in the last component. Peers see this name, so it is the plain one where that is safe.
        let isDirect = !rest.utf8.contains(UInt8(ascii: "/")) && path.utf8.count <= UnixPath.nameLimit
        let name =
            isDirect ? path : "/proc/self/fd/\(parent.raw)/" + String(decoding: leaf.bytes, as: UTF8.self)
        guard name.utf8.count <= UnixPath.nameLimit else { throw SystemError("bind", errno: ENAMETOOLONG) }
        let socket = try StreamSocket.listen(at: .unix(path: name), backlog: backlog)
        let status = try FileEntry.status(parent.raw, leaf)
        return (HeldDescriptor(socket), SocketFile(directory: parent, leaf: leaf, status: status))
    }

    /// unix(7): sun_path less its NUL.
    private static let nameLimit = 107

    private func open() throws(SystemError) -> (parent: HeldDescriptor, leaf: FilePath) {
        let components = rest.utf8.split(separator: UInt8(ascii: "/"))
        guard let last = components.last, let leaf = FilePath(Array(last)) else {
            throw SystemError("open", errno: EINVAL)
        }
        let base = try OwnedFileDescriptor(directory: directory)
        guard components.count > 1 else { return (HeldDescriptor(base), leaf) }
        guard let between = FilePath(Array(components.dropLast().joined(separator: [UInt8(ascii: "/")]))) else {
            throw SystemError("open", errno: EINVAL)
        }
        let parent = try OwnedFileDescriptor.open(
            beneath: base.rawValue, between, [.path, .directory, .noFollow], followingLinks: false)
        return (HeldDescriptor(parent), leaf)
    }
}

/// The path of a listener that we made, removed when this goes: unless something else has taken its place.
package final class SocketFile {
    private let directory: HeldDescriptor
    private let leaf: FilePath
    private let status: FileStatus

    init(directory: HeldDescriptor, leaf: FilePath, status: FileStatus) {
        self.directory = directory
        self.leaf = leaf
        self.status = status
    }

    /// Of a listener that was bound to this path just now.
    package convenience init(path: String) throws(SystemError) {
        let slash = path.utf8.lastIndex(of: UInt8(ascii: "/"))
        guard let slash, let leaf = FilePath(Array(path.utf8[path.utf8.index(after: slash)...])) else {
            throw SystemError("stat", errno: EINVAL)
        }
        let directory = HeldDescriptor(try OwnedFileDescriptor(directory: String(path[...slash])))
        self.init(directory: directory, leaf: leaf, status: try FileEntry.status(directory.raw, leaf))
    }

    deinit {
        guard let now = try? FileEntry.status(directory.raw, leaf), now.isSameFile(as: status) else { return }
        try? FileEntry.unlink(directory.raw, leaf)
    }
}
