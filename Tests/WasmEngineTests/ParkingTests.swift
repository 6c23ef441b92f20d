// Parked instances: they come back as they were, whatever was done, and take little meanwhile.

import CapabilityModel
import Testing

@testable import WasmEngine

struct ParkingTests {
    private static func unpark(_ pool: InstancePool, _ parked: ParkedInstance) -> Process {
        // As it is kept.
        let stored = StoredInstance(parked)
        return Process(adopting: pool.unpark(stored.parked, limits: Guest.generous, context: Recorder()))
    }

    /// Strings of every size class and past the largest, given back in another order, beside each other unharmed.
    @Test func bytesAreKeptAsTheyAre() throws {
        let seed = environment("BULKHEAD_FUZZ_SEED").flatMap { UInt64($0) } ?? UInt64.random(in: 0...UInt64.max)
        print("bytesAreKeptAsTheyAre: seed \(seed)")
        var generator = SplitMix(state: seed)
        var kept: [Int: (bytes: [UInt8], stored: Kept)] = [:]
        for _ in 0..<fuzzCount(20_000) {
            let key = Int.random(in: 0..<500, using: &generator)
            if let old = kept.removeValue(forKey: key) {
                let isSame = old.stored.bytes.array == old.bytes
                try #require(isSame)
            } else {
                let count = [0, 1, 16, 17, 1024, 1025, 5000].randomElement(using: &generator) ?? 0
                let length = Bool.random(using: &generator) ? count : Int.random(in: 0...1100, using: &generator)
                let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
                kept[key] = (bytes, Kept(bytes))
            }
        }
    }

    private final class Kept {
        let bytes: CompactBytes

        init(_ bytes: [UInt8]) {
            self.bytes = CompactBytes(bytes)
        }
    }

    /// Two processes do the same at random; one is parked at random moments, and must not notice.
    @Test func aParkedProcessDoesNotNotice() throws {
        let seed = environment("BULKHEAD_FUZZ_SEED").flatMap { UInt64($0) } ?? UInt64.random(in: 0...UInt64.max)
        print("aParkedProcessDoesNotNotice: seed \(seed)")
        var generator = SplitMix(state: seed)
        let pool = try InstancePoolTests.pool()
        var parkings = 0
        for round in 0..<fuzzCount(60) {
            let awake = InstancePoolTests.take(pool)
            var other = InstancePoolTests.take(pool)
            for _ in 0..<Int.random(in: 1...8, using: &generator) {
                var twin = generator
                try InstancePoolTests.act(awake, &generator)
                try InstancePoolTests.act(other, &twin)
                if Bool.random(using: &generator) { continue }
                guard let parked = other.park() else { continue }
                parkings += 1
                // Either end of it: dropped, or used again for another.
                let store = try other.release()
                if Bool.random(using: &generator) { pool.give(store) } else { store.end() }
                other = Self.unpark(pool, parked)
                #expect(!other.isBusy)
                let isSame = try InstancePoolTests.view(other) == InstancePoolTests.view(awake)
                #expect(isSame, "round \(round)")
            }
            let isSame = try InstancePoolTests.view(other) == InstancePoolTests.view(awake)
            #expect(isSame, "round \(round)")
        }
        #expect(parkings > 0)
    }

    @Test func aCounterTakesLittle() throws {
        let pool = try InstancePoolTests.pool(
            """
            (module (memory (export "memory") 2) (data (i32.const 5000) "some text that is as it was")
              (global $sp (mut i32) (i32.const 65536))
              (func (export "count") (result i32)
                (global.set $sp (i32.sub (global.get $sp) (i32.const 16)))
                (i32.store (global.get $sp) (i32.const 0))
                (i32.store (i32.const 1024) (i32.add (i32.load (i32.const 1024)) (i32.const 1)))
                (global.set $sp (i32.add (global.get $sp) (i32.const 16)))
                (i32.load (i32.const 1024))))
            """)
        var process = InstancePoolTests.take(pool)
        for count in UInt32(1)...5 {
            try process.call("count")
            #expect(process.finish() == .finished([.i32(count)]))
            let parked = try #require(process.park())
            #expect(parked.heldBytes < 128)
            #expect(parked.memoryBytes == 2 << 16)
            pool.give(try process.release())
            process = Self.unpark(pool, parked)
        }
    }

    @Test func whatCannotBeParkedIsNot() throws {
        let recorder = Recorder()
        let pool = try InstancePoolTests.pool()
        let busy = InstancePoolTests.take(pool, context: recorder)
        recorder.waitsLeft = 1
        try busy.call("wait", [.i32(1)])
        #expect(busy.poll() == .waiting)
        #expect(busy.park() == nil)
        #expect(busy.finish() == .finished([]))
        #expect(busy.park() != nil)
        try busy.call("fill", [.i32(0), .i32(7), .i32(3 << 16)])
        #expect(busy.finish() == .finished([]))
        #expect(busy.park() == nil)
        let dead = InstancePoolTests.take(pool)
        try dead.call("trap")
        _ = dead.finish()
        #expect(dead.park() == nil)
        let tables = try InstancePoolTests.pool(
            "(module (table 1 funcref) (func (table.set (i32.const 0) (ref.null func))))")
        let other = InstancePoolTests.take(tables)
        _ = other.isBusy ? other.finish() : .finished([])
        #expect(other.park() == nil)
    }

    @Test func wakingIsChargedAndSaysWhenItCannotBe() throws {
        let pool = try InstancePoolTests.pool()
        let process = InstancePoolTests.take(pool)
        try process.call("grow", [.i32(4)])
        #expect(process.finish() == .finished([]))
        let parked = try #require(process.park())
        #expect(parked.memoryBytes == 7 << 16)
        pool.give(try process.release())
        let purse = Purse(bytes: 1 << 30)
        do {
            let awake = Process(
                adopting: pool.unpark(parked, limits: Guest.generous, context: Recorder(), charge: purse))
            #expect(!awake.isBusy)
            #expect(purse.left == (1 << 30) - (7 << 16 + 32))
            #expect(awake.memoryBytes == 7 << 16)
        }
        #expect(purse.left == 1 << 30)
        let poor = Purse(bytes: 4 << 16)
        do {
            let awake = Process(
                adopting: pool.unpark(parked, limits: Guest.generous, context: Recorder(), charge: poor))
            #expect(awake.isBusy)
            guard case .failed = awake.poll() else {
                Issue.record("it woke")
                return
            }
            #expect(awake.memoryDenial?.isByCharge == true)
        }
        #expect(poor.left == 4 << 16)
    }

    /// A process waits in each round after writing at random; half of the time its pages are gone meanwhile.
    @Test(arguments: [true, false])
    func aShrunkenProcessDoesNotNotice(hasImage: Bool) throws {
        let seed = environment("BULKHEAD_FUZZ_SEED").flatMap { UInt64($0) } ?? UInt64.random(in: 0...UInt64.max)
        print("aShrunkenProcessDoesNotNotice: seed \(seed)")
        var generator = SplitMix(state: seed)
        let pool = try InstancePoolTests.pool()
        if hasImage { pool.give(try InstancePoolTests.take(pool).release()) }
        var saved = 0
        for round in 0..<fuzzCount(60) {
            let recorder = Recorder()
            let process =
                hasImage ? InstancePoolTests.take(pool, context: recorder) : Process(pool.linked, context: recorder)
            if process.isBusy { #expect(process.finish() == .finished([])) }
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                try InstancePoolTests.act(process, &generator)
                recorder.waitsLeft = Int.random(in: 1...3, using: &generator)
                #expect(process.shrink() == 0)
                try process.call("wait", [.i32(1)])
                let before = process.copyMemory()
                while process.poll() == .waiting {
                    if Bool.random(using: &generator) { continue }
                    let gain = process.shrink()
                    if gain > 0 { #expect(process.shrink() == 0) }
                    saved += gain
                }
                let isSame = process.copyMemory() == before
                #expect(isSame, "round \(round)")
            }
            // Some end while they are shrunken.
            recorder.waitsLeft = 1
            try process.call("wait", [.i32(1)])
            #expect(process.poll() == .waiting)
            _ = process.shrink()
        }
        #expect(saved > 0)
    }

    @Test func aDeepStackIsTrimmedAndStillReturns() throws {
        let text = """
            (module (import "test" "wait" (func $wait (param i32) (result i32))) (memory (export "memory") 1)
              (func $down (param i32) (result i32)
                (if (result i32) (local.get 0)
                  (then (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1)))))
                  (else (call $wait (i32.const 21)))))
              (func (export "run") (param i32 i32) (result i32)
                (i32.store (i32.const 8) (call $down (local.get 0)))
                (i32.add (i32.load (i32.const 8)) (call $down (local.get 1)))))
            """
        for (first, second) in [(UInt32(5000), UInt32(0)), (0, 5000), (3000, 3000), (1, 1)] {
            let recorder = Recorder()
            recorder.waitsLeft = 1
            let process = try Guest.process(text, context: recorder)
            #expect(process.finish() == .finished([]))
            try process.call("run", [.i32(first), .i32(second)])
            #expect(process.poll() == .waiting)
            _ = process.shrink()
            recorder.waitsLeft = 1
            #expect(process.poll() == .waiting)
            _ = process.shrink()
            #expect(process.poll() == .finished([.i32(first + second + 84)]))
        }
    }
}
