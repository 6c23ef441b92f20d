// What file calls cost, printed and not judged: machines differ. Worth reading from a release build.

import CapabilityModel
import LinuxKernel
import ProcessRuntime
import Testing

@testable import WASIPreview1

@Suite(.serialized) struct CallCostTests {
    private static func measure(_ name: String, _ guest: Guest, _ times: Int, _ call: () -> Void) {
        call()
        var best = UInt64.max
        for _ in 0..<15 {
            let start = Clock.threadCPUTime()
            for _ in 0..<times { call() }
            best = min(best, (Clock.threadCPUTime() - start) / UInt64(times))
        }
        print("\(name): \(best) ns")
    }

    @Test(.enabled(if: TestEnvironment.value("BULKHEAD_CALL_COSTS") != nil), arguments: [false, true])
    func ofFiles(_ throughPool: Bool) throws {
        let scratch = try Scratch()
        let parts = throughPool ? try HostParts() : nil
        let guest = Guest(
            WASIProcess.Configuration(clocks: ClockGrant(), limits: .default), memory: 1 << 16, parts: parts)
        try guest.mount(scratch.path, at: "/")
        let how = throughPool ? "pool" : "in place"
        let file = try guest.opened("file", mode: .create)
        guest.put(UInt32(0x1000), at: 0x200)
        guest.put(UInt32(4096), at: 0x204)
        let (path, length) = guest.path("file")
        let rights = Guest.everything.rawValue
        Self.measure("fd_pwrite 4 KiB, \(how)", guest, 20_000) {
            _ = guest.call("fd_pwrite", [file, 0x200, 1, 0, 0x88])
        }
        Self.measure("fd_pread 4 KiB, \(how)", guest, 20_000) {
            _ = guest.call("fd_pread", [file, 0x200, 1, 0, 0x88])
        }
        Self.measure("path_open and fd_close, \(how)", guest, 10_000) {
            _ = guest.call("path_open", [3, 1, path, length, 0, rights, rights, 0, 0x80])
            _ = guest.call("fd_close", [UInt64(guest.get(UInt32.self, at: 0x80))])
        }
        Self.measure("path_filestat_get, \(how)", guest, 10_000) {
            _ = guest.call("path_filestat_get", [3, 1, path, length, 0x400])
        }
        parts?.pool.close()
    }
}
