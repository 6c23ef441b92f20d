// Opens what a policy grants: directories, listening sockets, the environment. Done by the supervisor, before the cell.

import CapabilityModel
import CellSupervisor
import Glibc
import LinuxKernel

struct GrantOpener {
    let policy: CompiledPolicy

    /// One O_PATH directory for each mount, in the policy's order.
    func mounts() throws(RunFailure) -> DescriptorList {
        var list = DescriptorList()
        for mount in policy.capabilities.mounts {
            do throws(SystemError) {
                list.append(try OwnedFileDescriptor(directory: mount.hostPath))
            } catch {
                throw RunFailure(
                    message: "bulkhead: cannot mount \(mount.hostPath) at \(mount.guestPath): \(error)"
                        + place(of: mount.key),
                    status: RunStatus.refused)
            }
        }
        return list
    }

    /// One O_PATH directory for each of the policy's places, in their order, from the descriptors of its mounts: a link that a
    /// guest made beneath a mount leads no further than it would lead the guest.
    func places(beneath mounts: [Int32]) throws(RunFailure) -> DescriptorList {
        var list = DescriptorList()
        for place in policy.places {
            do throws(SystemError) {
                list.append(try directory(place.hostPath, beneath: mounts))
            } catch {
                throw RunFailure(
                    message: "bulkhead: cannot mount \(place.hostPath) at \(place.guestPath) for children: \(error)",
                    status: RunStatus.refused)
            }
        }
        return list
    }

    /// In the deepest mount that holds it; a policy for children is within its program's, so there is one.
    private func directory(_ path: String, beneath mounts: [Int32]) throws(SystemError) -> OwnedFileDescriptor {
        let holders = zip(policy.capabilities.mounts, mounts).compactMap { mount, raw -> (Int, [UInt8], Int32)? in
            let base = mount.hostPath == "/" ? "" : mount.hostPath
            if path == mount.hostPath { return (base.utf8.count, Array(".".utf8), raw) }
            guard path.utf8.starts(with: (base + "/").utf8) else { return nil }
            return (base.utf8.count, Array(path.utf8.dropFirst(base.utf8.count + 1)), raw)
        }
        guard let (_, rest, raw) = holders.max(by: { $0.0 < $1.0 }), let name = FilePath(rest) else {
            throw SystemError("open", errno: ENOENT)
        }
        return try OwnedFileDescriptor.open(beneath: raw, name, [.path, .directory], followingLinks: true)
    }

    /// One listening socket for each rule that names an address and one port; wider rules open nothing by themselves.
    /// `files` get the paths that are made for it.
    func listeners(_ files: inout [SocketFile]) throws(RunFailure) -> DescriptorList {
        var list = DescriptorList()
        for grant in policy.capabilities.listen {
            guard let address = address(of: grant) else { continue }
            do throws(SystemError) {
                list.append(try StreamSocket.listen(at: address))
                if case .unix(let path) = address { files.append(try SocketFile(path: path)) }
            } catch {
                throw RunFailure(
                    message: "bulkhead: cannot listen on \(grant): \(error)" + place(of: PolicyKey("net.listen")),
                    status: RunStatus.refused)
            }
        }
        return list
    }

    private func address(of grant: NetworkGrant) -> SocketAddress? {
        switch (grant.transport, grant.host) {
        case (.tcp, .cidr(let bytes, let prefix)):
            guard prefix == bytes.count * 8, grant.ports.count == 1 else { return nil }
            return IPAddress(bytes: bytes).map { .ip($0, port: grant.ports.lowerBound) }
        case (.unix, .path(let path)):
            return path.hasSuffix("*") ? nil : .unix(path: path)
        default:
            return nil
        }
    }

    /// `NAME=value`, sorted: what the policy passes through, byte for byte, and what it sets.
    func environment() -> [[UInt8]] {
        let own = HostProcess.environment().sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) }
        let grant = policy.capabilities.environment
        return grant.resolve(from: own).map { name, value in
            let given = grant.passes(name) ? HostProcess.variable(name) : nil
            return Array("\(name)=".utf8) + (given ?? Array(value.value.utf8))
        }
    }

    private func place(of key: PolicyKey) -> String {
        guard let origin = policy.origins(of: key).first(where: \.isPresent) else { return "" }
        return origin.line > 0
            ? "\n  granted at \(origin.file):\(origin.line):\(origin.column)"
            : "\n  granted by \(origin.file) \(origin.keyPath)"
    }
}

/// The other executables of Bulkhead: beside this one, or in ../libexec/bulkhead of an installed tree.
enum Companion {
    /// A cell to run a guest in; nil where none can be started, which is reported once it is needed.
    static func startCell() -> SpareCell? {
        (try? path("bulkhead-cell")).flatMap { try? SpareCell(executable: $0) }
    }

    static func path(_ name: String) throws(RunFailure) -> String {
        let own = (try? Executable.path()) ?? ""
        let directory = own.lastIndex(of: "/").map { String(own[..<$0]) } ?? "."
        for candidate in ["\(directory)/\(name)", "\(directory)/../libexec/bulkhead/\(name)"]
        where Executable.isExecutable(candidate) {
            return candidate
        }
        throw RunFailure(
            message: "bulkhead: \(name) is missing: it belongs beside \(own) or in ../libexec/bulkhead",
            status: RunStatus.failed)
    }
}
