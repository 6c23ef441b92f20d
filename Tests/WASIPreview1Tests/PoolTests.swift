// Calls that may wait for a disk, on the pool: the same answers, and no harm where their process dies meanwhile.

import CapabilityModel
import LinuxKernel
import ProcessRuntime
import Testing

@testable import WASIPreview1

@Suite struct PoolTests {
    /// A guest of whose calls none may block.
    private static func guest(_ scratch: Scratch, _ parts: HostParts, account: Account? = nil) throws -> Guest {
        let wakeUp = LinuxKernel.Semaphore()
        var files = WASITemplate.Files(limit: 64, host: parts.host { _ in wakeUp.signal() })
        try files.addMount(
            MountGrant(guestPath: "/", hostPath: scratch.path, rights: .readWrite, symlinks: .create),
            directory: try Host.directory(scratch.path))
        let guest = Guest(WASITemplate(WASITemplate.Configuration(), files), account: account)
        guest.waits(on: wakeUp)
        return guest
    }

    @Test func everyFileCallAnswersAsItDoesInPlace() throws {
        let scratch = try Scratch()
        let parts = try HostParts()
        let guest = try Self.guest(scratch, parts, account: Account(limits: .default))
        #expect(guest.onPath("path_create_directory", "made") == .errno(.success))
        #expect(guest.onPath("path_create_directory", "made") == .errno(.exist))
        let file = try guest.opened("made/file", mode: .create)
        #expect(guest.write(file, "hello world") == .errno(.success))
        #expect(guest.get(UInt32.self, at: 0x88) == 11)
        #expect(guest.call("fd_sync", file) == .errno(.success))
        #expect(guest.call("fd_datasync", 3) == .errno(.success))
        #expect(guest.call("fd_seek", file, 6, 0, 0x90) == .errno(.success))
        #expect(guest.read(file) == (.errno(.success), "world"))
        #expect(guest.read(file) == (.errno(.success), ""))
        #expect(guest.call("fd_allocate", file, 0, 4096) == .errno(.success))
        #expect(guest.call("fd_filestat_set_size", file, 5) == .errno(.success))
        #expect(guest.call("fd_pread", file, 0x200, 1, 1, 0x88) == .errno(.success))
        #expect(guest.text(at: 0x1000, 4) == "ello")
        #expect(guest.symlink("file", "made/link") == .errno(.success))
        let (path, length) = guest.path("made/link")
        #expect(guest.call("path_readlink", 3, path, length, 0x800, 64, 0x88) == .errno(.success))
        #expect(guest.text(at: 0x800, 4) == "file")
        #expect(guest.call("path_filestat_get", 3, 1, path, length, 0x400) == .errno(.success))
        #expect(guest.get(UInt64.self, at: 0x420) == 5)
        #expect(guest.link("made/file", "made/second") == .errno(.success))
        #expect(guest.rename("made/second", "third") == .errno(.success))
        #expect(guest.run("fd_readdir", 3, 0x1000, 4096, 0, 0x88) == .errno(.success))
        #expect(guest.onPath("path_unlink_file", "third") == .errno(.success))
        #expect(guest.onPath("path_remove_directory", "made") == .errno(.notempty))
        #expect(guest.open("../outside").0 == .errno(.notcapable))
        #expect(guest.denials.all.count == 1)
        #expect(scratch.read("made/file") == "hello")
        parts.pool.close()
    }

    @Test func whatAJobHoldsOutlivesItsProcess() throws {
        let scratch = try Scratch()
        let parts = try HostParts(threads: 1)
        let account = Account(limits: .default)
        let (gate, reached) = (LinuxKernel.Semaphore(), LinuxKernel.Semaphore())
        var guest: Guest? = try Self.guest(scratch, parts, account: account)
        let file = try guest?.opened("file", mode: .create) ?? 0
        _ = parts.pool.submit(wake: {}) {
            reached.signal()
            gate.wait()
        }
        reached.wait()
        guest?.put([0, 16, 0, 0, 0, 16, 0, 0], at: 0x200)
        // The pool's only thread is busy, so the write waits in its queue while its process dies.
        #expect(guest?.callOnce("fd_write", [file, 0x200, 1, 0x88]) == .wait(Wait()))
        #expect(account.used(.memory) >= 4096)
        guest = nil
        #expect(account.used(.memory) >= 4096 && account.used(.fds) == 0)
        gate.signal()
        let done = LinuxKernel.Semaphore()
        var probe = parts.pool.submit(wake: { done.signal() }) { true }
        done.wait()
        #expect(probe?.take() == true)
        probe = nil
        #expect(scratch.read("file")?.utf8.count == 4096)
        #expect(account.used(.memory) == 0)
        parts.pool.close()
    }

    @Test func aBufferThatIsNotPaidForIsRefused() throws {
        let scratch = try Scratch()
        scratch.write("file", "x")
        let parts = try HostParts()
        var limits = Limits.default
        limits.memory = 1000
        let account = Account(limits: limits)
        let guest = try Self.guest(scratch, parts, account: account)
        let file = try guest.opened("file")
        #expect(guest.write(file, String(repeating: "x", count: 1001)) == .errno(.nomem))
        #expect(guest.write(file, String(repeating: "x", count: 1000)) == .errno(.success))
        #expect(account.used(.memory) == 0)
        parts.pool.close()
    }
}
