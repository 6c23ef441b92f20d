// Names of processes: unique, paid for, and gone before anyone hears of a process's end.

import CapabilityModel
import LinuxKernel
import ProcessRuntime
import Synchronization
import Testing

@Suite struct NameRegistryTests {
    private let account = Account(limits: .default)
    private let first = ProcessID(rawValue: 1 << 24 | 1)
    private let second = ProcessID(rawValue: 1 << 24 | 2)

    private func register(_ names: NameRegistry, _ name: String, _ process: ProcessID) -> NameRegistry.Registration {
        names.register(Array(name.utf8), for: process, payer: account, isAlive: { true })
    }

    @Test func aNameIsOneProcessesUntilItIsReleased() {
        let names = NameRegistry()
        #expect(register(names, "a", first) == .registered)
        #expect(register(names, "a", second) == .exists)
        #expect(register(names, "b", first) == .registered)
        #expect(names.whereis(Array("a".utf8)) == first)
        #expect(names.whereis(Array("c".utf8)) == nil)
        names.release(first)
        #expect(names.whereis(Array("a".utf8)) == nil)
        #expect(register(names, "a", second) == .registered)
        // A late release does not touch who has the name now.
        names.release(first)
        #expect(names.whereis(Array("a".utf8)) == second)
        #expect(names.unregister(Array("a".utf8)))
        #expect(!names.unregister(Array("a".utf8)))
        #expect(names.count == 0 && account.used(.memory) == 0)
    }

    @Test func aProcessThatHasBegunToEndGetsNoName() {
        let names = NameRegistry()
        let result = names.register(Array("a".utf8), for: first, payer: account, isAlive: { false })
        #expect(result == .gone && names.count == 0 && account.used(.memory) == 0)
    }

    @Test func whoRegistersWithoutEndHurtsItselfOnly() {
        let names = NameRegistry()
        var limits = Limits.default
        limits.memory = 10_000
        let root = Account(limits: .default)
        let greedy = Account(limits: limits, parent: root)
        var count = 0
        while names.register(Array("n\(count)".utf8), for: second, payer: greedy, isAlive: { true }) == .registered {
            count += 1
        }
        #expect(count > 10 && count < 100)
        #expect(names.register([1], for: first, payer: root, isAlive: { true }) == .registered)
        names.release(second)
        #expect(greedy.used(.memory) == 0 && names.count == 1)
    }

    @Test func lengthsAreBounded() {
        let names = NameRegistry()
        for bytes in [[], [UInt8](repeating: 1, count: 256)] {
            #expect(names.register(bytes, for: first, payer: account, isAlive: { true }) == .badName)
        }
        #expect(
            names.register([UInt8](repeating: 1, count: 255), for: first, payer: account, isAlive: { true })
                == .registered)
    }

    /// A process that ends while another thread registers it leaves no name behind, whoever is first.
    @Test func registerAgainstTheEndLeavesNoName() throws {
        let names = NameRegistry()
        let account = account
        let rounds = longRun(20_000, 1_000_000)
        // One word a round: 0 alive, 1 ended.
        let ended = (0..<rounds).map { _ in AtomicBox() }
        let started = AtomicBox()
        let killer = ThreadBox(
            try spawnThread(name: "killer") {
                for round in 0..<rounds {
                    while started.value.load(ordering: .acquiring) <= UInt64(round) {}
                    ended[round].value.store(1, ordering: .sequentiallyConsistent)
                    names.release(ProcessID(rawValue: UInt64(round) + 1))
                }
            })
        for round in 0..<rounds {
            started.value.store(UInt64(round) + 1, ordering: .releasing)
            _ = names.register([7], for: ProcessID(rawValue: UInt64(round) + 1), payer: account) {
                ended[round].value.load(ordering: .sequentiallyConsistent) == 0
            }
        }
        killer.join()
        #expect(names.count == 0 && account.used(.memory) == 0)
    }
}
