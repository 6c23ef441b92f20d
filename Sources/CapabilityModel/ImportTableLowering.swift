// Lowers a capability set to the host functions a process is linked to. The policy compiler does so for a program, its cell
// for each child that holds less.

package enum ImportTableLowering {
    package static let preview1 = "wasi_snapshot_preview1"
    /// The module of SDK/abi.md.
    package static let bulkhead = "bulkhead"

    /// Always linked: they act on what the process holds already, or answer with empty lists.
    package static let always = [
        "args_get", "args_sizes_get", "environ_get", "environ_sizes_get", "fd_close", "fd_fdstat_get",
        "fd_fdstat_set_flags", "fd_fdstat_set_rights", "fd_filestat_get", "fd_prestat_dir_name", "fd_prestat_get",
        "fd_read", "fd_renumber", "fd_seek", "fd_tell", "fd_write", "poll_oneoff", "proc_exit", "proc_raise",
        "sched_yield",
    ]
    package static let fileSystem = [
        "fd_advise", "fd_allocate", "fd_datasync", "fd_filestat_set_size", "fd_filestat_set_times", "fd_pread",
        "fd_pwrite", "fd_readdir", "fd_sync", "path_create_directory", "path_filestat_get", "path_filestat_set_times",
        "path_link", "path_open", "path_readlink", "path_remove_directory", "path_rename", "path_symlink",
        "path_unlink_file",
    ]
    package static let clocks = ["clock_res_get", "clock_time_get"]
    package static let random = ["random_get"]
    package static let accepting = ["sock_accept"]
    package static let sockets = ["sock_recv", "sock_send", "sock_shutdown"]

    /// Of module `bulkhead`, always linked: a process may always talk to those it has handles on, and wait.
    package static let messaging = [
        "abi_version", "alias", "alive", "argument", "demonitor", "exit", "exit_process", "handle_close",
        "handle_duplicate", "link", "monitor", "process_id", "receive", "receive_wait", "send", "send_wait", "sleep",
        "start_ack", "trap_exit", "unlink",
    ]
    package static let registering = ["register", "unregister"]

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

        let connects = Set(capabilities.connect.map(\.transport))
        let listens = Set(capabilities.listen.map(\.transport))
        let process = capabilities.process
        put(messaging, true, "", module: bulkhead)
        put(["spawn"], capabilities.limits.processes > 0, "process.spawn", module: bulkhead)
        put(registering, !process.register.isEmpty, "process.register", module: bulkhead)
        put(["whereis"], !process.lookup.isEmpty, "process.lookup", module: bulkhead)
        put(["tcp_connect"], connects.contains(.tcp), "net.connect", module: bulkhead)
        put(["udp_connect", "udp_send"], connects.contains(.udp), "net.connect", module: bulkhead)
        put(["unix_connect"], connects.contains(.unix), "net.connect", module: bulkhead)
        put(["tcp_listen"], listens.contains(.tcp), "net.listen", module: bulkhead)
        put(["udp_bind"], listens.contains(.udp), "net.listen", module: bulkhead)
        put(["unix_listen"], listens.contains(.unix), "net.listen", module: bulkhead)
        put(["socket_address", "udp_receive"], hasNetwork, "net", module: bulkhead)
        put(["resolve"], !capabilities.resolve.isEmpty, "net.resolve", module: bulkhead)
        return ImportTable(entries: entries)
    }
}
