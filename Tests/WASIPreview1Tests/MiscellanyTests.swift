// args_*, environ_*, clock_*, random_get, proc_* and sched_yield.

import CapabilityModel
import ProcessRuntime
import Testing

@testable import WASIPreview1

@Suite struct MiscellanyTests {
    @Test(arguments: [("args", ["program", "", "zwei"]), ("environ", ["A=b", "LANG=C"])])
    func stringsAreHandedOut(prefix: String, strings: [String]) {
        let guest = Guest(
            WASIProcess.Configuration(
                arguments: prefix == "args" ? strings : [], environment: prefix == "environ" ? strings : []))
        let size = strings.reduce(0) { $0 + $1.utf8.count + 1 }
        #expect(guest.call("\(prefix)_sizes_get", 0x10, 0x14) == .errno(.success))
        #expect(guest.get(UInt32.self, at: 0x10) == UInt32(strings.count))
        #expect(guest.get(UInt32.self, at: 0x14) == UInt32(size))
        #expect(guest.call("\(prefix)_get", 0x100, 0x200) == .errno(.success))
        for (index, string) in strings.enumerated() {
            let at = Int(guest.get(UInt32.self, at: 0x100 + 4 * index))
            #expect(guest.text(at: at, string.utf8.count + 1) == string + "\0")
        }
        #expect(guest.call("\(prefix)_sizes_get", 0xfffd, 0x14) == .errno(.fault))
        #expect(guest.call("\(prefix)_sizes_get", 0x10, 0xffff_fffd) == .errno(.fault))
        #expect(guest.call("\(prefix)_get", 0xfffd, 0x200) == .errno(.fault))
        #expect(guest.call("\(prefix)_get", 0x100, 0x1_0000 - UInt64(size) + 1) == .errno(.fault))
    }

    @Test func grantedClocksTickInTheirSteps() throws {
        let guest = Guest(
            WASIProcess.Configuration(clocks: ClockGrant(realtime: 1_000_000_000, monotonic: 7_000, cpuTime: 0)))
        for (id, step): (UInt64, UInt64) in [(0, 1_000_000_000), (1, 7_000)] {
            #expect(guest.call("clock_res_get", id, 0x10) == .errno(.success))
            #expect(guest.get(UInt64.self, at: 0x10) == step)
            #expect(guest.call("clock_time_get", id, 0, 0x20) == .errno(.success))
            let time = guest.get(UInt64.self, at: 0x20)
            #expect(time % step == 0)
            #expect(time > 0)
            #expect(guest.call("clock_time_get", id, 0, 0x28) == .errno(.success))
            #expect(guest.get(UInt64.self, at: 0x28) >= time)
        }
        for id: UInt64 in [2, 3] {
            #expect(guest.call("clock_time_get", id, 0, 0x20) == .errno(.success))
            #expect(guest.call("clock_res_get", id, 0x20) == .errno(.success))
            #expect(guest.get(UInt64.self, at: 0x20) >= 1)
        }
        #expect(guest.call("clock_time_get", 4, 0, 0x20) == .errno(.inval))
        #expect(guest.call("clock_res_get", 0xffff_ffff, 0x20) == .errno(.inval))
        #expect(guest.call("clock_time_get", 0, 0, 0xfffc) == .errno(.fault))
        #expect(guest.denials.all.isEmpty)
    }

    @Test(arguments: [(0, "clocks.realtime"), (1, "clocks.monotonic"), (2, "clocks.cpu"), (3, "clocks.cpu")])
    func ungrantedClocksAreDenied(id: UInt64, key: String) {
        let guest = Guest()
        #expect(guest.call("clock_time_get", id, 0, 0x20) == .errno(.notcapable))
        #expect(guest.call("clock_res_get", id, 0x20) == .errno(.notcapable))
        #expect(guest.denials.all.map(\.key.path) == [key, key])
        #expect(guest.get(UInt64.self, at: 0x20) == 0)
    }

    @Test func randomBytesFillWhatWasAskedAndNoMore() {
        let guest = Guest(WASIProcess.Configuration(random: true))
        #expect(guest.call("random_get", 0x1000, 256) == .errno(.success))
        #expect(Set(guest.memory[0x1000..<0x1100]).count > 50)
        #expect(guest.memory[..<0x1000].allSatisfy { $0 == 0 } && guest.memory[0x1100...].allSatisfy { $0 == 0 })
        #expect(guest.call("random_get", 0x1000, 0) == .errno(.success))
        #expect(guest.call("random_get", 0xfff0, 17) == .errno(.fault))
        // A gibibyte of a memory that has not as much: an error at once, with nothing filled.
        #expect(guest.call("random_get", 0x2000, 1 << 30) == .errno(.fault))
        #expect(guest.memory[0x2000...].allSatisfy { $0 == 0 })
        let denied = Guest()
        #expect(denied.call("random_get", 0x1000, 16) == .errno(.notcapable))
        #expect(denied.denials.all.map(\.key.path) == ["random"])
    }

    @Test func muchRandomnessComesInSlices() {
        let size = 5 << 20
        let guest = Guest(WASIProcess.Configuration(random: true), memory: size + 32)
        var waits = 0
        while case .wait(let wait) = guest.call("random_get", 16, UInt64(size)) {
            #expect(wait == Wait(descriptors: [], deadline: 0))
            waits += 1
        }
        #expect(waits == 4)
        for start in stride(from: 16, to: size, by: 1 << 18) {
            #expect(guest.memory[start..<(start + 64)].contains { $0 != 0 })
        }
        #expect(guest.memory[..<16].allSatisfy { $0 == 0 } && guest.memory[(size + 16)...].allSatisfy { $0 == 0 })
        // The next call starts anew.
        #expect(guest.call("random_get", 0, 16) == .errno(.success))
        #expect(guest.memory[..<16].contains { $0 != 0 })
    }

    @Test func processesEndAndYield() {
        let guest = Guest()
        #expect(guest.call("proc_exit", 7) == .exit(7))
        #expect(guest.call("proc_exit", 0xffff_ffff) == .exit(.max))
        #expect(guest.call("proc_raise", 9) == .errno(.nosys))
        for _ in 0..<2 {
            #expect(guest.call("sched_yield") == .wait(Wait(descriptors: [], deadline: 0)))
            #expect(guest.call("sched_yield") == .errno(.success))
        }
    }
}
