// What the machine keeps: that it stays as small as what it holds, and finds what it should.

import CapabilityModel
import Testing

@testable import Supervision

@Suite struct TableTests {
    private func spec(_ number: Int) -> ChildSpec {
        ChildSpec(id: ChildID("\(number)"), start: StartKey(rawValue: UInt64(number)), restart: .temporary)
    }

    @Test func gapsAreClosedAndTheOrderStays() {
        var table = ChildTable()
        for number in 0..<10_005 {
            table.set(table.append(spec(number)), .running(ProcessKey(rawValue: UInt64(number))))
            // All but each thousandth go again, when they are not the newest any more.
            if number >= 5, let place = table.place(of: ChildID("\(number - 5)")), number % 1_000 != 5 {
                table.remove(place)
            }
            table.compact()
            #expect(table.end <= max(33, 2 * table.count + 1))
        }
        let left = (0..<table.end).compactMap { table[$0]?.spec.id.name }
        #expect(left == ((0..<10).map { $0 * 1_000 } + (10_000..<10_005)).map { "\($0)" })
        for name in left {
            let process = ProcessKey(rawValue: UInt64(name) ?? 0)
            #expect(table.place(of: ChildID(name)) == table.place(of: process))
        }
    }

    @Test func dynamicPlacesAreUsedAgain() {
        var children = DynamicChildren()
        for number in 0..<10_000 as Range<UInt64> {
            children.insert(ProcessKey(rawValue: number), extra: [])
            if number >= 10, let place = children.place(of: ProcessKey(rawValue: number - 10)) {
                children.remove(place)
            }
            #expect(children.end <= 11)
        }
        #expect(children.count == 10)
    }

    /// A mailbox as a plain list.
    struct List {
        var events: [Event] = []

        mutating func takeExit(of process: ProcessKey) -> ExitReason? {
            for (index, event) in events.enumerated() {
                if case .exited(process, let reason) = event {
                    events.remove(at: index)
                    return reason
                }
            }
            return nil
        }
    }

    @Test func theMailboxIsAListWithAShortcut() {
        let seed = UInt64.random(in: 0 ... .max)
        var random = SeededRandom(seed)
        for _ in 0..<200 {
            var mailbox = Mailbox()
            var list = List()
            let growth = 30 + random.below(40)
            for step in 0..<1_000 {
                let process = ProcessKey(rawValue: UInt64(random.below(random.one([3, 40, 1_000]))))
                if random.chance(growth) {
                    let event: Event =
                        random.chance(70)
                        ? .exited(process, .exited(code: UInt32(step))) : .timer(TimerKey(rawValue: UInt64(step)))
                    mailbox.append(event)
                    list.events.append(event)
                } else if random.chance(50) {
                    let reason = mailbox.takeExit(of: process)
                    let wanted = list.takeExit(of: process)
                    #expect(reason == wanted, "seed \(seed)")
                } else {
                    let event = mailbox.popFirst()
                    let wanted = list.events.isEmpty ? nil : list.events.removeFirst()
                    #expect(event == wanted, "seed \(seed)")
                }
                #expect(mailbox.count == list.events.count)
                #expect(mailbox.isEmpty == list.events.isEmpty)
            }
        }
    }
}
