// The path_* functions, by name.

extension WASIFunctions {
    static let pathFunctions: [WASIFunction] = [
        WASIFunction(
            "path_create_directory", [.i32, .i32, .i32], canWait: true
        ) { (p, m, a) throws(CallFailure) in
            try p.pathCreateDirectory(fd: a.i32(0), path: a.i32(1), pathLength: a.i32(2), m)
            return .done(.success)
        },
        WASIFunction(
            "path_filestat_get", [.i32, .i32, .i32, .i32, .i32], canWait: true
        ) { (p, m, a) throws(CallFailure) in
            try p.pathFilestatGet(
                fd: a.i32(0), lookup: a.i32(1), path: a.i32(2), pathLength: a.i32(3), stat: a.i32(4), m)
            return .done(.success)
        },
        WASIFunction(
            "path_filestat_set_times", [.i32, .i32, .i32, .i32, .i64, .i64, .i32], canWait: true
        ) { (p, m, a) throws(CallFailure) in
            try p.pathFilestatSetTimes(
                fd: a.i32(0), lookup: a.i32(1), path: a.i32(2), pathLength: a.i32(3), accessed: a.i64(4),
                modified: a.i64(5), flags: a.i32(6), m)
            return .done(.success)
        },
        WASIFunction(
            "path_link", [.i32, .i32, .i32, .i32, .i32, .i32, .i32], canWait: true
        ) { (p, m, a) throws(CallFailure) in
            try p.pathLink(
                fd: a.i32(0), lookup: a.i32(1), old: a.i32(2), oldLength: a.i32(3), newFd: a.i32(4), new: a.i32(5),
                newLength: a.i32(6), m)
            return .done(.success)
        },
        WASIFunction(
            "path_open", [.i32, .i32, .i32, .i32, .i32, .i64, .i64, .i32, .i32], canWait: true
        ) { (p, m, a) throws(CallFailure) in
            try p.pathOpen(
                WASIProcess.OpenRequest(
                    fd: a.i32(0), lookup: a.i32(1), path: a.i32(2), pathLength: a.i32(3), mode: a.i32(4),
                    base: a.i64(5), inheriting: a.i64(6), flags: a.i32(7), opened: a.i32(8)), m)
            return .done(.success)
        },
        WASIFunction(
            "path_readlink", [.i32, .i32, .i32, .i32, .i32, .i32], canWait: true
        ) { (p, m, a) throws(CallFailure) in
            try p.pathReadlink(
                fd: a.i32(0), path: a.i32(1), pathLength: a.i32(2), buffer: a.i32(3), length: a.i32(4), used: a.i32(5),
                m)
            return .done(.success)
        },
        WASIFunction(
            "path_remove_directory", [.i32, .i32, .i32], canWait: true
        ) { (p, m, a) throws(CallFailure) in
            try p.pathRemoveDirectory(fd: a.i32(0), path: a.i32(1), pathLength: a.i32(2), m)
            return .done(.success)
        },
        WASIFunction(
            "path_rename", [.i32, .i32, .i32, .i32, .i32, .i32], canWait: true
        ) { (p, m, a) throws(CallFailure) in
            try p.pathRename(
                fd: a.i32(0), old: a.i32(1), oldLength: a.i32(2), newFd: a.i32(3), new: a.i32(4), newLength: a.i32(5), m
            )
            return .done(.success)
        },
        WASIFunction(
            "path_symlink", [.i32, .i32, .i32, .i32, .i32], canWait: true
        ) { (p, m, a) throws(CallFailure) in
            try p.pathSymlink(old: a.i32(0), oldLength: a.i32(1), fd: a.i32(2), new: a.i32(3), newLength: a.i32(4), m)
            return .done(.success)
        },
        WASIFunction(
            "path_unlink_file", [.i32, .i32, .i32], canWait: true
        ) { (p, m, a) throws(CallFailure) in
            try p.pathUnlinkFile(fd: a.i32(0), path: a.i32(1), pathLength: a.i32(2), m)
            return .done(.success)
        },
    ]
}
