// The fd_* functions, by name.

extension WASIFunctions {
    static let descriptorFunctions: [WASIFunction] = [
        WASIFunction(
            "fd_advise", [.i32, .i64, .i64, .i32]
        ) { (p, _, a) throws(CallFailure) in
            try p.fdAdvise(fd: a.i32(0), offset: a.i64(1), length: a.i64(2), advice: a.i32(3))
            return .done(.success)
        },
        WASIFunction(
            "fd_allocate", [.i32, .i64, .i64], canWait: true
        ) { (p, _, a) throws(CallFailure) in
            try p.fdAllocate(fd: a.i32(0), offset: a.i64(1), length: a.i64(2))
            return .done(.success)
        },
        WASIFunction(
            "fd_close", [.i32]
        ) { (p, _, a) throws(CallFailure) in
            try p.fdClose(fd: a.i32(0))
            return .done(.success)
        },
        WASIFunction(
            "fd_datasync", [.i32], canWait: true
        ) { (p, _, a) throws(CallFailure) in
            try p.fdDatasync(fd: a.i32(0))
            return .done(.success)
        },
        WASIFunction(
            "fd_fdstat_get", [.i32, .i32]
        ) { (p, m, a) throws(CallFailure) in
            try p.fdFdstatGet(fd: a.i32(0), stat: a.i32(1), m)
            return .done(.success)
        },
        WASIFunction(
            "fd_fdstat_set_flags", [.i32, .i32]
        ) { (p, _, a) throws(CallFailure) in
            try p.fdFdstatSetFlags(fd: a.i32(0), flags: a.i32(1))
            return .done(.success)
        },
        WASIFunction(
            "fd_fdstat_set_rights", [.i32, .i64, .i64]
        ) { (p, _, a) throws(CallFailure) in
            try p.fdFdstatSetRights(fd: a.i32(0), base: a.i64(1), inheriting: a.i64(2))
            return .done(.success)
        },
        WASIFunction(
            "fd_filestat_get", [.i32, .i32]
        ) { (p, m, a) throws(CallFailure) in
            try p.fdFilestatGet(fd: a.i32(0), stat: a.i32(1), m)
            return .done(.success)
        },
        WASIFunction(
            "fd_filestat_set_size", [.i32, .i64], canWait: true
        ) { (p, _, a) throws(CallFailure) in
            try p.fdFilestatSetSize(fd: a.i32(0), size: a.i64(1))
            return .done(.success)
        },
        WASIFunction(
            "fd_filestat_set_times", [.i32, .i64, .i64, .i32], canWait: true
        ) { (p, _, a) throws(CallFailure) in
            try p.fdFilestatSetTimes(fd: a.i32(0), accessed: a.i64(1), modified: a.i64(2), flags: a.i32(3))
            return .done(.success)
        },
        WASIFunction(
            "fd_pread", [.i32, .i32, .i32, .i64, .i32], canWait: true
        ) { (p, m, a) throws(CallFailure) in
            try p.fdPread(fd: a.i32(0), iovs: a.i32(1), iovsCount: a.i32(2), offset: a.i64(3), count: a.i32(4), m)
            return .done(.success)
        },
        WASIFunction(
            "fd_prestat_dir_name", [.i32, .i32, .i32]
        ) { (p, m, a) throws(CallFailure) in
            try p.fdPrestatDirName(fd: a.i32(0), name: a.i32(1), length: a.i32(2), m)
            return .done(.success)
        },
        WASIFunction(
            "fd_prestat_get", [.i32, .i32]
        ) { (p, m, a) throws(CallFailure) in
            try p.fdPrestatGet(fd: a.i32(0), stat: a.i32(1), m)
            return .done(.success)
        },
        WASIFunction(
            "fd_pwrite", [.i32, .i32, .i32, .i64, .i32], canWait: true
        ) { (p, m, a) throws(CallFailure) in
            try p.fdPwrite(fd: a.i32(0), iovs: a.i32(1), iovsCount: a.i32(2), offset: a.i64(3), count: a.i32(4), m)
            return .done(.success)
        },
        WASIFunction(
            "fd_read", [.i32, .i32, .i32, .i32], canWait: true
        ) { (p, m, a) throws(CallFailure) in
            try p.fdRead(fd: a.i32(0), iovs: a.i32(1), iovsCount: a.i32(2), count: a.i32(3), m)
        },
        WASIFunction(
            "fd_readdir", [.i32, .i32, .i32, .i64, .i32], canWait: true
        ) { (p, m, a) throws(CallFailure) in
            try p.fdReaddir(fd: a.i32(0), buffer: a.i32(1), length: a.i32(2), cookie: a.i64(3), used: a.i32(4), m)
        },
        WASIFunction(
            "fd_renumber", [.i32, .i32]
        ) { (p, _, a) throws(CallFailure) in
            try p.fdRenumber(fd: a.i32(0), to: a.i32(1))
            return .done(.success)
        },
        WASIFunction(
            "fd_seek", [.i32, .i64, .i32, .i32]
        ) { (p, m, a) throws(CallFailure) in
            try p.fdSeek(fd: a.i32(0), offset: Int64(bitPattern: a.i64(1)), whence: a.i32(2), position: a.i32(3), m)
            return .done(.success)
        },
        WASIFunction(
            "fd_sync", [.i32], canWait: true
        ) { (p, _, a) throws(CallFailure) in
            try p.fdSync(fd: a.i32(0))
            return .done(.success)
        },
        WASIFunction(
            "fd_tell", [.i32, .i32]
        ) { (p, m, a) throws(CallFailure) in
            try p.fdTell(fd: a.i32(0), position: a.i32(1), m)
            return .done(.success)
        },
        WASIFunction(
            "fd_write", [.i32, .i32, .i32, .i32], canWait: true
        ) { (p, m, a) throws(CallFailure) in
            try p.fdWrite(fd: a.i32(0), iovs: a.i32(1), iovsCount: a.i32(2), count: a.i32(3), m)
        },
    ]
}
