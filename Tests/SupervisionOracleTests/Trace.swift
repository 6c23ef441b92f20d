// What happened, in a form in which two runs are equal if and only if they did the same: what one supervisor did, in its
// order; what ended and which calls were answered, in each step. The order between processes is nobody's promise.

struct Trace: Equatable {
    struct Line: Equatable {
        var step: Int
        var actor: String
        var text: String
    }

    var lines: [Line] = []
    /// Paths of supervisors whose children stop all at once, in no order.
    var simplePaths: Set<String> = []

    mutating func add(_ step: Int, _ actor: String, _ text: String) {
        lines.append(Line(step: step, actor: actor, text: text))
    }

    /// Sorted by step and actor; what has no order is sorted too.
    var canonical: [String] {
        var groups: [String: [String]] = [:]
        var keys: [(Int, String)] = []
        for line in lines {
            let key = "\(line.step) \(line.actor)"
            if groups[key] == nil { keys.append((line.step, line.actor)) }
            groups[key, default: []].append(line.text)
        }
        keys.sort { $0 < $1 }
        var result: [String] = []
        for (step, actor) in keys {
            let key = "\(step) \(actor)"
            let texts = groups[key] ?? []
            let isOrdered = actor.contains("#")
            let path = String(actor.prefix { $0 != "#" })
            let sorted = !isOrdered ? texts.sorted() : simplePaths.contains(path) ? Trace.sortRuns(texts) : texts
            result += sorted.map { "\(key): \($0)" }
        }
        return result
    }

    /// Signals to the children of simple_one_for_one, and reports on how they ended, come in runs without an order.
    private static func sortRuns(_ texts: [String]) -> [String] {
        func kind(_ text: String) -> Int {
            if text.hasPrefix("signal ") { return 1 }
            return text.hasPrefix("report shutdown_error ") ? 2 : 0
        }
        var result: [String] = []
        var run: [String] = []
        for text in texts {
            if let first = run.first, kind(first) != kind(text) {
                result += run.sorted()
                run = []
            }
            if kind(text) == 0 { result.append(text) } else { run.append(text) }
        }
        return result + run.sorted()
    }

    /// Both, line by line, where they differ marked: `-` OTP alone, `+` ours alone.
    static func difference(otp: [String], ours: [String]) -> String {
        let changes = ours.difference(from: otp)
        var removed: Set<Int> = []
        var inserted: Set<Int> = []
        for change in changes {
            switch change {
            case .remove(let offset, _, _): removed.insert(offset)
            case .insert(let offset, _, _): inserted.insert(offset)
            }
        }
        var lines: [String] = []
        var left = 0
        var right = 0
        while left < otp.count || right < ours.count {
            if removed.contains(left), left < otp.count {
                lines.append("- \(otp[left])")
                left += 1
            } else if inserted.contains(right), right < ours.count {
                lines.append("+ \(ours[right])")
                right += 1
            } else {
                lines.append("  \(left < otp.count ? otp[left] : ours[right])")
                left += 1
                right += 1
            }
        }
        return lines.joined(separator: "\n")
    }
}
