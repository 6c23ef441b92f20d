// Every denial says what would have allowed it, or has none on purpose.

import CapabilityModel
import PolicyCompiler
import Testing

@Suite struct SuggestionTests {
    /// Keys no grant of which would let a denied call pass.
    static let withoutSuggestion: Set<String> = [
        // Nothing is denied by these: they say how a guest runs, or which.
        "on_denied", "module.sha256", "cell.require", "cell.profile", "cell.seccomp", "process.park_after",
    ]

    static func denial(_ key: PolicyKey, _ arguments: String = "") -> Denial {
        Denial(call: "wasi_snapshot_preview1.f", arguments: arguments, layer: .wasi, key: key, errno: 76)
    }

    @Test(arguments: ShippedPolicies.names)
    func everyKeyHasASuggestionOrNoneOnPurpose(name: String) throws {
        let policy = try compiled(name)
        let imports = policy.imports.entries.values.compactMap { entry -> PolicyKey? in
            if case .denied(let key) = entry { key } else { nil }
        }
        #expect(Set(imports).isSubset(of: policy.provenance.keys))
        for key in policy.provenance.keys {
            let suggestion = Suggestion(for: Self.denial(key))
            // Of a named policy, the key within it.
            let own =
                key.path.hasPrefix("process.policies[")
                ? key.path.split(separator: "]", maxSplits: 1)[1].dropFirst() : key.path[...]
            #expect((suggestion == nil) == Self.withoutSuggestion.contains(String(own)), "\(key)")
        }
    }

    @Test func everyLimitHasASuggestion() {
        for key in LimitKey.allCases {
            #expect(
                Suggestion(for: Self.denial(PolicyKey("limits.\(key.rawValue)")))?.toml.contains(key.rawValue) == true)
        }
    }

    /// A path that leaves its mount can be allowed by no line about that mount.
    @Test func aMountItselfHasNone() {
        #expect(Suggestion(for: Self.denial(PolicyKey("fs[\"/data\"]"), #"path="../x""#)) == nil)
    }

    @Test(arguments: [("id=0", "realtime"), ("id=1", "monotonic"), ("id=2", "cpu"), ("id=3", "cpu"), ("", "monotonic")])
    func aClockIsTheOneThatWasAskedFor(arguments: String, clock: String) throws {
        let suggestion = try #require(Suggestion(for: Self.denial(PolicyKey("clocks"), arguments)))
        #expect(suggestion.toml == "clocks = { \(clock) = \"1ms\" }")
        let document = try PolicyDocument.parse(text: suggestion.toml, file: "s", baseDirectory: "/")
        #expect(try PolicyCompiler.compile([document]).imports.entries.values.contains(.granted))
    }

    @Test(arguments: [
        ("fs", DenialArgument.quoted("path", "/a \"b\" \\n/c/d")),
        ("net.connect", #"target="tcp://a.example:443""#),
        ("net.listen", #"target="tcp://127.0.0.1:80""#), ("net", ""), ("random", ""), ("args", ""), ("env", ""),
        ("stdio.stdin", ""), ("clocks.cpu", ""), ("fs[\"/data\"].symlinks", ""),
    ])
    func whatIsSuggestedIsTOML(key: String, arguments: String) throws {
        let suggestion = try #require(Suggestion(for: Self.denial(PolicyKey(key), arguments)))
        // A suggestion about a mount names it by its guest path; where it lies is written already.
        let text = suggestion.toml + (key.hasPrefix("fs[") ? "\nhost = \"/srv\"" : "")
        let document = try PolicyDocument.parse(text: text, file: "s", baseDirectory: "/")
        if key == "fs" { #expect(document.mounts?.first?.grant.guestPath == "/a \"b\" \\n/c") }
    }

    @Test func aHostilePathDoesNotChangeTheSuggestion() throws {
        let path = "/safe\" path=\"/etc/passwd"
        let suggestion = try #require(
            Suggestion(for: Self.denial(PolicyKey("fs"), DenialArgument.quoted("path", path))))
        #expect(suggestion.toml.contains("guest = \"/safe\\\" path=\\\"/etc\"\n"))
    }
}
