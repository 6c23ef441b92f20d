// Every kind of damage to a log is found, and the line named.

import AuditLog
import CapabilityModel
import Glibc
import LinuxKernel
import Testing

@Suite struct VerifierTests {
    /// Six lines in three files; everything is anchored.
    private func rotatedLog() throws -> (directory: TemporaryDirectory, settings: AuditSettings, names: [String]) {
        let directory = try TemporaryDirectory()
        var settings = AuditSettings()
        settings.segmentBytes = 800
        settings.anchorInterval = 4
        let writer = try AuditWriter(directory: directory.path, keyFile: directory.key, settings: settings)
        for index in 0..<6 {
            try writer.append(event(.weakened(what: "event number \(index)")))
            try writer.flush()
        }
        try writer.close()
        let names = try directory.files.chronological().map { String($0.dropFirst(directory.path.count + 1)) }
        try #require(names.count == 3)
        try #require(try directory.verify(settings).findings == [])
        return (directory, settings, names)
    }

    @Test(.timeLimit(.minutes(5))) func anyByteThatIsEditedIsFoundAndItsLineNamed() throws {
        let (directory, settings, names) = try rotatedLog()
        let seed = UInt64.random(in: 0...UInt64.max)
        print("seed \(seed)")
        var generator = SeededGenerator(seed: seed)
        for name in names {
            let original = try directory.read(name)
            for index in original.indices {
                var edited = original
                edited[index] ^= UInt8.random(in: 1...255, using: &generator)
                try directory.write(edited, to: name)
                let result = try directory.verify(settings)
                #expect(!result.isIntact, "\(name) byte \(index) became \(edited[index])")
                let line = original[..<index].count { $0 == 0x0a } + 1
                if original[index] != 0x0a, edited[index] != 0x0a {
                    #expect(
                        result.findings.contains { $0.names("\(directory.path)/\(name):\(line)") },
                        "\(name):\(line) byte \(index) became \(edited[index]): \(result.findings)")
                }
            }
            try directory.write(original, to: name)
        }
        #expect(try directory.verify(settings).findings == [])
    }

    @Test func anyTruncationIsFound() throws {
        let (directory, settings, names) = try rotatedLog()
        for name in names {
            let original = try directory.read(name)
            for length in original.indices {
                try directory.write(Array(original[..<length]), to: name)
                #expect(try !directory.verify(settings).isIntact, "\(name) cut to \(length)")
            }
            try HostFile.remove(directory.path + "/" + name)
            #expect(try !directory.verify(settings).isIntact, "\(name) removed")
            try directory.write(original, to: name)
        }
    }

    @Test func anyRemovedLinesAreFoundAndNumbered() throws {
        let directory = try TemporaryDirectory()
        let writer = try AuditWriter(directory: directory.path, keyFile: directory.key)
        for index in 0..<8 { try writer.append(event(.weakened(what: "\(index)"))) }
        try writer.close()
        let lines = try directory.lines()
        for start in lines.indices {
            for end in start..<lines.count {
                var kept = lines
                kept.removeSubrange(start...end)
                try directory.write(Array(kept.map { $0 + "\n" }.joined().utf8), to: "audit.jsonl")
                let removed = UInt64(start + 1)...UInt64(end + 1)
                let findings = try directory.verify().findings
                #expect(
                    findings.contains {
                        if case .missing(removed, before: _) = $0 { return true }
                        return false
                    }, "\(removed): \(findings)")
            }
        }
    }

    @Test func anySwapAndAnyRepetitionIsFound() throws {
        let directory = try TemporaryDirectory()
        let writer = try AuditWriter(directory: directory.path, keyFile: directory.key)
        for index in 0..<7 { try writer.append(event(.weakened(what: "\(index)"))) }
        try writer.close()
        let lines = try directory.lines()
        for left in lines.indices {
            for right in lines.indices where left != right {
                var swapped = lines
                swapped.swapAt(left, right)
                try directory.write(Array(swapped.map { $0 + "\n" }.joined().utf8), to: "audit.jsonl")
                #expect(try !directory.verify().isIntact)
                var repeated = lines
                repeated.insert(lines[left], at: right)
                try directory.write(Array(repeated.map { $0 + "\n" }.joined().utf8), to: "audit.jsonl")
                #expect(try !directory.verify().isIntact)
            }
        }
    }

    @Test func anEditedOrMissingAnchorIsFound() throws {
        let (directory, settings, _) = try rotatedLog()
        let original = try directory.read("audit.anchors")
        for index in original.indices {
            var edited = original
            edited[index] ^= 1
            try directory.write(edited, to: "audit.anchors")
            #expect(try !directory.verify(settings).isIntact, "byte \(index)")
        }
        let lines = try directory.lines("audit.anchors").count
        try #require(lines > 3)
        for removed in 0..<lines - 1 {
            try directory.write(original, to: "audit.anchors")
            var kept = try directory.lines("audit.anchors")
            kept.remove(at: removed)
            try directory.write(Array(kept.map { $0 + "\n" }.joined().utf8), to: "audit.anchors")
            #expect(try !directory.verify(settings).isIntact, "anchor \(removed)")
        }
        try HostFile.remove(directory.files.anchors)
        #expect(try directory.verify(settings).findings.contains(.anchorsMissing))
    }

    @Test func aLogThatWasWrittenWithAnotherKeyDoesNotPass() throws {
        let directory = try TemporaryDirectory()
        let forged = try TemporaryDirectory()
        for place in [directory, forged] {
            let writer = try AuditWriter(directory: place.path, keyFile: place.key)
            try writer.append(event(.weakened(what: "x")))
            try writer.close()
        }
        try directory.write(try forged.read("audit.jsonl"), to: "audit.jsonl")
        #expect(try !directory.verify().isIntact)
        try directory.write(try forged.read("audit.anchors"), to: "audit.anchors")
        #expect(try !directory.verify().isIntact)
    }

    @Test func processesThatAppendAtOnceLoseNothing() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path
        await withTaskGroup(of: Void.self) { group in
            for worker in 0..<4 {
                group.addTask {
                    await #expect(processExitsWith: .success) { [path = path as String, worker = worker as Int] in
                        var settings = AuditSettings()
                        settings.segmentBytes = 20_000
                        settings.segments = 100
                        let writer = try AuditWriter(
                            directory: path, keyFile: path + "/audit.key", settings: settings)
                        for index in 0..<100 {
                            try writer.append(event(.weakened(what: "\(worker) \(index)")))
                            try writer.flush()
                        }
                        try writer.close()
                    }
                }
            }
        }
        #expect(try directory.verify().findings == [])
        let records = try directory.records()
        #expect(records.map(\.sequence) == (1...400).map { $0 })
        #expect(Set(records.map { "\($0.event.kind)" }).count == 400)
        #expect(try directory.files.rotatedIndices().count > 3)
    }

    /// kill -9 at any moment leaves a log that the next writer carries on with, and that verifies.
    @Test func aKilledWriterLeavesALogThatGoesOn() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path
        for round in 0..<6 {
            await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
                var settings = AuditSettings()
                settings.segmentBytes = 40_000
                settings.anchorInterval = 16
                let writer = try AuditWriter(directory: path, keyFile: path + "/audit.key", settings: settings)
                Task.detached {
                    usleep(UInt32.random(in: 1000...40_000))
                    kill(getpid(), SIGKILL)
                }
                while true {
                    try writer.append(event(.weakened(what: String(repeating: "x", count: 400))))
                    try writer.flush()
                }
            }
            let writer = try AuditWriter(directory: path, keyFile: directory.key)
            try writer.append(event(.weakened(what: "round \(round)")))
            try writer.close()
            #expect(try directory.verify().findings == [])
        }
    }
}

extension AuditVerification.Finding {
    /// Whether the finding is about this place, or says that lines around it are gone or moved.
    func names(_ place: String) -> Bool {
        switch self {
        case .edited(let found, _), .outOfOrder(let found, _), .torn(let found), .replaced(let found, _):
            "\(found)" == place
        case .missing(_, let found): found.map { "\($0)" == place } ?? false
        case .anchorsMissing, .anchorEdited, .anchorsEndEarly: false
        }
    }
}
