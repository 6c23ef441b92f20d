// Output that goes to the log: whole lines with their origin, harmless on a terminal, bounded in length.

import Testing

@testable import CellSupervisor

@Suite struct LogLinesTests {
    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test func linesAreKeptWholeAcrossReads() {
        var log = LogLines(origin: "a.wasm stdout")
        #expect(text(log.feed(Array("one\ntw".utf8)[...])) == "[a.wasm stdout] one\n")
        #expect(log.feed(Array("o".utf8)[...]).isEmpty)
        #expect(text(log.feed(Array("\n\n".utf8)[...])) == "[a.wasm stdout] two\n[a.wasm stdout] \n")
        #expect(log.finish().isEmpty)
    }

    @Test func theLastLineNeedsNoEnd() {
        var log = LogLines(origin: "a stderr")
        _ = log.feed(Array("rest".utf8)[...])
        #expect(text(log.finish()) == "[a stderr] rest\n")
    }

    @Test func nothingReachesATerminal() {
        var log = LogLines(origin: "\u{1b}[2J stdout")
        let line = text(log.feed(Array("\u{1b}]0;pwned\u{7}\r\u{202e}x\n".utf8)[...]))
        #expect(line.unicodeScalars.allSatisfy { $0 == "\n" || ($0.value >= 0x20 && $0.value < 0x7f) })
        #expect(line.contains("\\u{1b}]0;pwned"))
    }

    @Test func aLineWithoutEndIsCut() {
        var log = LogLines(origin: "a stdout")
        let lines = text(log.feed([UInt8](repeating: 0x61, count: 3 * LogLines.lineLimit + 1)[...]))
        #expect(lines.split(separator: "\n").count == 3)
    }
}
