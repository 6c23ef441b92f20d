// fd_*: reading, writing, positions, sizes, times, rights, flags, renumbering.

import CapabilityModel
import LinuxKernel
import Testing

@testable import WASIPreview1

@Suite struct FdTests {
    @Test func aFileIsWrittenSoughtAndRead() throws {
        let scratch = try Scratch()
        let guest = try Guest(scratch)
        let fd = try guest.opened("file", mode: .create)
        #expect(fd == 4)
        #expect(guest.write(fd, "hello") == .errno(.success))
        #expect(guest.get(UInt32.self, at: 0x88) == 5)
        #expect(guest.call("fd_seek", fd, 1, 0, 0x90) == .errno(.success))
        #expect(guest.get(UInt64.self, at: 0x90) == 1)
        #expect(guest.read(fd) == (.errno(.success), "ello"))
        #expect(guest.read(fd) == (.errno(.success), ""))
        #expect(guest.call("fd_tell", fd, 0x90) == .errno(.success))
        #expect(guest.get(UInt64.self, at: 0x90) == 5)
        #expect(guest.call("fd_close", fd) == .errno(.success))
        #expect(guest.call("fd_close", fd) == .errno(.badf))
        #expect(scratch.read("file") == "hello")
    }

    @Test func seekingKnowsItsErrors() throws {
        let guest = try Guest(try Scratch())
        let fd = try guest.opened("file", mode: .create)
        #expect(guest.call("fd_seek", fd, UInt64(bitPattern: -1), 0, 0x90) == .errno(.inval))
        #expect(guest.call("fd_seek", fd, 0, 3, 0x90) == .errno(.inval))
        #expect(guest.call("fd_seek", fd, 0, 0, 0xffff_ffff) == .errno(.fault))
        #expect(guest.call("fd_seek", 99, 0, 0, 0x90) == .errno(.badf))
        #expect(guest.call("fd_seek", 3, 0, 0, 0x90) == .errno(.isdir))
        #expect(guest.call("fd_tell", 3, 0x90) == .errno(.isdir))
        let noSeek = try guest.opened("file", base: [.fdRead, .fdTell])
        #expect(guest.call("fd_seek", noSeek, 0, 1, 0x90) == .errno(.success))
        #expect(guest.call("fd_seek", noSeek, 0, 2, 0x90) == .errno(.notcapable))
        let noTell = try guest.opened("file", base: [.fdRead])
        #expect(guest.call("fd_tell", noTell, 0x90) == .errno(.notcapable))
    }

    @Test func positionedTransfersLeaveThePosition() throws {
        let guest = try Guest(try Scratch())
        let fd = try guest.opened("file", mode: .create)
        #expect(guest.write(fd, "0123456789") == .errno(.success))
        guest.put(UInt32(0x2000), at: 0x200)
        guest.put(UInt32(3), at: 0x204)
        guest.put(UInt32(0x2010), at: 0x208)
        guest.put(UInt32(2), at: 0x20c)
        #expect(guest.call("fd_pread", fd, 0x200, 2, 4, 0x88) == .errno(.success))
        #expect(guest.get(UInt32.self, at: 0x88) == 5)
        #expect(guest.text(at: 0x2000, 3) + guest.text(at: 0x2010, 2) == "45678")
        #expect(guest.call("fd_pwrite", fd, 0x200, 2, 0, 0x88) == .errno(.success))
        #expect(guest.call("fd_tell", fd, 0x90) == .errno(.success))
        #expect(guest.get(UInt64.self, at: 0x90) == 10)
        #expect(guest.call("fd_pread", fd, 0x200, 2, 1 << 63, 0x88) == .errno(.inval))
        #expect(guest.call("fd_pwrite", fd, 0x200, 2, 1 << 63, 0x88) == .errno(.inval))
        #expect(guest.call("fd_pread", 3, 0x200, 2, 0, 0x88) == .errno(.isdir))
        #expect(guest.call("fd_pwrite", 3, 0x200, 2, 0, 0x88) == .errno(.isdir))
    }

    @Test(arguments: ["fd_read", "fd_write"])
    func piecesAreBoundedAndChecked(name: String) throws {
        let guest = try Guest(try Scratch())
        let fd = try guest.opened("file", mode: .create)
        #expect(guest.call(name, fd, 0x4000, 1024, 0x88) == .errno(.success))
        #expect(guest.call(name, fd, 0x4000, 1025, 0x88) == .errno(.inval))
        #expect(guest.call(name, fd, 0x4000, 0xffff_ffff, 0x88) == .errno(.inval))
        #expect(guest.call(name, fd, 0xffff, 1, 0x88) == .errno(.fault))
        guest.put(UInt32(0xfff0), at: 0x200)
        guest.put(UInt32(17), at: 0x204)
        #expect(guest.call(name, fd, 0x200, 1, 0x88) == .errno(.fault))
        guest.put(UInt32(16), at: 0x204)
        #expect(guest.call(name, fd, 0x200, 1, 0x88) == .errno(.success))
        #expect(guest.call(name, fd, 0x200, 1, 0xfffd) == .errno(.fault))
        #expect(guest.call(name, fd, 0, 0, 0x88) == .errno(.success))
        #expect(guest.call(name, 3, 0x200, 1, 0x88) == .errno(.isdir))
        #expect(guest.call(name, 77, 0x200, 1, 0x88) == .errno(.badf))
    }

    @Test func appendCanBeTurnedOnAndOff() throws {
        let scratch = try Scratch()
        let guest = try Guest(scratch)
        let fd = try guest.opened("file", mode: .create, flags: .append)
        #expect(guest.write(fd, "one") == .errno(.success))
        #expect(guest.call("fd_seek", fd, 0, 0, 0x90) == .errno(.success))
        #expect(guest.write(fd, "two") == .errno(.success))
        #expect(scratch.read("file") == "onetwo")
        #expect(guest.call("fd_fdstat_set_flags", fd, 0) == .errno(.success))
        #expect(guest.call("fd_seek", fd, 0, 0, 0x90) == .errno(.success))
        #expect(guest.write(fd, "ONE") == .errno(.success))
        #expect(scratch.read("file") == "ONEtwo")
        #expect(guest.call("fd_fdstat_set_flags", fd, 32) == .errno(.inval))
        #expect(guest.call("fd_fdstat_set_flags", fd, 0x1_0000) == .errno(.inval))
        #expect(guest.call("fd_fdstat_set_flags", fd, 16) == .errno(.notsup))
        #expect(guest.call("fd_fdstat_get", fd, 0x90) == .errno(.success))
        #expect(guest.memory[0x90] == FileType.regularFile.rawValue)
        #expect(guest.get(UInt16.self, at: 0x92) == 0)
    }

    @Test func rightsOnlyShrink() throws {
        let guest = try Guest(try Scratch())
        let fd = try guest.opened("file", mode: .create)
        let rights: Rights = [.fdRead, .fdSeek]
        #expect(guest.call("fd_fdstat_set_rights", fd, rights.rawValue, 0) == .errno(.success))
        #expect(guest.write(fd, "x") == .errno(.notcapable))
        #expect(guest.call("fd_filestat_get", fd, 0x400) == .errno(.notcapable))
        #expect(guest.call("fd_fdstat_set_flags", fd, 0) == .errno(.notcapable))
        #expect(guest.call("fd_advise", fd, 0, 0, 0) == .errno(.notcapable))
        #expect(guest.call("fd_allocate", fd, 0, 1) == .errno(.notcapable))
        #expect(guest.call("fd_sync", fd) == .errno(.notcapable))
        #expect(guest.call("fd_datasync", fd) == .errno(.notcapable))
        #expect(guest.call("fd_filestat_set_size", fd, 0) == .errno(.notcapable))
        #expect(guest.call("fd_filestat_set_times", fd, 0, 0, 1) == .errno(.notcapable))
        let more = rights.union(.fdWrite)
        #expect(guest.call("fd_fdstat_set_rights", fd, more.rawValue, 0) == .errno(.notcapable))
        #expect(guest.call("fd_fdstat_set_rights", fd, 0, 1) == .errno(.notcapable))
        #expect(guest.call("fd_fdstat_get", fd, 0x90) == .errno(.success))
        #expect(guest.get(UInt64.self, at: 0x98) == rights.rawValue)
        // The policy allows all of that: the guest gave it up itself.
        #expect(guest.denials.all.isEmpty)
        // A directory that passes on less.
        #expect(
            guest.call("fd_fdstat_set_rights", 3, Rights.directory.rawValue, Rights.fdRead.rawValue)
                == .errno(.success))
        #expect(guest.open("file", base: .fdWrite).0 == .errno(.notcapable))
        #expect(guest.open("file", base: .fdRead).0 == .errno(.success))
    }

    @Test func sizesAndTimesAreSet() throws {
        let guest = try Guest(try Scratch())
        let fd = try guest.opened("file", mode: .create)
        #expect(guest.call("fd_filestat_set_size", fd, 100) == .errno(.success))
        #expect(guest.call("fd_allocate", fd, 100, 50) == .errno(.success))
        #expect(guest.call("fd_advise", fd, 0, 10, 5) == .errno(.success))
        #expect(guest.call("fd_filestat_set_times", fd, 5_000_000_007, 6_000_000_008, 5) == .errno(.success))
        #expect(guest.call("fd_filestat_get", fd, 0x400) == .errno(.success))
        #expect(guest.memory[0x410] == FileType.regularFile.rawValue)
        #expect(guest.get(UInt64.self, at: 0x418) == 1)
        #expect(guest.get(UInt64.self, at: 0x420) == 150)
        #expect(guest.get(UInt64.self, at: 0x428) == 5_000_000_007)
        #expect(guest.get(UInt64.self, at: 0x430) == 6_000_000_008)
        #expect(guest.call("fd_filestat_set_times", fd, 0, 0, 10) == .errno(.success))
        #expect(guest.call("fd_filestat_get", fd, 0x400) == .errno(.success))
        #expect(guest.get(UInt64.self, at: 0x430) > 1_000_000_000_000_000_000)
        for flags: UInt64 in [3, 12, 16, 0x1_0001] {
            #expect(guest.call("fd_filestat_set_times", fd, 0, 0, flags) == .errno(.inval))
        }
        #expect(guest.call("fd_filestat_set_size", fd, 1 << 63) == .errno(.inval))
        #expect(guest.call("fd_filestat_set_size", 3, 0) == .errno(.isdir))
        #expect(guest.call("fd_allocate", fd, 0, 0) == .errno(.inval))
        #expect(guest.call("fd_allocate", fd, 1 << 62, 1 << 62) == .errno(.inval))
        #expect(guest.call("fd_allocate", 3, 0, 1) == .errno(.isdir))
        #expect(guest.call("fd_advise", fd, 0, 10, 6) == .errno(.inval))
        #expect(guest.call("fd_advise", fd, 1 << 63, 10, 0) == .errno(.inval))
        #expect(guest.call("fd_advise", 3, 0, 10, 0) == .errno(.badf))
        #expect(guest.call("fd_sync", fd) == .errno(.success))
        #expect(guest.call("fd_datasync", fd) == .errno(.success))
        #expect(guest.call("fd_sync", 3) == .errno(.success))
        #expect(guest.call("fd_datasync", 50) == .errno(.badf))
    }

    @Test func aPreopenTellsItsName() throws {
        let guest = try Guest(try Scratch())
        #expect(guest.call("fd_prestat_get", 3, 0x90) == .errno(.success))
        #expect(guest.get(UInt32.self, at: 0x90) == 0)
        #expect(guest.get(UInt32.self, at: 0x94) == 1)
        guest.memory[0xa1] = 0x5a
        #expect(guest.call("fd_prestat_dir_name", 3, 0xa0, 2) == .errno(.success))
        #expect(guest.text(at: 0xa0, 2) == "/Z")
        #expect(guest.call("fd_prestat_dir_name", 3, 0xa0, 0) == .errno(.nametoolong))
        #expect(guest.call("fd_prestat_get", 3, 0xfffc) == .errno(.fault))
        #expect(guest.call("fd_prestat_get", 4, 0x90) == .errno(.badf))
        let directory = try guest.opened(".", mode: .directory)
        #expect(guest.call("fd_prestat_get", directory, 0x90) == .errno(.badf))
        #expect(guest.call("fd_prestat_dir_name", directory, 0xa0, 9) == .errno(.badf))
    }

    @Test func renumberingReplacesAndClosesAlsoPreopens() throws {
        let guest = try Guest(try Scratch())
        let file = try guest.opened("file", mode: .create)
        let other = try guest.opened("other", mode: .create)
        #expect(guest.write(file, "file") == .errno(.success))
        #expect(guest.call("fd_renumber", file, other) == .errno(.success))
        #expect(guest.call("fd_tell", other, 0x90) == .errno(.success))
        #expect(guest.get(UInt64.self, at: 0x90) == 4)
        #expect(guest.call("fd_renumber", other, file) == .errno(.badf))
        #expect(guest.call("fd_renumber", other, 0xffff_ffff) == .errno(.badf))
        #expect(guest.call("fd_renumber", other, other) == .errno(.success))
        #expect(guest.process.openDescriptors == 2)
        let directory = try guest.opened(".", mode: .directory)
        #expect(guest.call("fd_renumber", directory, 3) == .errno(.success))
        #expect(guest.call("fd_prestat_get", 3, 0x90) == .errno(.badf))
        #expect(guest.open("file", base: .fdRead).0 == .errno(.success))
    }

    @Test func descriptorsRunOutWithADenial() throws {
        let guest = try Guest(try Scratch(), fds: 5)
        for expected: UInt32 in 4...7 { #expect(guest.open(".", base: []) == (.errno(.success), expected)) }
        #expect(guest.open("new", mode: .create).0 == .errno(.mfile))
        #expect(guest.denials.all.map(\.key.path) == ["limits.fds"])
        #expect(guest.call("fd_close", 5) == .errno(.success))
        #expect(guest.open(".", base: []) == (.errno(.success), 5))
    }
}
