// Hostile text, times, keys, and the schema against real lines.

import AuditLog
import CapabilityModel
import Glibc
import LinuxKernel
import MachineKey
import Testing

@Suite struct TextTests {
    static let hostile = [
        "\u{1b}]0;owned\u{7}", "\u{1b}[2J\u{1b}[H", "\u{9b}31m", "a\u{202e}gpj.exe", "\u{2066}x\u{2069}", "\u{0}",
        "\r\n",
        "\u{7f}", "zero\u{200b}width", "\u{feff}", "\u{2028}", "tag\u{e0041}", "\u{f0000}", "\"},\"mac\":\"",
        "back\\slash", "{\"seq\":1}", "\u{85}", "\u{ad}",
    ]

    @Test(arguments: hostile) func aLineHoldsNoControlOfItsOwn(_ text: String) throws {
        let directory = try TemporaryDirectory()
        let writer = try AuditWriter(directory: directory.path, keyFile: directory.key)
        let events = [
            denial(text), event(.started(module: text, moduleDigest: text, arguments: [text]), process: text),
            event(.exited(.trap(kind: text, message: text, backtrace: []))),
        ]
        for event in events { try writer.append(event) }
        try writer.close()
        let bytes = try directory.read("audit.jsonl")
        for line in bytes.split(separator: 0x0a) { #expect(EscapedText.isPlain(utf8: line)) }
        #expect(try directory.records().map(\.event) == events)
        #expect(try directory.verify().isIntact)
        #expect(EscapedText.forTerminal(text).unicodeScalars.allSatisfy { EscapedText.isPlain($0) })
    }

    @Test func textForATerminalSaysWhatWasThere() {
        #expect(EscapedText.forTerminal("a\u{1b}[m\n\t\\\u{202e}é") == "a\\u{1b}[m\\n\\t\\\\\\u{202e}é")
        #expect(
            EscapedText.forTerminal(bytes: [0x61, 0xff, 0xc3, 0xa9, 0xc3, 0x0a, 0xed, 0xa0, 0x80, 0x07])
                == "a\\xffé\\xc3\\n\\xed\\xa0\\x80\\u{7}")
        #expect(EscapedText.forTerminal("nothing to do") == "nothing to do")
    }

    @Test func longTextIsCutAndTheLineStaysALine() throws {
        let directory = try TemporaryDirectory()
        let writer = try AuditWriter(directory: directory.path, keyFile: directory.key)
        let long = String(repeating: "\u{1b}", count: 1 << 20)
        let frame = WasmFrame(function: long, functionIndex: 1, functionOffset: 1, moduleOffset: 1)
        try writer.append(denial(long))
        try writer.append(
            event(.started(module: long, moduleDigest: long, arguments: Array(repeating: long, count: 99))))
        try writer.append(
            event(.exited(.trap(kind: long, message: long, backtrace: Array(repeating: frame, count: 999)))))
        try writer.append(event(.policyLoaded(sources: Array(repeating: "x", count: 100_000)), process: long))
        try writer.close()
        #expect(try directory.records().count == 4)
        for line in try directory.lines() { #expect(line.utf8.count < 16 << 10) }
        #expect(try directory.verify().isIntact)
    }

    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000000000Z"), (951_782_400_000_000_001, "2000-02-29T00:00:00.000000001Z"),
            (-1, "1969-12-31T23:59:59.999999999Z"), (1_767_225_599_123_456_789, "2025-12-31T23:59:59.123456789Z"),
            (4_107_542_399_000_000_000, "2100-02-28T23:59:59.000000000Z"),
        ] as [(Int64, String)]) func timesAreWrittenAndReadBack(_ nanoseconds: Int64, _ text: String)
    {
        #expect(Timestamp.text(nanoseconds) == text)
        #expect(Timestamp.parse(text) == nanoseconds)
    }

    @Test func timesOfEveryDayAgreeWithTheCLibrary() {
        for day in stride(from: -80_000, to: 90_000, by: 7) {
            let nanoseconds = Int64(day) * 86_400_000_000_000 + 12_345_000_000_000
            #expect(Timestamp.parse(Timestamp.text(nanoseconds)) == nanoseconds)
        }
        #expect(Timestamp.parse("2026-01-31T12:00:00+02:00") == Timestamp.parse("2026-01-31T10:00:00Z"))
        for bad in [
            "", "2026", "2026-13-01T00:00:00Z", "2026-01-01T25:00:00Z", "2026-01-01T00:00:00", "9999-01-01T00:00:00Z",
        ] {
            #expect(Timestamp.parse(bad) == nil)
        }
    }

    @Test(arguments: [0o640, 0o604, 0o660, 0o610] as [UInt32]) func aKeyThatOthersCanReachIsRefused(_ mode: UInt32)
        throws
    {
        let directory = try TemporaryDirectory()
        _ = try MachineKey(path: directory.key)
        let file = try HostFile.open(directory.key, O_RDONLY)
        fchmod(file.rawValue, mode)
        #expect(throws: MachineKeyError.exposed(path: directory.key, mode: mode)) {
            try MachineKey(path: directory.key)
        }
        #expect(throws: AuditError.self) { try AuditWriter(directory: directory.path, keyFile: directory.key) }
    }

    @Test func aKeyOfTheWrongKindIsRefused() throws {
        let directory = try TemporaryDirectory()
        try directory.write([1, 2, 3], to: "short.key")
        #expect(throws: MachineKeyError.self) { try MachineKey(path: directory.path + "/short.key") }
        #expect(throws: MachineKeyError.self) { try MachineKey(path: directory.path) }
        #expect(throws: MachineKeyError.self) { try MachineKey(path: directory.path + "/none/key") }
        if geteuid() == 0 {
            _ = try MachineKey(path: directory.key)
            let file = try HostFile.open(directory.key, O_RDONLY)
            fchown(file.rawValue, 65_534, 65_534)
            #expect(throws: MachineKeyError.foreignOwner(path: directory.key, owner: 65_534)) {
                try MachineKey(path: directory.key)
            }
        }
    }

    @Test func aLogWhoseKeyIsGoneIsNotContinuedWithANewOne() throws {
        let directory = try TemporaryDirectory()
        let writer = try AuditWriter(directory: directory.path, keyFile: directory.key)
        try writer.append(denial("/x"))
        try writer.close()
        try HostFile.remove(directory.key)
        let missing = AuditError.keyMissing(log: directory.files.current, key: directory.key)
        #expect(throws: missing) { try AuditWriter(directory: directory.path, keyFile: directory.key) }
        #expect(throws: missing) { try directory.verify() }
    }

    /// RFC 4231, test cases 1, 2, 6 and 7.
    @Test(
        arguments: [
            (
                [UInt8](repeating: 0x0b, count: 20), "Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
            ),
            (
                Array("Jefe".utf8), "what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
            ),
            (
                [UInt8](repeating: 0xaa, count: 131), "Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
            ),
            (
                [UInt8](repeating: 0xaa, count: 131),
                "This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.",
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"
            ),
        ] as [([UInt8], String, String)]) func codesAreThoseOfTheStandard(
            _ key: [UInt8], _ text: String, _ code: String
        )
    {
        #expect(Authenticator(key: key).code { $0.update(text) }.description == code)
    }

    @Test func queriesFindWhatTheyName() throws {
        let directory = try TemporaryDirectory()
        let writer = try AuditWriter(directory: directory.path, keyFile: directory.key)
        try writer.append(denial("/a", process: "one.wasm/10"))
        try writer.append(event(.started(module: "m", moduleDigest: "d", arguments: []), process: "dir/two.wasm/20"))
        try writer.close()
        let records = try directory.records()
        func found(_ query: AuditQuery) -> [Bool] { records.map { query.matches($0) } }
        #expect(found(AuditQuery()) == [true, true])
        #expect(found(AuditQuery(process: "one.wasm")) == [true, false])
        #expect(found(AuditQuery(process: "20")) == [false, true])
        #expect(found(AuditQuery(process: "dir/two.wasm/20")) == [false, true])
        #expect(found(AuditQuery(call: "path_open")) == [true, false])
        #expect(found(AuditQuery(call: "open")) == [false, false])
        #expect(found(AuditQuery(layer: .wasi)) == [true, false])
        #expect(found(AuditQuery(layer: .seccomp)) == [false, false])
        #expect(found(AuditQuery(policy: "no-fs.toml")) == [true, false])
        #expect(found(AuditQuery(policy: "abab")) == [true, true])
        #expect(found(AuditQuery(since: records[0].time)) == [true, true])
        #expect(found(AuditQuery(since: .max)) == [false, false])
    }
}
