// path_*: opening, making, removing, renaming, linking and looking.

import CapabilityModel
import Testing

@testable import WASIPreview1

@Suite struct PathTests {
    @Test func openFlagsMeanWhatPOSIXSays() throws {
        let scratch = try Scratch()
        scratch.write("file", "content")
        let guest = try Guest(scratch)
        #expect(guest.open("none").0 == .errno(.noent))
        #expect(guest.open("file", mode: [.create, .exclusive]).0 == .errno(.exist))
        #expect(guest.open("file", mode: .directory, base: []).0 == .errno(.notdir))
        #expect(guest.open(".", base: [.fdRead, .fdWrite]).0 == .errno(.isdir))
        #expect(guest.open("file/", base: []).0 == .errno(.notdir))
        #expect(guest.open("file/more", base: []).0 == .errno(.notdir))
        #expect(guest.open("file", mode: [.create, .directory]).0 == .errno(.inval))
        #expect(guest.open("file", mode: .truncate, base: []).0 == .errno(.success))
        #expect(scratch.read("file") == "")
        let (pointer, length) = guest.path("file")
        #expect(guest.call("path_open", 3, 2, pointer, length, 0, 0, 0, 0, 0x80) == .errno(.inval))
        #expect(guest.call("path_open", 3, 0, pointer, length, 16, 0, 0, 0, 0x80) == .errno(.inval))
        #expect(guest.call("path_open", 3, 0, pointer, length, 0, 0, 0, 32, 0x80) == .errno(.inval))
        #expect(guest.call("path_open", 3, 0, pointer, length, 1, 0, 0, 0, 0xffff) == .errno(.fault))
        #expect(guest.call("path_open", 3, 0, 0xfff0, 17, 0, 0, 0, 0, 0x80) == .errno(.fault))
        #expect(guest.call("path_open", 3, 0, pointer, 0, 0, 0, 0, 0, 0x80) == .errno(.noent))
        let file = try guest.opened("file")
        #expect(guest.open("x", in: UInt32(file)).0 == .errno(.notdir))
        #expect(guest.open("x", in: 90).0 == .errno(.badf))
    }

    @Test(arguments: [
        ("nul\0", Errno.inval), (String(repeating: "x", count: 300), .nametoolong),
        (String(repeating: "x/", count: 2100), .nametoolong), ("", .noent),
    ])
    func strangePathsHaveTheirErrno(path: String, errno: Errno) throws {
        let guest = try Guest(try Scratch())
        let (pointer, length) = guest.path(path, at: 0x4000)
        for name in ["path_create_directory", "path_unlink_file", "path_remove_directory"] {
            #expect(guest.call(name, 3, pointer, length) == .errno(errno))
        }
        #expect(guest.call("path_open", 3, 0, pointer, length, 1, 0, 0, 0, 0x80) == .errno(errno))
        #expect(guest.call("path_filestat_get", 3, 0, pointer, length, 0x400) == .errno(errno))
    }

    @Test func aPathMustBeUTF8() throws {
        let guest = try Guest(try Scratch())
        guest.put([0xff, 0xfe, 0x41], at: 0x100)
        #expect(guest.call("path_open", 3, 0, 0x100, 3, 1, 0, 0, 0, 0x80) == .errno(.ilseq))
        #expect(guest.call("path_symlink", 0x100, 3, 3, 0x102, 1) == .errno(.ilseq))
        #expect(guest.open("grün", mode: .create).0 == .errno(.success))
    }

    @Test func directoriesAreMadeAndRemoved() throws {
        let scratch = try Scratch()
        scratch.write("file", "")
        let guest = try Guest(scratch)
        #expect(guest.onPath("path_create_directory", "a") == .errno(.success))
        #expect(guest.onPath("path_create_directory", "a/b/") == .errno(.success))
        for (path, errno) in [
            ("a", Errno.exist), ("a/", .exist), (".", .exist), ("a/..", .exist), ("none/c", .noent),
            ("file/c", .notdir), ("file", .exist),
        ] {
            #expect(guest.onPath("path_create_directory", path) == .errno(errno), "\(path)")
        }
        for (path, errno) in [
            ("a", Errno.notempty), ("none", .noent), ("file", .notdir), ("file/", .notdir), (".", .inval),
            ("a/..", .inval),
        ] {
            #expect(guest.onPath("path_remove_directory", path) == .errno(errno), "\(path)")
        }
        for (path, errno) in [
            ("a", Errno.isdir), ("a/", .isdir), ("file/", .notdir), ("none", .noent), ("none/", .noent), (".", .isdir),
        ] {
            #expect(guest.onPath("path_unlink_file", path) == .errno(errno), "\(path)")
        }
        #expect(guest.onPath("path_unlink_file", "file") == .errno(.success))
        #expect(guest.onPath("path_remove_directory", "a/b///") == .errno(.success))
        #expect(guest.onPath("path_remove_directory", "a") == .errno(.success))
        #expect(guest.denials.all.isEmpty)
    }

    @Test func renamingReplacesOrSaysWhyNot() throws {
        let scratch = try Scratch()
        let guest = try Guest(scratch)
        for directory in ["empty", "full", "full/inner", "source"] {
            #expect(guest.onPath("path_create_directory", directory) == .errno(.success))
        }
        scratch.write("file", "1")
        scratch.write("other", "2")
        for (old, new, errno) in [
            ("none", "x", Errno.noent), ("file", "empty", .isdir), ("source", "file", .notdir),
            ("source", "full", .notempty),
            ("file/", "x", .notdir), ("file", "x/", .notdir), (".", "x", .busy), ("source", "source/x", .inval),
        ] {
            #expect(guest.rename(old, new) == .errno(errno), "\(old) \(new)")
        }
        #expect(guest.rename("source/", "empty/") == .errno(.success))
        #expect(guest.rename("file", "other") == .errno(.success))
        #expect(scratch.read("other") == "1")
        #expect(!scratch.exists("file"))
    }

    @Test func linksAreMadeReadAndFollowed() throws {
        let scratch = try Scratch()
        scratch.write("file", "content")
        let guest = try Guest(scratch)
        #expect(guest.symlink("file", "soft") == .errno(.success))
        #expect(guest.symlink("file", "soft") == .errno(.exist))
        #expect(guest.symlink("file", "new/") == .errno(.noent))
        #expect(guest.symlink("file", ".") == .errno(.exist))
        let (pointer, length) = guest.path("soft")
        #expect(guest.call("path_readlink", 3, pointer, length, 0x400, 64, 0x90) == .errno(.success))
        #expect(guest.text(at: 0x400, Int(guest.get(UInt32.self, at: 0x90))) == "file")
        #expect(guest.call("path_readlink", 3, pointer, length, 0x500, 2, 0x90) == .errno(.success))
        #expect(guest.text(at: 0x500, 3) == "fi\0")
        #expect(guest.call("path_readlink", 3, pointer, length, 0x500, 0x1_0000, 0x90) == .errno(.fault))
        let (file, fileLength) = guest.path("file")
        #expect(guest.call("path_readlink", 3, file, fileLength, 0x400, 64, 0x90) == .errno(.inval))
        #expect(guest.open("soft", follow: false).0 == .errno(.loop))
        #expect(guest.read(try guest.opened("soft")) == (.errno(.success), "content"))
        #expect(guest.symlink("loop", "loop") == .errno(.success))
        #expect(guest.open("loop").0 == .errno(.loop))
        #expect(guest.link("file", "hard") == .errno(.success))
        #expect(guest.link("file", "hard") == .errno(.exist))
        #expect(guest.link("file", "hard2/") == .errno(.noent))
        #expect(guest.link("file/", "hard2") == .errno(.notdir))
        #expect(guest.link("file", "hard2", lookup: 1) == .errno(.inval))
        #expect(guest.link("none", "hard2") == .errno(.noent))
        #expect(guest.onPath("path_create_directory", "dir") == .errno(.success))
        #expect(guest.link("dir", "hard2") == .errno(.perm))
        #expect(guest.link("soft", "soft2") == .errno(.success))
        #expect(guest.onPath("path_unlink_file", "soft") == .errno(.success))
        #expect(scratch.read("hard") == "content")
    }

    @Test func statusAndTimesFollowLinksOrNot() throws {
        let scratch = try Scratch()
        scratch.write("file", "content")
        let guest = try Guest(scratch)
        #expect(guest.symlink("file", "soft") == .errno(.success))
        let (pointer, length) = guest.path("soft")
        #expect(guest.call("path_filestat_get", 3, 0, pointer, length, 0x400) == .errno(.success))
        #expect(guest.memory[0x410] == FileType.symbolicLink.rawValue)
        #expect(guest.call("path_filestat_get", 3, 1, pointer, length, 0x400) == .errno(.success))
        #expect(guest.memory[0x410] == FileType.regularFile.rawValue)
        #expect(guest.get(UInt64.self, at: 0x420) == 7)
        #expect(guest.call("path_filestat_get", 3, 2, pointer, length, 0x400) == .errno(.inval))
        #expect(guest.call("path_filestat_set_times", 3, 0, pointer, length, 1, 2_000, 4) == .errno(.success))
        #expect(guest.call("path_filestat_get", 3, 0, pointer, length, 0x400) == .errno(.success))
        #expect(guest.get(UInt64.self, at: 0x430) == 2_000)
        #expect(guest.call("path_filestat_get", 3, 1, pointer, length, 0x400) == .errno(.success))
        #expect(guest.get(UInt64.self, at: 0x430) != 2_000)
        #expect(guest.call("path_filestat_set_times", 3, 1, pointer, length, 3_000, 0, 1) == .errno(.success))
        #expect(guest.call("path_filestat_get", 3, 1, pointer, length, 0x400) == .errno(.success))
        #expect(guest.get(UInt64.self, at: 0x428) == 3_000)
        #expect(guest.call("path_filestat_set_times", 3, 0, pointer, length, 0, 0, 12) == .errno(.inval))
    }

    @Test func givenUpDirectoryRightsCountWithoutADenial() throws {
        let guest = try Guest(try Scratch())
        let bare = try guest.opened(".", base: [])
        #expect(guest.open("x", in: UInt32(bare), mode: .create).0 == .errno(.notcapable))
        for name in ["path_create_directory", "path_unlink_file", "path_remove_directory"] {
            #expect(guest.onPath(name, "x", fd: bare) == .errno(.notcapable))
        }
        #expect(guest.symlink("a", "b", fd: bare) == .errno(.notcapable))
        #expect(guest.rename("a", "b", from: bare) == .errno(.notcapable))
        #expect(guest.rename("a", "b", to: bare) == .errno(.notcapable))
        #expect(guest.link("a", "b", from: bare) == .errno(.notcapable))
        #expect(guest.link("a", "b", to: bare) == .errno(.notcapable))
        let (pointer, length) = guest.path("x")
        #expect(guest.call("path_filestat_get", bare, 0, pointer, length, 0x400) == .errno(.notcapable))
        #expect(guest.call("path_filestat_set_times", bare, 0, pointer, length, 0, 0, 0) == .errno(.notcapable))
        #expect(guest.call("path_readlink", bare, pointer, length, 0x400, 9, 0x90) == .errno(.notcapable))
        let noCreate = try guest.opened(".", base: .pathOpen)
        #expect(guest.open("x", in: UInt32(noCreate), mode: .create).0 == .errno(.notcapable))
        #expect(guest.open(".", in: UInt32(noCreate), mode: .truncate, base: []).0 == .errno(.notcapable))
        #expect(guest.denials.all.isEmpty)
    }
}
