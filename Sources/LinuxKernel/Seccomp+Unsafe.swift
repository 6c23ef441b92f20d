// Compiles a kernel profile's system calls to BPF with libseccomp, and installs the result (seccomp(2)).
//
// libseccomp only compiles. Installing is ours, for its release here knows neither all of the kernel's flags nor a way
// to install a program that was compiled elsewhere.

package import CapabilityModel

internal import CLinux
internal import Glibc

/// Why a profile did not become a filter.
package enum SyscallFilterError: Error, Hashable, Sendable, CustomStringConvertible {
    /// No architecture has a system call of that name.
    case unknownSyscall(String)
    case unknownErrno(String)
    /// A comparison that libseccomp cannot express: two on one argument, or a mask where it takes none.
    case badRule(String)
    case system(SystemError)

    package var description: String {
        switch self {
        case .unknownSyscall(let name): "no system call is named \(name)"
        case .unknownErrno(let name): "no errno is named \(name)"
        case .badRule(let name): "the rule for \(name) cannot be expressed"
        case .system(let error): error.description
        }
    }
}

/// What happens to a call that no rule allows.
package enum SyscallDefault: Hashable, Sendable {
    /// SIGSYS to the whole process, not to be caught.
    case killProcess
    /// The call fails and the process goes on: to find out what a program needs.
    case errno(Int32)
    /// The call is made, and the kernel's log names it: unsealed, and to be called so.
    case log
    /// A supervisor is told and decides; `install` returns the descriptor it listens on.
    case userNotification

    var action: UInt32 {
        switch self {
        case .killProcess: UInt32(BULKHEAD_KILL_PROCESS)
        case .errno(let number): UInt32(BULKHEAD_ERRNO) | UInt32(truncatingIfNeeded: number & 0xfff)
        case .log: UInt32(BULKHEAD_LOG)
        case .userNotification: UInt32(BULKHEAD_NOTIFY)
        }
    }
}

/// A compiled filter.
package struct SyscallFilter: Hashable, Sendable {
    /// `struct sock_filter` instructions, 8 bytes each, in this machine's byte order.
    package let program: [UInt8]
    private let defaultAction: SyscallDefault

    /// Compiles for the architecture this program runs on; calls by any other ABI are killed.
    /// - Parameters:
    ///   - profile: its `syscalls` and `refusals`.
    ///   - defaultAction: for calls that neither names.
    ///   - ownProcess: what `ownProcess` comparisons mean; the process that will install it.
    ///   - controlSocket: what `controlSocket` comparisons mean; a descriptor of that process.
    /// - Throws: `SyscallFilterError` for a name or rule that cannot be compiled.
    package init(
        compiling profile: KernelProfile, defaultAction: SyscallDefault, ownProcess: Int32 = getpid(),
        controlSocket: Int32 = 3
    ) throws(SyscallFilterError) {
        let context = try FilterContext(
            profile: profile, defaultAction: defaultAction, ownProcess: ownProcess, controlSocket: controlSocket)
        program = try context.export(asText: false)
        self.defaultAction = defaultAction
    }

    /// A filter that this program's supervisor compiled for this process, whose default is not `userNotification`.
    package init(program: [UInt8]) {
        self.program = program
        defaultAction = .killProcess
    }

    /// libseccomp's pseudo code of the same filter, for people and for golden files.
    package static func text(
        of profile: KernelProfile, defaultAction: SyscallDefault = .killProcess, ownProcess: Int32 = 0
    ) throws(SyscallFilterError) -> String {
        let context = try FilterContext(
            profile: profile, defaultAction: defaultAction, ownProcess: ownProcess, controlSocket: 3)
        return String(decoding: try context.export(asText: true), as: UTF8.self)
    }

    /// Installs it on every thread of this process, for good. Sets no_new_privs first.
    /// - Returns: the notification descriptor where the default is `userNotification`.
    /// - Throws: ESRCH when another thread already runs under a filter of its own.
    package func install() throws(SystemError) -> OwnedFileDescriptor? {
        try NoNewPrivileges.set()
        let listens = defaultAction == .userNotification
        let result = unsafe program.withUnsafeBytes { bytes in
            // SAFETY: the kernel copies the program during the call; its length is in whole instructions.
            unsafe bulkhead_filter_install(bytes.baseAddress, bytes.count / 8, listens ? 1 : 0)
        }
        let descriptor = try requireCount(result, "seccomp")
        return listens ? OwnedFileDescriptor(taking: Int32(descriptor)) : nil
    }

    /// Whether this kernel filters system calls at all, with a kill of the whole process.
    package static var isSupported: Bool { bulkhead_filter_action_available(UInt32(BULKHEAD_KILL_PROCESS)) == 1 }

    package static var supportsUserNotification: Bool {
        bulkhead_filter_action_available(UInt32(BULKHEAD_NOTIFY)) == 1
    }

    /// The number of a system call on this architecture; nil when it has none of that name.
    package static func number(of name: String) -> Int32? {
        // SAFETY: the pointer is a NUL-terminated copy that lives for the call.
        let number = unsafe name.withCString { unsafe bulkhead_syscall_number($0) }
        return number < 0 ? nil : number
    }

    /// The same on another architecture, by libseccomp's name for it: `x86_64`, `aarch64`.
    package static func number(of name: String, on architecture: String) -> Int32? {
        // SAFETY: both pointers are NUL-terminated copies that live for the call.
        let number = unsafe architecture.withCString { architecture in
            unsafe name.withCString { unsafe bulkhead_syscall_number_on(architecture, $0) }
        }
        return number < 0 ? nil : number
    }

    /// AUDIT_ARCH_* of this architecture: what a filter sees in `seccomp_data.arch`.
    package static var auditArchitecture: UInt32 { bulkhead_audit_architecture() }
}

/// Compiles and installs in one step, in the process that is to be filtered. See `SyscallFilter`.
/// - Returns: the notification descriptor where the default is `userNotification`.
/// - Throws: `SyscallFilterError`; then nothing is installed.
package func installSyscallFilter(
    _ profile: KernelProfile, defaultAction: SyscallDefault = .killProcess, controlSocket: Int32 = 3
) throws(SyscallFilterError) -> OwnedFileDescriptor? {
    let filter = try SyscallFilter(compiling: profile, defaultAction: defaultAction, controlSocket: controlSocket)
    do {
        return try filter.install()
    } catch {
        throw .system(error)
    }
}

/// A libseccomp filter under construction.
// SAFETY: `raw` is made in init, freed in deinit and reachable only through this owner.
@safe private final class FilterContext {
    private let raw: UnsafeMutableRawPointer

    init(
        profile: KernelProfile, defaultAction: SyscallDefault, ownProcess: Int32, controlSocket: Int32
    ) throws(SyscallFilterError) {
        guard let raw = unsafe bulkhead_filter_new(defaultAction.action) else {
            throw .system(SystemError("seccomp_init", errno: EINVAL))
        }
        unsafe self.raw = raw
        for (name, errno) in profile.refusals.sorted(by: { $0.key < $1.key }) {
            // SAFETY: the pointer is a NUL-terminated copy that lives for the call.
            let number = unsafe errno.withCString { unsafe bulkhead_errno_number($0) }
            if number == 0 { throw .unknownErrno(errno) }
            try add(name, [], action: UInt32(BULKHEAD_ERRNO) | UInt32(number))
        }
        // A rule without comparisons says all that the others of its name say, and libseccomp refuses both together.
        let unconditional = Set(profile.syscalls.filter(\.arguments.isEmpty).map(\.name))
        for rule in profile.syscalls where profile.refusals[rule.name] == nil {
            if !rule.arguments.isEmpty && unconditional.contains(rule.name) { continue }
            let comparisons = rule.arguments.map {
                bulkhead_comparison($0, ownProcess: ownProcess, controlSocket: controlSocket)
            }
            try add(rule.name, comparisons, action: UInt32(BULKHEAD_ALLOW))
        }
    }

    deinit {
        // SAFETY: freed once.
        unsafe bulkhead_filter_free(raw)
    }

    private func add(
        _ name: String, _ comparisons: [bulkhead_comparison], action: UInt32
    ) throws(SyscallFilterError) {
        // SAFETY: both pointers live for the call, which copies what it needs.
        let result = unsafe name.withCString { name in
            unsafe bulkhead_filter_add(raw, action, name, comparisons, comparisons.count)
        }
        switch result {
        // EEXIST: the same rule twice.
        case 0, EEXIST: return
        case ENOSYS: throw .unknownSyscall(name)
        case EINVAL: throw .badRule(name)
        default: throw .system(SystemError("seccomp_rule_add", errno: result))
        }
    }

    func export(asText: Bool) throws(SyscallFilterError) -> [UInt8] {
        do throws(SystemError) {
            let file = try OwnedFileDescriptor(memoryNamed: "filter")
            // SAFETY: the context is alive as long as `self`.
            try requireZero(unsafe bulkhead_filter_export(raw, file.rawValue, asText ? 1 : 0), "seccomp_export")
            if lseek(file.rawValue, 0, SEEK_SET) < 0 { throw SystemError("lseek", errno: Glibc.errno) }
            return try file.readToEnd(limit: 1 << 20) ?? []
        } catch {
            throw .system(error)
        }
    }
}

extension bulkhead_comparison {
    fileprivate init(_ rule: SyscallArgumentRule, ownProcess: Int32, controlSocket: Int32) {
        let operation: UInt32
        switch rule.comparison {
        case .equal where rule.mask == .max: operation = 0
        case .notEqual: operation = 1
        case .lessOrEqual: operation = 2
        case .greater: operation = 3
        case .equal, .maskedEqual, .ownProcess, .controlSocket: operation = 4
        }
        let known: Int32? =
            switch rule.comparison {
            case .ownProcess: ownProcess
            case .controlSocket: controlSocket
            default: nil
            }
        self.init(
            index: UInt32(truncatingIfNeeded: rule.index), operation: operation,
            mask: known == nil ? rule.mask : 0xffff_ffff,
            value: known.map { UInt64(UInt32(bitPattern: $0)) } ?? rule.value)
    }
}
