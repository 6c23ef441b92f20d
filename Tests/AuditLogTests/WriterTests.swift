// What a writer leaves in the files: order, numbers, folding, bounds, rotation, recovery.

import AuditLog
import CapabilityModel
import Glibc
import LinuxKernel
import MachineKey
import Testing

@Suite struct WriterTests {
    @Test func linesAreNumberedChainedAndReadBackAsTheyWere() throws {
        let directory = try TemporaryDirectory()
        let events = everyKindOfEvent()
        let writer = try AuditWriter(directory: directory.path, keyFile: directory.key)
        for event in events { try writer.append(event) }
        try writer.close()
        let records = try directory.records()
        #expect(records.map(\.event) == events)
        #expect(records.map(\.sequence) == (1...UInt64(events.count)).map { $0 })
        #expect(try directory.verify().isIntact)
        #expect(try directory.verify().unanchored == 0)
    }

    @Test func nothingWaitsPastTheDelay() throws {
        let directory = try TemporaryDirectory()
        let clock = ManualClock()
        let writer = try directory.writer(clock)
        #expect(writer.deadline == nil)
        try writer.append(denial("/a"))
        #expect(writer.deadline == clock.read().monotonic + 100_000_000)
        #expect(try directory.lines().isEmpty)
        clock.advance(100_000_000)
        try writer.tick()
        #expect(try directory.lines().count == 1)
        #expect(writer.deadline == nil)
    }

    @Test func equalDenialsBecomeOneLineWithACount() throws {
        let directory = try TemporaryDirectory()
        let clock = ManualClock()
        let writer = try directory.writer(clock)
        for _ in 0..<1000 { try writer.append(denial("/etc/passwd")) }
        try writer.append(denial("/etc/shadow", count: 7))
        for _ in 0..<1000 { try writer.append(denial("/etc/passwd", count: 2)) }
        try writer.close()
        #expect(try directory.counts() == ["/etc/passwd": [1, 2999], "/etc/shadow": [7]])
    }

    @Test(.timeLimit(.minutes(5)))
    func tenMillionDenialsCostAFewLinesAndNoneIsUncounted() throws {
        let directory = try TemporaryDirectory()
        let clock = ManualClock()
        let writer = try directory.writer(clock)
        let total = 10_000_000
        var denials = (0..<1024).map { denial("/file\($0)") }
        for index in 0..<total / 100 {
            // Ten million denials over ten minutes, of which the cell folded a hundred into each report.
            if index % 1000 == 0 { clock.advance(6_000_000_000) }
            denials[index & 1023].setCount(100)
            try writer.append(denials[index & 1023])
        }
        try writer.close()
        let records = try directory.records()
        #expect(records.count < 5000)
        #expect(records.reduce(0) { $0 + $1.event.deniedCount } == UInt64(total))
        #expect(try directory.verify().isIntact)
    }

    @Test func distinctDenialsPastTheBudgetAreCountedByProcess() throws {
        let directory = try TemporaryDirectory()
        let clock = ManualClock()
        let writer = try directory.writer(clock)
        for index in 0..<20_000 { try writer.append(denial("/\(index)", process: "noisy.wasm/1")) }
        try writer.append(denial("/quiet", process: "quiet.wasm/2"))
        try writer.close()
        let records = try directory.records()
        #expect(records.count < 1000)
        #expect(records.reduce(0) { $0 + $1.event.deniedCount } == 20_001)
        #expect(records.contains { $0.event.process == "quiet.wasm/2" })
        #expect(records.filter { $0.event.isDropped }.map(\.event.process) == ["noisy.wasm/1"])
    }

    @Test func rotationCarriesTheChainAndBoundsTheLog() throws {
        let directory = try TemporaryDirectory()
        var settings = AuditSettings()
        settings.segmentBytes = 4096
        settings.segments = 3
        settings.anchorInterval = 10
        let writer = try AuditWriter(directory: directory.path, keyFile: directory.key, settings: settings)
        for index in 0..<200 {
            try writer.append(event(.weakened(what: "number \(index)")))
            try writer.flush()
        }
        try writer.close()
        #expect(try directory.files.rotatedIndices() == [1, 2, 3])
        for path in try directory.files.chronological() {
            #expect(try HostFile.status(path: path).map { $0.size <= 4096 } == true)
        }
        let result = try directory.verify(settings)
        #expect(result.findings == [])
        #expect(result.head.sequence == 200)
        let records = try directory.records()
        #expect(records.map(\.sequence) == ((result.firstSequence ?? 0)...200).map { $0 })
        #expect(records.count < 100)
    }

    @Test func anchorsStayFewHoweverManyRunsThereAre() throws {
        let directory = try TemporaryDirectory()
        var settings = AuditSettings()
        settings.segmentBytes = 16 << 10
        settings.segments = 2
        for index in 0..<1100 {
            let writer = try AuditWriter(directory: directory.path, keyFile: directory.key, settings: settings)
            try writer.append(event(.weakened(what: "run \(index)")))
            try writer.close()
        }
        #expect(try HostFile.status(path: directory.files.anchors).map { $0.size < 300_000 } == true)
        let result = try directory.verify(settings)
        #expect(result.findings == [] && result.head.sequence == 1100)
    }

    @Test func twoWritersTakeTurns() throws {
        let directory = try TemporaryDirectory()
        let first = try AuditWriter(directory: directory.path, keyFile: directory.key)
        let second = try AuditWriter(directory: directory.path, keyFile: directory.key)
        for index in 0..<50 {
            try first.append(event(.weakened(what: "first \(index)")))
            if index % 3 == 0 { try first.flush() }
            try second.append(event(.weakened(what: "second \(index)")))
            if index % 5 == 0 { try second.flush() }
        }
        try first.close()
        try second.close()
        #expect(try directory.verify().findings == [])
        #expect(try directory.records().count == 100)
    }

    /// What a writer leaves that was killed within write(2), at every length of the last line.
    @Test func aTornLineIsSetAsideAndTheChainGoesOn() throws {
        let directory = try TemporaryDirectory()
        let writer = try AuditWriter(directory: directory.path, keyFile: directory.key)
        try writer.append(event(.weakened(what: "whole")))
        try writer.flush()
        try writer.append(event(.weakened(what: "torn")))
        // No close: the last line is not anchored, as after kill -9.
        try writer.flush()
        let whole = try directory.read("audit.jsonl")
        let anchors = try directory.read("audit.anchors")
        let firstLine = try #require(whole.firstIndex(of: 0x0a)) + 1
        for cut in stride(from: firstLine + 1, to: whole.count, by: 7) {
            try directory.write(Array(whole[..<cut]), to: "audit.jsonl")
            try directory.write([], to: "audit.torn")
            #expect(try directory.verify().findings.map(\.isTorn) == [true])
            let next = try AuditWriter(directory: directory.path, keyFile: directory.key)
            try next.append(event(.weakened(what: "after")))
            try next.flush()
            let events = try directory.records().map(\.event.kind)
            #expect(
                events == [
                    .weakened(what: "whole"),
                    .logMended(tornBytes: UInt64(cut - firstLine), missingLines: 0), .weakened(what: "after"),
                ])
            #expect(try directory.read("audit.torn") == Array(whole[firstLine..<cut]) + [0x0a])
            #expect(try directory.verify().findings == [])
            // The anchors of this round would contradict the next round's lines.
            try directory.write(anchors, to: "audit.anchors")
        }
    }

    @Test func aShortenedLogGoesOnBehindItsAnchorAndSaysSo() throws {
        let directory = try TemporaryDirectory()
        let writer = try AuditWriter(directory: directory.path, keyFile: directory.key)
        for index in 0..<5 { try writer.append(event(.weakened(what: "\(index)"))) }
        try writer.close()
        let lines = try directory.lines()
        try directory.write(Array((lines[..<2].joined(separator: "\n") + "\n").utf8), to: "audit.jsonl")
        let next = try AuditWriter(directory: directory.path, keyFile: directory.key)
        try next.append(event(.weakened(what: "after")))
        try next.close()
        let records = try directory.records()
        #expect(records.map(\.sequence) == [1, 2, 6, 7])
        #expect(records[2].event.kind == .logMended(tornBytes: 0, missingLines: 3))
        let result = try directory.verify()
        #expect(result.findings.count == 1)
        guard case .missing(3...5, before: _)? = result.findings.first else {
            Issue.record("found \(result.findings)")
            return
        }
    }

    @Test func aFullDiskLeavesNoHalfLineAndNothingIsLostSilently() async {
        await #expect(processExitsWith: .success) {
            let directory = try TemporaryDirectory()
            var settings = AuditSettings()
            settings.pendingBytes = 2000
            let writer = try AuditWriter(directory: directory.path, keyFile: directory.key, settings: settings)
            try writer.append(event(.weakened(what: "before")))
            try writer.flush()
            let before = try directory.read("audit.jsonl")
            try withFileSizeLimit(before.count + 300) {
                try writer.append(event(.weakened(what: "one")))
                try writer.append(event(.weakened(what: "two")))
                #expect(throws: AuditError.self) { try writer.flush() }
                #expect(try directory.read("audit.jsonl") == before)
                for index in 0..<2000 { try? writer.append(event(.weakened(what: "flood \(index)"))) }
            }
            #expect(try directory.read("audit.jsonl") == before)
            try writer.close()
            #expect(try directory.verify().findings == [])
            let records = try directory.records()
            #expect(records[1].event.kind == .weakened(what: "one") && records[2].event.kind == .weakened(what: "two"))
            let dropped = records.reduce(0) { $0 + $1.event.deniedCount }
            #expect(dropped > 0 && UInt64(records.count) - 2 + dropped == 2002)
        }
    }

    @Test func logAndKeyAreReadableByTheirOwnerOnly() throws {
        let directory = try TemporaryDirectory()
        try AuditWriter(directory: directory.path, keyFile: directory.key).close()
        #expect(try HostFile.status(path: directory.files.current).map { $0.mode & 0o7777 } == 0o600)
        #expect(try HostFile.status(path: directory.key).map { $0.mode & 0o7777 } == 0o600)
    }
}
