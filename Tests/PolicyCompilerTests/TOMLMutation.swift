// Policies with a few changes made by chance, for the fuzz tests.

/// Small changes to a text.
enum TOMLMutation {
    static let rounds = 2000 * (ProcessEnvironment.value("BULKHEAD_FUZZ_FACTOR").flatMap { Int($0) } ?? 1)

    private static let pieces = [
        "\"", "'", "\"\"\"", "'''", "[", "]", "[[", "]]", "{", "}", "=", ".", ",", "#", "\n", "\r\n", "\\", "\\u0041",
        " ", "\t",
        "_", "-", "+", "0", "1e9", "inf", "true", "a", "fs", "limits", "memory", "\"64 MiB\"", "net", "connect",
        "\u{0}", "\u{7f}",
        "\u{e9}", "\u{1F6A2}",
    ]

    /// `others` are pieces beside those that every document knows.
    static func mutate(
        _ text: String, _ source: inout SplitMix, changes: ClosedRange<Int> = 1...4, others: [String] = []
    ) -> String {
        var bytes = Array(text.utf8)
        for _ in 0..<Int.random(in: changes, using: &source) {
            let place = Int.random(in: 0...bytes.count, using: &source)
            switch Int.random(in: 0..<6, using: &source) {
            case 0: bytes.insert(contentsOf: Array(source.pick(pieces + others).utf8), at: place)
            case 1 where !bytes.isEmpty: bytes.remove(at: min(place, bytes.count - 1))
            case 2 where !bytes.isEmpty:
                bytes[min(place, bytes.count - 1)] = UInt8.random(in: 0...255, using: &source)
            case 3:
                let end = min(bytes.count, place + Int.random(in: 0...30, using: &source))
                bytes.insert(contentsOf: bytes[place..<end], at: Int.random(in: 0...bytes.count, using: &source))
            case 4: bytes.removeSubrange(place...)
            default:
                let end = min(bytes.count, place + Int.random(in: 0...20, using: &source))
                bytes.removeSubrange(place..<end)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
