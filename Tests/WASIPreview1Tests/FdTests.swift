// fd_*: reading, writing, positions, sizes, rights, renumbering.

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
        #expect(guest.call("fd_tell", fd, 0x90) == .errno(.success))
        #expect(guest.get(UInt64.self, at: 0x90) == 5)
        #expect(guest.call("fd_close", fd) == .errno(.success))
        #expect(guest.call("fd_close", fd) == .errno(.badf))
        #expect(scratch.read("file") == "hello")
    }
}
