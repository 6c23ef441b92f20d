// The table of links and monitors against a dictionary, from nothing to many and back.

import Testing

@testable import ProcessRuntime

@Suite struct BondTableTests {
    /// Grows to `size` and shrinks again, several times, with removals and look-ups in between.
    @Test(arguments: [1, 2, 3, 8, 9, 10, 40, 1000]) func itIsADictionary(size: Int) {
        let seed = testSeed()
        print("bond table of \(size): seed \(seed)")
        var source = SplitMix64(seed: seed)
        let table = BondTable()
        var expected: [UInt64: UInt64] = [:]
        for round in 0..<12 {
            let grows = round.isMultiple(of: 2)
            for _ in 0..<(2 * size + 2) {
                // Few numbers, so that most exist; all kinds share them.
                let number = source.next(in: 1...UInt64(size))
                let kind: Bond.Kind = Bool.random(using: &source) ? .watcher : .alias
                let key = number << 2 | kind.rawValue
                if source.next(in: 0...9) < (grows ? 8 : 2) {
                    if expected[key] == nil {
                        let detail = source.next()
                        table.insert(Bond(kind, number, peer: key, detail: detail))
                        expected[key] = detail
                    } else {
                        table.setDetail(kind, number, 5)
                        expected[key] = 5
                    }
                } else {
                    #expect(table.remove(kind, number)?.detail == expected.removeValue(forKey: key))
                }
                #expect(table.find(kind, number)?.detail == expected[key])
                #expect(table.find(.link, number) == nil)
            }
            #expect(table.count == expected.count)
            let all = (0..<table.places).map { table.record(at: $0) }.filter { $0.isOf(.watcher) || $0.isOf(.alias) }
            #expect(Dictionary(uniqueKeysWithValues: all.map { ($0.peer, $0.detail) }) == expected)
            for (key, detail) in expected {
                #expect(table.find(key & 3 == 2 ? .watcher : .alias, key >> 2)?.detail == detail)
            }
        }
        for key in expected.keys { table.remove(key & 3 == 2 ? .watcher : .alias, key >> 2) }
        #expect(table.count == 0 && table.places == 1)
    }

    @Test func aProcessWithoutBondsIsTwoWords() {
        #expect(MemoryLayout<SignalState>.size <= 16)
        #expect(MemoryLayout<Bond>.stride == 24)
    }
}
