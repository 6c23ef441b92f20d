// The TOML reader against toml++ (by TOMLKit): what both accept they read alike, and what toml++ refuses is refused.

@testable import PolicyCompiler
import Testing

@Suite struct TOMLOracleTests {
    /// A tree as text, the same for both parsers.
    private static func text(_ node: TOMLNode) -> String {
        switch node.value {
        case .string(let value): "\"\(value)\""
        case .integer(let value): "\(value)"
        case .float(let value): value.isNaN ? "nan" : "\(value)"
        case .boolean(let value): "\(value)"
        case .date: "date"
        case .array(let elements): "[" + elements.map(text).joined(separator: ",") + "]"
        case .table(let table): text(table)
        }
    }

    private static func text(_ table: TOMLTable) -> String {
        let sorted = table.entries.sorted { $0.name < $1.name }
        return "{" + sorted.map { "\($0.name)=\(text($0.node))" }.joined(separator: ",") + "}"
    }

    private static func ours(_ toml: String) -> String? {
        let parser = TOMLParser(toml)
        return parser.mistakes.isEmpty ? text(parser.root) : nil
    }

    private static func theirs(_ toml: String) -> String? { TOMLOracle.text(of: toml) }

    static let samples = [
        "", "a = 1", "a.b.c = 1\na.b.d = 2", "[a]\nb = 1\n[a.c]\nd = 2", "[a.b]\nc = 1\n[a]\nd = 2",
        "[[a]]\nb = 1\n[[a]]\nb = 2\n[a.c]\nd = 3\n[[a.e]]\nf = 1", "a = {b = 1, c.d = 2, e = {}}",
        "a = [1, 2,\n  3, # x\n]", "\"a b\" = 'c\\d'", "a = \"\"\"\nx\\\n   y\"\"\"\"\"", "a = '''\n'x'''''",
        "a = \"\\u00e9\\t\\\\\\\"\"", "a = 0xFF\nb = 0o17\nc = 0b11\nd = 1_000\ne = +5\nf = -0",
        "a = 1.5e3\nb = 6e-2\nc = inf\nd = -inf",
        "a = 1979-05-27T07:32:00Z\nb = 07:32:00\nc = 1979-05-27", "a = 1\na = 2", "[a]\n[a]", "a = 1\n[a]\nb = 1",
        "a = {b = 1}\na.c = 2", "a = {b = 1}\n[a.d]", "[a]\nb.c = 1\n[a.b]\nd = 1", "a = [1]\n[[a]]", "[[a]]\n[a]",
        "a.b = 1\n[a]\nc = 1", "[a.b]\n[a]\nb.c = 1", "a = 01", "a = 1__0", "a = _1", "a = .5", "a = 5.", "a = 1e",
        "a = tru",
        "a = \"x", "a = 'x\ny'", "a = [1, 2", "a = {b = 1,}", "a = {b = 1\n}", "= 1", "a", "a =", "[a", "[]", "[[a]",
        "a = 1 b = 2",
        "\r\na = 1\r\n", "a = \"\u{1}\"", "# \u{1}", "a = \"\\x\"", "a = 1 # c", "\u{feff}a = 1",
        "a = 9223372036854775808",
        "a . b = 1", "\"\" = 1", "a = [[1], [\"x\"], {b = 1}]", "a = '\u{e9}'", "1 = 2\n1.2 = 3",
        "[a]\nb = 1\n\n[[c]]\n[c.d]\n",
        "a = 1\r", "a = 1\r\n", "a = true\r b = 1", "a = \"x\"\r", "a = [1\r\n, 2]", "a = [1\r, 2]", "a = {b = 1\r}",
        "a = 1e999", "a = 1_.0", "a = 6_e-2", "a = 6e_-2", "a = 1_0.0_1e1_0", "a = 0xF_F", "a = 0x_F",
        "a = \"\"\"x\r\ny\"\"\"", "a = '''x\r\ny'''", "a = '''x\ry'''",
        "a = \"\"\"x\\\r\n y\"\"\"", "a = \"\"\"x\\\n\ry\"\"\"",
    ]

    @Test(arguments: samples)
    func agrees(toml: String) {
        let (mine, other) = (TOMLOracleTests.ours(toml), TOMLOracleTests.theirs(toml))
        #expect(mine == other)
    }

    @Test(arguments: ShippedPolicies.names)
    func agreesOnShippedPolicies(name: String) throws {
        let toml = try #require(ShippedPolicies.text(of: name))
        #expect(TOMLOracleTests.ours(toml) != nil)
        #expect(TOMLOracleTests.ours(toml) == TOMLOracleTests.theirs(toml))
    }

    /// Whatever we accept, toml++ accepts and reads alike; being stricter is allowed.
    @Test func acceptsNothingElse() {
        let seed = testSeed("toml oracle")
        var source = SplitMix(state: seed)
        var accepted = 0
        let corpus = TOMLOracleTests.samples + ShippedPolicies.texts.map(\.text)
        for round in 0..<TOMLMutation.rounds {
            let toml = TOMLMutation.mutate(source.pick(corpus), &source)
            // TOMLKit hands its text over as a C string.
            guard !toml.utf8.contains(0), let mine = TOMLOracleTests.ours(toml) else { continue }
            accepted += 1
            // Dates are read loosely, since every key refuses them.
            if mine.contains("date") { continue }
            guard TOMLOracleTests.theirs(toml) == mine else {
                Issue.record(
                    "seed \(seed) round \(round): \(toml.debugDescription)\n\(mine)\n\(String(describing: TOMLOracleTests.theirs(toml)))"
                )
                return
            }
        }
        print("toml oracle: \(TOMLMutation.rounds) executions, \(accepted) accepted")
        #expect(accepted > TOMLMutation.rounds / 50)
    }
}
