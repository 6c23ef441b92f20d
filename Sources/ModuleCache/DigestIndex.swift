// Which digest a large file had when it was last read, so that an unchanged one need not be read again.

internal import CellProtocol
internal import Glibc
internal import LinuxKernel
internal import MachineKey

/// One authenticated record a file, named by device and inode. It counts while size, modification and change time are the
/// same; change time cannot be set by a program, and a file that changed only just now is not recorded at all, since a second
/// change within the clock's step would not show. A record that is wrong nevertheless (a clock set back) makes an earlier content of
/// the same file run: native code still comes only from an entry that is authenticated for the digest that pins were held against.
struct DigestIndex {
    let directory: String
    let key: Authenticator
    /// Nanoseconds that must have passed since a file's last change.
    let minimumAge: Int64

    private func path(_ status: HostFileStatus) -> String {
        var hash = RunningHash()
        hash.update("\(status.device):\(status.inode)")
        return "\(directory)/seen.\(hash.finalize().description.prefix(32))"
    }

    func digest(_ status: HostFileStatus) -> Hash256? {
        guard let file = try? HostFile.open(path(status), O_RDONLY | O_NOFOLLOW | O_NONBLOCK),
            let bytes = try? HostFile.read(file, at: 0, count: 4096), bytes.count == Self.recordCount
        else { return nil }
        let body = bytes.dropLast(32)
        guard body.dropLast(32).elementsEqual(Self.stamp(status)), let digest = Hash256(raw: body.suffix(32)),
            let stated = Hash256(raw: bytes.suffix(32)), key.code({ $0.update(body) }).matches(stated)
        else { return nil }
        return digest
    }

    /// Remembers the digest of a file whose status was the same before and after it was read.
    func record(_ digest: Hash256, _ status: HostFileStatus) {
        let now = Int64(clamping: Clock.realtimeNow())
        guard now - max(status.changed, status.modified) >= minimumAge else { return }
        let body = Self.stamp(status) + digest.array
        let code = key.code { $0.update(body) }
        guard let random = try? HostFile.randomBytes(8) else { return }
        let name = "\(directory)/new.\(hexadecimal(random))"
        guard let file = try? HostFile.open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600) else { return }
        do throws(SystemError) {
            try HostFile.write(body + code.array, to: file)
            try HostFile.rename(name, to: path(status))
        } catch {
            try? HostFile.remove(name)
        }
    }

    private static let recordCount = 40 + 32 + 32

    private static func stamp(_ status: HostFileStatus) -> [UInt8] {
        var writer = WireWriter()
        writer.write(status.device)
        writer.write(status.inode)
        writer.write(status.size)
        writer.write(UInt64(bitPattern: status.modified))
        writer.write(UInt64(bitPattern: status.changed))
        return writer.bytes
    }
}
