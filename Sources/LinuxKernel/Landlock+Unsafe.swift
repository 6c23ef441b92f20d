// Restricts the calling thread to paths (landlock(7)). The constants are ours: a distribution's headers know fewer
// rights than its kernel.

package import CapabilityModel

internal import CLinux
internal import Glibc

package enum LandlockError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kernel has none, or it is switched off.
    case unsupported
    case unknownRight(String)
    /// A host path of a rule could not be opened.
    case path(String, SystemError)
    case system(SystemError)

    package var description: String {
        switch self {
        case .unsupported: "this kernel has no Landlock"
        case .unknownRight(let name): "Landlock has no right named \(name)"
        case .path(let path, let error): "\(path): \(error)"
        case .system(let error): error.description
        }
    }
}

package enum Landlock {
    /// The ABI's number, 1 or more; 0 when there is none.
    package static var abi: Int { Int(bulkhead_landlock_abi()) }

    package static var isSupported: Bool { abi > 0 }

    /// Rights on files by name, in the kernel's order, with the ABI that brought them.
    private static let rights: [(name: String, abi: Int)] = [
        ("execute", 1), ("write_file", 1), ("read_file", 1), ("read_dir", 1), ("remove_dir", 1), ("remove_file", 1),
        ("make_char", 1), ("make_dir", 1), ("make_reg", 1), ("make_sock", 1), ("make_fifo", 1), ("make_block", 1),
        ("make_sym", 1), ("refer", 2), ("truncate", 3), ("ioctl_dev", 5),
    ]

    /// Rights that a file has; the others are a directory's, and the kernel refuses them on a file.
    private static let fileRights: Set<String> = ["execute", "write_file", "read_file", "truncate", "ioctl_dev"]

    /// What the kernel of an ABI can enforce of a profile, in words; empty when it enforces all of it.
    package static func gaps(abi: Int) -> [String] {
        var gaps: [String] = []
        if abi < 1 { return ["paths"] }
        if abi < 2 { gaps.append("links and renames between directories are refused, even where granted") }
        if abi < 3 { gaps.append("truncate") }
        if abi < 4 { gaps.append("TCP") }
        if abi < 5 { gaps.append("ioctl on devices") }
        if abi < 6 { gaps.append("abstract unix sockets and signals") }
        return gaps
    }

    /// Denies the calling thread, and all threads and processes it makes later, every file right but the rules', TCP
    /// and, where the kernel can, abstract unix sockets and signals to the outside. Descriptors that are open
    /// already keep what they can do. Call it while there is one thread. Sets no_new_privs, which it needs.
    /// - Parameters:
    ///   - rules: directories or files that exist.
    ///   - abi: the kernel's, or a lower one to act like an older kernel.
    /// - Throws: `LandlockError`; then the process may do what it could before.
    package static func restrict(to rules: [LandlockRule], abi: Int = Landlock.abi) throws(LandlockError) {
        let abi = min(abi, Landlock.abi)
        if abi < 1 { throw .unsupported }
        let handled = try bits(of: rights.map(\.name), abi: abi)
        // BIND_TCP and CONNECT_TCP; abstract unix sockets and signals.
        let raw = bulkhead_landlock_create(handled, abi >= 4 ? 3 : 0, abi >= 6 ? 3 : 0)
        if raw < 0 { throw .system(SystemError("landlock_create_ruleset", errno: -raw)) }
        let ruleset = OwnedFileDescriptor(taking: raw)
        for rule in rules { try add(rule, to: ruleset, abi: abi) }
        do throws(SystemError) {
            try NoNewPrivileges.set()
        } catch {
            throw .system(error)
        }
        let result = bulkhead_landlock_restrict(ruleset.rawValue)
        if result != 0 { throw .system(SystemError("landlock_restrict_self", errno: result)) }
    }

    private static func add(
        _ rule: LandlockRule, to ruleset: borrowing OwnedFileDescriptor, abi: Int
    ) throws(LandlockError) {
        let onDirectory = try bits(of: rule.access, abi: abi)
        let onFile = try bits(of: rule.access.filter(fileRights.contains), abi: abi)
        do throws(SystemError) {
            let target = try OwnedFileDescriptor(naming: rule.hostPath)
            let bits = try isDirectory(target.rawValue) ? onDirectory : onFile
            // An empty set of rights is an error to the kernel, and means the same as no rule.
            if bits == 0 { return }
            try requireZero(bulkhead_landlock_add_path(ruleset.rawValue, target.rawValue, bits), "landlock_add_rule")
        } catch {
            throw .path(rule.hostPath, error)
        }
    }

    private static func bits(of names: [String], abi: Int) throws(LandlockError) -> UInt64 {
        var bits: UInt64 = 0
        for name in names {
            guard let index = rights.firstIndex(where: { $0.name == name }) else { throw .unknownRight(name) }
            if rights[index].abi <= abi { bits |= 1 << UInt64(index) }
        }
        return bits
    }

    private static func isDirectory(_ raw: Int32) throws(SystemError) -> Bool {
        var status = stat()
        // SAFETY: fstat fills one local structure.
        if unsafe fstat(raw, &status) != 0 { throw SystemError("fstat", errno: Glibc.errno) }
        return status.st_mode & S_IFMT == S_IFDIR
    }
}
