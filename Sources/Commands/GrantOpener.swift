// Opens what a policy grants: directories, listening sockets, the environment. Done by the supervisor, before the cell.

import CapabilityModel
import CellSupervisor
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

    /// One listening socket for each rule that names an address and one port; wider rules open nothing by themselves.
    func listeners() throws(RunFailure) -> DescriptorList {
        var list = DescriptorList()
        for grant in policy.capabilities.listen {
            guard let address = address(of: grant) else { continue }
            do throws(SystemError) {
                list.append(try StreamSocket.listen(at: address))
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
