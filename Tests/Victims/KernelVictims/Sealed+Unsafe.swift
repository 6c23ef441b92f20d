// What runs inside a process that a test has sealed: a program of its own, for the test library's threads make calls
// that no cell needs.

internal import CapabilityModel
internal import Glibc
internal import LinuxKernel
internal import Synchronization

package enum Sealed {
    /// Runs the probe that the arguments name: `rules PROFILE`, `work PROFILE`, `call PROFILE NAME ARGUMENT…`,
    /// `trap PROFILE`, `abort PROFILE`, `landlock DIRECTORY ABI`, or one without arguments. Exits 0 when it found what it should.
    package static func main(_ arguments: [String]) throws -> Never {
        let profile = arguments.count > 2 ? arguments[2] : "pure-compute"
        switch arguments.count > 1 ? arguments[1] : "" {
        case "rules": try checkEveryRule(profile)
        case "work": try work(profile)
        case "call":
            let values = arguments.dropFirst(4).compactMap { UInt64($0) }
            try call(arguments[3], values, under: profile)
        case "trap":
            _ = try installSyscallFilter(Profiles.profile(profile))
            fatalError("as it should be")
        case "abort":
            _ = try installSyscallFilter(Profiles.profile(profile))
            abort()
        case "again": try again()
        case "notified": try notified()
        case "landlock": try Restricted.paths(beneath: profile, abi: Int(arguments[3]) ?? 0)
        case "privileges": try Restricted.privileges()
        case "memory": try Restricted.memory()
        case "network": try Restricted.network()
        case "descriptors": _exit(try Held.descriptors())
        case "full-table": _exit(try Held.fullTable())
        case let other: fatalError("no probe is named \(other)")
        }
    }

    /// A code that no call returns, so that a refusal by the filter's default is told from one by the kernel.
    static let marker: Int32 = 4094

    /// Calls that cannot be tried with made-up arguments: they end or suspend the thread, or share its stack.
    static let untried: Set<String> = ["exit", "exit_group", "rt_sigreturn", "clone", "restart_syscall"]

    /// Makes a call with arguments that its rules allow where they speak, and that are nonsense elsewhere.
    static func attempt(_ name: String, _ arguments: [UInt64]) -> Int? {
        guard let number = SyscallFilter.number(of: name) else { return nil }
        // SAFETY: descriptors are -1 and pointers are at the top of the address space, which no process maps, so
        // the kernel refuses the call or ignores what it is given.
        return unsafe RawSystemCall.perform(number, arguments)
    }

    /// Seals with `marker` as the default, then holds the kernel to every rule of the profile and to the rest of the
    /// call table. Exits 0 when all is as the profile says.
    static func checkEveryRule(_ name: String) throws -> Never {
        let profile = Profiles.profile(name)
        let own = UInt64(UInt32(bitPattern: getpid()))
        var listed: Set<Int32> = []
        _ = try installSyscallFilter(profile, defaultAction: .errno(marker))
        var failures: [String] = []
        for rule in profile.syscalls {
            guard let number = SyscallFilter.number(of: rule.name) else { continue }
            listed.insert(number)
            if untried.contains(rule.name) { continue }
            let nonsense = [UInt64](repeating: .max, count: 6)
            var allowed = nonsense
            for condition in rule.arguments {
                allowed[condition.index] = condition.comparison == .ownProcess ? own : condition.value
            }
            if attempt(rule.name, allowed) == -Int(marker) { failures.append("\(rule.name) is denied") }
            for condition in rule.arguments {
                // One bit that the rule looks at.
                let bit = condition.mask & (~condition.mask &+ 1)
                var perturbed = allowed
                perturbed[condition.index] ^= condition.comparison == .ownProcess ? 1 : bit
                let decision = profile.decision(for: rule.name, arguments: perturbed, ownProcess: UInt32(own))
                if decision == .deny && attempt(rule.name, perturbed) != -Int(marker) {
                    failures.append("\(rule.name) is allowed with argument \(condition.index) changed")
                }
            }
        }
        for name in profile.refusals.keys {
            guard let number = SyscallFilter.number(of: name) else { continue }
            listed.insert(number)
            if attempt(name, []) != -Int(ENOSYS) { failures.append("\(name) is not refused") }
        }
        // uretprobe and uprobe pass every filter (x86_64, Linux 6.11), and kill the caller outside of a probe's code.
        #if arch(x86_64)
            listed.formUnion([335, 336])
        #endif
        for number in Int32(0)..<600 where !listed.contains(number) {
            // SAFETY: the filter refuses it, or the test fails.
            if unsafe RawSystemCall.perform(number, []) != -Int(marker) { failures.append("call \(number) is allowed") }
        }
        for failure in failures { StandardError.write("\(name): \(failure)\n") }
        _exit(failures.isEmpty ? 0 : 1)
    }

    /// Work that a cell does all the time, under the killing filter.
    static func work(_ name: String) throws -> Never {
        let pipe = try Pipe(nonBlocking: true)
        let pair = try UnixSocketPair()
        let control = try Descriptor.duplicate(pair.first.descriptor.rawValue, atLeast: 200)
        try ResourceLimit.lower("nofile", to: UInt64(control.rawValue))
        _ = try installSyscallFilter(Profiles.profile(name), controlSocket: control.rawValue)
        let epoll = try Epoll()
        let event = try EventFD()
        try epoll.add(EpollToken(raw: event.descriptor.rawValue, registration: 1), .read)
        try epoll.add(EpollToken(raw: pipe.readEnd.rawValue, registration: 2), .read)
        let sum = Totals()
        var threads: [Int] = []
        for index in 0..<4 {
            let thread = try spawnThread(name: "worker \(index)") {
                // Large and small blocks, so that every thread's allocator maps and unmaps.
                for size in [10, 5_000, 3_000_000] {
                    sum.add([UInt8](repeating: 1, count: size).reduce(0) { $0 + Int($1) })
                }
                event.signal()
            }
            thread.join()
            threads.append(index)
        }
        try pipe.writeEnd.writeAll([1, 2, 3])
        var buffer = EpollBuffer(capacity: 4)
        let ready = try epoll.wait(into: &buffer, deadline: Clock.monotonicNow() + 1_000_000_000)
        let word: [UInt8] = [1]
        _ = try MessageSocket.send(word.span, on: control.rawValue, descriptors: [0])
        var bytes = [UInt8](repeating: 0, count: 8)
        var span = bytes.mutableSpan
        let received = try pair.second.receive(into: &span)?.count
        var entries = [PollEntry(raw: pipe.readEnd.rawValue, events: .read)]
        let polled = try Poll.wait(&entries, deadline: Clock.monotonicNow() + 1000)
        let duplicate = try pipe.readEnd.duplicate()
        usleep(10)
        // Its number is above the limit: once it is closed, nothing else can come to have it.
        let number = control.rawValue
        _ = consume control
        var isOutOfReach = false
        do throws(SystemError) {
            _ = try Descriptor.duplicate(pair.first.descriptor.rawValue, atLeast: number)
        } catch {
            isOutOfReach = error.errno == EINVAL
        }
        let isRight =
            isOutOfReach && ready == 2 && received == 1 && polled == 1 && sum.total == 4 * 3_005_010
            && threads.count == 4
            && Clock.threadCPUTime() > 0 && UInt64.random(in: 0...1) <= 1 && duplicate.rawValue >= 0
        _exit(isRight ? 0 : 1)
    }

    /// A call by name under the killing filter, with the given first arguments and zeros.
    static func call(_ name: String, _ arguments: [UInt64], under profile: String) throws -> Never {
        let compiled = Profiles.profile(profile)
        let number = SyscallFilter.number(of: name) ?? -1
        _ = try installSyscallFilter(compiled)
        // SAFETY: every call listed in the tests is harmless if it were allowed; then the process ends at once.
        _ = unsafe RawSystemCall.perform(number, arguments)
        _exit(0)
    }

    /// A second, wider filter cannot be added, and would not widen.
    static func again() throws -> Never {
        _ = try installSyscallFilter(Profiles.profile("pure-compute"), defaultAction: .errno(EPERM))
        do {
            _ = try installSyscallFilter(Profiles.profile("full-wasi"), defaultAction: .log)
            _exit(1)
        } catch {
            _exit(attempt("socket", [2, 1]) == -Int(EPERM) ? 0 : 1)
        }
    }

    static func notified() throws -> Never {
        let listener = try installSyscallFilter(Profiles.profile("pure-compute"), defaultAction: .userNotification)
        guard let listener = consume listener else { _exit(1) }
        // The call waits for an answer that nobody gives, on a thread that ends with the process.
        let thread = try spawnThread(name: "asks") { _ = attempt("socket", [2, 1]) }
        var entries = [PollEntry(raw: listener.rawValue, events: .read)]
        let count = try Poll.wait(&entries, deadline: nil)
        _ = consume thread
        _exit(count == 1 ? 0 : 1)
    }
}

private final class Totals: Sendable {
    private let value = Atomic<Int>(0)

    func add(_ amount: Int) { value.add(amount, ordering: .relaxed) }

    var total: Int { value.load(ordering: .relaxed) }
}
