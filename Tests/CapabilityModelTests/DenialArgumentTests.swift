// What a guest put into a denial's arguments comes back as it was, whatever it was.

import CapabilityModel
import Testing

@Suite("An argument of a denial")
struct DenialArgumentTests {
    @Test(
        "is quoted, and read back",
        arguments: [
            ("", #"path="""#), ("/etc/passwd", #"path="/etc/passwd""#), (#"a"b"#, #"path="a\"b""#),
            (#"\"#, #"path="\\""#), ("\n\u{1b}[31m", #"path="\n\u{1b}[31m""#),
            (#"" path="/etc"#, #"path="\" path=\"/etc""#),
            ("é\u{301}\u{202e}", "path=\"é\u{301}\\u{202e}\""), ("\"\u{301}", "path=\"\\\"\u{301}\""),
        ])
    func known(value: String, text: String) {
        #expect(Array(DenialArgument.quoted("path", value).utf8) == Array(text.utf8))
        let back = DenialArgument.value(of: "path", in: text)
        #expect(back.map { Array($0.utf8) } == Array(value.utf8))
    }

    @Test(
        "that is not what it seems is none",
        arguments: [
            "", "path", "path=", "path=x", #"path="x"#, #"path="x"…"#, #"path="x"y"#, #"path="\q""#, #"path="\xff""#,
            #"path="\u{110000}""#, #"path="\u{d800}""#, #"path="\u"#, #"path="\"#, #"xpath="y""#,
            #"target="path=\"x\"""#,
        ])
    func none(text: String) {
        #expect(DenialArgument.value(of: "path", in: text) == nil)
    }

    @Test(
        "that does not fit is cut, and does not pass for a whole one",
        arguments: ["a", "\"", "\u{1}", "é", "\u{1f600}"])
    func cut(unit: String) {
        for count in [1, 43, 44, 73, 74, 110, 111, 219, 220, 221, 439, 440, 441, 5000] {
            let value = String(repeating: unit, count: count)
            let text = DenialArgument.quoted("path", value)
            #expect(text.utf8.count <= DenialArgument.limit + 10)
            let back = DenialArgument.value(of: "path", in: text)
            #expect(back == (text.hasSuffix("…") ? nil : value))
            #expect(text.hasSuffix("…") || count < DenialArgument.limit + 1)
        }
    }

    @Test("that is no UTF-8 shows its bytes and is not taken for text")
    func bytes() {
        let text = DenialArgument.quoted("path", bytes: [0x2f, 0xff, 0x22])
        #expect(text == #"path="/\xff\"""#)
        #expect(DenialArgument.value(of: "path", in: text) == nil)
    }

    @Test("comes back whatever stands before it and behind it")
    func roundTrip() {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("denial arguments: seed \(seed)")
        var source = Numbers(state: seed)
        let likely: [Unicode.Scalar] = ["\"", "\\", " ", "=", "/", "a", "p", "\n", "u", "{", "}", "\u{301}", "…", "x"]
        func text() -> String {
            var view = String.UnicodeScalarView()
            for _ in 0..<source.next() % 30 {
                let any = Unicode.Scalar(UInt32(source.next() % 0x11_0000)) ?? "?"
                view.append(source.next() % 3 == 0 ? any : likely[Int(source.next() % UInt64(likely.count))])
            }
            return String(view)
        }
        for _ in 0..<5000 {
            let (before, value, behind) = (text(), text(), text())
            let pieces = [
                DenialArgument.quoted("old", before), "fd=7", DenialArgument.quoted("path", value),
                DenialArgument.quoted("to", behind), "access=write",
            ]
            let line = pieces.joined(separator: " ")
            for (name, expected) in [("old", before), ("path", value), ("to", behind)] {
                let back = DenialArgument.value(of: name, in: line)
                #expect(
                    back.map { Array($0.unicodeScalars) } == Array(expected.unicodeScalars), "seed \(seed): \(line)")
            }
            #expect(line.unicodeScalars.allSatisfy(EscapedText.isPlain), "seed \(seed)")
            #expect(DenialArgument.value(of: "fd", in: line) == nil)
            // Anything at all may come from a broken cell: an answer or none, but an end.
            _ = DenialArgument.value(of: "path", in: before + line + value)
        }
    }
}

/// SplitMix64 (Steele, Lea and Flood, 2014).
private struct Numbers {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
