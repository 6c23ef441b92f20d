// poll_oneoff: clocks, descriptors, bounds, and deadlines that survive the waits.

import CapabilityModel
import LinuxKernel
import ProcessRuntime
import Testing

@testable import WASIPreview1

@Suite struct PollTests {
    /// Subscriptions at 0x2000, events at 0x4000, their number at 0x90.
    private func clock(
        _ guest: Guest, _ index: Int, id: UInt32 = 1, timeout: UInt64, isAbsolute: Bool = false
    ) {
        subscribe(guest, index, tag: 0)
        let at = 0x2000 + 48 * index
        guest.put(id, at: at + 16)
        guest.put(timeout, at: at + 24)
        guest.put(UInt16(isAbsolute ? 1 : 0), at: at + 40)
    }

    private func descriptor(_ guest: Guest, _ index: Int, tag: UInt8, fd: UInt32) {
        subscribe(guest, index, tag: tag)
        guest.put(fd, at: 0x2000 + 48 * index + 16)
    }

    private func subscribe(_ guest: Guest, _ index: Int, tag: UInt8) {
        guest.put(UInt64(1000 + index), at: 0x2000 + 48 * index)
        guest.memory[0x2000 + 48 * index + 8] = tag
    }

    private func poll(_ guest: Guest, _ count: UInt64) -> Answer {
        guest.call("poll_oneoff", 0x2000, 0x4000, count, 0x90)
    }

    private struct Seen: Equatable {
        var userData: UInt64
        var errno: UInt16
        var tag: UInt8
    }

    private func events(_ guest: Guest) -> [Seen] {
        (0..<Int(guest.get(UInt32.self, at: 0x90))).map {
            Seen(
                userData: guest.get(UInt64.self, at: 0x4000 + 32 * $0),
                errno: guest.get(UInt16.self, at: 0x4000 + 32 * $0 + 8), tag: guest.memory[0x4000 + 32 * $0 + 10])
        }
    }

    private func granted() -> Guest {
        Guest(WASIProcess.Configuration(clocks: ClockGrant(realtime: 1, monotonic: 1)), memory: 1 << 18)
    }

    @Test(arguments: [0, 4097, 10_000_000, 0xffff_ffff])
    func theNumberOfSubscriptionsIsBounded(count: UInt64) {
        #expect(poll(granted(), count) == .errno(.inval))
    }

    @Test func theMostSubscriptionsAreServed() {
        let guest = Guest(memory: 1 << 19)
        #expect(guest.call("poll_oneoff", 0, 0x4_0000, 4096, 0x7_0000) == .errno(.success))
        #expect(guest.get(UInt32.self, at: 0x7_0000) == 4096)
        #expect(guest.call("poll_oneoff", 0, 0x7_0000, 4096, 0x3_0000) == .errno(.fault))
        #expect(guest.call("poll_oneoff", 0x7_fff0, 0, 1, 0x3_0000) == .errno(.fault))
        #expect(guest.call("poll_oneoff", 0, 0, 1, 0x7_fffd) == .errno(.fault))
    }

    @Test func aRelativeTimeoutKeepsItsStartOverWaits() throws {
        let guest = granted()
        clock(guest, 0, timeout: 40_000_000)
        guard case .wait(let first) = poll(guest, 1), case .wait(let second) = poll(guest, 1) else {
            Issue.record("a timeout of 40 ms is over at once")
            return
        }
        #expect(first == second)
        #expect(first.deadline != nil && first.descriptors.isEmpty)
        #expect(guest.run("poll_oneoff", 0x2000, 0x4000, 1, 0x90) == .errno(.success))
        #expect(events(guest) == [Seen(userData: 1000, errno: 0, tag: 0)])
        // The next call counts anew.
        guard case .wait(let third) = poll(guest, 1) else {
            Issue.record("a second timeout of 40 ms is over at once")
            return
        }
        #expect(third.deadline ?? 0 > first.deadline ?? 0)
    }

    @Test func timeoutsThatCanNeverBeReachedDoNotOverflow() {
        let guest = granted()
        clock(guest, 0, timeout: .max)
        clock(guest, 1, id: 0, timeout: .max, isAbsolute: true)
        clock(guest, 2, timeout: .max, isAbsolute: true)
        guard case .wait(let wait) = poll(guest, 3) else {
            Issue.record("the end of time has come")
            return
        }
        #expect(wait.deadline ?? 0 > 1 << 63)
    }

    @Test func pastTimeoutsAreDueAtOnce() {
        let guest = granted()
        clock(guest, 0, timeout: 0)
        clock(guest, 1, timeout: 1, isAbsolute: true)
        clock(guest, 2, id: 0, timeout: 1, isAbsolute: true)
        clock(guest, 3, timeout: 1 << 60)
        #expect(poll(guest, 4) == .errno(.success))
        #expect(events(guest) == (1000...1002).map { Seen(userData: $0, errno: 0, tag: 0) })
    }

    @Test func sleepingNeedsNoClockButAbsoluteTimeDoes() {
        let guest = Guest()
        clock(guest, 0, timeout: 1_000_000)
        #expect(guest.run("poll_oneoff", 0x2000, 0x4000, 1, 0x90) == .errno(.success))
        #expect(guest.denials.all.isEmpty)
        clock(guest, 0, timeout: 1, isAbsolute: true)
        clock(guest, 1, id: 0, timeout: 1, isAbsolute: true)
        #expect(poll(guest, 2) == .errno(.success))
        #expect(events(guest).map(\.errno) == [76, 76])
        #expect(guest.denials.all.map(\.key.path) == ["clocks.monotonic", "clocks.realtime"])
    }

    @Test func whatCanNeverHappenIsAnEventWithAnErrno() throws {
        let guest = try Guest(try Scratch())
        let unpollable = try guest.opened("file", mode: .create, base: .fdSeek)
        clock(guest, 0, id: 2, timeout: 1)
        clock(guest, 1, id: 9, timeout: 1)
        subscribe(guest, 2, tag: 3)
        descriptor(guest, 3, tag: 1, fd: 99)
        descriptor(guest, 4, tag: 2, fd: 3)
        descriptor(guest, 5, tag: 1, fd: UInt32(unpollable))
        #expect(poll(guest, 6) == .errno(.success))
        let expected: [Errno] = [.notsup, .inval, .inval, .badf, .notcapable, .notcapable]
        #expect(events(guest).map(\.errno) == expected.map(\.rawValue))
    }

    @Test func descriptorsAreReadyWhenPollSaysSo() throws {
        let guest = try Guest(try Scratch())
        let pipe = try Pair.pipe()
        try guest.process.setStandardStream(0, pipe.first, .init(isTerminal: false, isOwned: false))
        descriptor(guest, 0, tag: 1, fd: 0)
        clock(guest, 1, timeout: 1 << 60)
        descriptor(guest, 2, tag: 1, fd: 0)
        guard case .wait(let wait) = poll(guest, 3) else {
            Issue.record("an empty pipe is ready")
            return
        }
        // Twice the same descriptor is one to wait for.
        #expect(wait.descriptors.count == 1 && wait.deadline != nil)
        Pair.write(pipe.otherRaw, "four")
        #expect(poll(guest, 3) == .errno(.success))
        #expect(events(guest).map(\.userData) == [1000, 1002])
        #expect(guest.get(UInt64.self, at: 0x4010) == 4)
        let file = try guest.opened("file", mode: .create)
        #expect(guest.write(file, "content") == .errno(.success))
        #expect(guest.call("fd_seek", file, 2, 0, 0x98) == .errno(.success))
        descriptor(guest, 0, tag: 1, fd: UInt32(file))
        #expect(poll(guest, 1) == .errno(.success))
        #expect(guest.get(UInt64.self, at: 0x4010) == 5)
    }
}
