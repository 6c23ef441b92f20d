// How often each event came in each state, over all worlds of a run.

import Supervision
import Synchronization
import Testing

final class Coverage: Sendable {
    static let all = Coverage()

    private let counts = Mutex<[[Int]]>(
        Array(
            repeating: Array(repeating: 0, count: Event.Kind.allCases.count),
            count: Supervisor.StateKind.allCases.count))

    func note(_ state: Supervisor.StateKind, _ event: Event.Kind) {
        let row = Supervisor.StateKind.allCases.firstIndex(of: state) ?? 0
        counts.withLock { $0[row][Int(event.rawValue)] += 1 }
    }

    func count(_ state: Supervisor.StateKind, _ event: Event.Kind) -> Int {
        let row = Supervisor.StateKind.allCases.firstIndex(of: state) ?? 0
        return counts.withLock { $0[row][Int(event.rawValue)] }
    }

    var covered: Int {
        counts.withLock { $0.reduce(0) { $0 + $1.count { $0 > 0 } } }
    }

    var table: String {
        func column(_ text: String, _ width: Int) -> String {
            String(repeating: " ", count: max(0, width - text.count)) + text
        }
        var lines = ["state × event"]
        lines.append(column("", 18) + Event.Kind.allCases.map { column("\($0)", 14) }.joined())
        for state in Supervisor.StateKind.allCases {
            lines.append(
                column("\(state)", 18)
                    + Event.Kind.allCases.map { column("\(count(state, $0))", 14) }.joined())
        }
        let pairs = Supervisor.StateKind.allCases.count * Event.Kind.allCases.count
        lines.append("\(covered) of \(pairs) pairs")
        return lines.joined(separator: "\n")
    }
}

/// Prints the table after all tests of the suite.
struct PrintsCoverage: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        try await function()
        if test.isSuite { print(Coverage.all.table) }
    }
}

/// OTP's own suite, case by case, under its names.
@Suite(PrintsCoverage()) struct SupervisorSuite {}
