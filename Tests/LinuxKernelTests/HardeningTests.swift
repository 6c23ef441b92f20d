// Each step of giving up rights, in a process of its own, on the layers that this machine has.

import CapabilityModel
import Glibc
import LinuxKernel
import Testing

struct HardeningTests {
    /// A directory with `ro` and `rw`, each with `file` and `sub`; removed when the body returns.
    private func withTree(_ body: (String) throws -> Void) throws {
        let root = "/tmp/bulkhead-hardening-\(getpid())-\(UInt64.random(in: 0 ... .max))"
        defer { removeTree(root) }
        for path in [root, root + "/ro", root + "/rw", root + "/ro/sub", root + "/rw/sub"] {
            try #require(makeDirectory(path))
        }
        for path in [root + "/ro/file", root + "/rw/file"] {
            try OwnedFileDescriptor(opening: path, flags: O_WRONLY | O_CREAT, mode: 0o600).writeAll([1, 2, 3])
        }
        try body(root)
    }

    @Test(.enabled(if: Landlock.isSupported), arguments: Array(1...max(1, min(Landlock.abi, 7))))
    func pathsByABI(_ abi: Int) throws {
        try withTree { root in
            let results = try Victim.report(["landlock", root, "\(abi)"])
            for allowed in [
                "read ro", "list ro", "write rw", "truncate rw", "create rw", "make directory", "delete rw",
                "read held",
            ] {
                #expect(results[allowed] == 0, "\(allowed): \(String(describing: results[allowed]))")
            }
            for denied in [
                "write ro", "create ro", "delete ro", "make link", "make fifo", "execute", "read outside",
            ] {
                #expect(results[denied] == EACCES, "\(denied): \(String(describing: results[denied]))")
            }
            // Old kernels: a rename between directories is always refused, truncation and TCP never.
            #expect(results["rename across"] == (abi >= 2 ? 0 : EXDEV))
            // The source's directory forbids removal, and whether that or the move is named first is the kernel's choice.
            #expect(results["rename ro"] == EACCES || results["rename ro"] == EXDEV)
            #expect(results["truncate ro"] == (abi >= 3 ? EACCES : 0))
            #expect(results["listen"] == (abi >= 4 ? EACCES : 0))
        }
    }

    @Test func gapsShrink() {
        let counts = (0...7).map { Landlock.gaps(abi: $0).count }
        #expect(counts[7] == 0 && counts[6] == 0 && counts[1] == 5 && counts[0] == 1)
        #expect(counts.dropFirst() == counts.dropFirst().sorted(by: >)[...])
    }

    @Test func badRulesChangeNothing() {
        #expect(throws: LandlockError.unknownRight("fly")) {
            try Landlock.restrict(to: [LandlockRule(hostPath: "/", access: ["fly"])])
        }
        let missing = "/nonexistent/directory"
        #expect(throws: LandlockError.path(missing, SystemError("open", errno: ENOENT))) {
            try Landlock.restrict(to: [LandlockRule(hostPath: missing, access: ["read_file"])])
        }
        #expect(throws: LandlockError.unsupported) { try Landlock.restrict(to: [], abi: 0) }
        #expect(throws: Never.self) { _ = try OwnedFileDescriptor(opening: "/etc/passwd", flags: O_RDONLY) }
    }

    @Test func privilegesAreGone() throws {
        let results = try Victim.report(["privileges"])
        #expect(results["left"] == 0 && results["no_new_privs"] == 0)
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] { #expect(results[set] == 0, "\(set)") }
        #expect(results["chown"] == EPERM)
    }

    @Test(.enabled(if: MemoryDenyWriteExecute.isSupported))
    func memoryStaysData() throws {
        let results = try Victim.report(["memory"])
        #expect(results == ["map": 0, "make executable": EACCES, "map executable": EACCES])
    }

    @Test(.enabled(if: ([.user, .net] as Namespaces).isSupported))
    func aNetworkOfItsOwn() throws {
        #expect(try Victim.report(["network"]) == ["interfaces other than lo": 0])
    }

    @Test func namespacesByName() {
        let all: Namespaces = [.cgroup, .ipc, .mount, .net, .pid, .user, .uts]
        #expect(Namespaces(names: ["cgroup", "ipc", "mount", "net", "pid", "user", "uts"]) == all)
        #expect(Namespaces(names: ["time"]) == nil)
    }

    @Test(arguments: ["descriptors", "full-table"])
    func receivedDescriptorsHaveOneOwner(_ probe: String) throws {
        let ended = try Victim.run([probe])
        #expect(ended.exit == .exited(code: 0), "\(ended.message)")
    }
}
