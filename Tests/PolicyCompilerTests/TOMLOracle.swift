// toml++ by TOMLKit, as a second opinion.

import TOMLKit

enum TOMLOracle {
    /// The tree as text; nil where toml++ refuses it.
    static func text(of toml: String) -> String? {
        (try? TOMLTable(string: toml)).map { text($0) }
    }

    private static func text(_ value: any TOMLValueConvertible) -> String {
        let value = value.tomlValue
        if let table = value.table { return text(table) }
        if let array = value.array { return "[" + array.map { text($0) }.joined(separator: ",") + "]" }
        if let string = value.string { return "\"\(string)\"" }
        if let integer = value.int { return "\(integer)" }
        if let double = value.double { return double.isNaN ? "nan" : "\(double)" }
        if let boolean = value.bool { return "\(boolean)" }
        return "date"
    }

    private static func text(_ table: TOMLTable) -> String {
        let entries = table.keys.sorted().map { key in "\(key)=\(table[key].map { text($0) } ?? "")" }
        return "{" + entries.joined(separator: ",") + "}"
    }
}
