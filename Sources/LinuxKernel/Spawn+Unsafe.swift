// Starting a program. The child runs no Swift: CLinux goes from clone(2) to execve(2) in C.

internal import CLinux
internal import Glibc

/// Everything that is not listed is not inherited: other descriptors are closed, signals are unblocked and default.
package struct SpawnRequest: Sendable {
    package struct Mapping: Sendable {
        /// A descriptor of the caller, which keeps it.
        package var source: Int32
        /// Its number in the child.
        package var target: Int32

        package init(_ source: Int32, as target: Int32) {
            self.source = source
            self.target = target
        }
    }

    package enum Group: Int32, Sendable {
        /// The caller's process group: signals from the terminal reach it too.
        case inherited = 0
        /// A process group of its own (setpgid(2)).
        case newGroup = 1
        /// A session of its own, without controlling terminal (setsid(2)).
        case newSession = 2
    }

    /// For the environment of every sealed program of ours. Swift's runtime otherwise answers a crash by opening /proc
    /// and starting a backtracer, which a system call filter turns into SIGSYS, and the crash is lost.
    package static let noBacktrace = "SWIFT_BACKTRACE=enable=no"

    /// An absolute path; no search.
    package var executable: String
    /// The whole argv, argv[0] included.
    package var arguments: [String]
    /// `NAME=value`; nothing is inherited.
    package var environment: [String] = []
    /// At most 256, distinct targets. Those of 0, 1 and 2 that are missing are /dev/null.
    package var descriptors: [Mapping] = []
    /// Name (`nofile`) and value. Soft and hard; a value above the hard limit means the hard limit.
    package var limits: [(name: String, value: UInt64)] = []
    /// What the child gets when the *thread* that spawned it ends (PR_SET_PDEATHSIG): spawn from one that lasts.
    package var parentDeathSignal: Int32? = SIGKILL
    package var group: Group = .newGroup
    package var noNewPrivileges = true
    /// -1000...1000; lowering needs CAP_SYS_RESOURCE.
    package var oomScoreAdjustment: Int32?

    package init(executable: String, arguments: [String]) {
        self.executable = executable
        self.arguments = arguments
    }
}

package enum Spawn {
    /// Starts the program and returns once it runs. An error, a failed exec included, leaves no child.
    /// - Throws: `SystemError`, whose `call` names the step: `clone`, `execve`, `setrlimit`, …
    package static func start(_ request: SpawnRequest) throws(SystemError) -> PidFD {
        var resources: [Int32] = []
        for limit in request.limits {
            resources.append(try ResourceLimit.number(limit.name))
        }
        if Set(request.descriptors.map(\.target)).count != request.descriptors.count {
            throw SystemError("dup2", errno: EINVAL)
        }
        let strings = [request.executable] + request.arguments + request.environment
        if strings.contains(where: { $0.utf8.contains(0) }) { throw SystemError("execve", errno: EINVAL) }

        let sources = request.descriptors.map(\.source)
        let targets = request.descriptors.map(\.target)
        let values = request.limits.map(\.value)
        let arguments = CStringArray(request.arguments)
        let environment = CStringArray(request.environment)
        var pid: Int32 = -1
        var pidfd: Int32 = -1
        var step: Int32 = 0
        // SAFETY: every buffer lives until the closures return, and the callee keeps no pointer: the child, which
        // shares this memory, has exec'd or ended by then. The vectors end in NULL.
        let error = unsafe request.executable.withCString { path in
            unsafe sources.withUnsafeBufferPointer { sources in
                unsafe targets.withUnsafeBufferPointer { targets in
                    unsafe resources.withUnsafeBufferPointer { resources in
                        unsafe values.withUnsafeBufferPointer { values in
                            var plan = unsafe bulkhead_spawn_request()
                            unsafe plan.path = path
                            unsafe plan.argv = unsafe UnsafePointer(arguments.vector)
                            unsafe plan.envp = unsafe UnsafePointer(environment.vector)
                            unsafe plan.sources = sources.baseAddress
                            unsafe plan.targets = targets.baseAddress
                            unsafe plan.descriptor_count = targets.count
                            unsafe plan.limit_resources = resources.baseAddress
                            unsafe plan.limit_values = values.baseAddress
                            unsafe plan.limit_count = values.count
                            unsafe plan.parent_death_signal = request.parentDeathSignal ?? 0
                            unsafe plan.group = request.group.rawValue
                            unsafe plan.no_new_privs = request.noNewPrivileges ? 1 : 0
                            unsafe plan.set_oom_score_adj = request.oomScoreAdjustment == nil ? 0 : 1
                            unsafe plan.oom_score_adj = request.oomScoreAdjustment ?? 0
                            return unsafe CLinux.bulkhead_spawn(&plan, &pid, &pidfd, &step)
                        }
                    }
                }
            }
        }
        withExtendedLifetime((arguments, environment)) {}
        if error != 0 { throw SystemError(stepName(step), errno: error) }
        return PidFD(pid: pid, descriptor: OwnedFileDescriptor(taking: pidfd))
    }

    private static func stepName(_ step: Int32) -> String {
        switch UInt32(step) {
        case BULKHEAD_SPAWN_SIGNALS.rawValue: "sigaction"
        case BULKHEAD_SPAWN_DEATH_SIGNAL.rawValue: "prctl"
        case BULKHEAD_SPAWN_GROUP.rawValue: "setsid"
        case BULKHEAD_SPAWN_DESCRIPTORS.rawValue: "dup2"
        case BULKHEAD_SPAWN_OOM.rawValue: "oom_score_adj"
        case BULKHEAD_SPAWN_LIMITS.rawValue: "setrlimit"
        case BULKHEAD_SPAWN_PRIVILEGES.rawValue: "prctl"
        case BULKHEAD_SPAWN_EXEC.rawValue: "execve"
        default: "clone"
        }
    }
}

/// A NULL-terminated vector of C strings that lives as long as the object.
// SAFETY: the vector is allocated in init and freed in deinit; every element but the last is a strdup'ed string.
@safe private final class CStringArray {
    let vector: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    private let count: Int

    init(_ strings: [String]) {
        count = strings.count
        // SAFETY: count + 1 elements, all initialised here.
        unsafe vector = .allocate(capacity: count + 1)
        for (index, string) in strings.enumerated() {
            unsafe (vector + index).initialize(to: strdup(string))
        }
        unsafe (vector + count).initialize(to: nil)
    }

    deinit {
        // SAFETY: freed once, with the allocator that made them.
        for index in 0..<count { unsafe free(vector[index]) }
        unsafe vector.deallocate()
    }
}
