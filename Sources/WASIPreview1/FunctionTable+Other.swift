// The functions that are neither fd_* nor path_*, by name.

extension WASIFunctions {
    static let otherFunctions: [WASIFunction] = [
        WASIFunction(
            "args_get", [.i32, .i32]
        ) { (p, m, a) throws(CallFailure) in
            try p.argsGet(argv: a.i32(0), buffer: a.i32(1), m)
            return .done(.success)
        },
        WASIFunction(
            "args_sizes_get", [.i32, .i32]
        ) { (p, m, a) throws(CallFailure) in
            try p.argsSizesGet(count: a.i32(0), size: a.i32(1), m)
            return .done(.success)
        },
        WASIFunction(
            "environ_get", [.i32, .i32]
        ) { (p, m, a) throws(CallFailure) in
            try p.environGet(environ: a.i32(0), buffer: a.i32(1), m)
            return .done(.success)
        },
        WASIFunction(
            "environ_sizes_get", [.i32, .i32]
        ) { (p, m, a) throws(CallFailure) in
            try p.environSizesGet(count: a.i32(0), size: a.i32(1), m)
            return .done(.success)
        },
        WASIFunction(
            "clock_res_get", [.i32, .i32]
        ) { (p, m, a) throws(CallFailure) in
            try p.clockResGet(id: a.i32(0), resolution: a.i32(1), m)
            return .done(.success)
        },
        WASIFunction(
            "clock_time_get", [.i32, .i64, .i32]
        ) { (p, m, a) throws(CallFailure) in
            try p.clockTimeGet(id: a.i32(0), precision: a.i64(1), time: a.i32(2), m)
            return .done(.success)
        },
        WASIFunction(
            "poll_oneoff", [.i32, .i32, .i32, .i32], canWait: true
        ) { (p, m, a) throws(CallFailure) in
            try p.pollOneoff(subscriptions: a.i32(0), events: a.i32(1), count: a.i32(2), eventCount: a.i32(3), m)
        },
        WASIFunction(
            "proc_exit", [.i32], results: [], canWait: false
        ) { (p, _, a) throws(CallFailure) in
            p.procExit(code: a.i32(0))
        },
        WASIFunction(
            "proc_raise", [.i32]
        ) { (p, _, a) throws(CallFailure) in
            try p.procRaise(signal: a.i32(0))
            return .done(.success)
        },
        WASIFunction(
            "random_get", [.i32, .i32], canWait: true
        ) { (p, m, a) throws(CallFailure) in
            try p.randomGet(buffer: a.i32(0), count: a.i32(1), m)
        },
        WASIFunction(
            "sched_yield", [], canWait: true
        ) { (p, _, _) throws(CallFailure) in
            p.schedYield()
        },
        WASIFunction(
            "sock_accept", [.i32, .i32, .i32], canWait: true
        ) { (p, m, a) throws(CallFailure) in
            try p.sockAccept(fd: a.i32(0), flags: a.i32(1), accepted: a.i32(2), m)
        },
        WASIFunction(
            "sock_recv", [.i32, .i32, .i32, .i32, .i32, .i32], canWait: true
        ) { (p, m, a) throws(CallFailure) in
            try p.sockRecv(
                fd: a.i32(0), data: a.i32(1), dataCount: a.i32(2), flags: a.i32(3), count: a.i32(4), outFlags: a.i32(5),
                m)
        },
        WASIFunction(
            "sock_send", [.i32, .i32, .i32, .i32, .i32], canWait: true
        ) { (p, m, a) throws(CallFailure) in
            try p.sockSend(fd: a.i32(0), data: a.i32(1), dataCount: a.i32(2), flags: a.i32(3), count: a.i32(4), m)
        },
        WASIFunction(
            "sock_shutdown", [.i32, .i32]
        ) { (p, _, a) throws(CallFailure) in
            try p.sockShutdown(fd: a.i32(0), how: a.i32(1))
            return .done(.success)
        },
    ]
}
