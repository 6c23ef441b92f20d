// The reader, the parser and the verifier on anything: they answer, and never trap or run away.

import AuditLog
import CapabilityModel
import Glibc
import LinuxKernel
import Testing

@Suite struct ReaderFuzzTests {
    private static var executions: Int {
        // A longer run: BULKHEAD_FUZZ_FACTOR=50 swift test --filter ReaderFuzzTests
        20_000 * (HostProcess.environment()["BULKHEAD_FUZZ_FACTOR"].flatMap(Int.init) ?? 1)
    }

    private static func seed() -> UInt64 {
        let seed = HostProcess.environment()["BULKHEAD_FUZZ_SEED"].flatMap(UInt64.init) ?? .random(in: 0...UInt64.max)
        print("audit reader fuzz: seed \(seed)")
        return seed
    }

    private static func realLines() throws -> [[UInt8]] {
        let directory = try TemporaryDirectory()
        let writer = try AuditWriter(directory: directory.path, keyFile: directory.key)
        for event in everyKindOfEvent() { try writer.append(event) }
        for text in TextTests.hostile { try writer.append(denial(text)) }
        try writer.close()
        return try directory.lines().map { Array($0.utf8) }
    }

    private static func mutate(_ line: [UInt8], _ generator: inout SeededGenerator, _ others: [[UInt8]]) -> [UInt8] {
        var line = line
        for _ in 0..<Int.random(in: 1...4, using: &generator) {
            guard !line.isEmpty else { return line }
            let place = Int.random(in: line.indices, using: &generator)
            switch Int.random(in: 0..<9, using: &generator) {
            case 0: line[place] = UInt8.random(in: 0...255, using: &generator)
            case 1: line.remove(at: place)
            case 2: line.insert(UInt8.random(in: 0...255, using: &generator), at: place)
            case 3: line.removeSubrange(place..<min(line.count, place + 20))
            case 4:
                let tokens = [
                    "{", "[", "\"", "\\u", "\\ud800", "1e999", "99999999999999999999", "-0", "null", ",", ":",
                ]
                line.insert(contentsOf: Array((tokens.randomElement(using: &generator) ?? "").utf8), at: place)
            case 5: line.replaceSubrange(place..., with: others.randomElement(using: &generator) ?? [])
            case 7: line.removeSubrange(place...)
            case 6: line.insert(contentsOf: [UInt8](repeating: UInt8(ascii: "["), count: 1000), at: place)
            default: line.append(contentsOf: line[place...].prefix(200))
            }
        }
        return line
    }

    @Test(.timeLimit(.minutes(10))) func anyLineParsesOrDoesNot() throws {
        var generator = SeededGenerator(seed: Self.seed())
        let lines = try Self.realLines()
        var records = 0
        var values = 0
        var kinds: Set<String> = []
        let executions = Self.executions
        for execution in 0..<executions {
            let line: [UInt8]
            if execution % 10 == 0 {
                line = (0..<Int.random(in: 0...300, using: &generator)).map { _ in
                    .random(in: 0...255, using: &generator)
                }
            } else {
                line = Self.mutate(lines.randomElement(using: &generator) ?? [], &generator, lines)
            }
            if JSONValue(line) != nil { values += 1 }
            if let record = AuditRecord(line: line[...]) {
                records += 1
                kinds.insert(record.event.kind.name)
                _ = AuditQuery(process: "x", policy: "abab", call: "path_open", layer: .wasi, since: 1).matches(record)
            }
            let shown = EscapedText.forTerminal(bytes: line)
            #expect(shown.unicodeScalars.allSatisfy { EscapedText.isPlain($0) })
        }
        print(
            "audit reader fuzz: \(executions) executions, \(values) JSON values, \(records) records of \(kinds.count) kinds"
        )
        #expect(records > 0 && records < executions && kinds.count > 5)
    }

    @Test(.timeLimit(.minutes(10))) func anyFilesCanBeReadAndVerified() throws {
        var generator = SeededGenerator(seed: Self.seed())
        let directory = try TemporaryDirectory()
        let writer = try AuditWriter(directory: directory.path, keyFile: directory.key)
        for event in everyKindOfEvent() { try writer.append(event) }
        try writer.close()
        let originals = try ["audit.jsonl", "audit.anchors"].map { ($0, try directory.read($0)) }
        let lines = try directory.lines().map { Array($0.utf8) }
        var broken = 0
        let executions = Self.executions / 40
        for _ in 0..<executions {
            var changed = false
            for (name, bytes) in originals {
                let mutated =
                    Bool.random(using: &generator) ? Self.mutate(bytes, &generator, lines) : bytes
                changed = changed || mutated != bytes
                try directory.write(mutated, to: name)
            }
            let result = try directory.verify()
            if !result.isIntact { broken += 1 }
            #expect(result.isIntact != changed)
            var reader = try AuditReader(directory: directory.path)
            while try reader.next() != nil {}
            // A writer that finds such files goes on, and what it adds can be read.
            let next = try AuditWriter(directory: directory.path, keyFile: directory.key)
            try next.append(event(.weakened(what: "after")))
            try next.close()
        }
        print("audit files fuzz: \(executions) executions, \(broken) found broken")
        #expect(broken > 0)
    }
}
