// What apps mean in words, pinned: a change of the tree or of authority shows as a diff. scripts/update-golden.sh writes them
// anew.

import AppCompiler
import PolicyCompiler
import Testing

@Suite struct AppGoldenTests {
    @Test func explains() throws {
        try GoldenFile("app-explain-shop.txt").check(AppExplanation(try TestApp.compile(TestApp.whole)).text)
    }

    @Test func explainsAsJSON() throws {
        try GoldenFile("app-explain-shop.json").check(AppExplanation(try TestApp.compile(TestApp.whole)).json.text)
    }

    @Test func explainsTheLeast() throws {
        let text =
            TestApp.head + """
                [supervisor]
                [[supervisor.child]]
                id = "web"
                module = "web"
                policy = "worker"
                """
        try GoldenFile("app-explain-least.txt").check(AppExplanation(try TestApp.compile(text)).text)
    }

    @Test func schema() throws {
        try GoldenFile(path: "docs/app.schema.json").check(AppSchema.json.text)
    }

    /// A table of the manual for each table of the format, from the keys that the reader knows.
    @Test(arguments: ["docs/apps.md"])
    func manualHasEveryKey(path: String) throws {
        let manual = try GoldenFile(path: path).read()
        for line in AppSchema.reference where !manual.contains(line + "\n") {
            Issue.record("\(path) lacks: \(line)")
        }
    }

    @Test func manualPageHasEveryKey() throws {
        let page = try GoldenFile(path: "docs/man/bulkhead-app.5").read()
        for name in AppSchema.names where !page.contains(name) { Issue.record("bulkhead-app.5 lacks \(name)") }
    }
}
