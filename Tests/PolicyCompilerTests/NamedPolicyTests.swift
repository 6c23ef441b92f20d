// The policies that a program may give its children: which files the names mean, and that none is wider than the program's.

import CapabilityModel
import PolicyCompiler
import Testing

@Suite struct NamedPolicyTests {
    /// A loader over these files.
    private func compile(_ files: [String: String], _ names: [String] = ["/work/main.toml"]) throws -> CompiledPolicy {
        let loader = PolicyLoader(
            readText: {
                files[$0].map { .success($0) } ?? .failure(SyntaxFault(message: "there is no file `\($0)`", advice: ""))
            }, readSecret: { _ in .success("hunter2") })
        return try PolicyCompiler.compile(names.map { try loader.load($0, in: "/work") })
    }

    private func errors(_ files: [String: String]) -> [String] {
        do {
            _ = try compile(files)
            return []
        } catch let error as PolicyErrors {
            return error.errors.map { "\($0.origin.file):\($0.origin.line):\($0.origin.column): \($0.message)" }
        } catch {
            return ["\(error)"]
        }
    }

    private static let worker = """
        random = true
        [[fs]]
        guest = "/data/in"
        host = "/srv/data/in"
        [limits]
        memory = "16 MiB"
        """

    @Test func aNameMeansAFileBesideThePolicyOrAShippedOne() throws {
        let policy = try compile([
            "/work/main.toml": """
            [[fs]]
            guest = "/data"
            host = "/srv/data"
            access = "read-write"
            [process]
            spawn = 5
            policies = ["./jobs/worker.toml", "no-fs"]
            """, "/work/jobs/worker.toml": Self.worker,
        ])
        #expect(policy.capabilities.process.policies == ["worker", "no-fs"])
        #expect(policy.named.map(\.name) == ["no-fs", "worker"])
        #expect(policy.named.map(\.files) == [["builtin:no-fs"], ["/work/jobs/worker.toml"]])
        let worker = try #require(policy.named.last?.capabilities)
        // No more than the program: it has no random bytes.
        #expect(worker.isSubset(of: policy.capabilities) && !worker.random)
        #expect(worker.mounts.map(\.guestPath) == ["/data/in"] && worker.mounts.first?.rights == .readOnly)
        #expect(worker.limits.memory == 16 << 20)
        #expect(policy.places.map(\.hostPath) == ["/srv/data/in"])
        #expect(policy.named.first?.capabilities.mounts.isEmpty == true)
        let place = policy.origins(of: PolicyKey("fs[\"/data/in\"].access").in(policy: "worker")).first
        #expect(place?.file == "/work/jobs/worker.toml" && place?.line == 2)
    }

    @Test func aPolicyMayNameItself() throws {
        let policy = try compile([
            "/work/main.toml": "random = true\n[process]\nspawn = 2\npolicies = [\"main.toml\", \"./other.toml\"]",
            "/work/other.toml": "[process]\nspawn = 1\npolicies = [\"./main.toml\", \"./gone.toml\"]",
        ])
        let named = policy.named
        #expect(named.map(\.name) == ["main", "other"])
        #expect(named.first?.capabilities.random == true)
        #expect(named.first?.capabilities.process.policies == ["main", "other"])
        // Of what the other one names, what the program has too.
        #expect(named.last?.capabilities.process.policies == ["main"])
        #expect(named.last?.capabilities.limits.processes == 1)
    }

    @Test func aPatternNamesShippedOnes() throws {
        let policy = try compile(["/work/main.toml": "[process]\nspawn = 2\npolicies = [\"no-*\", \"no-net\"]"])
        #expect(policy.named.map(\.name) == ["no-fs", "no-net"])
        let all = try compiled("full-wasi")
        #expect(all.named.map(\.name) == ShippedPolicies.names.sorted())
        var quick = closedLoader
        quick.expandsPatterns = false
        let unexpanded = try PolicyCompiler.compile([quick.load("full-wasi", in: "/work")])
        #expect(unexpanded.named.isEmpty && unexpanded.digest == all.digest)
        for child in all.named { #expect(child.capabilities.isSubset(of: all.capabilities), "\(child.name)") }
    }

    @Test func withoutARightToSpawnNothingIsNamed() throws {
        #expect(try compile(["/work/main.toml": "[process]\npolicies = [\"no-fs\"]"]).named.isEmpty)
    }

    @Test func mistakesHaveAPlace() {
        func main(_ line: String) -> String { "[process]\nspawn = 1\npolicies = [\(line)]\n" }
        #expect(
            errors(["/work/main.toml": main("\"worker\"")])
                == ["/work/main.toml:3:13: there is no policy named `worker`"])
        #expect(
            errors(["/work/main.toml": main("\"./gone.toml\"")])
                == ["/work/main.toml:3:13: there is no file `/work/gone.toml`"])
        #expect(
            errors([
                "/work/main.toml": main("\"./a/w.toml\", \"./b/w.toml\""), "/work/a/w.toml": "", "/work/b/w.toml": "",
            ]) == ["/work/main.toml:3:27: two policies are named `w`"])
        #expect(
            errors(["/work/main.toml": main("\"./w.toml\""), "/work/w.toml": "\nrandom = 1\n"])
                == ["/work/w.toml:2:10: an integer is not a boolean"])
        #expect(
            errors(["/work/main.toml": main("\"./w.toml\""), "/work/w.toml": "[cell]\nprofile = \"heavy\""])
                == ["/work/w.toml:2:1: a child runs in its program's cell, whose profile is set"])
        #expect(
            errors([
                "/work/main.toml": "[stdio]\nstdout = \"inherit\"\n" + main("\"./w.toml\""),
                "/work/w.toml": "[stdio]\nstdout = \"log\"",
            ]) == ["/work/w.toml:2:1: a child's stdout cannot lead elsewhere than its program's"])
        #expect(errors(["/work/main.toml": main("\"./w .toml\"")]).first?.contains("not a policy's file") == true)
    }

    @Test func whereTwoPoliciesMeetAChildIsHeldToBoth() throws {
        let policy = try compile(
            [
                "/work/a/p.toml":
                    "random = true\nargs = true\n[process]\nspawn = 3\npolicies = [\"./w.toml\", \"no-fs\"]",
                "/work/a/w.toml": "random = true\nargs = true",
                "/work/b/p.toml":
                    "random = true\nargs = true\n[process]\nspawn = 9\npolicies = [\"./w.toml\", \"no-net\"]",
                "/work/b/w.toml": "args = true\non_denied = \"trap\"",
            ], ["/work/a/p.toml", "/work/b/p.toml"])
        #expect(policy.named.map(\.name) == ["w"])
        let child = try #require(policy.named.first)
        #expect(child.capabilities.arguments && !child.capabilities.random && child.onDenied == .trap)
        #expect(child.files == ["/work/a/w.toml", "/work/b/w.toml"])
    }

    @Test func whoWantsNothingThatOnlyWasmEnforcesNamesNone() {
        let text = "[process]\nspawn = 1\npolicies = [\"no-fs\"]\n[cell]\nrequire = [\"no-wasm-only\"]"
        #expect(errors(["/work/main.toml": text]) == ["/work/main.toml:3:13: only the Wasm layer enforces this"])
    }

    @Test func whatExtendsMayNameLess() throws {
        let files = [
            "/work/base.toml": "random = true\n[process]\nspawn = 3\npolicies = [\"./w.toml\", \"no-fs\"]",
            "/work/w.toml": "", "/work/main.toml": "extends = \"./base.toml\"\n[process]\npolicies = [\"./w.toml\"]",
        ]
        #expect(try compile(files).named.map(\.name) == ["w"])
        var wider = files
        wider["/work/main.toml"] = "extends = \"./base.toml\"\n[process]\npolicies = [\"no-net\"]"
        #expect(
            errors(wider).first?.contains("`no-net` is more than `/work/base.toml` grants") == true, "\(errors(wider))")
    }

    @Test func theDigestIsOfTheChildrensPoliciesToo() throws {
        let main = "args = true\n[process]\nspawn = 1\npolicies = [\"./w.toml\"]"
        let first = try compile(["/work/main.toml": main, "/work/w.toml": "args = true"])
        let second = try compile(["/work/main.toml": main, "/work/w.toml": ""])
        #expect(first.digest != second.digest)
        let difference = PolicyDiff(from: second, to: first)
        #expect(difference.added == ["under w, a child: see the command line"] && difference.removed.isEmpty)
    }

    @Test func parkingIsTheShortestTimeGiven() throws {
        let files = [
            "/work/main.toml": "[process]\npark_after = \"30s\"", "/work/b.toml": "[process]\npark_after = \"5s\"",
            "/work/c.toml": "[process]\npark_after = \"never\"",
        ]
        #expect(try compile(files).parkAfter == 30_000_000_000)
        #expect(try compile(files, ["/work/main.toml", "/work/b.toml"]).parkAfter == 5_000_000_000)
        #expect(try compile(files, ["/work/c.toml"]).parkAfter == nil)
        #expect(errors(["/work/main.toml": "[process]\npark_after = \"0s\""]).count == 1)
    }
}
