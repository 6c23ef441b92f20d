// Compiled filters mean what the profile says: by interpretation, over random calls.

import CapabilityModel
import KernelVictims
import LinuxKernel
import PolicyCompiler
import Testing

struct SyscallFilterTests {
    static let killProcess: UInt32 = 0x8000_0000
    static let allow: UInt32 = 0x7fff_0000
    static let noSuchCall: UInt32 = 0x0005_0000 | 38

    /// What a cell must never be able to ask, under any policy (DESIGN.md, invariant 1).
    static let never = [
        "socket", "socketpair", "connect", "bind", "listen", "sendmmsg", "execve", "execveat", "fork", "vfork",
        "ptrace", "process_vm_readv", "process_vm_writev", "io_uring_setup", "io_uring_enter", "bpf", "perf_event_open",
        "userfaultfd", "mount", "umount2", "move_mount", "open_tree", "fsopen", "pivot_root", "chroot", "unshare",
        "setns", "init_module", "finit_module", "kexec_load", "keyctl", "add_key", "kill", "tkill", "pidfd_open",
        "pidfd_getfd", "pidfd_send_signal", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "open", "openat", "creat",
        "name_to_handle_at", "open_by_handle_at", "memfd_create", "pkey_mprotect", "shmat", "shmget", "setuid",
        "setresuid", "capset", "seccomp", "personality", "setrlimit", "mknod", "mknodat", "swapon", "reboot",
        "syslog", "acct", "fanotify_init", "inotify_init1", "chmod", "fchmodat", "fchownat", "setxattr", "dup2", "dup3",
        "setsockopt", "sched_setscheduler", "nice", "setpriority", "modify_ldt", "arch_prctl", "iopl", "ioperm",
    ]

    @Test(arguments: Profiles.names)
    func whatNoCellMayDo(_ name: String) {
        let profile = Profiles.profile(name)
        #expect(Set(profile.syscalls.map(\.name)).isDisjoint(with: Self.never))
    }

    @Test(arguments: Profiles.names)
    func argumentsAreHeldBack(_ name: String) {
        let profile = Profiles.profile(name)
        func decision(_ call: String, _ arguments: UInt64...) -> KernelDecision {
            let padding = [UInt64](repeating: 0, count: 6 - arguments.count)
            return profile.decision(for: call, arguments: arguments + padding, ownProcess: 77)
        }
        #expect(decision("mmap", 0, 4096, 3) == .allow)
        #expect(decision("mmap", 0, 4096, 5) == .deny)
        #expect(decision("mprotect", 0, 4096, 4) == .deny)
        #expect(decision("clone", 0x3d0f00) == .allow)
        // A process of its own, a user namespace.
        #expect(decision("clone", 17) == .deny)
        #expect(decision("clone", 0x3d0f00 | 0x1000_0000) == .deny)
        #expect(decision("clone3") == .refuse(errno: "ENOSYS"))
        #expect(decision("tgkill", 77, 77, 6) == .allow)
        #expect(decision("tgkill", 78, 78, 6) == .deny)
        #expect(decision("tgkill", 0xffff_ffff_0000_004d, 77, 6) == .allow)
        #expect(decision("sendmsg", 3, 0, 0x4000) == .allow)
        #expect(decision("sendmsg", 3, 0, 0x2000_0000) == .deny)
        // An address and descriptors could go with a message on another socket.
        #expect(decision("sendmsg", 4, 0, 0x4000) == .deny)
        #expect(decision("prctl", 15) == .allow)
        #expect(decision("prctl", 38) == .deny)
        #expect(decision("ioctl", 0, 0x541b) == .allow)
        // TIOCSTI
        #expect(decision("ioctl", 0, 0x5412) == .deny)
        #expect(decision("fcntl", 0, 1030) == .allow)
        // F_SETOWN, F_ADD_SEALS
        #expect(decision("fcntl", 0, 8) == .deny)
        #expect(decision("fcntl", 0, 1033) == .deny)
        #expect(decision("prlimit64", 0, 3, 0) == .allow)
        #expect(decision("prlimit64", 0, 3, 0x1000) == .deny)
        #expect(decision("prlimit64", 1, 3, 0) == .deny)
        #expect(decision("madvise", 0, 0, 102) == .allow)
        // MADV_HWPOISON
        #expect(decision("madvise", 0, 0, 100) == .deny)
        let hasNet = ["http-client", "tcp-service", "full-wasi"].contains(name)
        #expect(decision("sendto", 5, 0, 1, 0x4000, 0) == (hasNet ? .allow : .deny))
        #expect(decision("sendto", 5, 0, 1, 0, 0x1000) == .deny)
        #expect(decision("sendto", 5, 0, 1, 0x2000_0000, 0) == .deny)
        #expect(decision("accept4") == (["tcp-service", "full-wasi"].contains(name) ? .allow : .deny))
        let hasFiles = ["read-only-data", "no-net", "full-wasi"].contains(name)
        #expect(decision("openat2") == (hasFiles ? .allow : .deny))
        #expect(decision("unlinkat") == (["no-net", "full-wasi"].contains(name) ? .allow : .deny))
        #expect(decision("newfstatat", 0, 0, 0, 0x1000) == .allow)
        #expect(decision("newfstatat", 0, 0, 0, 0x100) == (hasFiles ? .allow : .deny))
    }

    @Test(arguments: [("x86_64", []), ("aarch64", ["epoll_wait", "poll"])] as [(String, Set<String>)])
    func everyNameExists(_ architecture: String, _ lacking: Set<String>) {
        let names = Set(Profiles.profile("full-wasi").syscalls.map(\.name) + SeccompProgram.refusals.keys)
        #expect(names.filter { SyscallFilter.number(of: $0, on: architecture) == nil } == lacking)
    }

    /// Every rule has a reason, names stand in order, and nothing stands twice.
    @Test(arguments: Profiles.names)
    func theOrderIsStable(_ name: String) {
        let profile = Profiles.profile(name)
        #expect(profile.syscalls.allSatisfy { !$0.reason.isEmpty })
        #expect(profile.syscalls.map(\.name) == profile.syscalls.map(\.name).sorted())
        #expect(Set(profile.syscalls).count == profile.syscalls.count)
        #expect(profile.resourceLimits.map(\.name) == profile.resourceLimits.map(\.name).sorted())
        #expect(profile.namespaces == profile.namespaces.sorted())
        #expect(Namespaces(names: profile.namespaces) != nil)
    }

    @Test func aWiderSetAllowsNoLess() {
        let seed = UInt64.random(in: 0 ... .max)
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<200 {
            let (left, right) = (Profiles.random(&generator), Profiles.random(&generator))
            let meet = KernelLowering.profile(for: left.meet(right))
            expect(meet, isWithin: KernelLowering.profile(for: left), seed)
            expect(meet, isWithin: KernelLowering.profile(for: right), seed)
            var union = left
            union.mounts += right.mounts
            union.connect += right.connect
            union.listen += right.listen
            union.limits.fds = max(left.limits.fds, right.limits.fds)
            if right.limits.cpu == nil { union.limits.cpu = nil }
            expect(KernelLowering.profile(for: left), isWithin: KernelLowering.profile(for: union), seed)
        }
    }

    private func expect(_ small: KernelProfile, isWithin large: KernelProfile, _ seed: UInt64) {
        #expect(Set(small.syscalls).isSubset(of: large.syscalls), "seed \(seed)")
        #expect(small.refusals == large.refusals)
        for rule in small.landlock {
            let above = large.landlock.filter {
                rule.hostPath == $0.hostPath || rule.hostPath.hasPrefix($0.hostPath + "/")
            }
            #expect(above.reduce(Set(rule.access)) { $0.subtracting($1.access) }.isEmpty, "seed \(seed): \(rule)")
        }
        // A limit that the wider profile leaves out is no limit.
        for limit in large.resourceLimits {
            let match = small.resourceLimits.first { $0.name == limit.name }
            #expect((match?.value ?? .max) <= limit.value, "seed \(seed): \(limit)")
        }
    }

    @Test func theProgramMeansWhatTheProfileSays() throws {
        let seed = UInt64.random(in: 0 ... .max)
        var generator = SeededGenerator(seed: seed)
        var executions = 0
        var seen: [UInt32: Int] = [:]
        for _ in 0..<12 {
            let profile = KernelLowering.profile(for: Profiles.random(&generator))
            let ownProcess = Int32.random(in: 1...4_194_304, using: &generator)
            let filter = try SyscallFilter(compiling: profile, defaultAction: .killProcess, ownProcess: ownProcess)
            let program = FilterInterpreter(filter.program)
            let calls = CallGenerator(profile: profile, others: Self.never, ownProcess: ownProcess)
            for _ in 0..<4_000 {
                let call = calls.next(&generator)
                let expected: UInt32
                switch profile.decision(
                    for: call.name ?? "", arguments: call.arguments, ownProcess: UInt32(bitPattern: ownProcess))
                {
                case .allow: expected = Self.allow
                case .refuse: expected = Self.noSuchCall
                case .deny: expected = Self.killProcess
                }
                let result = try program.run(
                    number: call.number, architecture: SyscallFilter.auditArchitecture, arguments: call.arguments)
                #expect(result.action == expected, "seed \(seed): \(call)")
                seen[result.action, default: 0] += 1
                executions += 1
            }
        }
        print("filter against profile: seed \(seed), \(executions) calls, outcomes \(seen.mapValues { $0 })")
        #expect(seen.count == 3 && seen.values.allSatisfy { $0 > 100 }, "seed \(seed): \(seen)")
    }

    @Test func foreignArchitecturesAreKilled() throws {
        let filter = try SyscallFilter(compiling: Profiles.profile("full-wasi"), defaultAction: .log)
        let program = FilterInterpreter(filter.program)
        let zeros = [UInt64](repeating: 0, count: 6)
        for architecture in [0x4000_0003, 0xc000_003e, 0xc000_00b7, 0] as [UInt32]
        where architecture != SyscallFilter.auditArchitecture {
            #expect(
                try program.run(number: 0, architecture: architecture, arguments: zeros).action == Self.killProcess)
        }
        #if arch(x86_64)
            // x32 calls carry the native architecture and a bit in the number.
            let x32 = try program.run(
                number: 0x4000_0000 | 1, architecture: SyscallFilter.auditArchitecture, arguments: zeros)
            #expect(x32.action == Self.killProcess)
        #endif
    }

    @Test(
        arguments: [
            (SyscallDefault.killProcess, 0x8000_0000), (.errno(1), 0x0005_0001), (.log, 0x7ffc_0000),
            (.userNotification, 0x7fc0_0000),
        ] as [(SyscallDefault, UInt32)])
    func theDefaultIsAParameter(_ action: SyscallDefault, _ result: UInt32) throws {
        let filter = try SyscallFilter(compiling: Profiles.profile("pure-compute"), defaultAction: action)
        let program = FilterInterpreter(filter.program)
        let number = try #require(SyscallFilter.number(of: "ptrace"))
        let zeros = [UInt64](repeating: 0, count: 6)
        let run = try program.run(
            number: UInt32(number), architecture: SyscallFilter.auditArchitecture, arguments: zeros)
        #expect(run.action == result)
    }

    @Test(arguments: Profiles.names)
    func theTextNamesEveryCall(_ name: String) throws {
        let profile = Profiles.profile(name)
        let text = try SyscallFilter.text(of: profile)
        for rule in profile.syscalls where SyscallFilter.number(of: rule.name) != nil {
            #expect(text.contains("\"\(rule.name)\""), "\(rule.name)")
        }
        #expect(text == (try SyscallFilter.text(of: profile)))
    }

    @Test func whatCannotBeCompiledIsAnError() {
        func compile(_ rules: [SyscallRule], _ refusals: [String: String] = [:]) throws {
            _ = try SyscallFilter(
                compiling: KernelProfile(
                    syscalls: rules, refusals: refusals, landlock: [], resourceLimits: [], namespaces: []),
                defaultAction: .killProcess)
        }
        let twice = SyscallArgumentRule(index: 1, comparison: .equal, value: 1)
        #expect(throws: SyscallFilterError.unknownSyscall("frobnicate")) {
            try compile([SyscallRule(name: "frobnicate", reason: "")])
        }
        #expect(throws: SyscallFilterError.unknownErrno("EWHAT")) { try compile([], ["clone3": "EWHAT"]) }
        #expect(throws: SyscallFilterError.badRule("read")) {
            try compile([SyscallRule(name: "read", arguments: [twice, twice], reason: "")])
        }
        #expect(throws: SyscallFilterError.badRule("read")) {
            let outside = SyscallArgumentRule(index: 6, comparison: .equal, value: 1)
            try compile([SyscallRule(name: "read", arguments: [outside], reason: "")])
        }
        #expect(throws: SyscallFilterError.badRule("read")) {
            let masked = SyscallArgumentRule(index: 1, comparison: .greater, mask: 7, value: 1)
            try compile([SyscallRule(name: "read", arguments: [masked], reason: "")])
        }
    }
}

/// Calls that are likely to sit on the edges of a profile's rules.
struct CallGenerator {
    struct Call {
        var number: UInt32
        /// nil: a number without a name here.
        var name: String?
        var arguments: [UInt64]
    }

    private let profile: KernelProfile
    private let names: [UInt32: String]
    private let numbers: [UInt32]
    private let ownProcess: UInt64

    init(profile: KernelProfile, others: [String], ownProcess: Int32) {
        self.profile = profile
        self.ownProcess = UInt64(ownProcess)
        var names: [UInt32: String] = [:]
        for name in profile.syscalls.map(\.name) + profile.refusals.keys + others {
            if let number = SyscallFilter.number(of: name) { names[UInt32(number)] = name }
        }
        self.names = names
        numbers = names.keys.sorted()
    }

    func next(_ generator: inout some RandomNumberGenerator) -> Call {
        let number =
            Int.random(in: 0..<8, using: &generator) == 0
            ? UInt32.random(in: 0..<600, using: &generator)
            : numbers[Int.random(in: 0..<numbers.count, using: &generator)]
        let name = names[number]
        var arguments = (0..<6).map { _ in interesting(&generator) }
        let rules = profile.syscalls.filter { $0.name == name }
        if let rule = rules.randomElement(using: &generator) {
            for condition in rule.arguments {
                var value = condition.comparison == .ownProcess ? ownProcess : condition.value
                // Bits outside the mask do not count; sometimes one bit anywhere is turned.
                if condition.mask != .max { value |= generator.next() & ~condition.mask }
                if Int.random(in: 0..<4, using: &generator) == 0 {
                    value ^= 1 << UInt64.random(in: 0..<64, using: &generator)
                }
                arguments[condition.index] = value
            }
        }
        return Call(number: number, name: name, arguments: arguments)
    }

    private func interesting(_ generator: inout some RandomNumberGenerator) -> UInt64 {
        switch Int.random(in: 0..<5, using: &generator) {
        case 0: 0
        case 1: UInt64.random(in: 0...7, using: &generator)
        case 2: .max
        case 3: UInt64.random(in: 0...0xffff_ffff, using: &generator)
        default: generator.next()
        }
    }
}
