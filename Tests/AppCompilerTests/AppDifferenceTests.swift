// What a reload would do: what stays, what comes, what goes.

import AppCompiler
import PolicyCompiler
import Testing

@Suite struct AppDifferenceTests {
    private static let base = """
        [listeners.http]
        address = "tcp://127.0.0.1:8080"
        [supervisor]
        [[supervisor.child]]
        id = "a"
        module = "web"
        policy = "web"
        listeners = ["http"]
        [[supervisor.child]]
        id = "b"
        module = "web"
        policy = "worker"
        instances = 2
        [[supervisor.child]]
        id = "c"
        supervisor = "more"
        [supervisors.more]
        [[supervisors.more.child]]
        id = "d"
        module = "worker"
        policy = "worker"
        """

    struct Edit: Sendable {
        var old: String
        var new: String
        var expected: [String]
    }

    private static let edits = [
        Edit(old: "[supervisor]", new: "# A comment\n[supervisor]", expected: []),
        Edit(old: "instances = 2", new: "instances = 3", expected: ["shop/b/3 added"]),
        Edit(old: "instances = 2", new: "instances = 1", expected: ["shop/b/2 removed"]),
        Edit(old: "instances = 2", new: "", expected: ["shop/b added", "shop/b/1 removed", "shop/b/2 removed"]),
        Edit(old: "id = \"d\"", new: "id = \"e\"", expected: ["shop/c/e added", "shop/c/d removed"]),
        Edit(old: "module = \"worker\"", new: "module = \"web\"", expected: ["shop/c/d replaced"]),
        Edit(old: "policy = \"web\"", new: "policy = \"web\"\nargs = [\"x\"]", expected: ["shop/a replaced"]),
        Edit(
            old: "policy = \"web\"", new: "policy = \"web\"\nrestart = \"transient\"", expected: ["shop/a respecified"]),
        Edit(
            old: "supervisor = \"more\"", new: "supervisor = \"more\"\nshutdown = \"1s\"",
            expected: ["shop/c respecified"]),
        Edit(old: "[supervisor]", new: "[supervisor]\nintensity = 2", expected: ["shop reconfigured"]),
        Edit(
            old: "[supervisors.more]", new: "[supervisors.more]\nstrategy = \"one_for_all\"",
            expected: ["shop/c reconfigured"]),
        // Its child is a template now.
        Edit(
            old: "[supervisors.more]", new: "[supervisors.more]\nstrategy = \"simple_one_for_one\"",
            expected: ["shop/c replaced"]),
        Edit(old: "8080", new: "8081", expected: ["shop/a replaced", "opened http", "closed http"]),
        Edit(
            old: "[supervisor]", new: "[metrics]\naddress = \"tcp://127.0.0.1:1\"\n[supervisor]",
            expected: ["surroundings"]),
        Edit(
            old: "[listeners.http]", new: "[listeners.more]\naddress = \"unix:///x\"\n[listeners.http]",
            expected: ["opened more"]),
        // A copy is not the child of a supervisor, though their paths are alike.
        Edit(
            old: """
                module = "web"
                policy = "worker"
                instances = 2
                """,
            new: """
                supervisor = "b"
                [supervisors.b]
                child = [{ id = "1", module = "web", policy = "worker" }]
                [[supervisor.child]]
                id = "x"
                module = "web"
                policy = "worker"
                """, expected: ["shop/b added", "shop/x added", "shop/b/1 removed", "shop/b/2 removed"]),
    ]

    private static func words(_ difference: AppDifference) -> [String] {
        difference.entries.map { "\($0.path) \($0.change)" } + difference.openedListeners.map { "opened \($0)" }
            + difference.closedListeners.map { "closed \($0)" } + (difference.surroundings ? ["surroundings"] : [])
    }

    @Test(arguments: edits)
    func says(edit: Edit) throws {
        let old = try TestApp.compile(TestApp.head + AppDifferenceTests.base)
        let text = AppDifferenceTests.base.replacing(edit.old, with: edit.new, maxReplacements: 1)
        let difference = AppDifference(from: old, to: try TestApp.compile(TestApp.head + text))
        #expect(AppDifferenceTests.words(difference) == edit.expected)
        #expect(difference.isEmpty == edit.expected.isEmpty)
    }

    @Test func anotherOrderIsSaid() throws {
        let lines = { (ids: [String]) in
            TestApp.head + "[supervisor]\nchild = ["
                + ids.map { "{ id = \"\($0)\", module = \"web\", policy = \"web\" }" }.joined(separator: ", ") + "]"
        }
        let difference = AppDifference(
            from: try TestApp.compile(lines(["a", "b", "c"])), to: try TestApp.compile(lines(["c", "x", "a"])))
        #expect(AppDifferenceTests.words(difference) == ["shop reordered", "shop/x added", "shop/b removed"])
    }

    /// In another cell, so another process.
    @Test func anotherTrustLabelReplacesAll() throws {
        let old = try TestApp.compile(TestApp.whole)
        let text = TestApp.whole.replacing("shop-production", with: "other")
        let difference = AppDifference(from: old, to: try TestApp.compile(text))
        #expect(difference.entries.count == old.processes.count)
        #expect(difference.entries.allSatisfy { $0.change == .replaced })
    }

    @Test func everythingGoesWithAnotherTop() throws {
        let old = try TestApp.compile(TestApp.whole)
        let new = try TestApp.compile(TestApp.whole.replacing("name = \"shop\"", with: "name = \"mall\""))
        #expect(AppDifferenceTests.words(AppDifference(from: old, to: new)) == ["mall replaced"])
    }
}
