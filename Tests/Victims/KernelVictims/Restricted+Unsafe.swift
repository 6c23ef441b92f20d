// What a process can still do after each small step of giving up rights. Results go to standard error, one
// `name errno` a line, for the test to compare; 0 is success.

internal import CapabilityModel
internal import Glibc
internal import LinuxKernel
internal import PolicyCompiler

enum Restricted {
    private static func report(_ name: String, _ succeeded: Bool) {
        StandardError.write("\(name) \(succeeded ? 0 : errno)\n")
    }

    private static func opens(_ path: String, _ flags: Int32) -> Bool {
        // SAFETY: the path is a NUL-terminated copy that lives for the call.
        let raw = unsafe open(path, flags, 0o600)
        if raw >= 0 { close(raw) }
        return raw >= 0
    }

    /// `directory` holds `ro` and `rw`, each with `file` and the directory `sub`.
    static func paths(beneath directory: String, abi: Int) throws -> Never {
        let (ro, rw) = (directory + "/ro", directory + "/rw")
        let held = try OwnedFileDescriptor(opening: "/etc/passwd", flags: O_RDONLY)
        let mounts = [
            MountGrant(guestPath: "/ro", hostPath: ro, rights: .readOnly),
            MountGrant(guestPath: "/rw", hostPath: rw, rights: .readWrite),
        ]
        try Landlock.restrict(to: LandlockRuleset.rules(for: mounts), abi: abi)
        report("read ro", opens(ro + "/file", O_RDONLY))
        report("list ro", opens(ro, O_RDONLY | O_DIRECTORY))
        report("write ro", opens(ro + "/file", O_WRONLY))
        report("create ro", opens(ro + "/new", O_WRONLY | O_CREAT))
        report("write rw", opens(rw + "/file", O_RDWR))
        report("truncate rw", opens(rw + "/file", O_WRONLY | O_TRUNC))
        report("create rw", opens(rw + "/new", O_WRONLY | O_CREAT | O_EXCL))
        // SAFETY: the paths of all calls below are NUL-terminated copies that live for the call.
        unsafe report("truncate ro", truncate(ro + "/file", 0) == 0)
        unsafe report("delete ro", unlink(ro + "/file") == 0)
        unsafe report("rename ro", rename(ro + "/file", rw + "/stolen") == 0)
        unsafe report("make directory", mkdir(rw + "/made", 0o700) == 0)
        unsafe report("rename across", rename(rw + "/new", rw + "/sub/new") == 0)
        unsafe report("delete rw", unlink(rw + "/file") == 0)
        unsafe report("make link", symlink("/etc/passwd", rw + "/link") == 0)
        unsafe report("make fifo", mkfifo(rw + "/fifo", 0o600) == 0)
        report("execute", executes())
        report("read outside", opens("/etc/passwd", O_RDONLY))
        var byte: [UInt8] = [0]
        var span = byte.mutableSpan
        report("read held", (try? held.read(into: &span)) == 1)
        if let loopback = IPAddress(bytes: [127, 0, 0, 1]) {
            do {
                _ = try StreamSocket.listen(at: .ip(loopback, port: 0))
                StandardError.write("listen 0\n")
            } catch {
                StandardError.write("listen \(error.errno)\n")
            }
        }
        _exit(0)
    }

    private static func executes() -> Bool {
        // SAFETY: the vector ends in nil; the program does not return when it may run, and has no arguments to read.
        unsafe withUnsafeTemporaryAllocation(of: UnsafeMutablePointer<CChar>?.self, capacity: 1) { list in
            unsafe list.initialize(repeating: nil)
            guard let vector = list.baseAddress else { return false }
            return unsafe execve("/bin/false", vector, vector) == 0
        }
    }

    static func privileges() throws -> Never {
        try NoNewPrivileges.set()
        try Capabilities.dropAll()
        let left = try Capabilities.current()
        try Dumpable.set(false)
        let status = try OwnedFileDescriptor(opening: "/proc/self/status", flags: O_RDONLY).readToEnd(limit: 1 << 16)
        let text = String(decoding: status ?? [], as: UTF8.self)
        StandardError.write("left \(left.effective | left.permitted)\n")
        StandardError.write("no_new_privs \(text.contains("NoNewPrivs:\t1") ? 0 : 1)\n")
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            StandardError.write("\(set) \(text.contains("\(set):\t0000000000000000") ? 0 : 1)\n")
        }
        // A file of another user, with no permission for others.
        report("chown", unsafe chown("/tmp", 12345, 12345) == 0)
        _exit(0)
    }

    static func memory() throws -> Never {
        try MemoryDenyWriteExecute.set()
        let anonymous = MAP_PRIVATE | MAP_ANONYMOUS
        // SAFETY: a fresh page at an address of the kernel's choice; nothing refers to it but these lines.
        let page = unsafe mmap(nil, 4096, PROT_READ | PROT_WRITE, anonymous, -1, 0)
        unsafe report("map", page != MAP_FAILED)
        unsafe report("make executable", mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0)
        let both = unsafe mmap(nil, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, anonymous, -1, 0)
        unsafe report("map executable", both != MAP_FAILED)
        _exit(0)
    }

    static func network() throws -> Never {
        try ([.user, .net] as Namespaces).unshare()
        let file = try OwnedFileDescriptor(opening: "/proc/self/net/dev", flags: O_RDONLY)
        let text = String(decoding: try file.readToEnd(limit: 1 << 16) ?? [], as: UTF8.self)
        let interfaces = text.split(separator: "\n").dropFirst(2).map { $0.prefix { $0 != ":" } }
        StandardError.write("interfaces other than lo \(interfaces.filter { !$0.contains("lo") }.count)\n")
        _exit(0)
    }
}

/// Ownership of received descriptors, counted where no library opens its own. These return their exit code, for the
/// compiler ends the life of a value that cannot be copied early on a path that never returns.
enum Held {
    private static func count() -> Int {
        (Int32(0)..<1024).reduce(0) { $0 + (fcntl($1, F_GETFD) >= 0 ? 1 : 0) }
    }

    /// Descriptors that arrive and are not taken are closed; so are all when there are too many.
    static func descriptors() throws -> Int32 {
        let pair = try UnixSocketPair()
        let before = count()
        var buffer = [UInt8](repeating: 0, count: 3)
        let code = try receive(pair, &buffer, before: before)
        if code != 0 { return code }
        if count() != before { return 2 }
        try pair.first.send([7], descriptors: [0, 1, 2, 0, 1])
        do {
            var span = buffer.mutableSpan
            _ = try pair.second.receive(into: &span, maximumDescriptors: 4)
            return 3
        } catch {
            return error.errno == EMSGSIZE && count() == before ? 0 : 4
        }
    }

    private static func receive(_ pair: borrowing UnixSocketPair, _ buffer: inout [UInt8], before: Int) throws -> Int32
    {
        try pair.first.send([7], descriptors: [0, 1, 2, 0, 1])
        var span = buffer.mutableSpan
        guard var message = try pair.second.receive(into: &span, maximumDescriptors: 5) else { return 5 }
        let taken = message.descriptors.takeFirst()
        if count() != before + 5 || message.descriptors.count != 4 { return 6 }
        _ = consume taken
        return count() == before + 4 ? 0 : 7
    }

    /// With room for one descriptor and three on the way, none stays open.
    static func fullTable() throws -> Int32 {
        let pair = try UnixSocketPair()
        try pair.first.send([7], descriptors: [0, 1, 2])
        try ResourceLimit.lower("nofile", to: 100)
        var last: Int32 = 0
        while let copy = try? Descriptor.duplicate(0).release() { last = copy }
        close(last)
        let before = count()
        var buffer = [UInt8](repeating: 0, count: 3)
        do {
            var span = buffer.mutableSpan
            _ = try pair.second.receive(into: &span)
            return 2
        } catch {
            return error.errno == EMSGSIZE && count() == before ? 0 : 3
        }
    }
}
