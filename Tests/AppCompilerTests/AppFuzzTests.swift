// Mutated apps and random bytes: the compiler answers each with a plan or with errors that have places.

import AppCompiler
import CapabilityModel
import PolicyCompiler
import Supervision
import Testing

@Suite struct AppFuzzTests {
    private static let pieces = [
        "[[supervisor.child]]\n", "[supervisors.x]\n", "[[supervisors.jobs.child]]\n", "supervisor = \"workers\"\n",
        "supervisor = \"jobs\"\n", "instances = 10000\n", "significant = true\n", "strategy = \"simple_one_for_one\"\n",
        "\"365d\"", "\"infinity\"", "\"web\"", "\"workers\"", "restart = \"permanent\"\n", "id = \"web\"\n", "shop",
    ]

    /// A message without what it quotes: what kind of error it is.
    private static func kind(_ error: PolicyError) -> String {
        let parts = error.message.split(separator: "`", omittingEmptySubsequences: false)
        return stride(from: 0, to: parts.count, by: 2).map { parts[$0].filter { !$0.isNumber } }.joined()
    }

    /// What became of one text; nil when an error has no place, or a plan is not what the state machine takes.
    private func outcome(_ text: String, _ kinds: inout Set<String>) -> Bool? {
        let plan: AppPlan
        do throws(PolicyErrors) {
            plan = try TestApp.compile(text)
        } catch {
            kinds.formUnion(error.errors.map(AppFuzzTests.kind))
            let hasPlaces = error.errors.allSatisfy { $0.origin.line > 0 }
            return error.errors.isEmpty || !hasPlaces || error.description.isEmpty ? nil : false
        }
        do throws(SpecError) {
            for supervisor in plan.supervisors { try supervisor.flags.validate(supervisor.children) }
        } catch {
            return nil
        }
        // Words for ten thousand children are much the same as for ten.
        guard plan.starts.count < 100 else { return true }
        let explanation = AppExplanation(plan)
        return explanation.text.isEmpty || explanation.json.text.isEmpty ? nil : true
    }

    @Test func mutatedAppsAreReadOrRefused() {
        let seed = testSeed("app fuzz")
        var source = SplitMix(state: seed)
        var counts = (read: 0, refused: 0)
        var kinds: Set<String> = []
        for round in 0..<TOMLMutation.rounds / 8 {
            let text = TOMLMutation.mutate(
                TestApp.whole, &source, changes: 1...(1 + round % 3), others: AppFuzzTests.pieces)
            switch outcome(text, &kinds) {
            case true: counts.read += 1
            case false: counts.refused += 1
            case nil:
                Issue.record("seed \(seed) round \(round): \(text.debugDescription)")
                return
            }
        }
        print(
            "app fuzz: \(counts.read + counts.refused) executions, \(counts.read) read, \(counts.refused) refused, "
                + "\(kinds.count) kinds of error")
        #expect(counts.read > 0 && counts.refused > 0 && kinds.count > 10)
    }

    /// Lines in another order, left out, or twice: mistakes of structure that changed bytes seldom make.
    @Test func shuffledLinesAreReadOrRefused() {
        let seed = testSeed("shuffled lines")
        var source = SplitMix(state: seed)
        var kinds: Set<String> = []
        let lines = TestApp.whole.split(separator: "\n")
        for round in 0..<TOMLMutation.rounds / 8 {
            var mutated = lines
            for _ in 0..<Int.random(in: 1...4, using: &source) {
                let from = Int.random(in: 0..<mutated.count, using: &source)
                let to = Int.random(in: 0..<mutated.count, using: &source)
                switch Int.random(in: 0..<3, using: &source) {
                case 0: mutated.remove(at: from)
                case 1: mutated.insert(mutated[from], at: to)
                default: mutated.swapAt(from, to)
                }
            }
            if outcome(mutated.joined(separator: "\n"), &kinds) == nil {
                Issue.record("seed \(seed) round \(round): \(mutated.joined(separator: "\n").debugDescription)")
                return
            }
        }
        print("shuffled lines: \(kinds.count) kinds of error")
        #expect(kinds.count > 10)
    }

    /// Shapes that overrun a stack or take quadratic time in a careless reader.
    enum Shape: CaseIterable {
        case children, equalChildren, deepTree, nestedTables, oneLine

        var text: String {
            switch self {
            case .children: String(repeating: "[[supervisor.child]]\n", count: 20_000)
            case .equalChildren:
                "name = \"a\"\n[supervisor]\n"
                    + String(repeating: "[[supervisor.child]]\nid = \"a\"\nmodule = \"m\"\n", count: 2000)
            case .deepTree: AppFuzzTests.chain(500)
            case .nestedTables: "name = \"a\"\nsupervisor = " + String(repeating: "{ backoff = ", count: 5000)
            case .oneLine: String(repeating: "x", count: 1 << 20)
            }
        }
    }

    @Test(arguments: Shape.allCases)
    func hugeTextsAreAnswered(shape: Shape) {
        var kinds: Set<String> = []
        #expect(outcome(shape.text, &kinds) == false)
    }

    @Test func treesMayBeDeep() throws {
        #expect(try TestApp.compile(AppFuzzTests.chain(30)).supervisors.count == 31)
    }

    /// Supervisors, each the only child of the one before it.
    fileprivate static func chain(_ length: Int) -> String {
        var text = "name = \"a\"\n[supervisor]\nchild = [{ id = \"x\", supervisor = \"s0\" }]\n"
        for number in 0..<length {
            text += "[supervisors.s\(number)]\n"
            if number < length - 1 { text += "child = [{ id = \"x\", supervisor = \"s\(number + 1)\" }]\n" }
        }
        return text
    }
}
