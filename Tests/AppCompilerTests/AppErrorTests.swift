// Every kind of mistake in an app, with its exact text, in a golden file: place, key path, suggestion, what to write.

import AppCompiler
import CapabilityModel
import PolicyCompiler
import Testing

/// A few lines with one mistake, or as many as are said.
struct AppMistake: Sendable {
    var lines: String
    var count = 1
    /// Before the lines: names, modules, policies.
    var head = TestApp.head

    init(_ lines: String, head: String = TestApp.head, count: Int = 1) {
        self.lines = lines
        self.count = count
        self.head = head
    }

    /// In the only child.
    static func child(_ lines: String, count: Int = 1, above: String = "") -> AppMistake {
        AppMistake("[supervisor]\n\(above)[[supervisor.child]]\nid = \"web\"\n\(lines)", count: count)
    }

    /// In the only child, which has a module and a policy.
    static func web(_ lines: String, above: String = "", count: Int = 1) -> AppMistake {
        child("module = \"web\"\npolicy = \"web\"\n\(lines)", count: count, above: above)
    }

    /// At the top, with a supervisor below.
    static func top(_ lines: String, head: String = TestApp.head, count: Int = 1) -> AppMistake {
        AppMistake("\(lines)\n[supervisor]\n", head: head, count: count)
    }
}

@Suite struct AppErrorTests {
    private static func errors(in mistake: AppMistake) -> PolicyErrors? {
        do throws(PolicyErrors) {
            _ = try TestApp.compile(mistake.head + mistake.lines)
            return nil
        } catch {
            return error
        }
    }

    private static func text(_ mistake: AppMistake) -> String {
        let shown = mistake.lines.split(separator: "\n").map { "    \($0.count > 120 ? $0.prefix(120) + "…" : $0)" }
            .joined(separator: "\n")
        return "\(shown)\n\(errors(in: mistake)?.description ?? "no error")\n"
    }

    @Test func says() throws {
        for mistake in all {
            let errors = AppErrorTests.errors(in: mistake)?.errors ?? []
            #expect(errors.count == mistake.count, "\(mistake.lines)\n\(errors)")
        }
        try GoldenFile("app-errors.txt").check(all.map(AppErrorTests.text).joined(separator: "\n"))
    }

    private var all: [AppMistake] { AppErrorTests.top + AppErrorTests.supervisors + AppErrorTests.children }

    /// Everything at once, in the order of the files.
    @Test func saysAllAtOnce() throws {
        let mistake = AppMistake.web(
            "restart = \"permanet\"\nlisteners = [\"http\"]\nsignificant = true", above: "intensty = 3\n", count: 4)
        let errors = try #require(AppErrorTests.errors(in: mistake))
        #expect(errors.errors.count == 4)
        #expect(errors.errors.map(\.origin.line) == errors.errors.map(\.origin.line).sorted())
        #expect(errors.json.text.contains("\"suggestion\": \"permanent\""))
    }

    @Test func textsThatAreTooLongAreRefused() {
        let errors = AppErrorTests.errors(in: AppMistake(String(repeating: "#", count: 1 << 20)))
        #expect(errors?.description == "app.toml: error: the app is longer than 1 MiB")
    }

    private static let top: [AppMistake] = [
        AppMistake("name = \"shop", head: ""),
        AppMistake("", head: "", count: 2),
        .top("descriptoin = \"x\"", head: "name = \"shop\"\n"),
        .top("", head: "name = \"web shop\"\n"),
        .top("trust_label = \"-x\"", head: "name = \"shop\"\n"),
        .top("name = \"again\"", head: "name = \"shop\"\n"),
        .top("", head: "name = 3\n"),
        AppMistake("supervisor = 3", head: "name = \"shop\"\n"),
        // Modules.
        .top("modules = 3", head: "name = \"shop\"\n"),
        .top("[modules]\n\"a b\" = \"web.wasm\"", head: "name = \"shop\"\n"),
        .top("[modules]\nweb = \"~/web.wasm\"", head: "name = \"shop\"\n"),
        .top("[modules]\nweb = \"wbe.wasm\"", head: "name = \"shop\"\n"),
        .top("[modules]\nweb = { file = \"web.wasm\" }", head: "name = \"shop\"\n", count: 2),
        .top(
            "[modules]\nweb = { path = \"web.wasm\", digest = \"\(String(repeating: "cd", count: 32))\" }",
            head: "name = \"shop\"\n"),
        .top("[modules]\nweb = { digest = \"cdcd\" }", head: "name = \"shop\"\n"),
        .top("[modules]\nweb = { digest = \"\(String(repeating: "ef", count: 32))\" }", head: "name = \"shop\"\n"),
        .top("[modules]\nweb = { path = \"web.wasm\", profile = \"thick\" }", head: "name = \"shop\"\n"),
        // Policies.
        .top("policies = []", head: "name = \"shop\"\n"),
        .top("[policies]\nweb = 3", head: "name = \"shop\"\n"),
        .top("[policies]\nweb = []", head: "name = \"shop\"\n"),
        .top("[policies]\nweb = \"\"", head: "name = \"shop\"\n"),
        .top("[policies]\nweb = \"~/web.toml\"", head: "name = \"shop\"\n"),
        .top("[policies]\nweb = \"no-flie\"", head: "name = \"shop\"\n"),
        .top("[policies]\nweb = \"policies/none.toml\"", head: "name = \"shop\"\n"),
        .top("[policies]\nweb = [\"no-fs\", \"no-fs\"]", head: "name = \"shop\"\n"),
        .top("[policies]\nweb = \"policies/wrong.toml\"", head: "name = \"shop\"\n"),
        .top("[policies]\nweb = \"policies/mistaken.toml\"", head: "name = \"shop\"\n", count: 2),
        .top("[policies]\nweb = \"policies/strict.toml\"", head: "name = \"shop\"\n"),
        .top("[policies]\nweb = \"policies/log.toml\"", head: "name = \"shop\"\n"),
        .top("[policies]\nweb = [\"policies/heavy.toml\", \"policies/dense.toml\"]", head: "name = \"shop\"\n"),
        // Listeners and surroundings.
        .top("[listeners]\nhttp = \"tcp://127.0.0.1:80\""),
        .top("[listeners.http]\nbacklog = 5"),
        .top("[listeners.http]\naddress = \"tcp://127.0.0.1:80\"\nbacklog = 0"),
        .top("[listeners.http]\naddress = \"127.0.0.1:80\""),
        .top("[listeners.http]\naddress = \"tcp://localhost:80\""),
        .top("[listeners.http]\naddress = \"tcp://127.0.0.1:80-90\""),
        .top("[listeners.http]\naddress = \"udp://127.0.0.1:80\""),
        .top("[listeners.http]\naddress = \"unix:///run/*\""),
        .top("[listeners.http]\naddress = \"unix:///\(String(repeating: "x", count: 107))\""),
        .top("[listeners.a]\naddress = \"tcp://127.0.0.1:80\"\n[listeners.b]\naddress = \"tcp://127.0.0.1:80\""),
        .top("[listeners.a]\naddress = \"tcp://127.0.0.1:80\"\n[metrics]\naddress = \"tcp://127.0.0.1:80\""),
        .top("[metrics]\naddress = \"tcp://0.0.0.0:80\""),
        .top("[metrics]"),
        .top("[control]\nsocket = \"/\(String(repeating: "x", count: 107))\""),
        .top("[log]\nrotate_size = \"1 B\"\nrotate_count = 0\nrate = \"1 byte\"", count: 3),
    ]

    private static let supervisors: [AppMistake] = [
        .web("", above: "strategy = \"one_for_on\"\n"), .web("", above: "strategy = \"all\"\n"),
        .web("", above: "intensity = -1\n"), .web("", above: "intensity = \"1\"\n"),
        .web("", above: "period = \"1500ms\"\n"), .web("", above: "period = \"0s\"\n"),
        .web("", above: "period = 5\n"), .web("", above: "period = \"400d\"\n"),
        .web("", above: "auto_shutdown = true\n"), .web("", above: "backoff = 3\n"),
        .web("", above: "backoff = { maximum = \"1s\" }\n"),
        .web("", above: "backoff = { initial = \"2s\", maximum = \"1s\" }\n"),
        .web("", above: "backoff = { initial = \"1s\", factor = 0, jitter = \"101%\" }\n", count: 2),
        AppMistake("[supervisor]\nchild = 3"), AppMistake("[supervisor]\nchild = [3]"),
        AppMistake("[supervisor.child]\nid = \"web\""),
        AppMistake("[supervisor]\n[supervisors]\nx = 3"), AppMistake("[supervisor]\n[supervisors.\"a/b\"]"),
        // The tree.
        .child("supervisor = \"work\"\n[supervisors.works]", count: 2), .child("supervisor = \"work\""),
        .child("supervisor = \"a\"\n[[supervisor.child]]\nid = \"b\"\nsupervisor = \"a\"\n[supervisors.a]"),
        .child("supervisor = \"a\"\n[supervisors.a]\nchild = [{ id = \"a\", supervisor = \"a\" }]"),
        .child(
            "supervisor = \"a\"\n[supervisors.a]\nchild = [{ id = \"b\", supervisor = \"b\" }]\n"
                + "[supervisors.b]\nchild = [{ id = \"a\", supervisor = \"a\" }]"),
        .web("[supervisors.alone]"),
        .web(
            "[supervisors.a]\nchild = [{ id = \"b\", supervisor = \"b\" }]\n"
                + "[supervisors.b]\nchild = [{ id = \"a\", supervisor = \"a\" }]"),
        .web("[supervisors.a]\nchild = [{ id = \"b\", supervisor = \"b\" }]\n[supervisors.b]"),
        .web("[[supervisor.child]]\nid = \"web\"\nmodule = \"web\"\npolicy = \"web\""),
        // simple_one_for_one
        AppMistake("[supervisor]\nstrategy = \"simple_one_for_one\""),
        .web(
            "[[supervisor.child]]\nid = \"b\"\nmodule = \"web\"\npolicy = \"web\"",
            above: "strategy = \"simple_one_for_one\"\n"),
        .child("supervisor = \"a\"\n[supervisors.a]", above: "strategy = \"simple_one_for_one\"\n"),
        .web("instances = 2\nname = \"shop.x\"", above: "strategy = \"simple_one_for_one\"\n", count: 2),
    ]

    private static let children: [AppMistake] = [
        AppMistake("[supervisor]\nchild = [{ module = \"web\", policy = \"web\" }]"),
        AppMistake("[supervisor]\nchild = [{ id = \"a/b\", module = \"web\", policy = \"web\" }]"),
        .child(""), .child("module = \"web\""), .child("module = 3\npolicy = 3", count: 2),
        .child("module = \"wbe\"\npolicy = \"web\""), .child("module = \"web\"\npolicy = \"wbe\""),
        .child("module = \"web\"\npolicy = \"no-fs\""),
        AppMistake(
            "[supervisor]\nchild = [{ id = \"a\", module = \"x\", policy = \"y\" }]", head: "name = \"shop\"\n",
            count: 2),
        .child("module = \"web\"\nsupervisor = \"a\"\n[supervisors.a]"),
        .child("supervisor = \"a\"\npolicy = \"web\"\nargs = []\ninstances = 2\n[supervisors.a]", count: 3),
        .web("resart = \"permanent\""), .web("restart = \"always\""), .web("shutdown = 5000"),
        .web("shutdown = \"brutal-kill\""), .web("shutdown = \"0s\""), .web("shutdown = \"2000000h\""),
        .web("significant = true"), .web("significant = true", above: "auto_shutdown = \"any_significant\"\n"),
        .web("restart = \"permanent\"\nsignificant = true", above: "auto_shutdown = \"all_significant\"\n"),
        .web("instances = 0"), .web("function = \"\""), .web("args = \"--x\""), .web("args = [3]"),
        .child("module = \"web\"\npolicy = \"bare\"\nargs = [\"x\"]"),
        .web("env = { \"A=B\" = \"x\" }"), .web("env = { LANG = 3 }"), .web("env = { HOME = \"/\" }"),
        .web("env = { TZ = \"CET\" }"), .web("listeners = [\"http\"]"),
        .web("listeners = [\"http\"]\n[listeners.https]\naddress = \"tcp://127.0.0.1:8080\""),
        .web("listeners = [\"http\", \"http\"]\n[listeners.http]\naddress = \"tcp://127.0.0.1:8080\""),
        .web("listeners = [\"http\"]\n[listeners.http]\naddress = \"tcp://127.0.0.1:443\""),
        .child(
            "module = \"worker\"\npolicy = \"worker\"\nlisteners = [\"http\"]\n[listeners.http]\n"
                + "address = \"tcp://127.0.0.1:8080\""),
        .web(
            "listeners = [\((0..<17).map { "\"l\($0)\"" }.joined(separator: ", "))]\n"
                + (0..<17).map { "[listeners.l\($0)]\naddress = \"unix:///run/shop/\($0)\"\n" }.joined()),
        .web("name = \"shop web\""), .web("name = \"other\""),
        .child("module = \"worker\"\npolicy = \"worker\"\nname = \"shop.x\""),
        .web(
            "name = \"shop.a\"\n[[supervisor.child]]\nid = \"b\"\nmodule = \"web\"\npolicy = \"web\"\nname = \"shop.a\""
        ),
        .web(
            "name = \"shop.a/2\"\n[[supervisor.child]]\nid = \"b\"\nmodule = \"web\"\npolicy = \"web\"\n"
                + "name = \"shop.a\"\ninstances = 3"),
        .web("limits = { memory = \"2 GiB\", wall = \"unlimited\" }"), .web("limits = { memroy = \"1 MiB\" }"),
        .child(
            "module = \"worker\"\npolicy = \"worker\"\nlimits = { cpu = \"unlimited\", fds = 64, stack = \"1 MiB\" }",
            count: 2),
        .web("args = [\"\(String(repeating: "x", count: 32 << 10))\"]\nenv = { LANG = \"C\" }"),
        .web("args = [\((0..<513).map { "\"\($0)\"" }.joined(separator: ", "))]"),
        AppMistake(
            "[supervisor]\n"
                + (0..<4).map { number in
                    "[[\(number == 0 ? "supervisor" : "supervisors.s\(number - 1)").child]]\n"
                        + "id = \"\(String(repeating: "x", count: 64))\"\nsupervisor = \"s\(number)\"\n"
                }.joined() + "[supervisors.s3]\nchild = [{ id = \"x\", module = \"web\", policy = \"web\" }]"),
        .web("acknowledges = \"yes\""), .web("health = \"ping\""), .web("health = {}"),
        .web("health = { message = \"a\", export = \"b\" }"),
        .web("health = { message = \"a\", timeout = \"11s\" }"),
        .web("health = { message = \"a\", interval = \"1s\" }"),
        .web("health = { message = \"\(String(repeating: "x", count: 4097))\" }"),
        .web("health = { message = \"a\", threshold = 0 }"), .web("health = { export = \"a\\nb\" }"),
        AppMistake(
            "[policies]\nheavy = \"policies/heavy.toml\"\n[supervisor]\n"
                + "child = [{ id = \"a\", module = \"web\", policy = \"heavy\" }]",
            head: "name = \"shop\"\n[modules]\nweb = { path = \"web.wasm\", profile = \"dense\" }\n"),
        AppMistake(
            "[policies]\npinned = \"policies/pinned.toml\"\n[supervisor]\n"
                + "child = [{ id = \"a\", module = \"web\", policy = \"pinned\" }]",
            head: "name = \"shop\"\n[modules]\nweb = \"web.wasm\"\n"),
        AppMistake(
            "[policies]\npinned = \"policies/pinned.toml\"\n[supervisor]\n"
                + "child = [{ id = \"a\", module = \"web\", policy = \"pinned\" }]",
            head: "name = \"shop\"\n[modules]\nweb = { digest = \"\(String(repeating: "cd", count: 32))\" }\n"),
    ]
}
