// Which rights a cell has beneath which host paths. Pure data: LinuxKernel turns names into the kernel's bits.

package import CapabilityModel

package enum LandlockRuleset {
    /// One rule for each host path, sorted by path, its rights sorted by name. Everything else is denied: execution,
    /// device nodes, sockets and FIFOs are never granted.
    package static func rules(for mounts: [MountGrant]) -> [LandlockRule] {
        var access: [String: Set<String>] = [:]
        for mount in mounts {
            access[mount.hostPath, default: []].formUnion(rights(of: mount))
        }
        return access.filter { !$0.value.isEmpty }
            .map { LandlockRule(hostPath: $0.key, access: $0.value.sorted()) }
            .sorted { $0.hostPath < $1.hostPath }
    }

    private static func rights(of mount: MountGrant) -> Set<String> {
        var names: Set<String> = []
        if mount.rights.contains(.read) { names.formUnion(["read_dir", "read_file"]) }
        if mount.rights.contains(.write) { names.formUnion(["truncate", "write_file"]) }
        if mount.rights.contains(.create) {
            // A file that was just made is opened for writing by the same call, and links and renames between
            // directories need `refer`, which never widens a file's rights.
            names.formUnion(["make_dir", "make_reg", "refer", "write_file"])
            if mount.symlinks == .create { names.insert("make_sym") }
        }
        if mount.rights.contains(.delete) { names.formUnion(["remove_dir", "remove_file", "refer"]) }
        return names
    }
}
