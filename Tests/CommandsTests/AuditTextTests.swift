// What `bulkhead audit` prints: reasons with their places, nothing of a guest unescaped, suggestions that are policies.

import AuditLog
import CapabilityModel
import PolicyCompiler
import Testing

@testable import Commands

@Suite struct AuditTextTests {
    private func record(_ kind: AuditEvent.Kind, process: String = "guest.wasm/7") throws -> AuditRecord {
        var record = try #require(
            AuditRecord(
                line: Array(
                    #"{"seq":1,"time":"2026-01-31T12:00:00.000000000Z","kind":"weakened","process":"","policy":"","claim":true,"what":""}"#
                        .utf8)[...]))
        record.event = AuditEvent(process: process, policyDigest: "ab", isClaim: true, kind: kind)
        return record
    }

    private func denial(_ key: String, _ arguments: String) -> Denial {
        Denial(
            call: "wasi_snapshot_preview1.path_open", arguments: arguments, layer: .wasi, key: PolicyKey(key), errno: 76
        )
    }

    @Test func aDenialSaysWhereItStandsOrWouldStand() throws {
        let present = PolicyOrigin(file: "a.toml", line: 3, column: 5, keyPath: "fs[0].access", isPresent: true)
        let absent = PolicyOrigin(file: "b.toml", line: 9, column: 0, keyPath: "fs", isPresent: false)
        let text = AuditPrinter(style: TerminalStyle(isColoured: false)).text(
            try record(.denied(denial("fs", "path=\"/etc\""), origins: [present, absent])))
        #expect(
            text == """
                2026-01-31T12:00:00.000000000Z guest.wasm/7 denied wasi_snapshot_preview1.path_open path="/etc" → ENOTCAPABLE \
                [wasi] (claim)
                    by fs[0].access at a.toml:3:5
                    fs is not granted: it would stand at b.toml:9
                """)
    }

    @Test func nothingOfAGuestSteersTheTerminal() throws {
        let hostile = "\u{1b}[2J\u{202e}\u{7}\r\n\u{9b}m"
        let origin = PolicyOrigin(file: hostile, line: 1, column: 1, keyPath: hostile, isPresent: true)
        let frame = WasmFrame(function: hostile, functionIndex: 1, functionOffset: 1, moduleOffset: 1)
        let kinds: [AuditEvent.Kind] = [
            .policyLoaded(sources: [hostile]), .started(module: hostile, moduleDigest: "", arguments: [hostile]),
            .denied(denial(hostile, hostile), origins: [origin]), .denied(denial(hostile, hostile), origins: []),
            .exited(.trap(kind: hostile, message: hostile, backtrace: [frame])), .exited(.refused(message: hostile)),
            .exited(.cellFailed(message: hostile)), .cacheRejected(entry: hostile, why: hostile),
            .weakened(what: hostile),
        ]
        var summary = AuditSummary()
        var suggested = SuggestedPolicy()
        for kind in kinds {
            let record = try record(kind, process: hostile)
            summary.add(record)
            suggested.add(record)
            let text = AuditPrinter(style: TerminalStyle(isColoured: false)).text(record)
            #expect(
                text.split(separator: "\n").allSatisfy { EscapedText.isPlain(utf8: Array($0.utf8)[...]) }, "\(kind)")
            #expect(!text.contains("\r"))
        }
        for text in [summary.text, suggested.text] {
            #expect(text.split(separator: "\n").allSatisfy { EscapedText.isPlain(utf8: Array($0.utf8)[...]) })
        }
    }

    @Test func suggestionsBecomeOnePolicyThatParses() throws {
        var suggested = SuggestedPolicy()
        let denials = [
            denial("fs", "path=\"/data/a\""), denial("fs", "path=\"/data/b\""), denial("fs", "path=\"/etc/x\""),
            denial("net.connect", "target=\"tcp://example.org:443\""),
            denial("net.connect", "target=\"tcp://example.net:80\""), denial("random", ""),
            denial("clocks.realtime", ""), denial("clocks.monotonic", ""), denial("args", ""),
        ]
        for denial in denials { suggested.add(try record(.denied(denial, origins: []))) }
        _ = try PolicyDocument.parse(text: suggested.text, file: "suggested.toml", baseDirectory: "/")
        let lines = suggested.text.split(separator: "\n").filter { !$0.hasPrefix("#") }.joined(separator: "\n")
        #expect(
            lines == """
                random = true
                clocks = { realtime = "1ms", monotonic = "1ms" }
                args = true
                [[fs]]
                guest = "/data"
                host = "/data"
                access = "read-only"
                [[fs]]
                guest = "/etc"
                host = "/etc"
                access = "read-only"
                [net]
                connect = ["tcp://example.org:443", "tcp://example.net:80"]
                """)
    }

    @Test func timesForSinceAreUnderstood() {
        for text in ["90s", "10m", "2h", "3d", "2026-01-31", "2026-01-31T12:00:00Z", "99999999999999999d"] {
            #expect(AuditTime(argument: text) != nil, "\(text)")
        }
        for text in ["", "s", "-5m", "soon", "2026-02-31T99:00:00Z"] {
            #expect(AuditTime(argument: text) == nil, "\(text)")
        }
    }
}
