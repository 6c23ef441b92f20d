// Programs of several processes as a person runs them: sockets from the broker, other modules, policies for children, and
// what the audit log tells of each process.

import Foundation
import Testing

@Suite("An app")
struct AppTests {
    @Test("gets every kind of socket that its policy covers")
    func sockets() throws {
        let scratch = try Scratch()
        try scratch.makeDirectory("run")
        let directory = scratch.path("run")
        let policy =
            GuestTests.streams + """
                args = true
                [net]
                connect = ["udp://127.0.0.1:*", "unix://\(directory)/*"]
                listen = ["udp://127.0.0.1:0", "unix://\(directory)/*", "tcp://127.0.0.1:42000-42999"]
                resolve = ["localhost"]
                """
        let outcome = try scratch.run("process-sockets", policy: policy, arguments: [directory])
        ProcessTests.expectAllHold(outcome, 25)
        // A listener's path goes with the program.
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory).isEmpty)
        for call in ["udp_send", "unix_connect", "tcp_listen", "udp_bind"] {
            #expect(
                try scratch.isDenied(
                    call, by: call.hasSuffix("connect") || call == "udp_send" ? "net.connect" : "net.listen"))
        }
        #expect(try scratch.isDenied("resolve", by: "net.resolve"))
    }

    @Test("spawns its other modules, under policies that it names")
    func modules() throws {
        let scratch = try Scratch()
        try scratch.write("[stdio]\nstdout = \"inherit\"\n", to: "quiet.toml")
        try scratch.write(
            GuestTests.streams + "random = true\n[process]\nspawn = 10\npolicies = [\"./quiet.toml\"]\n",
            to: "app.toml")
        let outcome = try scratch.bulkhead([
            "run", "--policy", scratch.path("app.toml"), "--module", "worker=\(Built.guest("hello"))", "--workers", "2",
            Built.guest("process-app"),
        ])
        #expect(outcome.lines.filter { $0 == "hello" }.count == 2, "\(outcome.stderr)")
        let rest = outcome.lines.filter { $0 != "hello" }
        #expect(
            rest.last == "done" && rest.count == 7 && rest.dropLast().allSatisfy { $0.hasSuffix(": ok") }, "\(rest)")

        let text = try scratch.bulkhead(["audit"]).stdout
        #expect(text.contains("loaded worker sha256:"))
        #expect(text.contains("ended: trap"), "\(text)")
        #expect(text.contains("random is not granted"), "\(text)")
        #expect(text.contains("quiet.toml"), "\(text)")
        let denied = try scratch.auditEvents("denied").filter { $0.call?.hasSuffix("random_get") == true }
        #expect(denied.first?.key == "process.policies[\"quiet\"].random")
        #expect(try scratch.auditEvents("process_exited").count == 1)
    }

    @Test(
        "is not started with modules that cannot be told apart",
        arguments: [
            ["--module", "worker"], ["--module", "=x.wasm"], ["--module", "a=x.wasm", "--module", "a=y.wasm"],
        ])
    func badModules(_ words: [String]) throws {
        let outcome = try Scratch().bulkhead(["run"] + words + [Built.guest("hello")])
        #expect(outcome.status == 64)
    }

    @Test("may not load a module that its policy does not pin")
    func pinned() throws {
        let scratch = try Scratch()
        let hello = try scratch.shell("sha256sum < $GUESTS/hello.wasm | cut -c-64").lines.first ?? ""
        try scratch.write(GuestTests.streams + "[module]\nsha256 = \"\(hello)\"\n", to: "pinned.toml")
        let outcome = try scratch.bulkhead([
            "run", "--policy", scratch.path("pinned.toml"), "--module", "other=\(Built.guest("args"))",
            Built.guest("hello"),
        ])
        #expect(outcome.status == 78 && outcome.stderr.contains("not the module that the policy pins"))
    }
}
