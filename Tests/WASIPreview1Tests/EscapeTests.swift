// Ways out of a mount, and ways to more than it grants: each refused, each with the denial that names what decided.

import CapabilityModel
import Glibc
import ProcessRuntime
import Testing

@testable import WASIPreview1

@Suite struct EscapeTests {
    /// A scratch directory with a secret above the mount `inside`.
    private func planted() throws -> Scratch {
        let scratch = try Scratch()
        scratch.write("secret", "secret")
        scratch.makeDirectory("inside")
        scratch.makeDirectory("inside/deep")
        scratch.write("inside/file", "harmless")
        return scratch
    }

    private func guest(
        _ scratch: Scratch, rights: FileRights = .readWrite, symlinks: SymlinkPolicy = .create
    ) throws -> Guest {
        let guest = try Guest(try Scratch())
        try guest.mount(scratch.path + "/inside", at: "/data", rights: rights, symlinks: symlinks)
        return guest
    }

    @Test(arguments: [
        "../secret", "@/secret", "deep/../../secret", "..", "../", "deep/../..", "@", "./.././secret",
        "deep/../../inside/file", "/@/inside", "../../../../../../../..@/secret",
    ])
    func pathsThatLeaveAreDenied(pattern: String) throws {
        let scratch = try planted()
        // `@` is the scratch directory: a path that did get out would harm nothing else of the host.
        let path = pattern.split(separator: "@", omittingEmptySubsequences: false).joined(separator: scratch.path)
        let guest = try guest(scratch)
        let (pointer, length) = guest.path(path)
        let calls: [(String, [UInt64])] = [
            ("path_open", [4, 1, pointer, length, 0, Rights.fdRead.rawValue, 0, 0, 0x80]),
            ("path_open", [4, 1, pointer, length, 1, Rights.fdWrite.rawValue, 0, 0, 0x80]),
            ("path_filestat_get", [4, 1, pointer, length, 0x400]),
            ("path_filestat_set_times", [4, 1, pointer, length, 0, 0, 0]),
            ("path_readlink", [4, pointer, length, 0x400, 64, 0x90]),
            ("path_create_directory", [4, pointer, length]),
            ("path_remove_directory", [4, pointer, length]),
            ("path_unlink_file", [4, pointer, length]),
        ]
        for (name, arguments) in calls {
            #expect(guest.call(name, arguments) == .errno(.notcapable), "\(name)")
            #expect(guest.denials.all.last?.call == "wasi_snapshot_preview1.\(name)")
            #expect(guest.denials.all.last?.key.path == "fs[\"/data\"]")
            #expect(guest.denials.all.last?.errno == 76)
        }
        #expect(guest.denials.all.count == calls.count)
        #expect(guest.rename("file", path, from: 4, to: 4) == .errno(.notcapable))
        #expect(guest.rename(path, "new", from: 4, to: 4) == .errno(.notcapable))
        #expect(guest.link(path, "new", from: 4, to: 4) == .errno(.notcapable))
        #expect(guest.link("file", path, from: 4, to: 4) == .errno(.notcapable))
        #expect(guest.symlink("file", path, fd: 4) == .errno(.notcapable))
        #expect(guest.denials.all.count == calls.count + 5)
        #expect(scratch.read("secret") == "secret")
        #expect(scratch.read("inside/file") == "harmless")
    }

    @Test(arguments: ["/", "..", "../..", "../secret", "deep/../.."])
    func plantedLinksThatLeaveAreDenied(pattern: String) throws {
        let scratch = try planted()
        let target = pattern == "/" ? scratch.path : pattern
        scratch.link("inside/way-out", to: target)
        let guest = try guest(scratch)
        #expect(guest.open("way-out", in: 4, base: .fdRead).0 == .errno(.notcapable))
        #expect(guest.open("way-out/file", in: 4, base: .fdRead).0 == .errno(.notcapable))
        #expect(guest.open("way-out", in: 4, mode: .create, base: .fdWrite).0 == .errno(.notcapable))
        #expect(guest.onPath("path_create_directory", "way-out/new", fd: 4) == .errno(.notcapable))
        #expect(guest.onPath("path_unlink_file", "way-out/secret", fd: 4) == .errno(.notcapable))
        #expect(guest.onPath("path_remove_directory", "way-out/", fd: 4) == .errno(.notdir))
        #expect(guest.denials.all.allSatisfy { $0.key.path == "fs[\"/data\"]" })
        #expect(guest.denials.all.count == 5)
        // The link itself may be looked at, renamed beneath the mount only if it stays, and removed.
        let (pointer, length) = guest.path("way-out")
        #expect(guest.call("path_filestat_get", 4, 0, pointer, length, 0x400) == .errno(.success))
        #expect(
            guest.rename("way-out", "deep/x", from: 4, to: 4)
                == .errno(target.hasPrefix("..") && !target.hasPrefix("../..") ? .success : .notcapable))
        #expect(scratch.read("secret") == "secret")
    }

    @Test(arguments: [
        ("/etc", "link"), ("..", "link"), ("../secret", "link"), ("../../secret", "deep/link"),
        ("deep/../../secret", "link"),
        ("./../secret", "link"), ("../../x", "deep/../link"), ("../../x", "here/here/link"),
    ])
    func linksThatWouldLeaveAreNotMade(target: String, name: String) throws {
        let scratch = try planted()
        let guest = try guest(scratch)
        #expect(guest.symlink(".", "here", fd: 4) == .errno(.success))
        #expect(guest.symlink(target, name, fd: 4) == .errno(.notcapable))
        #expect(guest.denials.all.map(\.key.path) == ["fs[\"/data\"]"])
        #expect(!scratch.exists("inside/" + name))
    }

    @Test func linksThatStayAreMadeAndMayNotBeMovedOut() throws {
        let scratch = try planted()
        let guest = try guest(scratch)
        #expect(guest.symlink("../file", "deep/link", fd: 4) == .errno(.success))
        #expect(guest.read(try guest.opened("deep/link", in: 4)) == (.errno(.success), "harmless"))
        #expect(guest.rename("deep/link", "link", from: 4, to: 4) == .errno(.notcapable))
        #expect(guest.link("deep/link", "link", from: 4, to: 4) == .errno(.notcapable))
        #expect(guest.rename("deep/link", "deep/other", from: 4, to: 4) == .errno(.success))
    }

    @Test func linksDoNotLeaveWithTheirDirectory() throws {
        let scratch = try planted()
        let guest = try guest(scratch)
        #expect(guest.onPath("path_create_directory", "deep/a", fd: 4) == .errno(.success))
        #expect(guest.symlink("../../file", "deep/a/link", fd: 4) == .errno(.success))
        #expect(guest.rename("deep/a", "a", from: 4, to: 4) == .errno(.xdev))
        #expect(guest.symlink("deep", "soft", fd: 4) == .errno(.success))
        #expect(guest.rename("deep/a", "soft/../a", from: 4, to: 4) == .errno(.xdev))
        #expect(guest.rename("deep/a", "deep/b", from: 4, to: 4) == .errno(.success))
        #expect(guest.read(try guest.opened("deep/b/link", in: 4)) == (.errno(.success), "harmless"))
        // Where no guest makes links there is nothing to take along.
        let follower = try self.guest(scratch, symlinks: .follow)
        #expect(follower.rename("deep/b", "b", from: 4, to: 4) == .errno(.success))
    }

    @Test func whereLinksAreRefusedNoneIsFollowedOrMade() throws {
        let scratch = try planted()
        scratch.link("inside/soft", to: "file")
        scratch.link("inside/way", to: "deep")
        let guest = try guest(scratch, symlinks: .refuse)
        #expect(guest.open("soft", in: 4, base: .fdRead).0 == .errno(.notcapable))
        #expect(guest.onPath("path_create_directory", "way/new", fd: 4) == .errno(.notcapable))
        #expect(guest.symlink("file", "new", fd: 4) == .errno(.notcapable))
        #expect(guest.denials.all.map(\.key.path) == Array(repeating: "fs[\"/data\"].symlinks", count: 3))
        let (pointer, length) = guest.path("soft")
        #expect(guest.call("path_filestat_get", 4, 0, pointer, length, 0x400) == .errno(.success))
        #expect(guest.open("file", in: 4, base: .fdRead).0 == .errno(.success))
        let follower = try self.guest(scratch, symlinks: .follow)
        #expect(follower.open("soft", in: 4, base: .fdRead).0 == .errno(.success))
        #expect(follower.symlink("file", "new", fd: 4) == .errno(.notcapable))
    }

    @Test func magicLinksLeadNowhere() throws {
        let guest = try Guest(try Scratch())
        try guest.mount("/proc", at: "/proc", rights: .readOnly)
        for path in ["self/root/etc/passwd", "self/cwd", "self/fd/0", "self/exe", "thread-self/root"] {
            #expect(guest.open(path, in: 4, base: .fdRead).0 == .errno(.loop), "\(path)")
        }
    }

    @Test func readOnlyMountsStayAsTheyAre() throws {
        let scratch = try planted()
        let guest = try guest(scratch, rights: .readOnly)
        let file = try guest.opened("file", in: 4, base: .fdRead)
        #expect(guest.read(file) == (.errno(.success), "harmless"))
        #expect(guest.open("file", in: 4, base: [.fdRead, .fdWrite]).0 == .errno(.notcapable))
        #expect(guest.open("file", in: 4, mode: .truncate, base: []).0 == .errno(.notcapable))
        #expect(guest.open("new", in: 4, mode: .create, base: []).0 == .errno(.notcapable))
        #expect(guest.open("file", in: 4, mode: [.create, .exclusive], base: []).0 == .errno(.notcapable))
        #expect(guest.open("file", in: 4, mode: .create, base: .fdRead).0 == .errno(.success))
        #expect(guest.write(file, "x") == .errno(.notcapable))
        #expect(guest.call("fd_pwrite", file, 0x200, 1, 0, 0x88) == .errno(.notcapable))
        #expect(guest.call("fd_filestat_set_size", file, 0) == .errno(.notcapable))
        #expect(guest.call("fd_filestat_set_times", file, 0, 0, 5) == .errno(.notcapable))
        #expect(guest.call("fd_allocate", file, 0, 5) == .errno(.notcapable))
        for name in ["path_create_directory", "path_unlink_file", "path_remove_directory"] {
            #expect(guest.onPath(name, "deep", fd: 4) == .errno(.notcapable))
        }
        #expect(guest.symlink("file", "soft", fd: 4) == .errno(.notcapable))
        #expect(guest.rename("file", "new", from: 4, to: 4) == .errno(.notcapable))
        #expect(guest.link("file", "new", from: 4, to: 4) == .errno(.notcapable))
        let (pointer, length) = guest.path("file")
        #expect(guest.call("path_filestat_set_times", 4, 0, pointer, length, 0, 0, 5) == .errno(.notcapable))
        #expect(guest.denials.all.count == 16)
        #expect(guest.denials.all.allSatisfy { $0.key.path == "fs[\"/data\"].access" && $0.layer == .wasi })
        #expect(scratch.read("inside/file") == "harmless")
    }

    @Test func readOnlyFilesDoNotGetNamesWhereTheyCanBeWritten() throws {
        let scratch = try planted()
        let guest = try guest(scratch, rights: .readOnly)
        #expect(guest.link("file", "mine", from: 4, to: 3) == .errno(.notcapable))
        #expect(guest.rename("file", "mine", from: 4, to: 3) == .errno(.notcapable))
        #expect(guest.denials.all.map(\.key.path) == ["fs[\"/data\"].access", "fs[\"/data\"].access"])
        // What may be deleted may still not become writable.
        try guest.mount(scratch.path + "/inside", at: "/bin", rights: [.read, .delete])
        #expect(guest.rename("file", "mine", from: 5, to: 3) == .errno(.notcapable))
        #expect(guest.denials.all.last?.key.path == "fs[\"/bin\"].access")
        // Between two writable mounts files move, directories do not.
        try guest.mount(scratch.path + "/inside", at: "/rw")
        #expect(guest.rename("deep", "mine", from: 6, to: 3) == .errno(.xdev))
        #expect(guest.rename("file", "mine", from: 6, to: 3) == .errno(.success))
        #expect(guest.link("mine", "file", from: 3, to: 6) == .errno(.success))
        #expect(scratch.read("inside/file") == "harmless")
    }

    @Test func aTrappingPolicyTraps() throws {
        let guest = try Guest(try Scratch(), rights: .readOnly, onDenied: .trap)
        #expect(
            guest.onPath("path_create_directory", "x")
                == .trap("wasi_snapshot_preview1.path_create_directory is denied by fs[\"/\"].access"))
        #expect(guest.denials.all.first?.errno == nil)
        #expect(guest.onPath("path_create_directory", "") == .errno(.noent))
    }

    @Test func aDenialsTextIsBounded() throws {
        let guest = try Guest(try Scratch(), rights: .readOnly)
        #expect(guest.onPath("path_create_directory", String(repeating: "ü/", count: 1300)) == .errno(.notcapable))
        #expect(guest.denials.all.first.map { $0.arguments.utf8.count <= 512 } == true)
        #expect(guest.denials.all.first.map { $0.arguments.utf8.count > 300 } == true)
    }

    @Test func devicesAreRefusedAndFIFOsDoNotBlock() throws {
        let guest = try Guest(try Scratch())
        try guest.mount("/dev", at: "/dev", rights: [.read, .write])
        #expect(guest.open("null", in: 4, base: [.fdRead, .fdWrite]).0 == .errno(.notcapable))
        #expect(guest.denials.all.map(\.key.path) == ["fs[\"/dev\"]"])
        let scratch = try Scratch()
        scratch.makeFIFO("fifo")
        try guest.mount(scratch.path, at: "/fifo")
        #expect(guest.open("fifo", in: 5, base: .fdWrite).0 == .errno(.nxio))
        let reader = try guest.opened("fifo", in: 5, base: [.fdRead, .pollFdReadwrite])
        guard case .wait(let wait) = guest.read(reader).0 else {
            Issue.record("a FIFO without a writer does not wait")
            return
        }
        #expect(wait.descriptors.count == 1 && wait.deadline == nil)
        let writer = try guest.opened("fifo", in: 5, base: .fdWrite)
        guard case .wait = guest.read(reader).0 else {
            Issue.record("an empty FIFO does not wait")
            return
        }
        #expect(guest.write(writer, "through") == .errno(.success))
        #expect(guest.read(reader) == (.errno(.success), "through"))
        #expect(guest.call("fd_close", writer) == .errno(.success))
        #expect(guest.read(reader) == (.errno(.success), ""))
        #expect(guest.call("fd_seek", reader, 0, 0, 0x90) == .errno(.spipe))
    }
}
