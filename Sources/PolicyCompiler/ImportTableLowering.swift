// Lowers a capability set to the host functions a process is linked to.

package import CapabilityModel

package enum ImportTableLowering {
    static let preview1 = "wasi_snapshot_preview1"

    /// Always linked: they act on what the process holds already, or answer with empty lists.
    static let always = [
        "args_get", "args_sizes_get", "environ_get", "environ_sizes_get", "fd_close", "fd_fdstat_get",
        "fd_fdstat_set_flags", "fd_fdstat_set_rights", "fd_filestat_get", "fd_prestat_dir_name", "fd_prestat_get",
        "fd_read", "fd_renumber", "fd_seek", "fd_tell", "fd_write", "poll_oneoff", "proc_exit", "proc_raise",
        "sched_yield",
    ]
    static let fileSystem = [
        "fd_advise", "fd_allocate", "fd_datasync", "fd_filestat_set_size", "fd_filestat_set_times", "fd_pread",
        "fd_pwrite", "fd_readdir", "fd_sync", "path_create_directory", "path_filestat_get", "path_filestat_set_times",
        "path_link", "path_open", "path_readlink", "path_remove_directory", "path_rename", "path_symlink",
        "path_unlink_file",
    ]
    static let clocks = ["clock_res_get", "clock_time_get"]
    static let random = ["random_get"]
    static let accepting = ["sock_accept"]
    static let sockets = ["sock_recv", "sock_send", "sock_shutdown"]

    /// Pure, and monotone: a smaller set links no more.
    package static func table(for capabilities: CapabilitySet) -> ImportTable {
        var entries: [ImportName: ImportTable.Disposition] = [:]
        func put(_ names: [String], _ isGranted: Bool, _ key: String, module: String = preview1) {
            for name in names { entries[ImportName(module, name)] = isGranted ? .granted : .denied(PolicyKey(key)) }
        }
        let grant = capabilities.clocks
        let hasNetwork = !capabilities.connect.isEmpty || !capabilities.listen.isEmpty
        put(always, true, "")
        put(fileSystem, !capabilities.mounts.isEmpty, "fs")
        put(clocks, grant.realtime != nil || grant.monotonic != nil || grant.cpuTime != nil, "clocks")
        put(random, capabilities.random, "random")
        put(accepting, !capabilities.listen.isEmpty, "net.listen")
        put(sockets, hasNetwork, "net")
        put(["tcp_connect"], !capabilities.connect.isEmpty, "net.connect", module: "bulkhead")
        return ImportTable(entries: entries)
    }
}
