// Documents on top of documents: `extends`, flags beside policies, several policies together.

import CapabilityModel
import PolicyCompiler
import Testing

/// A loader over a few texts.
func loader(_ files: [String: String]) -> PolicyLoader {
    PolicyLoader(
        readText: { path in
            files[path].map { .success($0) } ?? .failure(SyntaxFault(message: "no file `\(path)`", advice: ""))
        },
        readSecret: { _ in .success("hunter2") })
}

func failure(_ body: () throws(PolicyErrors) -> Void) -> String {
    do throws(PolicyErrors) {
        try body()
        return ""
    } catch {
        return error.description
    }
}

@Suite struct CompositionTests {
    private func compiling(_ toml: String, flags: QuickGrants? = nil) throws(PolicyErrors) -> CompiledPolicy {
        let document = try loader(["/w/p.toml": toml]).load("p.toml", in: "/w")
        return try PolicyCompiler.compile([document], flags: try flags?.document(currentDirectory: "/w"))
    }

    @Test func extendingInheritsAndNarrows() throws {
        let policy = try compiling("extends = \"no-net\"\n[[fs]]\nguest = \"/d\"\nhost = \"d\"\n[limits]\nfds = 9")
        #expect(policy.capabilities.mounts == [MountGrant(guestPath: "/d", hostPath: "/w/d", rights: .readOnly)])
        #expect(policy.capabilities.random)
        #expect(policy.capabilities.limits.fds == 9)
        #expect(policy.capabilities.connect.isEmpty)
    }

    @Test func wideningNamesBothPlaces() {
        let text = failure { () throws(PolicyErrors) in
            _ = try compiling("extends = \"http-client\"\n[net]\nconnect = [\"tcp://10.0.0.0/8:80\"]")
        }
        #expect(
            text == """
                p.toml:3:12: error: net.connect: `tcp://10.0.0.0/8:80` is more than `builtin:http-client` grants
                  a policy on top of another may only narrow it: remove this, or widen the other
                  builtin:http-client:11:12: `net.connect` grants no more than this
                  builtin:http-client:11:26: `net.connect` grants no more than this
                """)
    }

    @Test(arguments: [
        "random = true", "args = true\nclocks.cpu = true", "[[fs]]\nguest = \"/\"\nhost = \"/\"",
        "[env]\nallow = [\"A\"]", "[env]\nset.A = \"1\"", "[stdio]\nstdin = { file = \"x\" }\n[process]\nspawn = 1",
        "[limits]\nmemory = \"1 GiB\"", "[limits]\nwall = \"unlimited\"", "[net]\nresolve = [\"*\"]",
        "[net]\nlisten = [\"tcp://127.0.0.1:80\"]", "[cell]\nseccomp = \"log\"",
        "[process]\nregister = [\"a\"]",
    ])
    func nothingWidens(toml: String) {
        let text = failure { () throws(PolicyErrors) in _ = try compiling("extends = \"pure-compute\"\n" + toml) }
        #expect(text.contains("is more than `builtin:pure-compute` grants"), "\(text)")
    }

    @Test func aCycleIsAnError() {
        let files = loader(["/w/a.toml": "extends = \"b.toml\"", "/w/b.toml": "extends = \"./a.toml\""])
        let text = failure { () throws(PolicyErrors) in _ = try files.load("a.toml", in: "/w") }
        #expect(text.hasPrefix("b.toml:1:1: error: extends: `./a.toml` extends itself"), "\(text)")
    }

    @Test func anUnknownNameIsSuggested() {
        let text = failure { () throws(PolicyErrors) in _ = try loader([:]).load("nonet", in: "/w") }
        #expect(
            text.contains("command line: error: --policy: there is no policy named `nonet`\n  did you mean `no-net`?"))
    }

    @Test func flagsAloneAddToPureCompute() throws {
        var grants = QuickGrants()
        grants.directories = ["data::/d:ro", "/abs"]
        grants.environment = ["A=1=2", "LANG"]
        grants.connect = ["tcp://example.com:443"]
        grants.memory = "64 MiB"
        grants.timeout = "10s"
        let flags = try grants.document(currentDirectory: "/w")
        let set = try PolicyCompiler.compile([], flags: flags).capabilities
        #expect(
            set.mounts == [
                MountGrant(guestPath: "/abs", hostPath: "/abs", rights: .readWrite),
                MountGrant(guestPath: "/d", hostPath: "/w/data", rights: .readOnly),
            ])
        #expect(set.environment.set["A"]?.value == "1=2")
        #expect(set.environment.allow == ["LANG"])
        #expect(set.limits.memory == 64 << 20 && set.limits.wall == 10_000_000_000)
        #expect(set.arguments && set.stdio == .inherit && !set.random)
        // What --print-policy shows is the same policy.
        let printed = try PolicyDocument.standalone(flags).tomlText
        let again = try PolicyDocument.parse(text: printed, file: "p", baseDirectory: "/")
        #expect(try PolicyCompiler.compile([again]).capabilities == set)
    }

    @Test func flagsBesideAPolicyMustBePermitted() throws {
        var grants = QuickGrants()
        grants.directories = ["x::/x"]
        let narrowed = try compiling("extends = \"no-net\"", flags: grants).capabilities
        #expect(narrowed.mounts.map(\.guestPath) == ["/x"])
        let text = failure { () throws(PolicyErrors) in _ = try compiling("extends = \"no-fs\"", flags: grants) }
        #expect(
            text == """
                command line: error: --dir x::/x: read, write, create, delete on `/w/x` at `/x` is more than `p.toml` grants
                  a policy on top of another may only narrow it: remove this, or widen the other
                  builtin:no-fs:7:1: `fs` is not granted here
                """)
    }

    @Test(arguments: [
        (["x::y"], "is not absolute"), (["::/x"], "this is not a path"),
        (["x::/a/../b"], "is not in its simplest form"),
    ])
    func badFlags(directories: [String], message: String) {
        var grants = QuickGrants()
        grants.directories = directories
        let text = failure { () throws(PolicyErrors) in _ = try grants.document(currentDirectory: "/w") }
        #expect(text.hasPrefix("command line: error: --dir \(directories[0]): ") && text.contains(message), "\(text)")
    }

    @Test(arguments: [
        ("[cell]\nprofile = \"dense\"", "[cell]\nprofile = \"heavy\"", "one asks for dense, one for heavy"),
        (
            "[module]\nsha256 = \"\(String(repeating: "a", count: 64))\"",
            "[module]\nsha256 = \"\(String(repeating: "b", count: 64))\"", "no module is in both lists"
        ),
        ("[env]\nset.A = \"1\"", "[env]\nset.A = \"2\"", "`A` has two values"),
    ])
    func policiesThatDisagree(first: String, second: String, message: String) throws {
        let files = loader(["/w/a.toml": first, "/w/b.toml": second])
        let documents = [try files.load("a.toml", in: "/w"), try files.load("b.toml", in: "/w")]
        let text = failure { () throws(PolicyErrors) in _ = try PolicyCompiler.compile(documents) }
        #expect(text.contains(message) && text.contains("b.toml:2:") && text.contains("a.toml:2:"), "\(text)")
    }

    @Test func twoDirectoriesAtOnePlaceAreAnError() throws {
        let root = "[[fs]]\nguest = \"/\"\nhost = \"/\"\n"
        let files = loader([
            "/w/a.toml": root + "[[fs]]\nguest = \"/d\"\nhost = \"/x\"",
            "/w/b.toml": root + "[[fs]]\nguest = \"/d\"\nhost = \"/y\"",
        ])
        let documents = [try files.load("a.toml", in: "/w"), try files.load("b.toml", in: "/w")]
        let text = failure { () throws(PolicyErrors) in _ = try PolicyCompiler.compile(documents) }
        #expect(text.hasPrefix("a.toml:4:1: error: fs[\"/d\"].access: `/d` would be both `/x` and `/y`"), "\(text)")
    }

    @Test func wasmOnlyGrantsCanBeRefused() {
        let text = failure { () throws(PolicyErrors) in
            _ = try compiling("clocks = { monotonic = \"1ms\" }\n[cell]\nrequire = [\"no-wasm-only\"]")
        }
        #expect(text.hasPrefix("p.toml:1:12: error: clocks.monotonic: only the Wasm layer enforces this"), "\(text)")
    }

    @Test func secretsAreNeverShown() throws {
        let toml = "[env]\nsecret = { TOKEN = { file = \"t\" } }"
        let document = try loader(["/w/p.toml": toml]).load("p.toml", in: "/w")
        let policy = try PolicyCompiler.compile([document])
        #expect(policy.capabilities.environment.set["TOKEN"]?.value == "hunter2")
        let explanation = Explanation(policy, documents: [document])
        let none = try PolicyCompiler.compile([])
        for text in [
            explanation.text, explanation.json.text, document.tomlText, PolicyDiff(from: none, to: policy).text,
            PolicyDiff(from: policy, to: none).json.text,
        ] {
            #expect(!text.contains("hunter2"))
        }
        #expect(explanation.text.contains("TOKEN=‹secret›"))
    }

    @Test func digestsFollowMeaning() throws {
        let first = try compiling("args = true\nrandom = false\n[limits]\nmemory = \"64 MiB\"")
        let second = try compiling("# a comment\nlimits.memory = 67108864\nargs = true")
        let third = try compiling("args = true\n[limits]\nmemory = \"65 MiB\"")
        #expect(first.digest == second.digest)
        #expect(first.digest != third.digest)
    }
}
