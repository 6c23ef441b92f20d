// Units, endpoints, printing as TOML, and the difference of policies.

import CapabilityModel
import PolicyCompiler
import Testing

@Suite struct TextTests {
    @Test(
        arguments: [
            ("64 MiB", 64 << 20), ("64MiB", 64 << 20), ("65536", 65_536), ("1_024 B", 1024), ("0", 0),
            ("2 TiB", 2 << 40),
        ] as [(String, UInt64)])
    func sizes(text: String, bytes: UInt64) {
        #expect(Units.bytes(text) == bytes)
        #expect(Units.bytes(Units.sizeText(bytes)) == bytes)
    }

    @Test(
        arguments: [
            ("/data/a.txt", "/data"), ("/../../etc/passwd", "/etc"), ("/a/./b/../c/d", "/a/c"), ("/x", "/"),
            ("/..", "/"),
        ])
    func suggestedMountsAreValid(path: String, directory: String) throws {
        let denial = Denial(
            call: "path_open", arguments: "path=\"\(path)\"", layer: .wasi, key: PolicyKey("fs"), errno: 76)
        let suggestion = try #require(Suggestion(for: denial))
        #expect(suggestion.toml.contains("host = \"\(directory)\"\n"), "\(suggestion.toml)")
    }

    @Test(arguments: ["", "MiB", "64 MB", "-1", "1.5 GiB", "64  mib", "18446744073709551616", "16777216 TiB"])
    func noSizes(text: String) {
        #expect(Units.bytes(text) == nil)
    }

    @Test(
        arguments: [("10s", 10_000_000_000), ("250ms", 250_000_000), ("1 h", 3_600_000_000_000), ("7ns", 7)]
            as [(String, UInt64)])
    func durations(text: String, nanoseconds: UInt64) {
        #expect(Units.nanoseconds(text) == nanoseconds)
        #expect(Units.nanoseconds(Units.durationText(nanoseconds)) == nanoseconds)
    }

    @Test(arguments: [
        "tcp://example.com:443", "tcp://*:80", "tcp://*.example.com:*", "udp://10.0.0.0/8:5000-6000", "tcp://[::1]:80",
        "tcp://[fd00::]/8:*", "unix:///run/a.sock", "tcp://0.0.0.0/0:*",
    ])
    func endpointsPrintAsTheyAreWritten(text: String) throws {
        #expect(try Endpoints.parse(text).description == text)
    }

    @Test(arguments: [
        "tcp://127.1:80", "tcp://0x7f000001:80", "tcp://2130706433:80", "tcp://010.0.0.1:80", "tcp://a..b:1",
        "tcp://-a.b:1", "tcp://[1::2::3]:1", "tcp://[::1%eth0]:1", "tcp://a.b:1-", "tcp://a.b:9-1", "tcp://a b:1",
        "tcp://:1",
        "tcp://a.b:+1", "tcp://é.com:1",
    ])
    func oddEndpointsAreRefused(text: String) {
        #expect(throws: SyntaxFault.self) { try Endpoints.parse(text) }
    }

    @Test(arguments: ShippedPolicies.names)
    func tomlTextMeansTheSame(name: String) throws {
        let document = try closedLoader.load(name, in: "/work")
        var again = try PolicyDocument.parse(text: document.tomlText, file: "again", baseDirectory: "/work")
        try closedLoader.complete(&again)
        #expect(try PolicyCompiler.compile([again]).digest == PolicyCompiler.compile([document]).digest)
        #expect(again.tomlText == document.tomlText)
    }

    @Test func everyKeySurvivesPrinting() throws {
        let text = """
            description = "a \\"b\\" \\\\ c"
            on_denied = "trap"
            clocks = { realtime = false, cpu = "2us" }
            [[fs]]
            guest = "/q"
            host = "/h"
            access = ["read", "delete"]
            symlinks = "create"
            quota_bytes = "3 KiB"
            quota_files = 4
            [env]
            set.A = "x"
            secret.B = { fd = 7 }
            [stdio]
            stdout = { file = "/log" }
            stderr = "log"
            [process]
            spawn = 3
            lookup = ["a*"]
            [limits]
            cpu = "unlimited"
            cpu_share = "20 %"
            tables = 5
            [module]
            sha256 = "\(String(repeating: "0a", count: 32))"
            [cell]
            profile = "heavy"
            require = ["seccomp"]
            seccomp = "log"
            """
        var document = try PolicyDocument.parse(text: text, file: "p", baseDirectory: "/")
        try closedLoader.complete(&document)
        var again = try PolicyDocument.parse(text: document.tomlText, file: "p", baseDirectory: "/")
        try closedLoader.complete(&again)
        #expect(again.tomlText == document.tomlText)
        #expect(try PolicyCompiler.compile([again]).digest == PolicyCompiler.compile([document]).digest)
        #expect(document.tomlText.contains("secret.B = { fd = 7 }"))
        #expect(document.tomlText.contains("cpu_share = \"20%\"\n"))
    }

    @Test func aDiffSpeaksExactlyWhenAuthorityWidens() throws {
        let seed = testSeed("diff")
        var source = SplitMix(state: seed)
        let empty = try PolicyCompiler.compile([])
        for round in 0..<100 {
            var (old, new) = (empty, empty)
            old.capabilities = CapabilitySet.random(&source)
            new.capabilities = round.isMultiple(of: 3) ? old.capabilities.meet(.random(&source)) : .random(&source)
            let diff = PolicyDiff(from: old, to: new)
            #expect(diff.widens == !new.capabilities.isSubset(of: old.capabilities), "seed \(seed) \(diff.added)")
            #expect(diff.removed.isEmpty == old.capabilities.isSubset(of: new.capabilities), "seed \(seed)")
        }
    }

    @Test func aDiffIsInWords() throws {
        let diff = PolicyDiff(from: try compiled("http-client"), to: try compiled("pure-compute"))
        #expect(diff.widens)
        #expect(
            diff.text.hasPrefix(
                "+ wall: 1d instead of 10m\n- connect to tcp://*:443\n- connect to tcp://*:80\n- look up *\n"))
        #expect(PolicyDiff(from: try compiled("no-fs"), to: try compiled("no-fs")).text == "Both allow the same.\n")
    }

    @Test func initWritesAPolicyThatHolds() throws {
        let imports = ["args_get", "random_get", "path_open", "path_unlink_file", "sock_accept", "environ_get"].map {
            ModuleSummary.Import(name: ImportName("wasi_snapshot_preview1", $0), type: "func")
        }
        let own = ["spawn", "register", "udp_send", "unix_listen", "resolve", "whereis"].map {
            ModuleSummary.Import(name: ImportName("bulkhead", $0), type: "func")
        }
        let odd = ModuleSummary.Import(name: ImportName("env", "magic"), type: "func () -> ()")
        let summary = ModuleSummary(
            imports: imports + own + [odd], exports: [], memoryMinimum: 300 << 20, memoryMaximum: nil, profile: .dense)
        let text = PolicyInit.text(for: summary, name: "a.wasm", digest: String(repeating: "0", count: 64))
        let document = try PolicyDocument.parse(text: text, file: "p", baseDirectory: "/")
        let set = try PolicyCompiler.compile([document]).capabilities
        #expect(set.arguments && set.mounts.isEmpty && !set.random && set.limits.memory == 512 << 20)
        #expect(text.contains("env.magic"))
        // With every grant taken, it still is a policy.
        let taken = text.split(separator: "\n", omittingEmptySubsequences: false).map { line -> Substring in
            let isKey = line.hasPrefix("# [") || (line.hasPrefix("# ") && line.contains(" = "))
            return isKey ? line.dropFirst(2) : line
        }.joined(separator: "\n")
        let all = try PolicyCompiler.compile([PolicyDocument.parse(text: taken, file: "p", baseDirectory: "/")])
        #expect(all.capabilities.random && !all.capabilities.mounts.isEmpty)
        #expect(all.capabilities.listen.map(\.transport) == [.tcp, .unix])
        #expect(all.capabilities.connect.map(\.transport) == [.udp] && !all.capabilities.resolve.isEmpty)
        #expect(all.capabilities.limits.processes == 100 && all.capabilities.process.lookup == ["service.*"])
        // All that the module imports is linked.
        #expect(own.allSatisfy { all.imports[$0.name] == .granted })
    }
}
