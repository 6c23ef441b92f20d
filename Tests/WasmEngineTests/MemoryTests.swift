// Linear memories: growth and its limits, zeroing on reuse, guards, and what a host function sees.

import CapabilityModel
import Testing

@testable import WasmEngine

struct MemoryTests {
    /// Writes a mark into every page, grows to `pages`, checks every mark and that new pages are zero.
    static let growing = """
        (module (memory (export "memory") 1)
          (func (export "run") (param $pages i32) (result i32) (local $page i32)
            (loop $again
              (local.set $page (memory.size))
              (if (i32.lt_u (local.get $page) (local.get $pages)) (then
                (if (i32.load (i32.shl (i32.sub (local.get $page) (i32.const 1)) (i32.const 16))) (then unreachable))
                (i32.store (i32.shl (i32.sub (local.get $page) (i32.const 1)) (i32.const 16)) (local.get $page))
                (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then (return (i32.const -1))))
                (br $again))))
            (local.set $page (i32.const 1))
            (loop $check
              (if (i32.ne (local.get $page)
                    (i32.load (i32.shl (i32.sub (local.get $page) (i32.const 1)) (i32.const 16)))) (then unreachable))
              (local.set $page (i32.add (local.get $page) (i32.const 1)))
              (br_if $check (i32.lt_u (local.get $page) (local.get $pages))))
            (memory.size)))
        """

    @Test(arguments: ExecutionProfile.allCases, [UInt32(2), 3, 17, 100, 1000])
    func growthKeepsContentAndAddsZeros(profile: ExecutionProfile, pages: UInt32) throws {
        #expect(try Guest.run(Self.growing, "run", [.i32(pages)], profile: profile) == .finished([.i32(pages)]))
    }

    @Test func aMemoryTrapsRightPastItsSizeInEveryClass() throws {
        let engine = try Guest.engine()
        for pages in [UInt32(1), 2, 3, 5, 16, 33] {
            let last = "(i32.sub (i32.shl (memory.size) (i32.const 16)) (i32.const 1))"
            let body = { (offset: Int) in
                """
                (module (memory \(pages))
                  (func (export "run") (drop (memory.grow (i32.const 1))) (drop (i32.load8_u offset=\(offset) \(last)))))
                """
            }
            #expect(try Guest.run(body(0), engine: engine) == .finished([]))
            for offset in [1, 4096, 65535, 65536, 1 << 20] {
                guard case .trapped(let trap) = try Guest.run(body(offset), engine: engine) else {
                    Issue.record("\(pages) pages, offset \(offset): read past the end")
                    continue
                }
                #expect(trap.kind == .memoryOutOfBounds)
            }
        }
    }

    @Test func aReusedSlotShowsNothingOfItsLastOwner() throws {
        let engine = try Guest.engine()
        let dirty = """
            (module (memory 1) (func (export "run") (param i32) (drop (memory.grow (local.get 0)))
              (memory.fill (i32.const 0) (i32.const 0xee) (i32.shl (memory.size) (i32.const 16)))))
            """
        let scan = """
            (module (memory 1) (func (export "run") (param i32) (result i64) (local $at i32) (local $sum i64)
              (drop (memory.grow (local.get 0)))
              (loop $next
                (local.set $sum (i64.or (local.get $sum) (i64.load (local.get $at))))
                (local.set $at (i32.add (local.get $at) (i32.const 8)))
                (br_if $next (i32.lt_u (local.get $at) (i32.shl (memory.size) (i32.const 16)))))
              (local.get $sum)))
            """
        for extra in [UInt32(0), 1, 3, 9, 40] {
            for again in [UInt32(0), 1, 3, 9, 40] {
                #expect(try Guest.run(dirty, "run", [.i32(extra)], engine: engine) == .finished([]))
                #expect(try Guest.run(scan, "run", [.i32(again)], engine: engine) == .finished([.i64(0)]))
            }
        }
    }

    @Test(arguments: ExecutionProfile.allCases)
    func growthPastTheLimitFailsAndIsRemembered(profile: ExecutionProfile) throws {
        let process = try Guest.process(
            Self.growing, profile: profile, limits: StoreLimits(memoryBytes: 5 << 16, tableElements: 10))
        #expect(process.finish() == .finished([]))
        #expect(process.memoryBytes == 1 << 16)
        #expect(process.memoryDenial == nil)
        try process.call("run", [.i32(100)])
        #expect(process.finish() == .finished([.i32(.max)]))
        #expect(process.memoryBytes == 5 << 16)
        #expect(process.memoryDenial == GrowthDenial(used: 5 << 16, requested: 1 << 16, allowed: 5 << 16))
    }

    @Test func memoryIsChargedAndRefundedElsewhereToo() throws {
        let purse = Purse(bytes: 4 << 16)
        do {
            let process = try Guest.process(Self.growing, charge: purse)
            #expect(process.finish() == .finished([]))
            #expect(purse.left == 3 << 16)
            try process.call("run", [.i32(3)])
            #expect(process.finish() == .finished([.i32(3)]))
            #expect(purse.left == 1 << 16)
            try process.call("run", [.i32(5)])
            #expect(process.finish() == .finished([.i32(.max)]))
            #expect(purse.left == 0)
            #expect(
                process.memoryDenial
                    == GrowthDenial(used: 4 << 16, requested: 1 << 16, allowed: 1 << 32, isByCharge: true))
        }
        #expect(purse.left == 4 << 16)
        let process = try Guest.process("(module (memory 5))", charge: purse)
        guard case .failed = process.finish() else {
            Issue.record("it was made")
            return
        }
        #expect(purse.left == 4 << 16)
    }

    @Test func theLimitCountsAllMemoriesTogether() throws {
        let process = try Guest.process(
            """
            (module (memory $a 1) (memory $b 1)
              (func (export "run") (result i32)
                (drop (memory.grow $a (i32.const 2))) (memory.grow $b (i32.const 2))))
            """, limits: StoreLimits(memoryBytes: 5 << 16, tableElements: 10))
        #expect(process.finish() == .finished([]))
        try process.call("run")
        #expect(process.finish() == .finished([.i32(.max)]))
        #expect(process.memoryBytes == 4 << 16)
    }

    @Test func aMinimumOverTheLimitDoesNotStart() throws {
        let process = try Guest.process(
            "(module (memory 100))", limits: StoreLimits(memoryBytes: 10 << 16, tableElements: 10))
        guard case .failed = process.finish() else {
            Issue.record("it started")
            return
        }
        #expect(process.memoryDenial == GrowthDenial(used: 0, requested: 100 << 16, allowed: 10 << 16))
    }

    @Test(arguments: ["0xffffffffffff", "0x10000", "0x7fffffffffff"])
    func hostileSixtyFourBitGrowthFails(pages: String) throws {
        let text = "(module (memory i64 1) (func (export \"run\") (result i64) (memory.grow (i64.const \(pages)))))"
        #expect(try Guest.run(text) == .finished([.i64(.max)]))
    }

    @Test func aTableGrowthBombStopsAtTheLimit() throws {
        let text = """
            (module (table 1 funcref) (func (export "run") (result i32)
              (loop $more (br_if $more (i32.ne (i32.const -1) (table.grow (ref.null func) (i32.const 1000)))))
              (table.size)))
            """
        let progress = try Guest.run(text, limits: StoreLimits(memoryBytes: 1 << 20, tableElements: 50_000))
        #expect(progress == .finished([.i32(49_001)]))
    }

    @Test func tooManyTablesOrMemoriesDoNotStart() throws {
        for declaration in ["(table 1 funcref)", "(memory 0)"] {
            let text = "(module " + String(repeating: declaration, count: 17) + ")"
            let process = try Guest.process(text)
            guard case .failed(let message) = process.finish() else {
                Issue.record("17 of \(declaration) started")
                continue
            }
            #expect(message.contains("limit"))
        }
    }

    /// Collected objects live in a memory too, and it is paid for like the others.
    @Test func aBombOfCollectedObjectsEndsAtTheLimit() throws {
        let text = """
            (module (type $node (struct (field (ref null $node)) (field i64)))
              (func (export "run") (local $list (ref null $node))
                (loop $more
                  (local.set $list (struct.new $node (local.get $list) (i64.const 1))) (br $more))))
            """
        let process = try Guest.process(
            text, profile: .heavy, limits: StoreLimits(memoryBytes: 4 << 20, tableElements: 10))
        #expect(process.finish() == .finished([]))
        try process.call("run")
        guard case .trapped(let trap) = process.finish() else {
            Issue.record("no trap")
            return
        }
        #expect(trap.message.hasPrefix("GC heap out of memory"))
        #expect(trap.backtrace.count == 1)
        #expect(process.memoryBytes <= 4 << 20)
        #expect(process.memoryDenial?.allowed == 4 << 20)
    }

    @Test func aMillionExceptionsNeedNoMoreThanTheLimit() throws {
        let text = """
            (module (tag $e (param i64))
              (func $thrower (throw $e (i64.const 7)))
              (func (export "run") (result i32) (local $n i32)
                (local.set $n (i32.const 1000000))
                (loop $more
                  (block $caught (result i64) (try_table (catch $e $caught) (call $thrower)) (i64.const 0))
                  (drop)
                  (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
                (i32.const 5)))
            """
        let process = try Guest.process(text, limits: StoreLimits(memoryBytes: 4 << 20, tableElements: 10))
        #expect(process.finish() == .finished([]))
        try process.call("run")
        #expect(process.finish() == .finished([.i32(5)]))
        #expect(process.memoryBytes <= 4 << 20)
    }

    @Test func memoryIsGivenBackWithTheStore() throws {
        let slab = MemorySlab(usesMarkers: HostPage.hasGuardMarkers, reservation: 1 << 20)
        // A reservation of 1 MiB holds eight slots of the smallest class: 128 KiB each.
        for _ in 0..<3 {
            let memories = (0..<8).compactMap { _ in slab.make(size: 1 << 16, reservation: 0, guardBytes: 1 << 16) }
            #expect(memories.count == 8)
            #expect(slab.make(size: 1 << 16, reservation: 0, guardBytes: 1 << 16) == nil)
            memories.forEach(slab.free)
        }
    }

    /// Page tables of free slots are given back among slots in use, which keep what they hold and their guards.
    @Test(arguments: [true, false])
    func freeSlotsAreMappedAnew(markers: Bool) throws {
        guard HostPage.hasGuardMarkers || !markers else { return }
        let seed = environment("BULKHEAD_FUZZ_SEED").flatMap { UInt64($0) } ?? UInt64.random(in: 0...UInt64.max)
        print("freeSlotsAreMappedAnew: seed \(seed)")
        var generator = SplitMix(state: seed)
        let slab = MemorySlab(usesMarkers: markers, reservation: 64 << 20)
        var held: [LinearMemory] = []
        var renewed = 0
        for round in 0..<40 {
            while held.count < (round % 2 == 0 ? 200 : 20) {
                let size = Int.random(in: 1...4, using: &generator) << 16
                guard let memory = slab.make(size: size, reservation: 0, guardBytes: 1 << 16) else { break }
                try #require(readable(memory.slot.base, size))
                try #require(!readable(memory.slot.base + UInt(size), 1))
                try #require(!readable(memory.slot.base + UInt(size + 1 << 16) - 1, 1))
                try #require(word(memory.slot.base) == 0 && word(memory.slot.base + UInt(size) - 8) == 0)
                setWord(memory.slot.base, UInt64(memory.slot.base))
                setWord(memory.slot.base + UInt(size) - 8, ~UInt64(memory.slot.base))
                held.append(memory)
            }
            // Neighbours, so that whole ranges become free.
            held.sort { $0.slot.base < $1.slot.base }
            let first = Int.random(in: 0...held.count / 2, using: &generator)
            let gone = held[first..<min(first + 120, held.count)]
            gone.forEach(slab.free)
            held.removeSubrange(gone.startIndex..<gone.endIndex)
            renewed += slab.renewFree()
            for memory in held {
                let isWhole =
                    word(memory.slot.base) == UInt64(memory.slot.base)
                    && word(memory.slot.base + UInt(memory.size) - 8) == ~UInt64(memory.slot.base)
                try #require(isWhole, "round \(round)")
                try #require(!readable(memory.slot.base + UInt(memory.size), 1), "round \(round)")
            }
        }
        #expect(renewed > 0)
        held.forEach(slab.free)
    }

    @Test(arguments: [true, false])
    func guardsWorkWithMarkersAndWithout(markers: Bool) throws {
        guard HostPage.hasGuardMarkers || !markers else { return }
        let slab = MemorySlab(usesMarkers: markers, reservation: 8 << 20)
        for pages in [0, 1, 2, 3, 8] {
            guard var memory = slab.make(size: pages << 16, reservation: 0, guardBytes: 1 << 16) else {
                Issue.record("no slot for \(pages) pages")
                continue
            }
            #expect(slab.grow(&memory, to: (pages + 1) << 16))
            #expect(memory.slot.guardOffset == (pages + 1) << 16)
            #expect(readable(memory.slot.base, (pages + 1) << 16))
            #expect(!readable(memory.slot.base + UInt((pages + 1) << 16), 1))
            #expect(!readable(memory.slot.base + UInt((pages + 2) << 16) - 1, 1))
            slab.free(memory)
        }
    }
}
