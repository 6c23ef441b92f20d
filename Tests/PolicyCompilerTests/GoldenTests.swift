// What each shipped policy means, pinned: a change of authority shows as a diff. scripts/update-golden.sh writes them anew.

import PolicyCompiler
import Testing

@Suite struct GoldenTests {
    @Test(arguments: ShippedPolicies.names)
    func explains(name: String) throws {
        let document = try closedLoader.load(name, in: "/work")
        let text = Explanation(try PolicyCompiler.compile([document]), documents: [document]).text
        try GoldenFile("policy-explain-\(name).txt").check(text)
    }

    @Test func explainsAsJSON() throws {
        let document = try closedLoader.load("http-client", in: "/work")
        let json = Explanation(try PolicyCompiler.compile([document]), documents: [document]).json
        try GoldenFile("policy-explain-http-client.json").check(json.text)
    }

    @Test func schema() throws {
        try GoldenFile("policy-schema.json").check(PolicySchema.json.text)
    }

    @Test(arguments: ShippedPolicies.names)
    func shippedFileIsTheEmbeddedText(name: String) throws {
        #expect(try GoldenFile(path: "policies/\(name).toml").read() == ShippedPolicies.text(of: name))
    }
}
