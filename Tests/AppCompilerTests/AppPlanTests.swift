// What becomes of an app that is right: defaults, keys, copies, order.

import AppCompiler
import CapabilityModel
import PolicyCompiler
import Supervision
import Testing

@Suite struct AppPlanTests {
    private func plan(_ text: String) throws -> AppPlan { try TestApp.compile(TestApp.head + text) }

    private static let two = """
        [supervisor]
        [[supervisor.child]]
        id = "a"
        module = "web"
        policy = "web"
        [[supervisor.child]]
        id = "b"
        supervisor = "rest"
        [supervisors.rest]

        """

    @Test func defaultsAreThoseOfOTP() throws {
        let plan = try plan(AppPlanTests.two)
        #expect(plan.supervisors[0].flags == SupervisorFlags())
        #expect(
            plan.supervisors[0].children == [
                ChildSpec(id: "a", start: StartKey(rawValue: 0)),
                ChildSpec(id: "b", start: StartKey(rawValue: 1), kind: .supervisor),
            ])
        #expect(plan.trustLabel == "shop")
        #expect(plan.log == AppPlan.Log())
        #expect(plan.metrics == nil && plan.control == nil)
    }

    @Test func keysNameStarts() throws {
        let plan = try TestApp.compile(TestApp.whole)
        var seen: Set<StartKey> = []
        for (index, supervisor) in plan.supervisors.enumerated() {
            for spec in supervisor.children {
                #expect(seen.insert(spec.start).inserted)
                switch try #require(plan.start(spec.start)) {
                case .process(let process):
                    #expect(process.supervisor == index && spec.kind == .worker)
                    #expect(process.path == "\(supervisor.path)/\(spec.id)")
                case .supervisor(let next):
                    #expect(plan.supervisors[next].parent == index && spec.kind == .supervisor && next > index)
                    #expect(plan.supervisors[next].path == "\(supervisor.path)/\(spec.id)")
                }
            }
            // The machine takes what the compiler lets through.
            try supervisor.flags.validate(supervisor.children)
        }
        #expect(seen.count == plan.starts.count)
        #expect(plan.start(StartKey(rawValue: UInt64(plan.starts.count))) == nil)
        #expect(plan.start(StartKey(rawValue: .max)) == nil)
    }

    @Test func copiesHaveNumbers() throws {
        let plan = try TestApp.compile(TestApp.whole)
        let workers = try #require(plan.supervisors.first { $0.name == "workers" })
        #expect(
            workers.children.map(\.id.name) == [
                "worker/1", "worker/2", "worker/3", "worker/4", "front/1", "front/2",
            ])
        #expect(plan.processes.compactMap(\.registeredName) == ["shop.web", "shop.front/1", "shop.front/2"])
        #expect(plan.totals.processes == 8)
    }

    @Test func ownLimitsAreWithinThePolicys() throws {
        let plan = try TestApp.compile(TestApp.whole)
        let sweeper = try #require(plan.processes.first { $0.path == "shop/sweeper" })
        var expected = plan.policies[sweeper.policy].compiled.capabilities.limits
        expected.memory = 16 << 20
        expected.cpu = 60_000_000_000
        expected.fds = 8
        #expect(sweeper.limits == expected)
        #expect(
            plan.narrowings(of: sweeper).map { "\($0.kind) \($0.value)" } == [
                "memory 16777216", "cpu 60000000000", "fds 8",
            ])
        let web = try #require(plan.processes.first)
        #expect(plan.narrowings(of: web).isEmpty)
    }

    @Test func childrenAreBounded() throws {
        let many = (0..<11).map { "{ id = \"c\($0)\", module = \"web\", policy = \"worker\", instances = 10000 }" }
        let error = #expect(throws: PolicyErrors.self) {
            try plan("[supervisor]\nchild = [\(many.joined(separator: ", "))]")
        }
        #expect(
            error?.description == """
                app.toml:9:1: error: supervisor: the app has 110000 children
                  write at most 100000; more can be started by supervisors in a guest
                """)
    }

    @Test func oneCopyHasANumberToo() throws {
        let plan = try plan(
            """
            [supervisor]
            [[supervisor.child]]
            id = "a"
            module = "web"
            policy = "web"
            instances = 1
            """)
        #expect(plan.supervisors[0].children.map(\.id.name) == ["a/1"])
    }

    @Test func theModulesProfileGoesBeforeThePolicys() throws {
        let plan = try TestApp.compile(TestApp.whole)
        let profiles = plan.processes.map { "\($0.path) \($0.profile?.rawValue ?? "auto")" }
        #expect(profiles.contains("shop/sweeper heavy") && profiles.contains("shop/workers/worker/1 dense"))
        #expect(profiles.contains("shop/web auto"))
    }

    @Test func theAppsVariablesGoFirst() throws {
        let plan = try TestApp.compile(TestApp.whole)
        let own = ["LANG=de", "SHOP_A=1=2", "TZ=UTC"].map { Array($0.utf8) } + [[0x53, 0x48, 0x3D, 0xFF]]
        let seen = plan.environment(of: try #require(plan.processes.first), over: own)
        #expect(
            seen
                == ["LANG=C.UTF-8".utf8, "SH=".utf8, "SHOP_A=1=2".utf8, "SHOP_MODE=production".utf8, "TZ=UTC".utf8]
                .enumerated().map { Array($1) + ($0 == 1 ? [0xFF] : []) })
    }

    /// A reload leaves alone what is the same, wherever it stands in the file.
    @Test func identityIsFreeOfPlaces() throws {
        let plain = try plan(AppPlanTests.two)
        let moved = try plan(
            "[listeners]\nx = { address = \"tcp://127.0.0.1:8081\" }\n"
                + AppPlanTests.two.replacing(
                    "[supervisor]\n", with: "\n\n[supervisor]\nintensity = 9\n", maxReplacements: 1))
        let changed = try plan(AppPlanTests.two.replacing("module = \"web\"", with: "module = \"worker\""))
        let identity = plain.identity(of: try #require(plain.processes.first))
        #expect(moved.identity(of: try #require(moved.processes.first)) == identity)
        #expect(changed.identity(of: try #require(changed.processes.first)) != identity)
    }

    @Test func warnings() throws {
        let text =
            TestApp.head.replacing("[policies]", with: "[policies]\nall = \"full-wasi\"")
                + """
                [listeners]
                unheard = { address = "tcp://127.0.0.1:8081" }
                [supervisor]
                [[supervisor.child]]
                id = "many"
                module = "web"
                policy = "worker"
                instances = 200
                [[supervisor.child]]
                id = "none"
                supervisor = "none"
                [supervisors.none]
                """
        let warnings = try TestApp.compile(text).warnings.map(\.description).joined(separator: "\n")
        #expect(
            warnings == """
                app.toml:4:1: warning: modules.worker: no child runs this module
                app.toml:6:1: warning: policies.all: no child has this policy
                app.toml:7:1: warning: policies.web: no child has this policy
                app.toml:9:1: warning: policies.bare: no child has this policy
                app.toml:11:1: warning: listeners.unheard: no child gets this listener: who connects to it waits
                app.toml:6:1: warning: policies.all: the guest reads and changes the whole host file system
                app.toml:6:1: warning: policies.all: the guest connects to services on this machine and in private networks
                app.toml:6:1: warning: policies.all: the guest sees the caller's whole environment, with the secrets in it
                app.toml:21:1: warning: supervisors.none: the supervisor has no children
                app.toml:12:1: warning: supervisor: limits.memory of all children adds up to 12.5 GiB, and the machine has \
                8 GiB
                """)
    }

    @Test(
        arguments: [
            ([0x00, 0x61, 0x73, 0x6D, 1, 0, 0, 0], "binary"), ([0x00, 0x61, 0x73, 0x6D, 13, 0, 1, 0], "component"),
            ([0x00, 0x61, 0x73, 0x6D, 2, 0, 0, 0], "version"), ([0x00, 0x61, 0x73, 0x6D], "version"),
            (Array("  (module)".utf8), "text"), (Array(";; a comment".utf8), "text"),
            (Array("#!/bin/sh".utf8), "not a"),
            ([], "empty"), ([0x7F, 0x45, 0x4C, 0x46], "not a"),
        ] as [([UInt8], String)])
    func modulesAreToldByTheirBeginning(bytes: [UInt8], expected: String) {
        switch ModuleForm.judge(bytes) {
        case .success(let form): #expect("\(form)" == expected)
        case .failure(let fault): #expect(fault.message.contains(expected))
        }
    }
}
