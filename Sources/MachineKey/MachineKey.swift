// A machine-local secret: 32 random bytes in a file that only its owner can read.

internal import Glibc
package import LinuxKernel

package enum MachineKeyError: Error, Hashable, Sendable, CustomStringConvertible {
    case system(path: String, SystemError)
    /// Group or others have some access to it; `mode` is the permission bits.
    case exposed(path: String, mode: UInt32)
    case foreignOwner(path: String, owner: UInt32)
    /// Not a regular file of 32 bytes.
    case malformed(path: String)

    package var description: String {
        switch self {
        case .system(let path, let error):
            return "key file \(path): \(error)"
        case .exposed(let path, let mode):
            return "key file \(path) has mode 0\(String(mode, radix: 8)): others can get at it, so it proves nothing; "
                + "remove it together with what it authenticated, or, if nobody read it, chmod 600 it"
        case .foreignOwner(let path, let owner):
            return "key file \(path) belongs to uid \(owner), not to uid \(geteuid())"
        case .malformed(let path):
            return "key file \(path) is not a regular file of \(MachineKey.byteCount) bytes"
        }
    }
}

package struct MachineKey: Sendable {
    package static let byteCount = 32

    /// Keyed with the file's secret; derive from it, never use it for messages itself.
    package let root: Authenticator

    /// Reads the key at `path`, or makes one when there is none and `create` allows it.
    ///
    /// A new key is written to a name of its own and then linked to `path` (link(2) fails where a name exists), so no other
    /// process ever reads half a key, and of two that race one wins for both.
    package init(path: String, create: Bool = true) throws(MachineKeyError) {
        do {
            if let key = try MachineKey.existing(path) {
                root = key
                return
            }
            guard create else { throw MachineKeyError.system(path: path, SystemError("open", errno: ENOENT)) }
            try MachineKey.make(path)
            guard let key = try MachineKey.existing(path) else {
                throw MachineKeyError.system(path: path, SystemError("open", errno: ENOENT))
            }
            root = key
        } catch let error as MachineKeyError {
            throw error
        } catch let error as SystemError {
            throw .system(path: path, error)
        } catch {
            throw .malformed(path: path)
        }
    }

    private static func existing(_ path: String) throws -> Authenticator? {
        let file: OwnedFileDescriptor
        do {
            file = try HostFile.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
        } catch let error {
            if error.errno == ENOENT { return nil }
            throw error
        }
        let status = try HostFile.status(file)
        guard status.isRegular, status.size == UInt64(byteCount) else { throw MachineKeyError.malformed(path: path) }
        guard status.owner == geteuid() else {
            throw MachineKeyError.foreignOwner(path: path, owner: status.owner)
        }
        guard status.mode & 0o077 == 0 else {
            throw MachineKeyError.exposed(path: path, mode: status.mode & 0o7777)
        }
        let bytes = try HostFile.read(file, at: 0, count: byteCount)
        guard bytes.count == byteCount else { throw MachineKeyError.malformed(path: path) }
        return Authenticator(key: bytes)
    }

    private static func make(_ path: String) throws(SystemError) {
        let name = path + ".new." + hexadecimal(try HostFile.randomBytes(8))
        let file = try HostFile.open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
        do throws(SystemError) {
            try HostFile.write(try HostFile.randomBytes(byteCount), to: file)
            fsync(file.rawValue)
            do throws(SystemError) {
                try HostFile.link(name, to: path)
            } catch let error {
                guard error.errno == EEXIST else { throw error }
            }
        } catch {
            try? HostFile.remove(name)
            throw error
        }
        try HostFile.remove(name)
    }
}

/// Two lower-case digits a byte.
package func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    var text: [UInt8] = []
    for byte in bytes {
        text.append(hexadecimalDigit(byte >> 4))
        text.append(hexadecimalDigit(byte & 15))
    }
    return String(decoding: text, as: UTF8.self)
}

func hexadecimalDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
}
