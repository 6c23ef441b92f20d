// The table that everything is linked from: names and signatures, against the specification's witx written out again.

import Testing

@testable import WASIPreview1

@Suite struct FunctionTableTests {
    /// `i` is an i32, `I` an i64.
    static let signatures: [String: String] = [
        "args_get": "ii", "args_sizes_get": "ii", "environ_get": "ii", "environ_sizes_get": "ii",
        "clock_res_get": "ii", "clock_time_get": "iIi", "fd_advise": "iIIi", "fd_allocate": "iII", "fd_close": "i",
        "fd_datasync": "i", "fd_fdstat_get": "ii", "fd_fdstat_set_flags": "ii", "fd_fdstat_set_rights": "iII",
        "fd_filestat_get": "ii", "fd_filestat_set_size": "iI", "fd_filestat_set_times": "iIIi", "fd_pread": "iiiIi",
        "fd_prestat_get": "ii", "fd_prestat_dir_name": "iii", "fd_pwrite": "iiiIi", "fd_read": "iiii",
        "fd_readdir": "iiiIi", "fd_renumber": "ii", "fd_seek": "iIii", "fd_sync": "i", "fd_tell": "ii",
        "fd_write": "iiii", "path_create_directory": "iii", "path_filestat_get": "iiiii",
        "path_filestat_set_times": "iiiiIIi", "path_link": "iiiiiii", "path_open": "iiiiiIIii",
        "path_readlink": "iiiiii", "path_remove_directory": "iii", "path_rename": "iiiiii", "path_symlink": "iiiii",
        "path_unlink_file": "iii", "poll_oneoff": "iiii", "proc_exit": "i", "proc_raise": "i", "sched_yield": "",
        "random_get": "ii", "sock_accept": "iii", "sock_recv": "iiiiii", "sock_send": "iiiii", "sock_shutdown": "ii",
    ]

    @Test func everyFunctionIsThereOnceWithItsType() {
        #expect(WASIFunctions.all.count == FunctionTableTests.signatures.count)
        #expect(Set(WASIFunctions.all.map(\.name)) == Set(FunctionTableTests.signatures.keys))
        for function in WASIFunctions.all {
            let spelled = String(function.parameters.map { $0 == .i32 ? "i" : "I" })
            #expect(spelled == FunctionTableTests.signatures[function.name], "\(function.name)")
            #expect(function.results == (function.name == "proc_exit" ? [] : [.i32]), "\(function.name)")
        }
    }

    @Test func errnosHaveTheSpecificationsNumbers() {
        #expect(Errno.allCases.count == 77)
        let known: [(Errno, UInt16)] = [
            (.success, 0), (.again, 6), (.badf, 8), (.dquot, 19), (.exist, 20), (.fault, 21), (.inval, 28),
            (.isdir, 31),
            (.loop, 32), (.mfile, 33), (.noent, 44), (.nosys, 52), (.notdir, 54), (.notempty, 55), (.notsock, 57),
            (.notsup, 58), (.perm, 63), (.pipe, 64), (.rofs, 69), (.spipe, 70), (.xdev, 75), (.notcapable, 76),
        ]
        for (errno, value) in known { #expect(errno.rawValue == value) }
        #expect(Errno(linux: 0) == .success)
        #expect(Errno(linux: 40) == .loop)
        #expect(Errno(linux: 122) == .dquot)
        #expect(Errno(linux: 9999) == .io)
    }
}
