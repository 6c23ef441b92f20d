// A guest without an engine: an array of bytes for memory, a temporary directory for a mount, calls by name.

import CapabilityModel
import Glibc
import LinuxKernel
import ProcessRuntime
import Testing

@testable import WASIPreview1

final class Denials: DenialSink {
    private let heard = Lock<[Denial]>([])

    var all: [Denial] { heard.withLock { $0 } }

    func denied(_ denial: Denial) {
        heard.withLock { $0.append(denial) }
    }
}

/// An answer as a test sees it.
enum Answer: Equatable {
    case errno(Errno)
    case wait(Wait)
    case exit(UInt32)
    case trap(String)
}

final class Guest {
    let process: WASIProcess
    let denials = Denials()
    var memory: [UInt8]
    /// Lives as long as the guest that works in it.
    private var scratch: Scratch?

    /// Signalled for each wake-up of the process.
    private var wakeUp = LinuxKernel.Semaphore()

    func waits(on semaphore: LinuxKernel.Semaphore) {
        wakeUp = semaphore
    }

    /// With BULKHEAD_WASI_POOL set, every test's calls that may block go to a pool.
    static let pool =
        TestEnvironment.value("BULKHEAD_WASI_POOL") == nil ? nil : try? HostParts()

    init(
        _ configuration: WASIProcess.Configuration = .init(), memory size: Int = 1 << 16,
        parts: HostParts? = Guest.pool
    ) {
        let wakeUp = wakeUp
        let host = parts?.host { _ in wakeUp.signal() } ?? .single
        process = WASIProcess(configuration, host: host, denials: denials)
        memory = [UInt8](repeating: 0, count: size)
    }

    /// A child that starts with a template.
    init(
        _ template: WASITemplate, process id: ProcessID = .outside, account: Account? = nil, memory size: Int = 1 << 16
    ) {
        process = WASIProcess(template, process: id, account: account, denials: denials)
        memory = [UInt8](repeating: 0, count: size)
    }

    /// A guest with one read-write mount at `/`, descriptor 3.
    convenience init(
        _ scratch: Scratch, rights: FileRights = .readWrite, symlinks: SymlinkPolicy = .create,
        quotaBytes: UInt64? = nil, quotaFiles: UInt64? = nil, fds: UInt32 = 64, onDenied: DenialMode = .errno
    ) throws {
        var limits = Limits.default
        limits.fds = fds
        self.init(
            WASIProcess.Configuration(
                arguments: ["program", "one"], environment: ["A=b"],
                clocks: ClockGrant(realtime: 1, monotonic: 1, cpuTime: 1), random: true, limits: limits,
                onDenied: onDenied))
        self.scratch = scratch
        try mount(
            scratch.path, at: "/", rights: rights, symlinks: symlinks, quotaBytes: quotaBytes, quotaFiles: quotaFiles)
    }

    func mount(
        _ host: String, at guest: String, rights: FileRights = .readWrite, symlinks: SymlinkPolicy = .create,
        quotaBytes: UInt64? = nil, quotaFiles: UInt64? = nil
    ) throws {
        // SAFETY: the string is lent for the call. The number is O_PATH, which Glibc does not import.
        let raw = unsafe Glibc.open(host, O_DIRECTORY | O_CLOEXEC | 0o10000000)
        guard raw >= 0 else { throw SystemError("open", errno: errno) }
        try process.addMount(
            MountGrant(
                guestPath: guest, hostPath: host, rights: rights, symlinks: symlinks, quotaBytes: quotaBytes,
                quotaFiles: quotaFiles), directory: OwnedFileDescriptor(taking: raw))
    }

    static let functions = Dictionary(uniqueKeysWithValues: WASIFunctions.all.map { ($0.name, $0) })

    func call(_ name: String, _ arguments: UInt64...) -> Answer {
        call(name, arguments)
    }

    func call(_ name: String, _ arguments: [UInt64]) -> Answer {
        guard let function = Guest.functions[name] else {
            Issue.record("no function \(name)")
            return .trap("no function")
        }
        let outcome = unsafe memory.withUnsafeMutableBytes { bytes in
            guard let base = bytes.baseAddress else { return CallOutcome.exit(99) }
            // SAFETY: the array stays where it is during the call, and nobody else writes to it.
            return unsafe performWithPool(function, arguments, base: base, count: bytes.count)
        }
        if case .wait = outcome, !function.canWait { Issue.record("\(name) must not wait") }
        return Guest.answer(outcome)
    }

    /// As `perform`, made again for as long as it waits for the pool.
    private func performWithPool(
        _ function: WASIFunction, _ arguments: [UInt64], base: UnsafeMutableRawPointer, count: Int
    ) -> CallOutcome {
        while true {
            // SAFETY: as `perform`.
            let outcome = unsafe perform(function, arguments, base: base, count: count)
            guard case .wait(let wait) = outcome, wait == Wait() else { return outcome }
            wakeUp.wait()
        }
    }

    /// A call that is not made again.
    func callOnce(_ name: String, _ arguments: [UInt64]) -> Answer {
        guard let function = Guest.functions[name] else { return .trap("no function") }
        return unsafe memory.withUnsafeMutableBytes { bytes in
            guard let base = bytes.baseAddress else { return .exit(99) }
            // SAFETY: as `call`.
            return unsafe Guest.answer(perform(function, arguments, base: base, count: bytes.count))
        }
    }

    private func perform(
        _ function: WASIFunction, _ arguments: [UInt64], base: UnsafeMutableRawPointer, count: Int
    ) -> CallOutcome {
        precondition(arguments.count == function.parameters.count, "\(function.name) takes other arguments")
        let slots = arguments + [0]
        return unsafe slots.withUnsafeBytes { slots in
            guard let first = slots.baseAddress else { return .exit(99) }
            // SAFETY: `base` is `count` bytes that nobody else touches; one slot for each parameter.
            return unsafe function.call(
                process, GuestMemory(base: base, count: count), RawArguments(base: first, stride: 8))
        }
    }

    private static func answer(_ outcome: CallOutcome) -> Answer {
        switch outcome {
        case .done(let errno): .errno(errno)
        case .wait(let wait): .wait(wait)
        case .exit(let code): .exit(code)
        case .trap(let message): .trap(message)
        }
    }

    /// As `call`, with the memory between two pages that nobody may touch: a host that reads or writes outside dies.
    func callGuarded(_ name: String, _ arguments: [UInt64]) -> Answer {
        let size = (memory.count + 4095) / 4096 * 4096
        // SAFETY: a fresh mapping of `size` bytes between two inaccessible pages; it is unmapped after the last use.
        let whole = unsafe mmap(
            nil, size + 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        guard let whole = unsafe whole, unsafe whole != MAP_FAILED else { return .trap("mmap") }
        defer { unsafe munmap(whole, size + 8192) }
        let base = unsafe whole + 4096
        guard unsafe mprotect(base, size, PROT_READ | PROT_WRITE) == 0 else { return .trap("mprotect") }
        unsafe memory.withUnsafeBytes {
            unsafe base.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(base), byteCount: $0.count)
        }
        guard let function = Guest.functions[name] else { return .trap("no function") }
        let outcome = unsafe performWithPool(function, arguments, base: base, count: memory.count)
        unsafe memory.withUnsafeMutableBytes {
            unsafe $0.copyBytes(from: UnsafeRawBufferPointer(start: base, count: $0.count))
        }
        return Guest.answer(outcome)
    }

    /// Calls again for as long as the call asks to wait, with a real poll(2) as the scheduler.
    func run(_ name: String, _ arguments: UInt64...) -> Answer {
        while true {
            let answer = call(name, arguments)
            guard case .wait(let wait) = answer else { return answer }
            var polls = wait.descriptors.map {
                pollfd(
                    fd: $0.raw,
                    events: Int16(
                        ($0.interest.contains(.read) ? POLLIN : 0) | ($0.interest.contains(.write) ? POLLOUT : 0)),
                    revents: 0)
            }
            var timeout: Int32 = -1
            if let deadline = wait.deadline {
                let now = SystemClock.monotonic.now
                timeout = deadline > now ? Int32((deadline - now) / 1_000_000 + 1) : 0
            }
            // SAFETY: as many whole pollfds as the count says.
            _ = unsafe poll(&polls, nfds_t(polls.count), timeout)
        }
    }

    // MARK: Memory

    func put(_ bytes: [UInt8], at address: Int) {
        memory.replaceSubrange(address..<(address + bytes.count), with: bytes)
    }

    func put<Value: FixedWidthInteger>(_ value: Value, at address: Int) {
        put((0..<(Value.bitWidth / 8)).map { UInt8(truncatingIfNeeded: value >> Value($0 * 8)) }, at: address)
    }

    func get<Value: FixedWidthInteger>(_ type: Value.Type, at address: Int) -> Value {
        (0..<(Value.bitWidth / 8)).reduce(0) { $0 | Value(memory[address + $1]) << Value($1 * 8) }
    }

    func text(at address: Int, _ count: Int) -> String {
        String(decoding: memory[address..<(address + count)], as: UTF8.self)
    }

    // MARK: Short forms; addresses from 0x100 to 0xfff are theirs

    /// The path at 0x100.
    func path(_ text: String, at address: Int = 0x100) -> (UInt64, UInt64) {
        put(Array(text.utf8), at: address)
        return (UInt64(address), UInt64(text.utf8.count))
    }

    static let everything = Rights.file.union(.directory)

    func open(
        _ name: String, in fd: UInt32 = 3, follow: Bool = true, mode: OpenMode = [], base: Rights = everything,
        inheriting: Rights = everything, flags: DescriptorFlags = []
    ) -> (Answer, UInt32) {
        let (pointer, length) = path(name)
        let answer = call(
            "path_open", UInt64(fd), follow ? 1 : 0, pointer, length, UInt64(mode.rawValue), base.rawValue,
            inheriting.rawValue, UInt64(flags.rawValue), 0x80)
        return (answer, get(UInt32.self, at: 0x80))
    }

    /// What must succeed. A directory is asked for a directory's rights, as no other can be opened for writing.
    func opened(
        _ name: String, in fd: UInt32 = 3, mode: OpenMode = [], base: Rights? = nil, flags: DescriptorFlags = []
    ) throws -> UInt64 {
        let rights = base ?? (mode.contains(.directory) ? Rights.directory : Guest.everything)
        let (answer, fd) = open(name, in: fd, mode: mode, base: rights, flags: flags)
        guard answer == .errno(.success) else { throw CallFailure.trap("open: \(answer)") }
        return UInt64(fd)
    }

    /// Writes through one piece at 0x200; the text at 0x1000.
    func write(_ fd: UInt64, _ text: String) -> Answer {
        put(Array(text.utf8), at: 0x1000)
        put(UInt32(0x1000), at: 0x200)
        put(UInt32(text.utf8.count), at: 0x204)
        return call("fd_write", fd, 0x200, 1, 0x88)
    }

    /// Reads at most `count` bytes to 0x1000.
    func read(_ fd: UInt64, _ count: Int = 256) -> (Answer, String) {
        put(UInt32(0x1000), at: 0x200)
        put(UInt32(count), at: 0x204)
        let answer = call("fd_read", fd, 0x200, 1, 0x88)
        return (answer, answer == .errno(.success) ? text(at: 0x1000, Int(get(UInt32.self, at: 0x88))) : "")
    }

    func onPath(_ name: String, _ path: String, fd: UInt64 = 3) -> Answer {
        let (pointer, length) = self.path(path)
        return call(name, fd, pointer, length)
    }

    func rename(_ old: String, _ new: String, from: UInt64 = 3, to: UInt64 = 3) -> Answer {
        let (first, firstLength) = path(old)
        let (second, secondLength) = path(new, at: 0x300)
        return call("path_rename", from, first, firstLength, to, second, secondLength)
    }

    func link(_ old: String, _ new: String, from: UInt64 = 3, to: UInt64 = 3, lookup: UInt64 = 0) -> Answer {
        let (first, firstLength) = path(old)
        let (second, secondLength) = path(new, at: 0x300)
        return call("path_link", from, lookup, first, firstLength, to, second, secondLength)
    }

    func symlink(_ target: String, _ name: String, fd: UInt64 = 3) -> Answer {
        let (first, firstLength) = path(target)
        let (second, secondLength) = path(name, at: 0x300)
        return call("path_symlink", first, firstLength, fd, second, secondLength)
    }
}
