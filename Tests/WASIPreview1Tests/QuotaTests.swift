// Quotas of a mount: bytes and files that a guest may add.

import CapabilityModel
import Testing

@testable import WASIPreview1

@Suite struct QuotaTests {
    @Test func bytesAreCountedWhereverAFileGrows() throws {
        let guest = try Guest(try Scratch(), quotaBytes: 100)
        let fd = try guest.opened("file", mode: .create)
        #expect(guest.write(fd, String(repeating: "x", count: 60)) == .errno(.success))
        #expect(guest.write(fd, String(repeating: "x", count: 41)) == .errno(.dquot))
        #expect(guest.call("fd_seek", fd, 20, 0, 0x90) == .errno(.success))
        #expect(guest.write(fd, String(repeating: "y", count: 40)) == .errno(.success))
        #expect(guest.call("fd_seek", fd, 200, 0, 0x90) == .errno(.success))
        #expect(guest.write(fd, "z") == .errno(.dquot))
        #expect(guest.call("fd_pwrite", fd, 0x200, 1, 100, 0x88) == .errno(.dquot))
        #expect(guest.call("fd_pwrite", fd, 0x200, 1, 99, 0x88) == .errno(.success))
        #expect(guest.call("fd_filestat_set_size", fd, 101) == .errno(.dquot))
        #expect(guest.call("fd_allocate", fd, 90, 11) == .errno(.dquot))
        #expect(guest.call("fd_filestat_set_size", fd, 50) == .errno(.success))
        #expect(guest.call("fd_allocate", fd, 0, 100) == .errno(.success))
        let second = try guest.opened("second", mode: .create)
        #expect(guest.write(second, "z") == .errno(.dquot))
        #expect(Set(guest.denials.all.map(\.key.path)) == ["fs[\"/\"].quota_bytes"])
        #expect(guest.denials.all.count == 6)
        // Cutting and deleting give back, deleting only once nobody has the file open.
        #expect(guest.open("file", mode: .truncate).0 == .errno(.success))
        #expect(guest.write(second, String(repeating: "z", count: 100)) == .errno(.success))
        #expect(guest.onPath("path_unlink_file", "second") == .errno(.success))
        #expect(guest.write(fd, "z") == .errno(.dquot))
    }

    @Test func appendedBytesCountInFull() throws {
        let guest = try Guest(try Scratch(), quotaBytes: 10)
        let fd = try guest.opened("file", mode: .create, flags: .append)
        #expect(guest.write(fd, "12345678") == .errno(.success))
        #expect(guest.call("fd_seek", fd, 0, 0, 0x90) == .errno(.success))
        #expect(guest.write(fd, "123") == .errno(.dquot))
        #expect(guest.call("fd_pwrite", fd, 0x200, 1, 0, 0x88) == .errno(.dquot))
        #expect(guest.write(fd, "12") == .errno(.success))
    }

    @Test func aSparseTebibyteCountsAsATebibyte() throws {
        let guest = try Guest(try Scratch(), quotaBytes: 1 << 30)
        let fd = try guest.opened("file", mode: .create)
        #expect(guest.call("fd_filestat_set_size", fd, 1 << 40) == .errno(.dquot))
        #expect(guest.call("fd_allocate", fd, (1 << 40) - 1, 1) == .errno(.dquot))
        guest.put(UInt32(0x1000), at: 0x200)
        guest.put(UInt32(1), at: 0x204)
        #expect(guest.call("fd_pwrite", fd, 0x200, 1, 1 << 40, 0x88) == .errno(.dquot))
        #expect(guest.call("fd_pwrite", fd, 0x200, 1, UInt64(Int64.max), 0x88) == .errno(.dquot))
        #expect(guest.call("fd_filestat_get", fd, 0x400) == .errno(.success))
        #expect(guest.get(UInt64.self, at: 0x420) == 0)
    }

    @Test func filesAreCountedHoweverTheyAreMade() throws {
        let scratch = try Scratch()
        scratch.write("before", "")
        let guest = try Guest(scratch, quotaFiles: 4)
        #expect(guest.open("a", mode: .create).0 == .errno(.success))
        #expect(guest.onPath("path_create_directory", "b") == .errno(.success))
        #expect(guest.symlink("a", "c") == .errno(.success))
        #expect(guest.link("a", "d") == .errno(.success))
        #expect(guest.open("e", mode: .create).0 == .errno(.dquot))
        #expect(guest.onPath("path_create_directory", "e") == .errno(.dquot))
        #expect(guest.symlink("a", "e") == .errno(.dquot))
        #expect(guest.link("a", "e") == .errno(.dquot))
        #expect(guest.denials.all.map(\.key.path) == Array(repeating: "fs[\"/\"].quota_files", count: 4))
        // What is there is opened with `create` all the same.
        #expect(guest.open("before", mode: .create).0 == .errno(.success))
        #expect(guest.rename("before", "d") == .errno(.success))
        #expect(guest.open("e", mode: .create).0 == .errno(.success))
        #expect(guest.onPath("path_remove_directory", "b") == .errno(.success))
        #expect(guest.onPath("path_create_directory", "f") == .errno(.success))
        #expect(guest.open("g", mode: .create).0 == .errno(.dquot))
    }

    @Test func writingAndReplacingManyTimesStaysWithinTheQuota() throws {
        let guest = try Guest(try Scratch(), quotaBytes: 1000, quotaFiles: 2)
        for _ in 0..<20 {
            let fd = try guest.opened("temporary", mode: [.create, .truncate])
            #expect(guest.write(fd, String(repeating: "x", count: 400)) == .errno(.success))
            #expect(guest.call("fd_close", fd) == .errno(.success))
            #expect(guest.rename("temporary", "final") == .errno(.success))
        }
    }

    @Test func aFileThatMovesIsChargedWhereItArrives() throws {
        let scratch = try Scratch()
        scratch.write("big", String(repeating: "x", count: 100))
        let guest = try Guest(try Scratch(), quotaBytes: 99)
        try guest.mount(scratch.path, at: "/other")
        #expect(guest.rename("big", "big", from: 4, to: 3) == .errno(.dquot))
        #expect(guest.link("big", "big", from: 4, to: 3) == .errno(.dquot))
        scratch.write("small", "x")
        #expect(guest.rename("small", "small", from: 4, to: 3) == .errno(.success))
    }
}
